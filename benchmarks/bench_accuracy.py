"""Largest relative error of the public kernels against mpmath, in multiples of the machine epsilon.

    python benchmarks/bench_accuracy.py [--json accuracy.json]

Random and extreme margins whose results are normal numbers. Needs mpmath.
SKLEARN_HEADS_SIMD=avx2 or baseline shows the other instruction sets.
"""
from common import parser, report, write

import mpmath as mp
import numpy as np

from sklearn_heads import losses

mp.mp.prec = 200


def relative(values, truth, tiny):
    """Largest relative error among results that are normal numbers."""
    errors = [abs((mp.mpf(float(v)) - t) / t) for v, t in zip(values, truth) if abs(t) > tiny]
    return float(max(errors))


def binary_rows(dtype, largest):
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.standard_normal(1500) * 3, rng.uniform(-largest, largest, 1500), 10.0 ** rng.uniform(-30, 1, 500)])
    z = z.astype(dtype)
    exact = [mp.mpf(float(v)) for v in z]
    ones = np.ones_like(z)
    loss, gradient = losses.binary_cross_entropy_loss_gradient(z, ones)
    yield "sigmoid", losses.sigmoid(z), [1 / (1 + mp.exp(-v)) for v in exact]
    yield "log sigmoid", losses.log_sigmoid(z), [-mp.log1p(mp.exp(-v)) for v in exact]
    yield "binary cross-entropy", loss, [mp.log1p(mp.exp(-v)) for v in exact]
    yield "its gradient", gradient, [-1 / (1 + mp.exp(v)) for v in exact]


def multiclass_rows(dtype, largest):
    for k in (2, 10, 100):
        rng = np.random.default_rng(k)
        Z = np.concatenate([rng.standard_normal((40, k)) * scale for scale in (1, largest / 20, largest / 3)]).astype(dtype)
        ids = np.where(rng.random(len(Z)) < 0.5, Z.argmax(axis=1), rng.integers(0, k, len(Z)))
        loss, gradient = losses.cross_entropy_loss_gradient(Z, ids)
        others, slopes = [], []
        for row, y in zip(Z, ids):
            e = [mp.exp(mp.mpf(float(v)) - mp.mpf(float(row[y]))) for v in row]
            rest = mp.fsum(v for j, v in enumerate(e) if j != y)
            others.append(mp.log1p(rest))
            slopes += [-rest / (1 + rest) if j == y else v / (1 + rest) for j, v in enumerate(e)]
        yield f"cross-entropy, K = {k}", loss, others
        yield f"its gradient, K = {k}", gradient.ravel(), slopes


def main():
    arguments, rows = parser(__doc__).parse_args(), []
    for dtype, largest in ((np.float64, 700), (np.float32, 85)):
        info = np.finfo(dtype)
        for name, values, truth in [*binary_rows(dtype, largest), *multiclass_rows(dtype, largest)]:
            error = relative(values, truth, info.tiny) / info.eps
            rows.append({"function": name, "dtype": dtype.__name__, "error / epsilon": error})
    report("Accuracy against mpmath", rows)
    write(arguments.json, rows)


if __name__ == "__main__":
    main()
