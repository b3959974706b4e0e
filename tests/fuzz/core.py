"""Random networks, rows, losses and threshold searches for the compiled code under sanitizers; answers are compared with NumPy's.

    python tests/fuzz/core.py --cases 300 --seed 0

Sizes go from 0 and 1 to primes around every vector length. A case is a function of its number. The number of a case that fails is
printed, and so is, on the last line of stderr, that of one that ends the process.
"""
import argparse
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn_heads._core.epochs import Epochs
from sklearn_heads._core.kernels import SIMD_LEVEL
from sklearn_heads._core.layers import ACTIVATIONS
from sklearn_heads._core.network import Network
from sklearn_heads._core.optimizer import Optimizer
from sklearn_heads._core.rows import RowEncoding, Rows

from sklearn_heads import ThresholdTuner, losses

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from oracles import NumpyNetwork

SIZES = [1, 1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 15, 16, 17, 19, 23, 31, 32, 33, 37, 47, 48, 49, 61, 63, 64, 65, 67, 127, 128, 131]
WIDE = [*SIZES, 257, 521, 1031]
EXTREME = [0.0, -0.0, 1e-300, -1e-300, 1e-30, 1.0, -1.0, 88.0, -104.0, 709.0, -745.2, 1e15, -1e15, 1e300, -1e300, np.inf, -np.inf]


