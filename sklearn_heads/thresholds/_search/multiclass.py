"""Multiclass: argmax(log p + bias), the biases found by coordinate ascent with exact one-dimensional steps."""

from typing import NamedTuple

import numpy as np

from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.metrics import Metric
from sklearn_heads.thresholds._search.problem import Problem
from sklearn_heads.thresholds._search.ranking import Ranking

N_PASSES = 20
WHOLE = {"matthews_corrcoef": core.MATTHEWS, "cohen_kappa": core.KAPPA, "cost": core.COST}


class ClassObjective(NamedTuple):
    """What to maximise over K classes.

    A metric of each class against the rest, averaged: "macro" (over the classes that occur), "weighted", or "sum"; or,
    with average None, one of `WHOLE`, computed from the whole confusion matrix. cost[i, j]: of predicting j for a row
    of class i.
    """

    metric: Metric
    average: str | None
    cost: np.ndarray

    @property
    def kind(self) -> int:
        return core.GROUPS if self.average else WHOLE[self.metric.name]

    def shares(self, actual):
        """The weight of each class in the average, given its weight in the data."""
        if self.average == "sum":
            return np.ones(len(actual))
        share = actual if self.average == "weighted" else (actual > 0).astype(float)
        return share / share.sum()


class Sample:
    """Weighted rows of an objective. An entry is a row with one label; the plug-in has K entries per row."""

    def __init__(self, objective: ClassObjective, logits, row, label, weight):
        self.objective, self.logits, self.row, self.label, self.weight = objective, logits, row, label, weight
        k = logits.shape[1]
        self.actual = np.bincount(label, weight, k)
        self.total = self.actual.sum()
        if self.total > 0:
            self.numbers = objective.metric.coefficients(self.actual, self.total - self.actual)
            self.share = objective.shares(self.actual)

    def value(self, bias) -> float:
        """The objective at argmax(logits + bias): a sweep in which no row moves."""
        predicted = np.argmax(self.logits + bias, axis=1)[self.row].astype(np.int32)
        return self._sweep(predicted, np.arange(len(predicted)), np.zeros(len(predicted), np.uint8), 0)[1]

    def best_bias(self, bias, target: int):
        """The best bias of one class, the others held, and the objective there."""
        others = self.logits + bias
        others[:, target] = -np.inf
        rival = np.argmax(others, axis=1)
        margin = self.logits[:, target] - others[np.arange(len(rival)), rival]
        ranking = Ranking(margin[self.row])
        position, value = self._sweep(rival[self.row].astype(np.int32), ranking.order, ranking.last, target)
        return -ranking.threshold(position), value

    def _sweep(self, rival, order, last, target):
        k = self.logits.shape[1]
        tp = np.bincount(rival, self.weight * (rival == self.label), k)
        predicted = np.bincount(rival, self.weight, k)
        return core.sweep_classes(
            self.label[order], rival[order], self.weight[order], last, target, self.objective.kind, self.numbers,
            self.share, self.objective.cost, self.actual, tp, predicted,
        )


class Biases(Problem):
    """Solutions (K,) that are added to the logits: averages are means, and rows stay in the order of the user."""

    move_together = True

    def average(self, solutions):
        return solutions.mean(axis=0)

    def parameters(self, solutions):
        return solutions

    def solution(self, bias):
        return np.asarray(bias)


class ClassBiases(Biases):
    """Biases that maximise an objective of the predicted class.

    Raising the bias of one class moves rows to it, one after another, in the order of their margin over the best other
    class: a step is a sort of the margins and a sweep. Biases are centred: only their differences decide.

    Parameters
    ----------
    logits : (n, K) log-probabilities, or other scores
    labels : (n,) class ids, or (n, K) probabilities for the plug-in ("expected")
    truth : (n,) class ids, what solutions are scored against
    weight : (n,) positive weights
    """

    solver = "coordinate"

    def __init__(self, logits, labels, truth, weight, objective, n_restarts, rng):
        n, k = logits.shape
        self.objective, self.logits, self.weight = objective, logits, weight
        self.truth = truth.astype(np.int32)
        if labels.ndim == 1:
            self.row, self.label, self.part = np.arange(n), self.truth, np.ones(n)
        else:
            self.row, self.label, self.part = (
                np.repeat(np.arange(n), k),
                np.tile(np.arange(k, dtype=np.int32), n),
                labels.ravel(),
            )
        prior = np.bincount(self.truth, weight, k) / weight.sum()
        # From argmax, from equal priors, and from anywhere within the spread of the scores.
        self.starts = [np.zeros(k), -np.log(np.maximum(prior, 1e-9))]
        self.starts += list(rng.normal(scale=logits.std(axis=0).mean(), size=(n_restarts, k)))

    def search(self, counts):
        return self._best_from(self.starts, counts)

    def search_near(self, solution, counts):
        return self._best_from([solution], counts)

    def _best_from(self, starts, counts):
        drawn = np.flatnonzero(counts[self.row])
        rows = np.flatnonzero(counts)
        if len(rows) == 0:
            return None
        # Row numbers within the replicate.
        number = np.cumsum(counts > 0) - 1
        row = self.row[drawn]
        weight = self.weight[row] * counts[row] * self.part[drawn]
        sample = Sample(self.objective, self.logits[rows], number[row], self.label[drawn], weight)
        return max((self._ascend(sample, bias) for bias in starts), key=lambda pair: pair[1])[0]

    def _ascend(self, sample, bias):
        bias, best = bias.copy(), sample.value(bias)
        for _ in range(N_PASSES):
            before = best
            for target in range(len(bias)):
                moved, value = sample.best_bias(bias, target)
                if value > best + core.TOLERANCE:
                    bias[target], best = moved, value
            if best <= before:
                break
        return bias - bias.mean(), best

    def evaluate(self, solution, counts) -> float:
        rows = np.flatnonzero(counts)
        if len(rows) == 0:
            return np.nan
        weight = self.weight[rows] * counts[rows]
        return Sample(self.objective, self.logits[rows], np.arange(len(rows)), self.truth[rows], weight).value(solution)

    def curve(self) -> dict:
        """The biases at which each start ends, and their scores."""
        sample = Sample(self.objective, self.logits, self.row, self.label, self.weight[self.row] * self.part)
        biases, scores = zip(*(self._ascend(sample, bias) for bias in self.starts), strict=True)
        return {"thresholds": np.array(biases), "scores": np.array(scores)}
