"""Two classes: one exact sweep, with or without a constraint."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.metrics import Metric
from sklearn_heads.thresholds._search.problem import Problem
from sklearn_heads.thresholds._search.ranking import Ranking


class Constraint(NamedTuple):
    """metric >= bound (sense 1) or metric <= bound (sense -1)."""

    metric: Metric
    sense: int
    bound: float

    def reached(self, values):
        return self.sense * (values - self.bound) >= -core.TOLERANCE


def summed(pos, neg, counts):
    """Weight of a replicate in blocks of rows, for `sweep`, and in all, P and N."""
    blocks = np.empty((-(-len(pos) // core.SWEEP_ROWS), 2))
    return blocks, *core.block_totals(pos, neg, counts, blocks)


def best_position(ranking, pos, neg, counts, metric, constraint=None):
    """(first, final) of the equally good best positions of a replicate, or None where the metric or the constraint
    fails.
    """
    blocks, P, N = summed(pos, neg, counts)
    if not metric.defined(P, N):
        return None
    numbers, limit, sense, bound, kind = metric.coefficients(P, N)[0], np.zeros(6), 0, 0.0, 0
    if constraint is not None:
        limit, sense, bound = constraint.metric.coefficients(P, N)[0], constraint.sense, constraint.bound
        kind = constraint.metric.kind
    first, final, _ = core.sweep(
        pos, neg, counts, ranking.last, blocks, metric.kind, numbers, kind, limit, sense, bound, ranking.none_allowed
    )
    return None if first < 0 else (first, final)


def feasible_positions(ranking, pos, neg, constraint):
    """Which of the allowed positions satisfy the constraint on all rows."""
    tp, fp = np.append(0, np.cumsum(pos)), np.append(0, np.cumsum(neg))
    at = ranking.positions
    return constraint.reached(constraint.metric.values(tp[at], fp[at], tp[-1], fp[-1]))


def explain(ranking, pos, neg, metric, constraint) -> str:
    """Why `best_position` finds nothing on all rows."""
    if constraint is None or not metric.defined(pos.sum(), neg.sum()):
        return (
            f"The held-out rows with weight hold one class only, for which {metric.name} is undefined. Use more folds "
            "that are stratified, or more rows."
        )
    _, values = ranking.curve(constraint.metric, pos, neg)
    name, bound = constraint.metric.name, constraint.bound
    if constraint.sense > 0:
        return f"No threshold reaches {name} >= {bound:g}: the best reachable value is {values.max():.4g}. Lower the bound."
    return f"No threshold keeps {name} <= {bound:g}: the best reachable value is {values.min():.4g}. Raise the bound."


class BinaryThreshold(Problem):
    """The threshold of one column of scores. Rows are kept in sorted order: counts are, too.

    Parameters
    ----------
    scores : (n,) scores of the positive class
    labels : (n,) 1 for the positive class, or its probability for the plug-in ("expected")
    truth : (n,) 0/1, what solutions are scored against
    weight : (n,) positive weights
    """

    def __init__(self, scores, labels, truth, weight, metric, constraint=None, candidates=None):
        self.ranking = Ranking(scores, candidates)
        self.metric, self.constraint = metric, constraint
        self.pos, self.neg = self.ranking.split(labels, weight)
        self.true_pos, self.true_neg = (self.pos, self.neg) if truth is labels else self.ranking.split(truth, weight)

    def arrange(self, folds):
        return folds[self.ranking.order]

    def search(self, counts):
        found = best_position(self.ranking, self.pos, self.neg, counts, self.metric, self.constraint)
        return None if found is None else np.array(found)

    def evaluate(self, solution, counts) -> float:
        tp, fp, P, N = core.totals(self.true_pos, self.true_neg, counts, solution[0])
        if not self.metric.defined(P, N):
            return np.nan
        return float(self.metric.values([tp], [fp], P, N)[0])

    @cached_property
    def log_alerts(self):
        return self.ranking.log_alerts(self.pos + self.neg)

    def coordinates(self, solution):
        return self.ranking.coordinate(solution, self.log_alerts)

    def evaluate_rows(self, means, counts) -> float:
        predicted = means[:, 0] >= self.ranking.entry(self.log_alerts)
        pos, neg = counts * self.true_pos, counts * self.true_neg
        if not self.metric.defined(P := pos.sum(), N := neg.sum()):
            return np.nan
        return float(self.metric.values([pos @ predicted], [neg @ predicted], P, N)[0])

    def average(self, solutions):
        feasible = None
        if self.constraint is not None:
            feasible = feasible_positions(self.ranking, self.pos, self.neg, self.constraint)
        return np.repeat(self.ranking.average(solutions, self.log_alerts, feasible), 2)

    def parameters(self, solutions):
        return self.ranking.threshold(solutions[..., :1])

    def solution(self, parameters):
        return np.repeat(self.ranking.position(parameters[0]), 2)

    def curve(self) -> dict:
        """Thresholds, increasing, and the metric at each, on all rows."""
        thresholds, values = self.ranking.curve(self.metric, self.true_pos, self.true_neg)
        return {"thresholds": thresholds, "scores": values}

    def failure(self) -> str:
        """Why no threshold was found on all rows."""
        return explain(self.ranking, self.pos, self.neg, self.metric, self.constraint)
