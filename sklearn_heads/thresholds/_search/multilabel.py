"""Labels, one threshold each: averages over labels and over counts. All labels are swept in one call."""

import numpy as np

from sklearn_heads.thresholds._search.averages import average_counts
from sklearn_heads.thresholds._search.binary import best_position, explain, feasible_positions, promised_only
from sklearn_heads.thresholds._search.columns import Columns
from sklearn_heads.thresholds._search.constraints import UNCONSTRAINED
from sklearn_heads.thresholds._search.metrics import Metric
from sklearn_heads.thresholds._search.problem import Problem

N_PASSES = 20


class LabelThresholds(Problem):
    """What the searches share: a solution is the (L, 2) first and final best position of each label.

    Parameters
    ----------
    scores : (n, L)
    labels : (n, L) 0/1, or probabilities for the plug-in ("expected")
    truth : (n, L) 0/1, what solutions are scored against
    known : (n, L) where labels are known, or None for everywhere; in scores and labels the rest is ignored
    weight : (n,) positive weights
    fixed : {label: threshold}, labels that are not searched
    names : of the labels, for messages
    constraints : to be met by each label, where the search is of one label at a time

    Attributes
    ----------
    promised : L arrays (runs, 2) or None, between which thresholds the constraints of a label can be promised
    """

    def __init__(
        self, scores, labels, truth, known, weight, metric: Metric, average, names, candidates=None, fixed=None,
        constraints=UNCONSTRAINED,
    ):
        self.scores, self.weight, self.names = scores, np.ascontiguousarray(weight, float), names
        self.metric, self.averaging, self.constraints = metric, average, constraints
        self.columns = Columns(scores, known, candidates)
        self.labels = self.columns.sorted(labels)
        self.truth = self.labels if truth is labels else self.columns.sorted(truth)
        self.fixed = fixed or {}
        self.free = np.ones(len(self.columns), np.uint8)
        self.free[list(self.fixed)] = 0
        self.every, self.promised = list(self.columns.rankings), None
        if constraints.confidence is not None:
            self.promised = []
            for label, ranking in enumerate(self.every):
                allowed, runs = promised_only(ranking, *self._split(label, self.truth), constraints)
                self.columns.replace(label, allowed)
                self.promised.append(runs)

    def table(self, solution, counts):
        """Per label tp, fp, P and N, arrays (L,)."""
        return self.columns.totals(self.truth, self.weight * counts, solution[:, 0])

    def evaluate(self, solution, counts) -> float:
        return average_counts(self.metric, self.averaging, *self.table(solution, counts))

    def coordinates(self, solution):
        return self.columns.log_weight_above(self.weight, solution)

    def evaluate_rows(self, means, counts) -> float:
        return average_counts(self.metric, self.averaging, *self.table_of_rows(means, counts))

    def table_of_rows(self, means, counts):
        weight, totals = self.weight * counts, np.empty((4, len(self.columns)))
        stops = self._fixed_solution()[:, 0]
        for label, free in enumerate(self.free):
            r = self.columns.ranking(label)
            w = weight[r.order]
            pos = w * self.truth[label, : len(w)]
            if free:
                chosen = means[r.order, label] >= r.entry(r.log_alerts(self.weight[r.order]))
            else:
                chosen = np.arange(len(w)) < stops[label]
            totals[:, label] = pos @ chosen, (w - pos) @ chosen, pos.sum(), (w - pos).sum()
        return totals

    def average(self, solutions):
        out = solutions[0].copy()
        for label in np.flatnonzero(self.free):
            r, feasible = self.columns.ranking(label), None
            if self.constraints.on_rows_seen:
                feasible = r.among(feasible_positions(r, *self._split(label), self.constraints.each))
            out[label] = r.average(solutions[:, label], r.log_alerts(self.weight[r.order]), feasible)
        return out

    def parameters(self, solutions):
        out = np.empty(solutions.shape[:-1])
        for label, free in enumerate(self.free):
            out[..., label] = self.columns.ranking(label).threshold(solutions[..., label, 0]) if free else self.fixed[label]
        return out

    def curve(self) -> dict:
        """For each label thresholds, increasing, and the metric of that label at each."""
        each = enumerate(self.every)
        nothing = np.empty(0), np.empty(0)
        curves = [r.curve(self.metric, *self._split(label, self.truth)) if len(r.order) else nothing for label, r in each]
        return {"thresholds": [thresholds for thresholds, _ in curves], "scores": [values for _, values in curves]}

    def failure(self) -> str:
        """Why no thresholds were found on all rows."""
        return (
            "No row has weight, or no label has both values among the held-out rows. Use more rows, or shuffled folds."
        )

    def solution(self, thresholds):
        out = self._fixed_solution()
        for label in np.flatnonzero(self.free):
            r = self.columns.ranking(label)
            out[label] = r.nearest(r.position(thresholds[label]))
        return out

    def _fixed_solution(self):
        out = np.zeros((len(self.columns), 2), np.int64)
        for label, threshold in self.fixed.items():
            out[label] = self.columns.rankings[label].position(threshold)
        return out

    def _split(self, label, labels=None):
        """Weights of one label, sorted, for where it is present and for where it is absent."""
        r = self.columns.rankings[label]
        w = self.weight[r.order]
        pos = w * (self.labels if labels is None else labels)[label, : len(w)]
        return pos, w - pos


