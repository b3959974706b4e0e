"""What a threshold has to meet: on the rows seen, or, with a confidence, on new rows."""

from typing import NamedTuple

import numpy as np

from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.metrics import Metric, mean_cost
from sklearn_heads.thresholds._search.promises import PROMISES, Limit, interval, promised

MOST_TIMES = 1000  # as many rows at most are worth naming


class Constraint(NamedTuple):
    """metric >= bound (sense 1) or metric <= bound (sense -1); costs (2, 2), of a mean cost only."""

    metric: Metric
    sense: int
    bound: float
    costs: np.ndarray | None = None

    def __str__(self):
        return f"{self.metric.name} {'>=' if self.sense > 0 else '<='} {self.bound:g}"

    def reached(self, values):
        return self.sense * (values - self.bound) >= -core.TOLERANCE

    @property
    def limit(self) -> Limit:
        return Limit(self.metric.name, self.sense, self.bound, self.costs)

    def swapped(self):
        """The same where the class that comes first is the positive one."""
        if self.costs is None:
            return self
        costs = self.costs[::-1, ::-1]
        return self._replace(metric=mean_cost(costs), costs=costs)


class Constraints(NamedTuple):
    """Constraints to be met at once.

    confidence: with which they hold on new rows; None where they are to be met on the rows seen. n_labels: how many labels share
    that confidence. seed: of the draw that accuracy and mean cost need.
    """

    each: tuple[Constraint, ...] = ()
    confidence: float | None = None
    n_labels: int = 1
    seed: int = 0

    @property
    def on_rows_seen(self) -> tuple[Constraint, ...]:
        """Those that every replicate has to meet."""
        return self.each if self.confidence is None else ()

    @property
    def directed(self) -> bool:
        """Whether it matters which class is the positive one."""
        return any(not one.metric.symmetric for one in self.each)

    @property
    def level(self) -> float:
        return (1 - self.confidence) / self.n_labels

    def values(self, tp, fp, P, N) -> np.ndarray:
        """(J, ...) the constrained metrics of counts of any one shape; nan where a metric is undefined."""
        counts = [np.atleast_1d(np.asarray(count, float)) for count in (tp, fp, P, N)]
        return np.reshape(
            [np.where(c.metric.defined(*counts[2:]), c.metric.values(*counts), np.nan) for c in self.each],
            (len(self.each), *np.shape(tp)),
        )

    def intervals(self, tp, fp, P, N) -> np.ndarray:
        """(J, ..., 2) exact intervals; nan where there is none: the metric is no share of rows, or rows count in parts."""
        counts = np.array([np.ravel(count) for count in (tp, fp, P, N)])
        confidence = 0.95 if self.confidence is None else self.confidence
        known = np.array_equal(counts, np.rint(counts))
        ends = [
            interval(one.limit, column, confidence) if known and one.metric.name in PROMISES else (np.nan, np.nan)
            for one in self.each
            for column in counts.T
        ]
        return np.reshape(ends, (len(self.each), *np.shape(tp), 2))

    def promised(self, ranking, pos, neg) -> np.ndarray:
        """At which of all positions (`ranking.ends`) everything can be promised; pos and neg in sorted order."""
        tp, fp = counts_at_ends(ranking, pos, neg)
        return promised([one.limit for one in self.each], tp, fp, self.level, self.seed)

    def broken_promise(self, ranking, pos, neg) -> str:
        """Why nothing can be promised: which constraint, the best bound that can be, how many more rows it would take."""
        tp, fp = counts_at_ends(ranking, pos, neg)
        level = self.level / len(self.each)
        for one in self.each:
            if not promised([one.limit], tp, fp, level, self.seed).any():
                return _explain(one, tp, fp, level, self.confidence, self.seed)
        return (
            f"{' and '.join(map(str, self.each))} cannot be promised at one threshold with confidence {self.confidence:g}, "
            "though each of them can. Loosen one of the bounds, or bring more rows."
        )


UNCONSTRAINED = Constraints()


def counts_at_ends(ranking, pos, neg):
    """tp and fp at every position at which a threshold may lie, "none" first."""
    return (np.append(0, np.cumsum(weight))[ranking.all_positions] for weight in (pos, neg))


def _explain(one, tp, fp, level, confidence, seed):
    n, positives = int(tp[-1] + fp[-1]), int(tp[-1])
    said = f"{one} cannot be promised with confidence {confidence:g} on these {n:,} rows ({positives:,} positive)."
    best = _best_bound(one, tp, fp, level, seed)
    best = "No bound of it can be." if best is None else f"The best bound that can be is {best:.3g}."
    times = _times_as_many(one, tp, fp, level)
    if times is None:
        estimates = one.metric.values(tp[1:], fp[1:], tp[-1], fp[-1])
        reached = estimates.max() if one.sense > 0 else estimates.min()
        why = (
            f"It would take more than {MOST_TIMES:,} times as many rows." if one.reached(reached)
            else f"More rows will not help: even as an estimate the best threshold has {reached:.3g}."
        )
        return f"{said} {best} {why} Loosen the bound, or improve the classifier."
    return (
        f"{said} {best} It would take roughly {float(f'{times:.2g}'):g} times as many rows: {_rounded(n * (times - 1))} more, "
        f"{_rounded(positives * (times - 1))} of them positive. Or loosen the bound, or lower the confidence."
    )


def _best_bound(one, tp, fp, level, seed):
    """By bisection, between the bound that failed and the one that everything meets."""
    low, high = (0.0, 1.0) if one.costs is None else (one.costs.min(), one.costs.max())
    failing, passing, best = one.bound, low if one.sense > 0 else high, None
    for _ in range(25):
        middle = (failing + passing) / 2
        if promised([one.limit._replace(bound=middle)], tp, fp, level, seed).any():
            passing = best = middle
        else:
            failing = middle
    return best


def _times_as_many(one, tp, fp, level):
    """How many times these rows, with shares as seen (drawn a little to the bound), let some threshold pass."""
    drawn = {"precision": one.bound, "false_discovery_rate": 1 - one.bound}.get(one.metric.name)
    if drawn is not None:
        share = (tp + drawn) / (tp + fp + 1)
        tp, fp = share * (tp + fp), (1 - share) * (tp + fp)
    times = 1.0
    while times < MOST_TIMES:
        times *= 1.1
        counts = (np.floor(times * count) for count in (tp, fp))
        if (one.limit.tails(*counts, np.floor(times * tp[-1]), np.floor(times * fp[-1])) <= level).any():
            return times
    return None


def _rounded(count):
    """About two digits of it."""
    return f"{int(float(f'{max(count, 1):.2g}')):,}"
