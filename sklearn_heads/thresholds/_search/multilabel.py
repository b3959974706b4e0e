"""Multi-label: one threshold per label, or one for all, for averages over labels, over counts, and over rows."""

from functools import cached_property

import numpy as np

from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.binary import best_position, explain, feasible_positions, promised_only, summed
from sklearn_heads.thresholds._search.constraints import UNCONSTRAINED
from sklearn_heads.thresholds._search.metrics import Metric
from sklearn_heads.thresholds._search.problem import Problem
from sklearn_heads.thresholds._search.ranking import Ranking

N_PASSES = 20


def score_labels(metric: Metric, average: str, predicted, truth, weight) -> float:
    """A multi-label metric of 0/1 arrays (n, L) with weights (n,); nan where no label defines it.

    macro and weighted leave out labels for which the metric is undefined, as in an out-of-bag part without positives.
    """
    hit = predicted * truth
    if average == "samples":
        P, N = truth.sum(1), (1 - truth).sum(1)
        values = metric.values(hit.sum(1), (predicted - hit).sum(1), P, N)
        return float(weight @ values / weight.sum()) if weight.sum() > 0 else np.nan
    tp, fp, P = weight @ hit, weight @ (predicted - hit), weight @ truth
    N = weight.sum() - P
    if average == "micro":
        tp, fp, P, N = (np.atleast_1d(total.sum()) for total in (tp, fp, P, N))
    defined = metric.defined(P, N)
    if not defined.any():
        return np.nan
    return float(
        np.average(metric.values(tp, fp, P, N)[defined], weights=P[defined] if average == "weighted" else None)
    )


