"""How time and memory grow: with rows, with threads, with many small fits.

    python benchmarks/bench_scaling.py [--rounds 3] [--most 10000000] [--only memory] [--json scaling.json]

rows     one epoch on n x 20 float32 rows, memory-mapped from a file; time a row relative to the first line
memory   peak memory of a fit above what the process held before, X included, in multiples of its parts (Linux)
threads  throughput of two fits in two threads relative to one, and of BLAS's products, which share nothing: what the machine
         allows; one fit of four members with n_jobs=2 relative to n_jobs=1
search   GridSearchCV of 60 small fits: ours with the threading backend against MLPClassifier with each of joblib's backends; and
         over a classifier that does nothing, which is scikit-learn's own share
csr      one epoch on 20,000 x 20,000 CSR rows of 100 entries against MLPClassifier
"""
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from common import interleaved, parser, report, write

import numpy as np
from joblib import parallel_config
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from sklearn_heads import MLPBinary, MLPMulticlass

PLAIN = {"n_members": 1, "input_encoding": None, "early_stopping": False, "dropout": 0, "weight_decay": 0}


def rows(arguments):
    found, first = [], None
    with tempfile.TemporaryDirectory() as folder:
        for n in (10**exponent for exponent in range(4, 9)):
            if n > arguments.most:
                break
            X = np.lib.format.open_memmap(Path(folder) / "X.npy", "w+", np.float32, (n, 20))
            rng = np.random.default_rng(0)
            for start in range(0, n, 100_000):
                X[start : start + 100_000] = rng.standard_normal((min(100_000, n - start), 20), dtype=np.float32)
            X.flush()
            X, y = np.load(Path(folder) / "X.npy", mmap_mode="r"), rng.integers(0, 2, n)
            more = max(1, 200_000 // n)
            times = interleaved({
                epochs: partial(MLPBinary(hidden_layer_sizes=(100,), batch_size=200, max_iter=epochs, tol=0, **PLAIN).fit, X, y)
                for epochs in (1, 1 + more)
            }, arguments.rounds)
            a_row = (times[1 + more] - times[1]) / more / n
            first = first or a_row
            found.append({"rows": n, "epoch, ns a row": a_row * 1e9, "relative": a_row / first, "fit of one epoch, s": times[1]})
    report("An epoch, 20 columns, 100 units, batches of 200", found)
    return found


MEMORY = """
import sys, warnings
from pathlib import Path
import numpy as np
from sklearn_heads import MLPMulticlass
warnings.simplefilter("ignore")
n, d, hidden, dtype = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
rng = np.random.default_rng(0)
X, y = rng.standard_normal((n, d), dtype=dtype), rng.integers(0, 10, n)
settings = {"hidden_layer_sizes": (hidden,), "batch_size": 200, "max_iter": 2, "n_members": 1, "dtype": dtype}
MLPMulticlass(**settings).fit(X[:500], np.arange(500) % 10)
def kilobytes(what): return int(Path("/proc/self/status").read_text().split(what + ":")[1].split()[0])
Path("/proc/self/clear_refs").write_text("5")  # the high-water mark, VmHWM, begins anew
before = kilobytes("VmRSS")
clf = MLPMulticlass(**settings).fit(X, y)
network = clf.members_[0].network
print((kilobytes("VmHWM") - before) * 1024, X.nbytes, network.parameters.nbytes)
"""


def memory(arguments):
    found = []
    for n, d, hidden, dtype in [(200_000, 100, 128, "float32"), (200_000, 100, 128, "float64"), (2_000, 2_000, 2_000, "float32")]:
        code = [sys.executable, "-c", MEMORY, str(n), str(d), str(hidden), dtype]
        above, of_X, of_parameters = (int(word) for word in subprocess.check_output(code).split())
        found.append({
            "rows, columns, units": f"{n}, {d}, {hidden}", "dtype": dtype, "X, MB": of_X / 1e6,
            "parameters, MB": of_parameters / 1e6, "peak above X, MB": above / 1e6, "in Xs": above / of_X,
            "in parameters": above / of_parameters,
        })
    report("Peak memory of a fit beyond X", found)
    return found


def threads(arguments):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((10_000, 64)).astype(np.float32), rng.integers(0, 10, 10_000)

    def fit(**settings):
        return MLPMulticlass(hidden_layer_sizes=(128,), max_iter=20, random_state=0, **settings).fit(X, y)

    square = rng.standard_normal((512, 512), dtype=np.float32)

    def products():
        for _ in range(200):
            square @ square

    def two(call):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: call(), range(2)))

    times = interleaved({
        "products": products,
        "two of products": lambda: two(products),
        "one": lambda: fit(**PLAIN),
        "two": lambda: two(lambda: fit(**PLAIN)),
        "n_jobs=1": lambda: fit(n_members=4, n_jobs=1),
        "n_jobs=2": lambda: fit(n_members=4, n_jobs=2),
    }, arguments.rounds)
    found = [
        {"what": "BLAS's products in two threads against one", "throughput": 2 * times["products"] / times["two of products"]},
        {"what": "two fits in two threads against one", "throughput": 2 * times["one"] / times["two"]},
        {"what": "four members, n_jobs=2 against 1", "throughput": times["n_jobs=1"] / times["n_jobs=2"]},
    ]
    report("Two threads", found)
    return found


