"""Two classes: one exact sweep, with or without constraints."""

from functools import cached_property

import numpy as np

from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.constraints import UNCONSTRAINED, counts_at_ends
from sklearn_heads.thresholds._search.problem import Problem
from sklearn_heads.thresholds._search.ranking import Ranking


def summed(pos, neg, counts):
    """Weight of a replicate in blocks of rows, for `sweep`, and in all, P and N."""
    blocks = np.empty((-(-len(pos) // core.SWEEP_ROWS), 2))
    return blocks, *core.block_totals(pos, neg, counts, blocks)


def best_position(ranking, pos, neg, counts, metric, constraints=()):
    """(first, final) of the equally good best positions of a replicate, or None where the metric or a constraint fails."""
    blocks, P, N = summed(pos, neg, counts)
    if not metric.defined(P, N):
        return None
    numbers, limit, sense, bound, kind = metric.coefficients(P, N)[0], np.zeros(6), 0, 0.0, 0
    if len(constraints) > 1:
        # The sweep knows one constraint; positions that break another are none.
        ranking = ranking.only(feasible_positions(ranking, counts * pos, counts * neg, constraints[1:]))
    if constraints:
        one = constraints[0]
        limit, sense, bound, kind = one.metric.coefficients(P, N)[0], one.sense, one.bound, one.metric.kind
    first, final, _ = core.sweep(
        pos, neg, counts, ranking.last, blocks, metric.kind, numbers, kind, limit, sense, bound, ranking.none_allowed
    )
    return None if first < 0 else (first, final)


def feasible_positions(ranking, pos, neg, constraints):
    """At which of all positions, `ranking.ends`, the rows seen meet the constraints."""
    tp, fp = counts_at_ends(ranking, pos, neg)
    feasible = np.ones(len(tp), bool)
    for one in constraints:
        feasible &= one.reached(one.metric.values(tp, fp, tp[-1], fp[-1]))
    return feasible


def explain(ranking, pos, neg, metric, constraints) -> str:
    """Why `best_position` finds nothing on all rows."""
    if len(ranking.positions) == 0:
        return "None of the given thresholds can be promised, though others can: try thresholds='all'."
    if not constraints or not metric.defined(pos.sum(), neg.sum()):
        return (
            f"The held-out rows with weight hold one class only, for which {metric.name} is undefined. Use more folds "
            "that are stratified, or more rows."
        )
    for one in constraints:
        _, values = ranking.curve(one.metric, pos, neg)
        if one.reached(values).any():
            continue
        if one.sense > 0:
            return f"No threshold reaches {one}: the best reachable value is {values.max():.4g}. Lower the bound."
        return f"No threshold keeps {one}: the best reachable value is {values.min():.4g}. Raise the bound."
    return f"Each can be met, but no threshold meets {' and '.join(map(str, constraints))} at once. Loosen one of the bounds."


def promised_only(ranking, pos, neg, constraints):
    """The ranking with those positions only at which the constraints can be promised, and where their thresholds lie."""
    promised = constraints.promised(ranking, pos, neg)
    return ranking.only(promised), ranking.gaps(promised)


class BinaryThreshold(Problem):
    """The threshold of one column of scores. Rows are kept in sorted order: counts are, too.

    Parameters
    ----------
    scores : (n,) scores of the positive class
    labels : (n,) 1 for the positive class, or its probability for the plug-in ("expected")
    truth : (n,) 0/1, what solutions are scored against
    weight : (n,) positive weights
    constraints : with a confidence, only thresholds at which they can be promised are searched

    Attributes
    ----------
    promised : (runs, 2) or None, between which thresholds the constraints can be promised
    """

    def __init__(self, scores, labels, truth, weight, metric, constraints=UNCONSTRAINED, candidates=None):
        self.ranking = Ranking(scores, candidates)
        self.metric, self.constraints = metric, constraints
        self.pos, self.neg = self.ranking.split(labels, weight)
        self.true_pos, self.true_neg = (self.pos, self.neg) if truth is labels else self.ranking.split(truth, weight)
        self.every, self.promised = self.ranking, None
        if constraints.confidence is not None:
            self.ranking, self.promised = promised_only(self.ranking, self.true_pos, self.true_neg, constraints)

    def arrange(self, folds):
        return folds[self.ranking.order]

    def search(self, counts):
        found = best_position(self.ranking, self.pos, self.neg, counts, self.metric, self.constraints.on_rows_seen)
        return None if found is None else np.array(found)

    def table(self, solution, counts):
        return core.totals(self.true_pos, self.true_neg, counts, solution[0])

    def table_of_rows(self, means, counts):
        predicted = means[:, 0] >= self.ranking.entry(self.log_alerts)
        pos, neg = counts * self.true_pos, counts * self.true_neg
        return pos @ predicted, neg @ predicted, pos.sum(), neg.sum()

    def evaluate(self, solution, counts) -> float:
        return self._value(*self.table(solution, counts))

    def evaluate_rows(self, means, counts) -> float:
        return self._value(*self.table_of_rows(means, counts))

    def _value(self, tp, fp, P, N):
        return float(self.metric.values([tp], [fp], P, N)[0]) if self.metric.defined(P, N) else np.nan

    @cached_property
    def log_alerts(self):
        return self.ranking.log_alerts(self.pos + self.neg)

    def coordinates(self, solution):
        return self.ranking.coordinate(solution, self.log_alerts)

    def average(self, solutions):
        feasible = None
        if self.constraints.on_rows_seen:
            feasible = self.ranking.among(feasible_positions(self.ranking, self.pos, self.neg, self.constraints.each))
        return np.repeat(self.ranking.average(solutions, self.log_alerts, feasible), 2)

    def parameters(self, solutions):
        return self.ranking.threshold(solutions[..., :1])

    def solution(self, parameters):
        return np.repeat(self.ranking.position(parameters[0]), 2)

    def curve(self) -> dict:
        """Thresholds, increasing, and the metric at each, on all rows."""
        thresholds, values = self.every.curve(self.metric, self.true_pos, self.true_neg)
        return {"thresholds": thresholds, "scores": values}

    def failure(self) -> str:
        """Why no threshold was found on all rows."""
        if self.promised is not None and not len(self.promised):
            return self.constraints.broken_promise(self.every, self.true_pos, self.true_neg)
        return explain(self.ranking, self.pos, self.neg, self.metric, self.constraints.on_rows_seen)
