"""Time of a training epoch, and of a whole fit, against MLPClassifier and, where installed, torch.

    python benchmarks/bench_fit.py [--rounds 7] [--only 784] [--json fit.json]

Same rows, network, batches and solver (Adam, float32), one thread, the contestants in turn; ratios above 1 are in our favour.
"epoch" is what one more epoch adds to a fit (for torch an epoch of its eager loop); "fit" is ten epochs with all that stands
around them: checks, a tenth of the rows kept aside, and their loss after each epoch. Two floors: "arithmetic" is that of the
matrix products alone (three a layer but for the first, whose inputs need no gradient), at the rate of a product of 1024 x
1024 matrices by NumPy's BLAS; "memory" is X read once, at the rate of a copy of 64 MB; both measured in the same run. "of
sgemm" is the floor of arithmetic over the epoch.
"""
import warnings
from functools import partial
from itertools import pairwise

from common import interleaved, parser, report, write

import numpy as np
from sklearn.neural_network import MLPClassifier

from sklearn_heads import MLPBinary, MLPMulticlass

CONFIGURATIONS = [  # rows, features, hidden, classes, batch
    (10_000, 20, (100,), 2, 200),
    (10_000, 20, (100,), 10, 200),
    (20_000, 64, (128, 128), 10, 256),
    (10_000, 784, (256, 128), 10, 200),
    (2_000, 20, (32,), 2, 32),
    (100_000, 54, (100,), 7, 200),
    (500, 30, (100,), 2, 200),
]
PLAIN = {
    "n_members": 1, "input_encoding": None, "dropout": 0, "weight_decay": 0, "weight_init": "glorot_uniform",
    "early_stopping": False,
}


def torch_epoch(X, y, hidden, n_classes, batch):
    """An eager training epoch in torch with its fused Adam, or None without torch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    units = [X.shape[1], *hidden, 1 if n_classes == 2 else n_classes]
    layers = []
    for fan_in, fan_out in pairwise(units):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    loss = torch.nn.BCEWithLogitsLoss() if n_classes == 2 else torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    rows = torch.from_numpy(X)
    targets = torch.from_numpy(y.astype(np.float32)[:, None] if n_classes == 2 else y)

    def epoch():
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), batch):
            index = order[start : start + batch]
            optimizer.zero_grad()
            loss(model(rows[index]), targets[index]).backward()
            optimizer.step()

    return epoch


def main():
    arguments = parser(__doc__).parse_args()
    rows = []
    for n, d, hidden, k, batch in CONFIGURATIONS:
        name = f"{n}, {d}, {hidden}, {k}, {batch}"
        if arguments.only not in name:
            continue
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((n, d)).astype(np.float32), rng.integers(0, k, n)
        ours = MLPBinary if k == 2 else MLPMulticlass
        settings = {"hidden_layer_sizes": hidden, "batch_size": batch, "learning_rate_init": 1e-3, "random_state": 0}
        more = max(10, 100_000 // n)  # epochs enough to be timed
        fits = {}
        for epochs in (2, 2 + more):
            fits["ours", epochs] = partial(ours(**settings, **PLAIN, max_iter=epochs, tol=0).fit, X, y)
            fits["peer", epochs] = partial(MLPClassifier(**settings, max_iter=epochs, tol=0).fit, X, y)
        validated = {"max_iter": 10, "tol": 0, "early_stopping": True}
        fits["ours"] = partial(ours(**settings, **{**PLAIN, **validated}).fit, X, y)
        fits["peer"] = partial(MLPClassifier(**settings, **validated).fit, X, y)
        eager = torch_epoch(X, y, hidden, k, batch)
        if eager is not None:
            fits["torch"] = eager
        square = rng.standard_normal((1024, 1024), dtype=np.float32)
        fits["sgemm"] = partial(np.matmul, square, square)
        large, copied = np.ones(2**24, dtype=np.float32), np.empty(2**24, dtype=np.float32)
        fits["copy"] = partial(np.copyto, copied, large)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # so few epochs are not meant to converge
            times = interleaved(fits, arguments.rounds)
        epoch = {name: (times[name, 2 + more] - times[name, 2]) / more for name in ("ours", "peer")}
        units = [d, *hidden, 1 if k == 2 else k]
        flops = n * (6 * sum(a * b for a, b in pairwise(units)) - 2 * d * hidden[0])
        floor = flops / (2 * 1024**3 / times["sgemm"])
        rows.append({
            "rows, features, hidden, classes, batch": name,
            "epoch, ms": epoch["ours"] * 1e3,
            "against MLPClassifier": epoch["peer"] / epoch["ours"],
            "against torch": times["torch"] / epoch["ours"] if eager is not None else "-",
            "arithmetic, ms": floor * 1e3,
            "memory, ms": X.nbytes / (2 * large.nbytes / times["copy"]) * 1e3,
            "of sgemm": floor / epoch["ours"],
            "fit against MLPClassifier": times["peer"] / times["ours"],
        })
    report("Training, one thread, float32", rows)
    write(arguments.json, rows)


if __name__ == "__main__":
    main()
