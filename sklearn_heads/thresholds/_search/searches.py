"""Which search serves which objective, for each kind of labels.

Of the tuner only its settings are read: aggregate, strategy, min_positives, n_bootstraps, n_restarts.
"""

import warnings

import numpy as np

from sklearn_heads.thresholds._scores import logits
from sklearn_heads.thresholds._search.bagging import aggregate
from sklearn_heads.thresholds._search.binary import BinaryThreshold
from sklearn_heads.thresholds._search.grid import GridBiases, GridThresholds
from sklearn_heads.thresholds._search.metrics import METRICS
from sklearn_heads.thresholds._search.multiclass import ClassBiases, ClassObjective
from sklearn_heads.thresholds._search.multilabel import MicroThresholds, RowThresholds, SeparateThresholds, SharedThreshold

LABEL_SEARCHES = {"macro": SeparateThresholds, "weighted": SeparateThresholds, "micro": MicroThresholds}


def one_threshold(tuner, held, objective, constraint, candidates, judge, rng):
    """Two classes."""
    if objective.metric is None:
        return _grid_of_thresholds(tuner, held, candidates, judge)
    labels = _labels_for(tuner.aggregate, held, objective)
    return BinaryThreshold(held.scores, labels, held.codes, held.weight, objective.metric, constraint, candidates)


def label_thresholds(tuner, held, objective, constraint, candidates, judge, rng):
    """A matrix of labels."""
    if objective.metric is None:
        return _grid_of_thresholds(tuner, held, candidates, judge)
    common = (held.scores, _labels_for(tuner.aggregate, held, objective), held.codes, held.weight)
    if tuner.strategy == "global":
        return SharedThreshold(*common, objective.metric, objective.average, candidates)
    options = {"candidates": candidates, "fixed": _rare_labels(tuner, held, common, objective, candidates, rng)}
    if objective.average == "samples":
        options |= {"default_threshold": held.default_threshold, "n_restarts": tuner.n_restarts, "rng": rng}
        return RowThresholds(*common, objective.metric, "samples", **options)
    return LABEL_SEARCHES[objective.average](
        *common, objective.metric, objective.average, constraint=constraint, **options
    )


def class_biases(tuner, held, objective, constraint, candidates, judge, rng):
    """Several classes."""
    scores = logits(held.scores, held.method)
    if objective.metric is None:
        _check_aggregate(tuner)
        return GridBiases(scores, held.codes, judge)
    cost = np.zeros((scores.shape[1],) * 2) if objective.cost_matrix is None else objective.cost_matrix
    what = ClassObjective(objective.metric, objective.average, cost)
    labels = _labels_for(tuner.aggregate, held, objective)
    return ClassBiases(scores, labels, held.codes, held.weight, what, tuner.n_restarts, rng)


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


def _check_aggregate(tuner):
    if tuner.aggregate == "expected":
        raise ValueError('aggregate="expected" needs a metric that is computed exactly; use aggregate="bagged".')


def _grid_of_thresholds(tuner, held, candidates, judge):
    _check_aggregate(tuner)
    shape = (len(held.scores), -1)
    scores, positive = held.scores.reshape(shape), held.codes.reshape(shape)
    shared = tuner.strategy == "global"
    return GridThresholds(scores, positive, held.weight, judge, held.default_threshold, candidates, shared)


def _rare_labels(tuner, held, common, objective, candidates, rng) -> dict:
    """{label: threshold} of the labels with too few positive or negative rows: the best one threshold for all labels."""
    positives = held.codes.sum(axis=0)
    scarce = np.minimum(positives, len(held.codes) - positives) < tuner.min_positives
    rare = np.flatnonzero(scarce)
    if len(rare) == 0:
        return {}
    warnings.warn(
        f"Labels {rare.tolist()} have fewer than min_positives={tuner.min_positives} positive (or negative) rows, too "
        "few for a threshold of their own: they share the one that is best for all labels together (micro average).",
        UserWarning, stacklevel=4,
    )
    metric = METRICS["f1"] if objective.average == "samples" else objective.metric
    shared = SharedThreshold(*common, metric, "micro", candidates)
    tuned = aggregate(shared, tuner.aggregate, held.folds, tuner.n_bootstraps, rng)
    return dict.fromkeys(rare.tolist(), tuned.parameters[0])
