"""The scores of several labels, each sorted once, for sweeps of all of them in one call."""

from copy import copy

import numpy as np

from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.ranking import Ranking


class Columns:
    """L columns of scores, sorted; of each only the rows in which its label is known.

    Attributes
    ----------
    order : (L, n) row of each sorted score, of which the first `sizes` (L,) count
    last : (L, n) 1 where a row ends an allowed position of its column
    none_allowed : (L,) whether position 0 is allowed
    """

    def __init__(self, scores: np.ndarray, known: np.ndarray | None, candidates):
        n, n_labels = scores.shape
        self.order, self.last = np.zeros((n_labels, n), np.int32), np.zeros((n_labels, n), np.uint8)
        self.rankings, self.sizes = [], np.full(n_labels, n, np.int32)
        for label, column in enumerate(np.ascontiguousarray(scores.T)):
            rows = None if known is None else np.flatnonzero(known[:, label]).astype(np.int32)
            ranking = Ranking(column, candidates, rows)
            self.sizes[label] = m = len(ranking.order)
            self.order[label, :m], self.last[label, :m] = ranking.order, ranking.last
            ranking.order = self.order[label, :m]
            self.rankings.append(ranking)
        self.none_allowed = np.array([r.none_allowed for r in self.rankings], np.uint8)

    def __len__(self):
        return len(self.rankings)

    def ranking(self, label: int) -> Ranking:
        """That of one label. A copy: what it caches goes with it."""
        return copy(self.rankings[label])

    def replace(self, label: int, ranking: Ranking):
        """Another ranking of the same scores, with other allowed positions."""
        self.rankings[label], self.none_allowed[label] = ranking, ranking.none_allowed
        self.last[label, : len(ranking.last)] = ranking.last

    def sorted(self, labels: np.ndarray) -> np.ndarray:
        """Labels (n, L) as (L, n), in the order of the scores."""
        return np.take_along_axis(np.ascontiguousarray(labels.T), self.order, axis=1)

    def totals(self, labels, weight, stops):
        """tp and fp among the first `stops` (L,) of each column, P and N among all; labels sorted, weight (n,)."""
        out = np.empty((4, len(self)))
        core.column_totals(self.order, self.sizes, labels, weight, np.ascontiguousarray(stops, np.int64), out)
        return out

    def best(self, labels, weight, free, metric, metrics, constraints, limits, solution):
        """Write the best positions of the free columns into solution (L, 2); -1 where the constraint, one or none, fails.

        metrics and limits are numbers of the metric and of the constraint's, one row per column or one for all.
        """
        kind, sense, bound = 0, 0, 0.0
        for one in constraints:
            kind, sense, bound = one.metric.kind, one.sense, one.bound
        core.sweep_columns(
            self.order, self.sizes, self.last, labels, weight, free, metric.kind, metrics, kind, limits, sense, bound,
            self.none_allowed, solution,
        )

    def log_weight_above(self, weight, solution) -> np.ndarray:
        """The mean over both ends of a solution (L, 2) of the log weight above, as `Ranking.coordinate` has it; (L,)."""
        out = np.empty((len(self), 2))
        core.weight_above(self.order, weight, solution, out)
        return np.log(out).mean(axis=1)