class Nothing(ClassifierMixin, BaseEstimator):
    """Learns nothing and answers 0: what a search over it takes is scikit-learn's own."""

    def __init__(self, learning_rate_init=0, alpha=0):
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


def search(arguments):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 20)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * rng.standard_normal(500) > 0).astype(int)
    grid = {"learning_rate_init": [1e-3, 3e-3, 1e-2], "alpha": [0, 1e-4, 1e-2, 1]}  # by 5 folds: 60 fits

    def run(clf, backend, n_jobs):
        with parallel_config(backend, n_jobs=n_jobs):
            GridSearchCV(clf, grid, cv=5, refit=False).fit(X, y)

    found = []
    for hidden, batch in [((100,), 200), ((32,), 32)]:
        common = {"hidden_layer_sizes": hidden, "batch_size": batch, "max_iter": 50, "random_state": 0, "tol": 0}
        ours, peer = MLPBinary(**common, **PLAIN), MLPClassifier(**common)
        times = interleaved({
            "ours, threads": lambda: run(ours, "threading", 2),
            "ours, one job": lambda: run(ours, "sequential", 1),
            "nothing, one job": lambda: run(Nothing(), "sequential", 1),
            "nothing, threads": lambda: run(Nothing(), "threading", 2),
            "peer, one job": lambda: run(peer, "sequential", 1),
            "peer, threads": lambda: run(peer, "threading", 2),
            "peer, processes": lambda: run(peer, "loky", 2),
        }, arguments.rounds)
        found += [
            {"units, batch": f"{hidden}, {batch}", "search": name, "a fit, ms": time / 60 * 1e3,
             "ratio": time / times["ours, threads"]} for name, time in times.items()
        ]
    report("GridSearchCV, 12 settings by 5 folds of 500 x 20 rows, 50 epochs, two cores", found)
    return found


def csr(arguments):
    rng = np.random.default_rng(0)
    n = d = 20_000
    columns, starts = rng.integers(0, d, n * 100, dtype=np.int32), np.arange(0, n * 100 + 1, 100)
    X = sparse.csr_matrix((rng.random(n * 100, dtype=np.float32), columns, starts), (n, d))
    X.sum_duplicates()
    y = rng.integers(0, 2, n)
    settings = {"hidden_layer_sizes": (32,), "batch_size": 200, "tol": 0, "random_state": 0}
    contestants = {"ours": MLPBinary(**settings, **PLAIN), "peer": MLPClassifier(**settings)}
    times = interleaved({
        (name, epochs): partial(clone(clf).set_params(max_iter=epochs).fit, X, y)
        for epochs in (1, 3) for name, clf in contestants.items()
    }, arguments.rounds)
    epoch = {name: (times[name, 3] - times[name, 1]) / 2 for name in contestants}
    ratio = epoch["peer"] / epoch["ours"]
    found = [{"rows, columns, entries a row": f"{n}, {d}, 100", "epoch, ms": epoch["ours"] * 1e3, "ratio": ratio}]
    report("Sparse rows against MLPClassifier", found)
    return found


def main():
    options = parser(__doc__)
    options.add_argument("--most", type=int, default=10_000_000, help="rows of the largest file")
    options.set_defaults(rounds=3)
    arguments = options.parse_args()
    warnings.simplefilter("ignore")  # so few epochs are not meant to converge
    found = {}
    for part in (rows, memory, threads, search, csr):
        if arguments.only in part.__name__:
            found[part.__name__] = part(arguments)
            print()
    write(arguments.json, found)


if __name__ == "__main__":
    main()
