"""Labels, one threshold each: averages over rows, by coordinate ascent with exact steps."""

import numpy as np

from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.averages import score_labels
from sklearn_heads.thresholds._search.multilabel import N_PASSES, LabelThresholds
from sklearn_heads.thresholds._search.shared import SharedThreshold


class RowThresholds(LabelThresholds):
    """Averages over rows (samples-F1, subset accuracy): coordinate ascent, each step exact, from several starts."""

    solver = "coordinate"

    def __init__(self, scores, labels, truth, known, *args, default_threshold, n_restarts, rng, **kwargs):
        super().__init__(scores, labels, truth, known, *args, **kwargs)
        self.present = labels.astype(float)
        self.absent = 1 - self.present if known is None else known - self.present
        self.numbers = self.metric.coefficients(self.present.sum(1), self.absent.sum(1))
        free = np.flatnonzero(self.free)
        of_free = (array if array is None else array[:, free] for array in (scores, labels, truth, known))
        self.shared = SharedThreshold(*of_free, self.weight, self.metric, self.averaging)
        self.default_threshold = default_threshold
        self.seeds = rng.randint(2**31 - 1, size=n_restarts)

    def search(self, counts):
        return self._best_from(self._starts(counts), counts) if counts.any() else None

    def search_near(self, solution, counts):
        return self._best_from([solution], counts)

    def evaluate(self, solution, counts) -> float:
        return self._score(self.scores >= self.parameters(solution), counts)

    def evaluate_rows(self, means, counts) -> float:
        predicted = np.zeros(self.scores.shape)
        for label, free in enumerate(self.free):
            r = self.columns.ranking(label)
            if free:
                predicted[r.order, label] = means[r.order, label] >= r.entry(r.log_alerts(self.weight[r.order]))
            else:
                predicted[:, label] = self.scores[:, label] >= self.fixed[label]
        return self._score(predicted, counts)

    def _score(self, predicted, counts):
        return score_labels(self.metric, "samples", predicted, self.present, self.absent, self.weight * counts)

    def _best_from(self, starts, counts):
        share = self.weight * counts
        if share.sum() == 0:
            return None
        share = share / share.sum()
        return max((self._ascend(start.copy(), share) for start in starts), key=lambda pair: pair[1])[0]

    def _starts(self, counts):
        starts = [self.solution(np.full(len(self.columns), self.default_threshold))]
        shared = self.shared.parameters(self.shared.search(counts))
        starts.append(self.solution(np.full(len(self.columns), shared[0])))
        for seed in self.seeds:
            # At the score of a random positive row: as many alerts as a rank drawn from the positives' own.
            rng = np.random.default_rng(seed)
            thresholds = [rng.choice(s[y > 0]) if y.any() else np.inf for s, y in zip(self.scores.T, self.present.T)]
            starts.append(self.solution(thresholds))
        return starts

    def _ascend(self, solution, share):
        predicted = self.scores >= self.parameters(solution)
        tp, fp = (predicted * self.present).sum(1), (predicted * self.absent).sum(1)
        best = share @ self.metric.values(tp, fp, self.present.sum(1), self.absent.sum(1))
        for _ in range(N_PASSES):
            before = best
            for label in np.flatnonzero(self.free):
                r, present, absent = self.columns.rankings[label], self.present[:, label], self.absent[:, label]
                tp -= predicted[:, label] * present
                fp -= predicted[:, label] * absent
                *found, value = core.sweep_groups(
                    present[r.order], absent[r.order], r.order, r.last, self.metric.kind, self.numbers, share,
                    tp.copy(), fp.copy(), r.none_allowed,
                )
                if value > best + core.TOLERANCE:
                    solution[label], best = found, value
                    predicted[r.order, label] = np.arange(len(r.order)) < found[0]
                tp += predicted[:, label] * present
                fp += predicted[:, label] * absent
            if best <= before:
                break
        return solution, best
