"""Scores of one column, sorted once: positions, thresholds, and averages of positions."""

from copy import copy
from functools import cached_property

import numpy as np

from sklearn_heads.thresholds._search import sorting


def descending(scores: np.ndarray):
    """The order of the scores (n,), largest first; the scores in it; and 1 where a run of ties ends."""
    n = len(scores)
    if n == 0:
        return np.empty(0, np.int32), scores, np.empty(0, np.uint8)
    keys, spare_keys, last = np.empty(n), np.empty(n), np.empty(n, np.uint8)
    rows, spare_rows = np.empty(n, np.int32), np.empty(n, np.int32)
    if sorting.sort_descending(scores, keys, spare_keys, rows, spare_rows, np.empty((6, 2048), np.int32), last):
        return spare_rows, spare_keys, last
    return rows, keys, last


class Ranking:
    """n scores by descending size and the positions at which a threshold may lie.

    A position is the number of rows predicted positive. With candidates (increasing thresholds, or how many quantiles of the
    scores to take) only theirs are allowed; with rows, only these rows are ranked.

    Attributes
    ----------
    order : (n,) row of each sorted score, int32
    scores : (n,) the scores, sorted
    ends : (n,) 1 where a run of tied scores ends
    last : (n,) 1 where a row ends an allowed position
    none_allowed : whether position 0 is allowed
    """

    def __init__(
        self, scores: np.ndarray, candidates: int | np.ndarray | None = None, rows: np.ndarray | None = None
    ):
        scores = np.asarray(scores, float)
        if rows is not None:
            scores = scores[rows]
        n = len(scores)
        self.order, self.scores, self.ends = descending(scores)
        self.candidates, self.last, self.none_allowed = None, self.ends, True
        if rows is not None:
            self.order = rows[self.order]
        if candidates is None:
            return
        if isinstance(candidates, int):
            candidates = np.quantile(scores, np.linspace(0, 1, candidates))
        self.candidates = candidates
        self.found = n - np.searchsorted(self.scores[::-1], candidates, side="left")
        self.last = np.zeros(n, np.uint8)
        self.last[self.found[self.found > 0] - 1] = 1
        self.none_allowed = bool(self.found[-1] == 0)

    def among(self, mask: np.ndarray) -> np.ndarray:
        """Of a mask over all positions that tied scores leave, "none" first, what it says of the allowed ones."""
        return mask if self.last is self.ends else mask[np.searchsorted(self.all_positions, self.positions)]

    def only(self, allowed: np.ndarray) -> "Ranking":
        """The same ranking with fewer allowed positions: those in a mask over all of them."""
        kept = self.positions[self.among(allowed)]
        other = copy(self)
        vars(other).pop("positions", None)
        other.last, other.none_allowed = np.zeros_like(self.last), bool(len(kept) and kept[0] == 0)
        other.last[kept[kept > 0] - 1] = 1
        if self.candidates is not None:
            remain = np.isin(self.found, kept)
            other.candidates, other.found = self.candidates[remain], self.found[remain]
        return other

    def gaps(self, allowed: np.ndarray) -> np.ndarray:
        """(runs, 2) where thresholds of the positions in such a mask lie: above the first, up to the second; increasing."""
        edges = np.flatnonzero(np.diff(allowed.view(np.int8), prepend=0, append=0))
        levels = np.concatenate([[np.inf], self.scores[self.all_positions[1:] - 1], [-np.inf]])
        return np.column_stack([levels[edges[1::2]], levels[edges[::2]]])[::-1]

    def split(self, labels: np.ndarray, weight: np.ndarray):
        """Weights in sorted order for the positive and for the negative class; labels (n,) may be probabilities."""
        pos, neg = np.empty(len(self.order)), np.empty(len(self.order))
        sorting.split(self.order, labels, weight, pos, neg)
        return pos, neg

    @cached_property
    def all_positions(self) -> np.ndarray:
        """All positions that tied scores leave, "none" first."""
        return np.append(0, np.flatnonzero(self.ends) + 1)

    @cached_property
    def positions(self) -> np.ndarray:
        """(p,) allowed positions, increasing."""
        if self.last is self.ends:
            return self.all_positions
        positions = np.flatnonzero(self.last) + 1
        return np.append(0, positions) if self.none_allowed else positions

    def threshold(self, positions):
        """The threshold of each position: midway in its gap, beyond either end by half of the outermost gap."""
        positions = np.asarray(positions)
        if self.candidates is not None:
            # Several candidates in one gap are equally good: take the middle one.
            low, high = (np.searchsorted(-self.found, -positions, side=side) for side in ("left", "right"))
            return self.candidates[(low + high - 1) // 2]
        s, n = self.scores, len(self.scores)
        top = bottom = 1.0
        with np.errstate(over="ignore", under="ignore"):
            if s[0] > s[-1]:
                top = s[0] - s[np.argmax(self.ends) + 1]
                bottom = s[n - 2 - np.argmax(self.ends[-2::-1])] - s[-1]
            upper = np.where(positions == 0, s[0] + top, s[np.maximum(positions, 1) - 1])
            lower = np.where(positions == n, s[-1] - bottom, s[np.minimum(positions, n - 1)])
            threshold = upper / 2 + lower / 2
            # Between neighbouring floats the middle rounds to one of them: above the lower, not above the last score.
            threshold = np.where(threshold > lower, threshold, np.nextafter(lower, np.inf))
        return np.where(positions == n, np.minimum(threshold, s[-1]), threshold)

    def listing(self):
        """All thresholds that may be chosen, increasing, and their positions."""
        if self.candidates is not None:
            return self.candidates, self.found
        return self.threshold(self.positions)[::-1], self.positions[::-1]

    def curve(self, metric, pos, neg):
        """All thresholds that may be chosen, increasing, and the metric at each; pos and neg in sorted order."""
        thresholds, positions = self.listing()
        tp, fp = np.append(0, np.cumsum(pos)), np.append(0, np.cumsum(neg))
        return thresholds, metric.values(tp[positions], fp[positions], tp[-1], fp[-1])

    def position(self, threshold: float) -> int:
        """How many scores are at or above the threshold."""
        return len(self.scores) - int(np.searchsorted(self.scores[::-1], threshold, side="left"))

    def nearest(self, position: int) -> int:
        """The allowed position nearest to a position."""
        return int(self.positions[np.argmin(np.abs(self.positions - position))])

    def log_alerts(self, weight: np.ndarray) -> np.ndarray:
        """Log of the weight above each allowed position; none counts as half of the first row."""
        mass = np.concatenate([weight[:1] / 2, np.cumsum(weight)])
        return np.log(mass[self.positions])

    def coordinate(self, positions: np.ndarray, log_alerts: np.ndarray) -> np.ndarray:
        """The mean log alert count of allowed positions, of shape (1,)."""
        return log_alerts[np.searchsorted(self.positions, positions)].mean(keepdims=True).ravel()

    def entry(self, log_alerts: np.ndarray) -> np.ndarray:
        """For each sorted row the mean log alert count from which `average` makes it positive."""
        levels = np.concatenate([[-np.inf] * (not self.none_allowed), log_alerts, [np.inf]])
        place = np.cumsum(self.last, dtype=np.intp) - self.last + 1
        return (levels[place] + levels[place - 1]) / 2

    def average(self, solutions: np.ndarray, log_alerts: np.ndarray, feasible: np.ndarray | None = None) -> int:
        """The allowed position nearest to the mean log alert count of solutions, any array of positions.

        In ranks, so that a monotone rescaling of the scores changes nothing.
        """
        mean = self.coordinate(solutions, log_alerts)[0]
        distance = np.abs(log_alerts - mean)
        if feasible is not None:
            distance[~feasible] = np.inf
        return int(self.positions[np.argmin(distance)])
