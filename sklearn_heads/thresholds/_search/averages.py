"""Averages of a metric over labels, over counts of all labels, and over rows."""

import numpy as np

from sklearn_heads.thresholds._search.metrics import Metric


def average_counts(metric: Metric, average: str, tp, fp, P, N) -> float:
    """A macro, weighted or micro average from the counts (L,) of each label; nan where no label defines it.

    macro and weighted leave out labels for which the metric is undefined, as in an out-of-bag part without positives.
    """
    if average == "micro":
        tp, fp, P, N = (np.atleast_1d(total.sum()) for total in (tp, fp, P, N))
    defined = metric.defined(P, N)
    if not defined.any():
        return np.nan
    values = metric.values(tp, fp, P, N)[defined]
    return float(np.average(values, weights=P[defined] if average == "weighted" else None))


def score_labels(metric: Metric, average: str, predicted, present, absent, weight) -> float:
    """The metric of predicted 0/1 (n, L), where labels are present or absent (neither: not known), with weights (n,)."""
    hits, misses = predicted * present, predicted * absent
    if average == "samples":
        values = metric.values(hits.sum(1), misses.sum(1), present.sum(1), absent.sum(1))
        return float(weight @ values / weight.sum()) if weight.sum() > 0 else np.nan
    return average_counts(metric, average, weight @ hits, weight @ misses, weight @ present, weight @ absent)
