"""Metrics as functions of tp, fp and the totals P and N, in the six numbers that `sweep.pyx` evaluates."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sklearn_heads.thresholds._search import sweep as core


class Metric(NamedTuple):
    """A metric of binary counts, the larger the better.

    `numbers(P, N)` gives the six numbers for total positive and negative weights P and N (scalars or arrays); `needs`
    names the classes without which the metric is undefined; `symmetric` ones have the same threshold whichever class is the
    positive.
    """

    name: str
    kind: int
    numbers: Callable
    needs: str = ""
    symmetric: bool = False
    is_fbeta: bool = False

    @property
    def of_one_class(self) -> bool:
        """Whether it looks at one class only, so that several classes or labels need an average of it."""
        return self.is_fbeta or self.name in ("jaccard", "precision", "recall")

    @property
    def is_mean(self) -> bool:
        """Whether it is linear in tp and fp: a mean of what each decision is worth."""
        return self.kind == core.RATIO and not any(self.numbers(1.0, 1.0)[4:])

    def coefficients(self, P, N) -> np.ndarray:
        """Shape (g, 6), a row for each of the g totals."""
        if np.ndim(P) == 0:
            return np.array([self.numbers(P, N)], float)
        P, N = np.broadcast_arrays(np.atleast_1d(np.asarray(P, float)), np.asarray(N, float))
        out = np.empty((len(P), 6))
        for column, number in zip(out.T, self.numbers(P, N), strict=True):
            column[:] = number
        return out

    def defined(self, P, N):
        """Whether both (or the needed) classes have weight."""
        return ((P > 0) | ("P" not in self.needs)) & ((N > 0) | ("N" not in self.needs))

    def values(self, tp, fp, P, N) -> np.ndarray:
        """The metric at each of (tp, fp), arrays of one length."""
        tp, fp = np.ascontiguousarray(tp, float), np.ascontiguousarray(fp, float)
        out = np.empty(len(tp))
        core.values(self.kind, self.coefficients(P, N), tp, fp, out)
        return out


def fbeta(beta: float = 1.0) -> Metric:
    """F-beta, (1 + beta^2) tp / (beta^2 P + tp + fp)."""
    b = beta**2
    return Metric(f"f{beta:g}", core.RATIO, lambda P, N: (0, 1 + b, 0, b * P, 1, 1), needs="P", is_fbeta=True)


def both_classes(metric: Metric, weighted: bool) -> Metric:
    """The F-beta of either class as the positive one, averaged: by their weights, or evenly."""

    def numbers(P, N):
        share = P / (P + N) if weighted else 0.5
        _, top, _, missed, _, _ = metric.numbers(P, N)
        _, _, _, missed_negatives, _, _ = metric.numbers(N, P)
        return share * top, missed, (1 - share) * top, N, missed_negatives + N + P, 0

    average = "weighted" if weighted else "macro"
    return Metric(f"{metric.name}_{average}", core.TWO_RATIOS, numbers, needs="PN", symmetric=True)


def cost(matrix) -> Metric:
    """Minus the mean cost per row; matrix[i][j] is the cost of predicting j for a row of class i, 1 the positive."""
    (c00, c01), (c10, c11) = np.asarray(matrix, float)
    return Metric(
        "cost", core.RATIO,
        lambda P, N: (-(c00 * N + c10 * P), c10 - c11, c00 - c01, P + N, 0, 0), symmetric=True,
    )


def mean_cost(matrix) -> Metric:
    """The mean cost per row itself, to be constrained: minus `cost`."""
    (c00, c01), (c10, c11) = np.asarray(matrix, float)
    return Metric(
        "mean_cost", core.RATIO, lambda P, N: (c00 * N + c10 * P, c11 - c10, c01 - c00, P + N, 0, 0), symmetric=True
    )


EXACT_MATCH = Metric("accuracy", core.EXACT_MATCH, lambda P, N: (P, 0, 0, 0, 0, 0))
HITS = Metric("accuracy", core.RATIO, lambda P, N: (0, 1, 0, P + N, 0, 0))
ERROR_RATE = ((0, 1), (1, 0))

METRICS = {
    metric.name: metric
    for metric in (
        fbeta(),
        Metric("jaccard", core.RATIO, lambda P, N: (0, 1, 0, P, 0, 1), needs="P"),
        Metric("precision", core.RATIO, lambda P, N: (0, 1, 0, 0, 1, 1), needs="P"),
        Metric("false_discovery_rate", core.RATIO, lambda P, N: (0, 0, 1, 0, 1, 1), needs="P"),
        Metric("recall", core.RATIO, lambda P, N: (0, 1, 0, P, 0, 0), needs="P"),
        Metric("specificity", core.RATIO, lambda P, N: (N, 0, -1, N, 0, 0), needs="N"),
        Metric("false_positive_rate", core.RATIO, lambda P, N: (0, 0, 1, N, 0, 0), needs="N"),
        Metric("alert_rate", core.RATIO, lambda P, N: (0, 1, 1, P + N, 0, 0)),
        Metric("accuracy", core.RATIO, lambda P, N: (N, 1, -1, P + N, 0, 0), symmetric=True),
        Metric("balanced_accuracy", core.RATIO, lambda P, N: (P * N, N, -P, 2 * P * N, 0, 0), "PN", True),
        Metric("matthews_corrcoef", core.CORRELATION, lambda P, N: (0, N, -P, P * N, P + N, 0), "PN", True),
        Metric(
            "cohen_kappa", core.RATIO,
            lambda P, N: (0, 2 * N, -2 * P, P * (P + N), N - P, N - P), "PN", True,
        ),
        Metric("geometric_mean", core.ROOT_PRODUCT, lambda P, N: (P * N, N, 0, 0, 0, 0), "PN", True),
    )
}