class Case:
    """What one number stands for."""

    def __init__(self, number):
        self.random = np.random.RandomState(number)

    def one_of(self, *values):
        return values[self.random.randint(len(values))]

    def size(self, sizes=SIZES):
        return int(sizes[self.random.randint(len(sizes))])

    def maybe(self, value):
        return self.one_of(None, value)

    def real(self, dtype, *shape):
        return np.ascontiguousarray(self.random.normal(size=shape).astype(dtype))

    # ---- networks ----

    def encoding(self, d, source, dtype, is_sparse):
        """Arrays for a RowEncoding: any part of it may be absent."""
        wide, parts = np.result_type(source, dtype), {"is_sparse": is_sparse}
        if not is_sparse and self.one_of(True, False):
            parts["columns"] = self.random.randint(d, size=self.size()).astype(np.int32)
        c = len(parts.get("columns", range(d)))
        if "columns" in parts or self.one_of(True, False):
            parts["mean"], parts["factor"] = self.real(wide, c), np.abs(self.real(wide, c))
        if is_sparse or self.one_of(True, False):
            return parts
        parts["bound"] = 3.0
        if self.one_of(True, False):
            binned = np.sort(self.random.randint(c + 1, size=self.random.randint(9)))[::-1]
            total = int(binned.sum())
            parts.update(binned=binned.astype(np.int32), low=self.real(dtype, total), slope=np.abs(self.real(dtype, total)))
            if self.one_of(True, False):  # one after another, as steps (stairs.h): from -3, each bin a third wide
                parts["low"] = np.repeat(np.arange(len(binned)) / 3 - 3, binned).astype(dtype)
                parts["slope"] = np.full(total, 3, dtype)
        if self.one_of(True, False):
            gaps = np.unique(self.random.randint(d, size=self.size())).astype(np.int32)
            parts.update(gaps=gaps, gap_values=self.real(dtype, 2, len(gaps)))
        if self.one_of(True, False):
            parts["values"], parts["base"] = self.real(dtype, 2, self.size())
        return parts

    def targets(self, n, k, kernel, dtype):
        if kernel == "softmax":
            targets = {"ids": self.random.randint(k, size=n).astype(np.int32)}
        else:
            targets = {"labels": self.random.randint(2, size=(n, k)).astype(np.uint8)}
            if self.one_of(True, False):
                targets["label_weights"] = np.abs(self.real(dtype, 2, k))
                if self.one_of(True, False):
                    targets["labels"][self.random.uniform(size=(n, k)) < 0.2] = 2
                    targets["entry_weights"] = np.abs(self.real(dtype, n, k))
        if self.one_of(True, False):
            targets["weights"] = np.abs(self.real(dtype, n)) + 0.1
        return targets

    def network(self):
        dtype, source = self.one_of(np.float32, np.float64), self.one_of(np.float32, np.float64)
        n, d, k, kernel = self.size(WIDE), self.size(), self.size(), self.one_of("logistic", "softmax")
        is_sparse = self.one_of(False, False, True)
        X = self.real(source, n, d) * (self.random.uniform(size=(n, d)) < 0.5)
        parts, codes = self.encoding(d, source, dtype, is_sparse), None
        if "mean" in parts and not is_sparse:
            X[self.random.uniform(size=X.shape) < 0.05] = np.nan
        if "values" in parts:
            codes = self.random.randint(-1, len(parts["values"]), size=(n, self.size())).astype(np.int32)
        X = sparse.csr_matrix(X) if is_sparse else np.ascontiguousarray(X)
        encoding = RowEncoding(d, source, dtype, **parts)
        hidden = [self.size() for _ in range(self.random.randint(4))]
        units, activation = [encoding.width, *hidden, k], self.one_of(*ACTIVATIONS)
        network = Network(units, activation, kernel, dtype)
        network.parameters[:] = self.random.normal(size=network.parameters.size) / np.sqrt(max(units))
        rows = Rows(X, encoding, codes=codes, **self.targets(n, k, kernel, dtype))
        order = self.random.randint(n, size=self.size(WIDE))

        one, other = (network.logits(rows, order, self.size()) for _ in range(2))
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
        encoded = Network((encoding.width, encoding.width), "identity", "logistic", dtype)  # shows the encoded rows
        encoded.coefs[0][:] = np.eye(encoding.width)
        inputs = encoded.logits(rows, order).astype(np.float64)
        oracle = NumpyNetwork([W.astype(np.float64) for W in network.coefs], [b.astype(np.float64) for b in network.intercepts],
                              activation, kernel)
        np.testing.assert_allclose(one, oracle.logits(inputs), rtol=2e-3, atol=2e-3)

        loss, gradient = network.loss_and_gradient(rows, order, self.size(WIDE), l2=0.1, smoothing=self.one_of(0.0, 0.1))
        assert np.isfinite(loss)
        assert np.isfinite(gradient).all()
        copies = []
        options = {"dropout": self.one_of(0.0, 0.3), "smoothing": self.one_of(0.0, 0.1)}
        kind, size, n_valid, seed = self.one_of("adam", "sgd"), self.size(WIDE), self.size(WIDE), self.random.randint(2**31)
        valid = self.maybe((rows, self.random.randint(n, size=n_valid)))
        for _ in range(2):
            copy = network.astype(dtype)
            optimizer = Optimizer(kind, copy.parameters.size, dtype, 1e-3, 0.01, 0.01)
            epochs = Epochs(copy, optimizer, rows, order, size, validation=valid, validation_weight=n_valid, **options)
            epochs.run(2, random=np.random.RandomState(seed), key=seed)
            assert np.isfinite(epochs.history)[:, : 1 if valid is None else 2].all()
            copies.append(copy.parameters)
        np.testing.assert_array_equal(*copies)

    # ---- losses ----

    def kernels(self):
        dtype = self.one_of(np.float32, np.float64)
        n, k = self.size(WIDE) - 1, self.size()
        with np.errstate(over="ignore"):
            extreme = np.array(EXTREME).astype(dtype)
        logits = np.where(self.random.uniform(size=(n, k)) < 0.2, self.random.choice(extreme, size=(n, k)),
                          self.real(dtype, n, k) * self.one_of(1, 100)).astype(dtype)
        targets, ids = self.random.randint(2, size=(n, k)).astype(dtype), self.random.randint(k, size=n)
        weights = self.maybe(np.abs(self.real(dtype, n)))
        for function in (losses.sigmoid, losses.log_sigmoid):
            assert not np.isnan(function(logits)).any()
        finite = np.clip(logits, -1e30, 1e30)
        assert np.abs(losses.softmax(finite).sum(axis=1) - 1).max(initial=0) < 1e-5
        assert (losses.log_softmax(finite) <= 0).all()
        both = losses.binary_cross_entropy_loss_gradient(finite, targets, weights)
        np.testing.assert_array_equal(both[0], losses.binary_cross_entropy(finite, targets, weights))
        np.testing.assert_array_equal(both[1], losses.binary_cross_entropy_gradient(finite, targets, weights))
        for given in (ids, np.eye(k, dtype=dtype)[ids], np.full((n, k), 1 / k, dtype=dtype)):
            both = losses.cross_entropy_loss_gradient(finite, given, weights)
            np.testing.assert_array_equal(both[0], losses.cross_entropy(finite, given, weights))
            np.testing.assert_array_equal(both[1], losses.cross_entropy_gradient(finite, given, weights))

    # ---- thresholds ----

    def thresholds(self):
        """A search over scores with ties and infinities does no worse than the best of all thresholds, tried one by one."""
        from sklearn.metrics import balanced_accuracy_score

        n = self.size(WIDE) + 2
        scores = self.random.choice(self.one_of([0.0, 1.0], [0.5], [-np.inf, 0.0, 1e300], list(range(100))), size=n).astype(float)
        scores[self.random.randint(n, size=n // 2)] = self.random.normal()
        y = self.random.randint(2, size=n)
        y[:2] = 0, 1
        finite = np.nan_to_num(scores, posinf=1e308, neginf=-1e308)
        tuner = ThresholdTuner(Given(), scoring="balanced_accuracy", cv="prefit", refit=False, aggregate="pooled")
        tuner.fit(finite[:, None], y)
        found = balanced_accuracy_score(y, tuner.predict(finite[:, None]))
        best = max(balanced_accuracy_score(y, finite >= t) for t in [*np.unique(finite), np.inf])
        assert found >= best - 1e-9, (found, best)


from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose scores are the only column of X."""

    classes_ = np.array([0, 1])

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        return X[:, 0]

    def predict(self, X):
        return (X[:, 0] > 0).astype(int)


def run(number):
    case = Case(number)
    subject = ["network", "network", "network", "kernels", "thresholds"][number % 5]
    print(f"case {number}: {subject}", file=sys.stderr, flush=True)
    getattr(case, subject)()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = []
    for number in range(arguments.seed, arguments.seed + arguments.cases):
        try:
            with np.errstate(all="ignore"):
                run(number)
        except Exception:
            failed.append(number)
            print(f"case {number} failed:\n{traceback.format_exc()}", flush=True)
    print(f"{SIMD_LEVEL}: {arguments.cases} cases from {arguments.seed} on, failed: {failed or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