class SeparateThresholds(LabelThresholds):
    """Macro and weighted averages, and everything else that is a sum over labels: each label's own best threshold."""

    def search(self, counts):
        if self.promised is not None and not all(map(len, self.promised)):
            return None
        found, solution = self._search(self._fixed_solution(), counts)
        return solution if found.all() else None

    def search_near(self, solution, counts):
        """In a replicate without this label's positives the threshold of all rows stands in."""
        return self._search(solution.copy(), counts)[1]

    def _search(self, solution, counts):
        """Which labels have a solution, or are fixed; and the solution, in which the others stay as they are."""
        if len(constraints := self.constraints.on_rows_seen) > 1:  # the sweep of all labels knows one constraint
            return self._search_each(solution, counts, constraints)
        weight, at = self.weight * counts, np.zeros(len(self.columns), np.int64)
        *_, P, N = self.columns.totals(self.labels, weight, at)
        wanted = self.free & self.metric.defined(P, N)
        numbers, limits = self.metric.coefficients(P, N), np.zeros((1, 6))
        if constraints:
            limits = constraints[0].metric.coefficients(P, N)
        before = solution.copy()
        self.columns.best(self.labels, weight, wanted, self.metric, numbers, constraints[:1], limits, solution)
        missed = solution[:, 0] < 0
        solution[missed] = before[missed]
        return (wanted == self.free) & ~missed, solution

    def _search_each(self, solution, counts, constraints):
        found = np.ones(len(self.columns), bool)
        for label in np.flatnonzero(self.free):
            r = self.columns.ranking(label)
            position = best_position(r, *self._split(label), counts[r.order], self.metric, constraints)
            found[label] = position is not None
            if found[label]:
                solution[label] = position
        return found, solution

    def failure(self) -> str:
        for label, runs in enumerate(self.promised or []):
            if len(runs) == 0:
                why = self.constraints.broken_promise(self.every[label], *self._split(label, self.truth))
                return f"Label {self.names[label]!r}: {why}"
        found, _ = self._search(self._fixed_solution(), np.ones(len(self.weight), np.uint8))
        for label in np.flatnonzero(~found):
            reason = explain(self.columns.ranking(label), *self._split(label), self.metric, self.constraints.on_rows_seen)
            return f"Label {self.names[label]!r}: {reason}"
        return super().failure()


class MicroThresholds(LabelThresholds):
    """Ratios of counts summed over labels, by Dinkelbach's iteration.

    The ratio A / B has maximum ratio where the maximum of A - ratio B is 0. That difference is a sum over labels, so
    each label maximises its own part in one sweep; the ratio found is the next one to try, and the sequence increases
    from the ratio of any thresholds at all.
    """

    def search(self, counts):
        return self.search_near(self.solution(np.full(len(self.columns), np.inf)), counts)

    def search_near(self, solution, counts):
        weight = self.weight * counts
        tp, fp, P, N = self.columns.totals(self.labels, weight, solution[:, 0]).sum(axis=1)
        if not self.metric.defined(P, N):
            return None
        m = self.metric.coefficients(P, N)[0]
        best, ratio = solution, self.metric.values([tp], [fp], P, N)[0]
        for _ in range(N_PASSES):
            tried, part = best.copy(), np.array([[0, m[1] - ratio * m[4], m[2] - ratio * m[5], 1, 0, 0]])
            self.columns.best(self.labels, weight, self.free, self.metric, part, (), np.zeros((1, 6)), tried)
            tp, fp, *_ = self.columns.totals(self.labels, weight, tried[:, 0]).sum(axis=1)
            reached = self.metric.values([tp], [fp], P, N)[0]
            if reached < ratio:  # by rounding
                break
            best, before, ratio = tried, ratio, reached
            if reached == before:
                break
        return best
