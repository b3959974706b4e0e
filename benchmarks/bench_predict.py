"""Time of predict_proba against MLPClassifier, on many rows and on one, and of the import.

    python benchmarks/bench_predict.py [--rounds 9] [--json predict.json]

Both networks are trained for three epochs on the same rows, float32, one thread; ours as a single plain network and, last, as the
default, whose networks and bins depend on the number of rows that it was fitted on. Ratios above 1 are in our favour.
"arithmetic" is that of all the default's products over the inputs as they are spread out, at the rate of a product of 1024 x
1024 matrices by NumPy's BLAS: many bins take less (stairs.h).
"""
import os
import subprocess
import sys
import warnings
from functools import partial
from itertools import pairwise

from common import interleaved, parser, report, write

import numpy as np
from sklearn.neural_network import MLPClassifier

from sklearn_heads import MLPBinary, MLPMulticlass

PLAIN = {"n_members": 1, "input_encoding": None, "early_stopping": False}
CONFIGURATIONS = [  # name, rows to fit, features, hidden of MLPClassifier, classes, settings of ours; None for all its defaults
    ("20, (100,), 2", 2_000, 20, (100,), 2, PLAIN),
    ("20, (100,), 10", 2_000, 20, (100,), 10, PLAIN),
    ("64, (128, 128), 10", 2_000, 64, (128, 128), 10, PLAIN),
    ("20, default, 2, fitted on 5,000 rows", 5_000, 20, (100,), 2, None),
    ("20, default, 2, fitted on 20,000 rows", 20_000, 20, (100,), 2, None),
    ("20, default, 2, fitted on 100,000 rows", 100_000, 20, (100,), 2, None),
]
ROWS = 100_000
SQUARE = np.ones((1024, 1024), dtype=np.float32)


def flops(clf):
    """Of one row, in the products of all members."""
    return sum(2 * a * b for member in clf.members_ for a, b in pairwise(member.network.layer_units))


def main():
    arguments = parser(__doc__).parse_args()
    rows = []
    for name, n, d, hidden, k, settings in CONFIGURATIONS:
        if arguments.only not in name:
            continue
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((ROWS, d)).astype(np.float32), rng.integers(0, k, ROWS)
        common = {"max_iter": 3, "random_state": 0}
        settings = common if settings is None else {**common, **settings, "hidden_layer_sizes": hidden}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # three epochs are not meant to converge
            ours = (MLPBinary if k == 2 else MLPMulticlass)(**settings).fit(X[:n], y[:n])
            peer = MLPClassifier(hidden, **common).fit(X[:n], y[:n])
        one = X[:1]
        times = interleaved({
            "ours": lambda: ours.predict_proba(X),
            "peer": lambda: peer.predict_proba(X),
            "ours, one": lambda: ours.predict_proba(one),
            "peer, one": lambda: peer.predict_proba(one),
            "sgemm": lambda: np.matmul(SQUARE, SQUARE),
        }, arguments.rounds)
        rows.append({
            "features, hidden, classes": name,
            f"{ROWS} rows, ms": times["ours"] * 1e3,
            "ratio": times["peer"] / times["ours"],
            "arithmetic, ms": flops(ours) * ROWS / (2 * 1024**3 / times["sgemm"]) * 1e3,
            "one row, us": times["ours, one"] * 1e6,
            "ratio, one row": times["peer, one"] / times["ours, one"],
        })
    if rows:
        report("predict_proba against MLPClassifier, one thread", rows)
    write(arguments.json, rows)
    if arguments.only in "import":
        code = "import time, sklearn.neural_network as _; s = time.time(); import sklearn_heads; print(time.time() - s)"
        compiled = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # as an installed package is, from the second import on
        call = partial(subprocess.check_output, [sys.executable, "-c", code], env=compiled)
        seconds = sorted([float(call()) for _ in range(arguments.rounds + 1)][1:])
        print(f"\nimport sklearn_heads after sklearn.neural_network: {seconds[len(seconds) // 2] * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