class LabelThresholds(Problem):
    """What the searches share: one ranking per label; a solution is the (L, 2) first and final best position of each.

    Parameters
    ----------
    scores : (n, L)
    labels : (n, L) 0/1, or probabilities for the plug-in ("expected")
    truth : (n, L) 0/1, what solutions are scored against
    weight : (n,) positive weights
    fixed : {label: threshold}, labels that are not searched
    constraints : to be met by each label, where the search is of one label at a time

    Attributes
    ----------
    promised : L arrays (runs, 2) or None, between which thresholds the constraints of a label can be promised
    """

    def __init__(
        self, scores, labels, truth, weight, metric, average, candidates=None, fixed=None, constraints=UNCONSTRAINED
    ):
        self.scores, self.labels, self.truth, self.weight = scores, labels, truth, weight
        self.metric, self.averaging, self.constraints = metric, average, constraints
        self.rankings = [Ranking(column, candidates) for column in scores.T]
        self.fixed = fixed or {}
        self.free = [label for label in range(scores.shape[1]) if label not in self.fixed]
        self.pos, self.neg = zip(*(r.split(y, weight) for y, r in zip(labels.T, self.rankings)))
        self.every, self.promised = self.rankings, None
        if constraints.confidence is not None:
            self.rankings, self.promised = zip(*(
                promised_only(r, *r.split(y, weight), constraints) for y, r in zip(truth.T, self.rankings)
            ))

    def table(self, solution, counts):
        return self._table((self.scores >= self.parameters(solution)).astype(float), self.weight * counts)

    def table_of_rows(self, means, counts):
        return self._table(self._predicted(means), self.weight * counts)

    def _table(self, predicted, weight):
        """Per label tp, fp, P and N, arrays (L,)."""
        P, tp = weight @ self.truth, weight @ (predicted * self.truth)
        return tp, weight @ predicted - tp, P, weight.sum() - P

    def evaluate(self, solution, counts) -> float:
        predicted = (self.scores >= self.parameters(solution)).astype(float)
        return score_labels(self.metric, self.averaging, predicted, self.truth, self.weight * counts)

    @cached_property
    def log_alerts(self):
        return [r.log_alerts(pos + neg) for r, pos, neg in zip(self.rankings, self.pos, self.neg)]

    def coordinates(self, solution):
        each = zip(self.rankings, solution, self.log_alerts)
        return np.concatenate([r.coordinate(positions, alerts) for r, positions, alerts in each])

    def evaluate_rows(self, means, counts) -> float:
        return score_labels(self.metric, self.averaging, self._predicted(means), self.truth, self.weight * counts)

    def _predicted(self, means):
        predicted = np.empty(self.scores.shape)
        for label, (r, alerts) in enumerate(zip(self.rankings, self.log_alerts)):
            predicted[r.order, label] = means[r.order, label] >= r.entry(alerts)
        for label, threshold in self.fixed.items():
            predicted[:, label] = self.scores[:, label] >= threshold
        return predicted

    def average(self, solutions):
        out = solutions[0].copy()
        for label in self.free:
            r, pos, neg, feasible = self.rankings[label], self.pos[label], self.neg[label], None
            if self.constraints.on_rows_seen:
                feasible = r.among(feasible_positions(r, pos, neg, self.constraints.each))
            out[label] = r.average(solutions[:, label], self.log_alerts[label], feasible)
        return out

    def parameters(self, solutions):
        thresholds = np.stack([r.threshold(solutions[..., label, 0]) for label, r in enumerate(self.rankings)], axis=-1)
        thresholds[..., list(self.fixed)] = list(self.fixed.values())
        return thresholds

    def curve(self) -> dict:
        """For each label thresholds, increasing, and the metric of that label at each."""
        curves = [r.curve(self.metric, pos, neg) for r, pos, neg in zip(self.every, self.pos, self.neg)]
        return {"thresholds": [thresholds for thresholds, _ in curves], "scores": [values for _, values in curves]}

    def failure(self) -> str:
        """Why no thresholds were found on all rows."""
        return (
            "No row has weight, or no label has both values among the held-out rows. Use more rows, or shuffled folds."
        )

    def solution(self, thresholds):
        positions = [r.nearest(r.position(threshold)) for r, threshold in zip(self.rankings, thresholds)]
        return np.repeat(np.array(positions)[:, None], 2, axis=1)

    def _fixed_solution(self):
        thresholds = np.zeros(len(self.rankings))
        thresholds[list(self.fixed)] = list(self.fixed.values())
        return self.solution(thresholds)


class SeparateThresholds(LabelThresholds):
    """Macro and weighted averages, and everything else that is a sum over labels: one binary sweep per label."""

    def search(self, counts):
        if self.promised is not None and not all(map(len, self.promised)):
            return None
        out = self._fixed_solution()
        for label in self.free:
            if (found := self._search_label(label, counts)) is None:
                return None
            out[label] = found
        return out

    def search_near(self, solution, counts):
        """In a replicate without this label's positives the threshold of all rows stands in."""
        found = [self._search_label(label, counts) for label in self.free]
        out = solution.copy()
        for label, position in zip(self.free, found):
            if position is not None:
                out[label] = position
        return out

    def _search_label(self, label, counts):
        r = self.rankings[label]
        limits = self.constraints.on_rows_seen
        return best_position(r, self.pos[label], self.neg[label], counts[r.order], self.metric, limits)

    def failure(self) -> str:
        for label in self.free:
            r, pos, neg = self.rankings[label], self.pos[label], self.neg[label]
            if self.promised is not None and not len(self.promised[label]):
                why = self.constraints.broken_promise(r, *r.split(self.truth[:, label], self.weight))
                return f"Label {label}: {why}"
            if self._search_label(label, np.ones(len(pos), np.uint8)) is None:
                return f"Label {label}: {explain(r, pos, neg, self.metric, self.constraints.on_rows_seen)}"
        return super().failure()


