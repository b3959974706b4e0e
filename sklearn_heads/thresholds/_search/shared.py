"""One threshold for all labels: a sweep of all their scores."""

from functools import cached_property

import numpy as np

from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.averages import average_counts
from sklearn_heads.thresholds._search.binary import best_position
from sklearn_heads.thresholds._search.problem import Problem
from sklearn_heads.thresholds._search.ranking import Ranking

MOST_IN_CURVE = 1000


class SharedThreshold(Problem):
    """Exact for averages over labels, over counts and over rows. An entry is one label of one row, where it is known.

    Parameters as in `multilabel.LabelThresholds`.
    """

    def __init__(self, scores, labels, truth, known, weight, metric, average, candidates=None):
        n_labels = scores.shape[1]
        self.shape, self.weight, self.metric, self.averaging = scores.shape, np.ascontiguousarray(weight, float), metric, average
        entries = None if known is None else np.flatnonzero(known).astype(np.int32)
        self.ranking = Ranking(scores.ravel(), candidates, entries)
        self.row, self.label = (part.astype(np.int32) for part in np.divmod(self.ranking.order, n_labels))
        self.present = labels.ravel()[self.ranking.order]
        self.truth = self.present if truth is labels else truth.ravel()[self.ranking.order]
        if average == "micro":
            self._parts = self._split(self.present)
            self._true_parts = self._parts if truth is labels else self._split(self.truth)

    def search(self, counts):
        if self.averaging == "micro":
            found = best_position(self.ranking, *self._parts, counts[self.row], self.metric)
            return None if found is None else np.array(found)
        weight, r = self.weight * counts, self.ranking
        entry = None if self.averaging == "samples" else weight[self.row]
        P, N = self._sums(self.present, entry), self._sums(1 - self.present, entry)
        if self.averaging == "samples":
            share = weight
        else:
            share = self.metric.defined(P, N) * (P if self.averaging == "weighted" else 1.0)
        if not share.any():
            return None
        pos = self.present * (1.0 if entry is None else entry)
        neg = (1 - self.present) * (1.0 if entry is None else entry)
        nothing = np.zeros(len(share))
        first, final, _ = core.sweep_groups(
            pos, neg, self._group, r.last, self.metric.kind, self.metric.coefficients(P, N), share / share.sum(),
            nothing, nothing.copy(), r.none_allowed,
        )
        return np.array([first, final])

    def evaluate(self, solution, counts) -> float:
        if self.averaging == "micro":
            totals = core.totals(*self._true_parts, counts[self.row], solution[0])
            return average_counts(self.metric, "micro", *map(np.atleast_1d, totals))
        return self._score(np.arange(len(self.row)) < solution[0], counts)

    @cached_property
    def log_alerts(self):
        return self.ranking.log_alerts(self.weight[self.row])

    def coordinates(self, solution):
        return self.ranking.coordinate(solution, self.log_alerts)

    def evaluate_rows(self, means, counts) -> float:
        return self._score(means[self.row, 0] >= self.ranking.entry(self.log_alerts), counts)

    def average(self, solutions):
        return np.repeat(self.ranking.average(solutions, self.log_alerts), 2)

    def parameters(self, solutions):
        return np.repeat(self.ranking.threshold(solutions[..., :1]), self.shape[1], axis=-1)

    def solution(self, thresholds):
        return np.repeat(self.ranking.position(thresholds[0]), 2)

    def curve(self) -> dict:
        """Thresholds, increasing, and the metric at each: an evaluation of all rows per threshold, so not of too many."""
        thresholds, positions = self.ranking.listing()
        if len(thresholds) > MOST_IN_CURVE:
            some = np.linspace(0, len(thresholds) - 1, MOST_IN_CURVE).astype(int)
            thresholds, positions = thresholds[some], positions[some]
        everything = np.ones(self.shape[0], np.uint8)
        return {"thresholds": thresholds, "scores": np.array([self.evaluate([p], everything) for p in positions])}

    def failure(self) -> str:
        return "No label has both values among the held-out rows. Use more rows, or shuffled folds."

    @property
    def _group(self):
        """Of which entries the metric is computed: those of a row, or those of a label."""
        return self.row if self.averaging == "samples" else self.label

    def _sums(self, values, weight=None):
        """Sums of values over the entries of each group, weighted if there are weights."""
        n_groups = self.shape[0 if self.averaging == "samples" else 1]
        return np.bincount(self._group, values if weight is None else values * weight, n_groups)

    def _split(self, labels):
        """Weights of the entries, sorted, for where a label is present and for where it is absent."""
        w = self.weight[self.row]
        pos = w * labels
        return pos, w - pos

    def _score(self, chosen, counts):
        """The metric when these entries, sorted, are predicted."""
        weight, truth = self.weight * counts, self.truth.astype(float)
        entry = None if self.averaging == "samples" else weight[self.row]
        counts = [self._sums(values, entry) for values in (chosen * truth, chosen * (1 - truth), truth, 1 - truth)]
        if self.averaging != "samples":
            return average_counts(self.metric, self.averaging, *counts)
        return float(weight @ self.metric.values(*counts) / weight.sum()) if weight.sum() > 0 else np.nan
