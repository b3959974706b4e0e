"""Time of the public kernels against scikit-learn's private _loss and scipy, on 200,000 rows, and of a layer's three products
against NumPy's (BLAS).

    python benchmarks/bench_kernels.py [--rounds 7] [--json kernels.json]

One thread, the contestants in turn; nanoseconds an element (for products GF/s) and the ratio, above 1 in our favour.
SKLEARN_HEADS_SIMD=avx2 or baseline shows the other instruction sets.
"""
from common import interleaved, parser, report, write

import numpy as np
from scipy.special import expit
from scipy.special import softmax as scipy_softmax
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss

from sklearn_heads import losses
from sklearn_heads._core import kernels
from sklearn_heads._core.rows import padded

N, K = 200_000, 10
LAYERS = [(64, 40, 128), (64, 160, 128), (64, 128, 10), (200, 20, 100), (256, 128, 128), (200, 784, 256)]  # rows, inputs, units


def main():
    arguments = parser(__doc__).parse_args()
    rows, rng = [], np.random.default_rng(0)

    def row(name, dtype, size, ours, peer_name, peer):
        if arguments.only not in name:
            return
        seconds = interleaved({"ours": ours, "peer": peer}, arguments.rounds)
        rows.append({
            "kernel": name, "dtype": dtype.__name__, "ns an element": seconds["ours"] / size * 1e9,
            "peer": peer_name, "ratio": seconds["peer"] / seconds["ours"],
        })

    for dtype in (np.float32, np.float64):
        z, y = rng.standard_normal(N).astype(dtype), rng.integers(0, 2, N).astype(dtype)
        out, other = np.empty_like(z), np.empty_like(z)
        binomial = HalfBinomialLoss()
        row("sigmoid", dtype, N, lambda: losses.sigmoid(z, out=out), "scipy expit", lambda: expit(z, out=out))
        row(
            "binary loss + gradient", dtype, N,
            lambda: losses.binary_cross_entropy_loss_gradient(z, y, out=(out, other)),
            "sklearn _loss",
            lambda: binomial.loss_gradient(y_true=y, raw_prediction=z, loss_out=out, gradient_out=other),
        )
        Z, ids = rng.standard_normal((N, K)).astype(dtype), rng.integers(0, K, N)
        targets, loss, gradient = ids.astype(dtype), np.empty(N, dtype=dtype), np.empty_like(Z)
        multinomial = HalfMultinomialLoss(n_classes=K)
        row("softmax", dtype, N * K, lambda: losses.softmax(Z, out=gradient), "scipy softmax", lambda: scipy_softmax(Z, axis=1))
        row(
            "softmax loss + gradient", dtype, N * K,
            lambda: losses.cross_entropy_loss_gradient(Z, ids, out=(loss, gradient)),
            "sklearn _loss",
            lambda: multinomial.loss_gradient(y_true=targets, raw_prediction=Z, loss_out=loss, gradient_out=gradient),
        )
    if rows:
        report(f"Kernels on {N} rows, K = {K}, one thread", rows)
        print()
    write(arguments.json, {"kernels": rows, "products": products(arguments)})


def products(arguments):
    """z = b + x W, gW = x' delta and upstream = delta W'."""
    rows, rng = [], np.random.default_rng(0)
    for n, d, h in LAYERS:
        name = f"products {n}, {d}, {h}"
        if arguments.only not in name:
            continue
        x, delta = (rng.standard_normal((n + 16, width)).astype(np.float32) for width in (d, h))
        W, b = padded(rng.standard_normal((d, h)).astype(np.float32)), padded(np.zeros(h, dtype=np.float32))
        scratch = np.empty(d * h + 16, dtype=np.float32)
        z, gW, gb, upstream = (np.empty(shape, dtype=np.float32) for shape in [(n, h), (d, h), h, (n, d)])
        flat = [array.ravel() for array in (x, W, b, delta, z, gW, upstream)]

        x_, W_, b_, delta_, z_, gW_, upstream_ = flat
        seconds = interleaved({
            "forward": lambda: kernels.layer_forward(x_, W_, b_, scratch, z_, n, d, h),
            "gradient": lambda: kernels.layer_gradient(x_, delta_, scratch, gW_, gb, n, d, h),
            "upstream": lambda: kernels.layer_upstream(delta_, W_, scratch, None, upstream_, n, d, h),
            "forward, BLAS": lambda: np.matmul(x[:n], W, out=z),
            "gradient, BLAS": lambda: np.matmul(x[:n].T, delta[:n], out=gW),
            "upstream, BLAS": lambda: np.matmul(delta[:n], W.T, out=upstream),
        }, arguments.rounds)
        row = {"rows, inputs, units": f"{n}, {d}, {h}"}
        for product in ("forward", "gradient", "upstream"):
            row[f"{product}, GF/s"] = 2e-9 * n * d * h / seconds[product]
            row[f"{product}, ratio"] = seconds[f"{product}, BLAS"] / seconds[product]
        rows.append(row)
    if rows:
        report("Products of a layer, float32, one thread, against numpy.matmul", rows)
    return rows


if __name__ == "__main__":
    main()