class MicroThresholds(LabelThresholds):
    """Ratios of counts summed over labels, by Dinkelbach's iteration.

    The ratio A / B has maximum ratio where the maximum of A - ratio B is 0. That difference is a sum over labels, so
    each label maximises its own part in one sweep; the ratio found is the next one to try, and the sequence increases.
    """

    def search(self, counts):
        return self.search_near(self._fixed_solution(), counts)

    def search_near(self, solution, counts):
        drawn = [counts[r.order] for r in self.rankings]
        blocks, P, N = zip(*(summed(*part) for part in zip(self.pos, self.neg, drawn)))
        P, N = sum(P), sum(N)
        if not self.metric.defined(P, N):
            return None
        m = self.metric.coefficients(P, N)[0]
        current = solution.copy()
        best, ratio = None, 0.0
        for _ in range(N_PASSES):
            part, nothing = np.array([0, m[1] - ratio * m[4], m[2] - ratio * m[5], 1, 0, 0]), np.zeros(6)
            for label in self.free:
                r = self.rankings[label]
                current[label] = core.sweep(
                    self.pos[label], self.neg[label], drawn[label], r.last, blocks[label], core.RATIO, part, 0, nothing,
                    0, 0.0, r.none_allowed,
                )[:2]
            tp, fp, *_ = np.sum(
                [core.totals(*part, stop) for *part, stop in zip(self.pos, self.neg, drawn, current[:, 0])], axis=0
            )
            reached = self.metric.values([tp], [fp], P, N)[0]
            if best is not None and reached <= ratio:
                break
            best, ratio = current.copy(), reached
        return best


class RowThresholds(LabelThresholds):
    """Averages over rows (samples-F1, subset accuracy): coordinate ascent, each step exact, from several starts."""

    solver = "coordinate"

    def __init__(self, *args, default_threshold, n_restarts, rng, **kwargs):
        super().__init__(*args, **kwargs)
        self.numbers = self.metric.coefficients(self.labels.sum(1), (1 - self.labels).sum(1))
        self.default_threshold = default_threshold
        self.seeds = rng.randint(2**31 - 1, size=n_restarts)

    def search(self, counts):
        return self._best_from(self._starts(counts), counts) if counts.any() else None

    def search_near(self, solution, counts):
        return self._best_from([solution], counts)

    def _best_from(self, starts, counts):
        share = self.weight * counts
        if share.sum() == 0:
            return None
        share = share / share.sum()
        return max((self._ascend(start.copy(), share) for start in starts), key=lambda pair: pair[1])[0]

    def _starts(self, counts):
        fixed = self._fixed_solution()
        starts = [self.solution(np.full(len(self.rankings), self.default_threshold))]
        shared = SharedThreshold(self.scores, self.labels, self.truth, self.weight, self.metric, self.averaging)
        starts.append(self.solution(shared.parameters(shared.search(counts))))
        for seed in self.seeds:
            # At the score of a random positive row: as many alerts as a rank drawn from the positives' own.
            rng = np.random.default_rng(seed)
            thresholds = [rng.choice(s[y > 0]) if y.any() else np.inf for s, y in zip(self.scores.T, self.labels.T)]
            starts.append(self.solution(thresholds))
        for solution in starts:
            solution[list(self.fixed)] = fixed[list(self.fixed)]
        return starts

    def _ascend(self, solution, share):
        predicted = self.scores >= self.parameters(solution)
        tp, fp = (predicted * self.labels).sum(1), (predicted * (1 - self.labels)).sum(1)
        best = share @ self._values(tp, fp)
        for _ in range(N_PASSES):
            before = best
            for label in self.free:
                r, y = self.rankings[label], self.labels[:, label]
                tp -= predicted[:, label] * y
                fp -= predicted[:, label] * (1 - y)
                *found, value = core.sweep_groups(
                    y[r.order], 1 - y[r.order], r.order, r.last, self.metric.kind, self.numbers, share,
                    tp.copy(), fp.copy(), r.none_allowed,
                )
                if value > best + core.TOLERANCE:
                    solution[label], best = found, value
                    predicted[r.order, label] = np.arange(len(y)) < found[0]
                tp += predicted[:, label] * y
                fp += predicted[:, label] * (1 - y)
            if best <= before:
                break
        return solution, best

    def _values(self, tp, fp):
        return self.metric.values(tp, fp, self.labels.sum(1), (1 - self.labels).sum(1))


