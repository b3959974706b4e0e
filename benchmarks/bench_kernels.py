"""Time of the public kernels against scikit-learn's private _loss and scipy, on 200,000 rows.

    python benchmarks/bench_kernels.py [--rounds 7] [--json kernels.json]

One thread, the contestants in turn; nanoseconds an element and the ratio, above 1 in our favour.
SKLEARN_HEADS_SIMD=avx2 or baseline shows the other instruction sets.
"""
from common import interleaved, parser, report

import numpy as np
from scipy.special import expit
from scipy.special import softmax as scipy_softmax
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss

from sklearn_heads import losses

N, K = 200_000, 10


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
    report(f"Kernels on {N} rows, K = {K}, one thread", rows, arguments.json)


if __name__ == "__main__":
    main()
