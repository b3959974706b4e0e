"""Any other scorer: its Python function at no more than 200 thresholds, spread over the scores and over the positives'
scores.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import _safe_indexing

from sklearn_heads.thresholds._search.multiclass import Biases
from sklearn_heads.thresholds._search.problem import Problem
from sklearn_heads.thresholds._search.ranking import Ranking

N_THRESHOLDS = 200
N_PASSES = 3
# Each replicate costs a whole grid of calls.
MOST_BOOTSTRAPS = 10
NO_SCORE = "The scorer gives nan for every threshold, so none is best. Look at what it gives for predictions of your own."


class _Predicted(ClassifierMixin, BaseEstimator):
    """A classifier that has already predicted, so that any scorer can be asked what it thinks."""

    def __init__(self, labels, classes):
        self.labels, self.classes_ = labels, classes

    def predict(self, X):
        return self.labels


class Judge:
    """Calls scorer(estimator, X, y, **params) on predicted labels, for some of the rows; params are sliced with the rows.

    decode : from what a search predicts, 0/1 or class ids, to labels
    """

    def __init__(self, scorer, X, y, classes, params, decode):
        self.scorer, self.X, self.y, self.classes, self.params, self.decode = scorer, X, y, classes, params, decode

    def on(self, rows):
        """The score as a function of what is predicted for these rows; nan for no rows."""
        if len(rows) == 0:
            return lambda predicted: np.nan
        X, y = _safe_indexing(self.X, rows), _safe_indexing(self.y, rows)
        params = {name: _safe_indexing(value, rows) for name, value in self.params.items()}
        return lambda predicted: float(self.scorer(_Predicted(self.decode(predicted), self.classes), X, y, **params))


def grid(scores, positive, size: int) -> np.ndarray:
    """At most `size` increasing thresholds: half at ranks evenly spread over all rows, half over the positive rows."""
    ranking = Ranking(scores)
    ranks = np.flatnonzero(positive[ranking.order]) + 1
    places = [np.linspace(0, len(ranking.positions) - 1, size // 2)]
    if len(ranks):
        chosen = ranks[np.linspace(0, len(ranks) - 1, size // 2).astype(int)]
        places.append(np.searchsorted(ranking.positions, chosen))
    positions = ranking.positions[np.unique(np.concatenate(places).astype(int))]
    return ranking.threshold(positions)[::-1]


def ascend(score, solution, steps):
    """Coordinate ascent from a solution: steps(solution, i) are the values to try for entry i. None if all give nan."""
    best = score(solution)
    for _ in range(N_PASSES if len(solution) > 1 else 1):
        before = best
        for i in range(len(solution)):
            for step in steps(solution, i):
                tried = solution.copy()
                tried[i] = step
                if (value := score(tried)) > best or np.isnan(best):
                    best, solution = value, tried
        if best <= before:
            break
    return None if np.isnan(best) else solution


class GridThresholds(Problem):
    """Thresholds of L columns (one for binary problems), or one shared by all; coordinate ascent where there are several.

    Parameters
    ----------
    scores, positive : (n, L)
    weight : (n,) positive weights, for the averages of ranks
    """

    solver = "grid"

    def __init__(self, scores, positive, weight, judge, default_threshold, candidates=None, shared=False):
        self.scores, self.weight, self.judge = scores, weight, judge
        columns = [(scores.ravel(), positive.ravel())] if shared else list(zip(scores.T, positive.T))
        size = max(N_THRESHOLDS // len(columns), 20)
        self.rankings = [Ranking(s, grid(s, y, size) if candidates is None else candidates) for s, y in columns]
        entry_weight = np.repeat(weight, scores.shape[1]) if shared else weight
        self.log_alerts = [r.log_alerts(entry_weight[r.order]) for r in self.rankings]
        start = [r.nearest(r.position(default_threshold)) for r in self.rankings]
        self.start = np.repeat(np.array(start)[:, None], 2, axis=1)

    def search(self, counts):
        rows = np.repeat(np.arange(len(counts)), counts)
        return ascend(self._score(rows), self.start, lambda solution, column: self.rankings[column].positions)

    def _score(self, rows):
        """The score of these rows as a function of the solution."""
        judge = self.judge.on(rows)
        return lambda solution: judge(self.scores[rows] >= self.parameters(solution))

    def evaluate(self, solution, counts) -> float:
        return self._score(np.flatnonzero(counts))(solution)

    def coordinates(self, solution):
        each = zip(self.rankings, solution, self.log_alerts)
        return np.concatenate([r.coordinate(positions, alerts) for r, positions, alerts in each])

    def evaluate_rows(self, means, counts) -> float:
        rows = np.flatnonzero(counts)
        positive = np.empty((len(self.rankings), len(self.rankings[0].order)), bool)
        repeats = positive.shape[1] // len(means)
        for column, (r, alerts) in enumerate(zip(self.rankings, self.log_alerts)):
            positive[column, r.order] = np.repeat(means[:, column], repeats)[r.order] >= r.entry(alerts)
        positive = positive.T.reshape(self.scores.shape)
        return self.judge.on(rows)(positive[rows])

    def average(self, solutions):
        means = [
            r.average(solutions[:, column], alerts)
            for column, (r, alerts) in enumerate(zip(self.rankings, self.log_alerts))
        ]
        return np.repeat(np.array(means)[:, None], 2, axis=1)

    def parameters(self, solutions):
        thresholds = [r.threshold(solutions[..., column, 0]) for column, r in enumerate(self.rankings)]
        return np.stack(thresholds * (self.scores.shape[1] // len(thresholds)), axis=-1)

    def curve(self) -> dict:
        """Thresholds, increasing, and the score at each, the other labels held at their best."""
        score, best = self._score(np.arange(len(self.scores))), self.search(np.ones(len(self.scores), np.uint8))
        curves = []
        for column, ranking in enumerate(self.rankings):
            thresholds, positions = ranking.listing()
            values = []
            for position in positions:
                tried = best.copy()
                tried[column] = position
                values.append(score(tried))
            curves.append((thresholds, np.array(values)))
        thresholds, values = zip(*curves, strict=True)
        return (
            {"thresholds": list(thresholds), "scores": list(values)}
            if len(thresholds) > 1
            else {"thresholds": thresholds[0], "scores": values[0]}
        )

    def failure(self) -> str:
        return NO_SCORE


class GridBiases(Biases):
    """Class biases by coordinate ascent from argmax, each step a grid over the margins of one class."""

    solver = "grid"

    def __init__(self, logits, truth, judge):
        self.logits, self.truth, self.judge = logits, truth, judge

    def search(self, counts):
        return self.search_near(np.zeros(self.logits.shape[1]), counts)

    def search_near(self, solution, counts):
        rows = np.repeat(np.arange(len(counts)), counts)
        if len(rows) == 0:
            return None
        size = max(N_THRESHOLDS // self.logits.shape[1], 20)

        def steps(bias, target):
            logits = self.logits[rows]
            others = np.delete(logits + bias, target, axis=1).max(axis=1)
            return -grid(logits[:, target] - others, self.truth[rows] == target, size)

        bias = ascend(self._score(rows), solution, steps)
        return None if bias is None else bias - bias.mean()

    def _score(self, rows):
        """The score of these rows as a function of the biases."""
        judge = self.judge.on(rows)
        return lambda bias: judge(np.argmax(self.logits[rows] + bias, axis=1))

    def evaluate(self, solution, counts) -> float:
        return self._score(np.flatnonzero(counts))(solution)

    def curve(self) -> dict:
        """The biases found on all rows and their score."""
        everything = np.ones(len(self.logits), np.uint8)
        bias = self.search(everything)
        return {"thresholds": bias[None], "scores": np.array([self.evaluate(bias, everything)])}

    def failure(self) -> str:
        return NO_SCORE