class SharedThreshold(Problem):
    """One threshold for all labels, exact for averages over labels, counts or rows: a sweep of all n L scores."""

    def __init__(self, scores, labels, truth, weight, metric, average, candidates=None):
        n, n_labels = scores.shape
        self.scores, self.labels, self.truth, self.weight = scores, labels, truth, weight
        self.metric, self.averaging = metric, average
        self.ranking = Ranking(scores.ravel(), candidates)
        self.row, label = np.divmod(self.ranking.order, n_labels)
        group = {"micro": np.zeros(n * n_labels), "samples": self.row}.get(average, label)
        self.group = group.astype(np.int32)
        self.hits = labels.ravel()[self.ranking.order]

    def search(self, counts):
        weight = self.weight * counts
        if self.averaging == "samples":
            P, N, entry, share = self.labels.sum(1), (1 - self.labels).sum(1), 1.0, weight / max(weight.sum(), 1e-300)
        else:
            P, entry, share = weight @ self.labels, weight[self.row], np.ones(self.labels.shape[1])
            N = weight.sum() - P
            if self.averaging == "micro":
                P, N, share = P.sum(keepdims=True), N.sum(keepdims=True), share[:1]
            share = share * self.metric.defined(P, N) * (P if self.averaging == "weighted" else 1)
            if not share.any():
                return None
            share = share / share.sum()
        pos = self.hits * entry
        neg = (1 - self.hits) * entry
        nothing = np.zeros(len(share))
        first, final, _ = core.sweep_groups(
            pos, neg, self.group, self.ranking.last, self.metric.kind, self.metric.coefficients(P, N), share,
            nothing, nothing.copy(), self.ranking.none_allowed,
        )
        return np.array([first, final])

    def evaluate(self, solution, counts) -> float:
        predicted = (self.scores >= self.parameters(solution)).astype(float)
        return score_labels(self.metric, self.averaging, predicted, self.truth, self.weight * counts)

    @cached_property
    def log_alerts(self):
        return self.ranking.log_alerts(self.weight[self.row])

    def coordinates(self, solution):
        return self.ranking.coordinate(solution, self.log_alerts)

    def evaluate_rows(self, means, counts) -> float:
        predicted = np.empty(self.scores.size)
        predicted[self.ranking.order] = means[self.row, 0] >= self.ranking.entry(self.log_alerts)
        predicted = predicted.reshape(self.scores.shape)
        return score_labels(self.metric, self.averaging, predicted, self.truth, self.weight * counts)

    def average(self, solutions):
        return np.repeat(self.ranking.average(solutions, self.log_alerts), 2)

    def parameters(self, solutions):
        return np.repeat(self.ranking.threshold(solutions[..., :1]), self.scores.shape[1], axis=-1)

    def solution(self, thresholds):
        return np.repeat(self.ranking.position(thresholds[0]), 2)

    def curve(self) -> dict:
        """Thresholds, increasing, and the metric at each: an evaluation of all rows a threshold, so at most 1,000 of them."""
        thresholds, positions = self.ranking.listing()
        if len(thresholds) > 1000:
            some = np.linspace(0, len(thresholds) - 1, 1000).astype(int)
            thresholds, positions = thresholds[some], positions[some]
        scores = [
            score_labels(self.metric, self.averaging, (self.scores >= threshold).astype(float), self.truth, self.weight)
            for threshold in thresholds
        ]
        return {"thresholds": thresholds, "scores": np.array(scores)}

    def failure(self) -> str:
        return "No label has both values among the held-out rows. Use more rows, or shuffled folds."
