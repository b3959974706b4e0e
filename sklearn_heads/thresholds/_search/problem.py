"""Which search serves which problem."""

import warnings
from typing import NamedTuple

import numpy as np

from sklearn_heads.thresholds._objective import Objective
from sklearn_heads.thresholds._scores import logits
from sklearn_heads.thresholds._search.bagging import aggregate
from sklearn_heads.thresholds._search.binary import BinaryThreshold, Constraint
from sklearn_heads.thresholds._search.grid import GridBiases, GridThresholds
from sklearn_heads.thresholds._search.metrics import METRICS
from sklearn_heads.thresholds._search.multiclass import ClassBiases, ClassObjective
from sklearn_heads.thresholds._search.multilabel import MicroThresholds, RowThresholds, SeparateThresholds, SharedThreshold

LABEL_SEARCHES = {"macro": SeparateThresholds, "weighted": SeparateThresholds, "micro": MicroThresholds}


class Held(NamedTuple):
    """Held-out rows, of positive weight.

    scores and codes are (n,) and 0/1 (uint8) for "binary", (n, L) and 0/1 for "multilabel", (n, K) and class ids (n,)
    for "multiclass"; folds number the parts that were held out together; method gave the scores.
    """

    kind: str
    scores: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    folds: np.ndarray
    method: str

    @property
    def default_threshold(self) -> float:
        return 0.5 if self.method == "predict_proba" else 0.0

    def own_decision(self) -> np.ndarray:
        """The parameters with which nothing is tuned: thresholds at the default, no bias."""
        n = 1 if self.scores.ndim == 1 else self.scores.shape[1]
        return np.full(n, 0.0 if self.kind == "multiclass" else self.default_threshold)


def make_problem(
    tuner, held: Held, objective: Objective, constraint: Constraint | None, candidates, judge, decode, rng
):
    """The problem to hand to `aggregate`. judge and decode serve scorers that only their function can compute."""
    if objective.metric is None:
        return _grid_problem(tuner, held, objective, candidates, judge, decode)
    labels, truth = _labels_for(tuner.aggregate, held, objective), held.codes
    if held.kind == "binary":
        return BinaryThreshold(held.scores, labels, truth, held.weight, objective.metric, constraint, candidates)
    if held.kind == "multiclass":
        cost = np.zeros((held.scores.shape[1],) * 2) if objective.cost_matrix is None else objective.cost_matrix
        what = ClassObjective(objective.metric, objective.average, cost)
        return ClassBiases(logits(held.scores, held.method), labels, truth, held.weight, what, tuner.n_restarts, rng)
    common = (held.scores, labels, truth, held.weight)
    if tuner.strategy == "global":
        return SharedThreshold(*common, objective.metric, objective.average, candidates)
    fixed = _rare_labels(tuner, held, common, objective, candidates, rng)
    options = {"candidates": candidates, "fixed": fixed}
    if objective.average == "samples":
        options |= {"default_threshold": held.default_threshold, "n_restarts": tuner.n_restarts, "rng": rng}
        return RowThresholds(*common, objective.metric, "samples", **options)
    return LABEL_SEARCHES[objective.average](
        *common, objective.metric, objective.average, constraint=constraint, **options
    )


def _labels_for(how, held, objective):
    """What the search takes for the labels: the plug-in believes the probabilities."""
    if how != "expected":
        return held.codes
    if held.method != "predict_proba" or objective.average == "samples":
        raise ValueError(
            'aggregate="expected" takes probabilities for labels: it needs an estimator with predict_proba, and a '
            'metric of counts (not a mean over rows, such as f1_samples or subset accuracy). Use aggregate="bagged".'
        )
    return held.scores


def _grid_problem(tuner, held, objective, candidates, judge, decode):
    if tuner.aggregate == "expected":
        raise ValueError('aggregate="expected" needs a metric that is computed exactly; use aggregate="bagged".')
    if held.kind == "multiclass":
        return GridBiases(logits(held.scores, held.method), held.codes, judge, decode)
    shape = (len(held.scores), -1)
    scores, positive = held.scores.reshape(shape), held.codes.reshape(shape)
    return GridThresholds(
        scores, positive, held.weight, judge, decode, held.default_threshold, candidates, shared=tuner.strategy == "global"
    )


def _rare_labels(tuner, held, common, objective, candidates, rng) -> dict:
    """{label: threshold} of the labels with too few positive or negative rows: the best single threshold for all labels."""
    positives = held.codes.sum(axis=0)
    scarce = np.minimum(positives, len(held.codes) - positives) < tuner.min_positives
    rare = np.flatnonzero(scarce)
    if len(rare) == 0:
        return {}
    warnings.warn(
        f"Labels {rare.tolist()} have fewer than min_positives={tuner.min_positives} positive (or negative) rows, too "
        "few for a threshold of their own: they share the threshold that is best for all labels together (micro average).",
        UserWarning, stacklevel=4,
    )
    metric = METRICS["f1"] if objective.average == "samples" else objective.metric
    shared = SharedThreshold(*common, metric, "micro", candidates)
    tuned = aggregate(shared, tuner.aggregate, held.folds, tuner.n_bootstraps, rng)
    return dict.fromkeys(rare.tolist(), tuned.parameters[0])
