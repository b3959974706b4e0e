"""Which search serves which objective, for each kind of labels.

Of the tuner only its settings are read: aggregate, strategy, min_positives, n_bootstraps, n_restarts.
"""

import numpy as np

from sklearn_heads._sklearn.frames import warn_user
from sklearn_heads.thresholds._scores import logits
from sklearn_heads.thresholds._search.bagging import aggregate
from sklearn_heads.thresholds._search.binary import BinaryThreshold
from sklearn_heads.thresholds._search.grid import GridBiases, GridThresholds
from sklearn_heads.thresholds._search.metrics import METRICS
from sklearn_heads.thresholds._search.multiclass import ClassBiases, ClassObjective
from sklearn_heads.thresholds._search.multilabel import MicroThresholds, SeparateThresholds
from sklearn_heads.thresholds._search.rowwise import RowThresholds
from sklearn_heads.thresholds._search.shared import SharedThreshold

# Above, or below, every decision value.
FARTHEST = float(np.finfo(float).max)
LABEL_SEARCHES = {"macro": SeparateThresholds, "weighted": SeparateThresholds, "micro": MicroThresholds}


def one_threshold(tuner, held, objective, constraints, candidates, judge, rng):
    """Two classes."""
    if objective.metric is None:
        return _grid_of_thresholds(tuner, held, candidates, judge)
    labels = _labels_for(tuner.aggregate, held)
    return BinaryThreshold(held.scores, labels, held.codes, held.weight, objective.metric, constraints, candidates)


def label_thresholds(tuner, held, objective, constraints, candidates, judge, rng):
    """A matrix of labels."""
    if objective.metric is None:
        return _grid_of_thresholds(tuner, held, candidates, judge)
    common = (held.scores, _labels_for(tuner.aggregate, held), held.codes, held.known, held.weight)
    if tuner.strategy == "global":
        return SharedThreshold(*common, objective.metric, objective.average, candidates)
    options = {"names": held.names, "candidates": candidates}
    if constraints.confidence is None:  # a threshold that labels share keeps no promise of one
        options["fixed"] = _constant_labels(held) | _rare_labels(tuner, held, common, objective, candidates, rng)
    if objective.average == "samples":
        options |= {"default_threshold": held.default_threshold, "n_restarts": tuner.n_restarts, "rng": rng}
        return RowThresholds(*common, objective.metric, "samples", **options)
    return LABEL_SEARCHES[objective.average](
        *common, objective.metric, objective.average, constraints=constraints, **options
    )


def class_biases(tuner, held, objective, constraints, candidates, judge, rng):
    """Several classes."""
    scores = logits(held.scores, held.method)
    if objective.metric is None:
        return GridBiases(scores, held.codes, judge)
    cost = np.zeros((scores.shape[1],) * 2) if objective.cost_matrix is None else objective.cost_matrix
    what = ClassObjective(objective.metric, objective.average, cost)
    labels = _labels_for(tuner.aggregate, held)
    return ClassBiases(scores, labels, held.codes, held.weight, what, tuner.n_restarts, rng)


def _labels_for(how, held):
    """What the search takes for the labels: the plug-in believes the probabilities."""
    return held.scores if how == "expected" else held.codes


def _grid_of_thresholds(tuner, held, candidates, judge):
    shape = (len(held.scores), -1)
    scores, positive = held.scores.reshape(shape), held.codes.reshape(shape)
    shared = tuner.strategy == "global"
    return GridThresholds(scores, positive, held.weight, judge, held.default_threshold, candidates, shared)


def _occurrence(held):
    """How many held-out rows have each label, and how many have it not."""
    positives = held.codes.sum(axis=0, dtype=np.int64)
    return positives, (len(held.codes) if held.known is None else held.known.sum(axis=0)) - positives


def _constant_labels(held) -> dict:
    """{label: threshold} of the labels that have one value in all held-out rows: it predicts that, or not, for every row."""
    positives, negatives = _occurrence(held)
    constant = np.flatnonzero((positives == 0) | (negatives == 0))
    if len(constant) == 0:
        return {}
    if len(constant) == len(positives):
        raise ValueError(
            "No label has both values among the held-out rows, so no threshold can be learned. Use more rows, or shuffled folds."
        )
    warn_user(
        f"{_named(held, constant)} have one value in all held-out rows: their thresholds predict what was seen, and "
        "best_score_ is of what could be scored."
    )
    never, always = (1.5, 0.0) if held.method == "predict_proba" else (FARTHEST, -FARTHEST)
    return {label: never if positives[label] == 0 else always for label in constant.tolist()}


def _rare_labels(tuner, held, common, objective, candidates, rng) -> dict:
    """{label: threshold} of the labels with too few positive or negative rows: the best one threshold for all labels."""
    fewer = np.minimum(*_occurrence(held))
    rare = np.flatnonzero((fewer > 0) & (fewer < tuner.min_positives))
    if len(rare) == 0:
        return {}
    warn_user(
        f"{_named(held, rare)} have fewer than min_positives={tuner.min_positives} positive (or negative) rows, too "
        "few for a threshold of their own: they share the one that is best for all labels together (micro average)."
    )
    metric = METRICS["f1"] if objective.average == "samples" else objective.metric
    shared = SharedThreshold(*common, metric, "micro", candidates)
    tuned = aggregate(shared, tuner.aggregate, held.folds, tuner.n_bootstraps, rng)
    return dict.fromkeys(rare.tolist(), tuned.parameters[0])


def _named(held, labels, most=10):
    """Some of these labels, by name."""
    names = [held.names[label] for label in labels[:most]]
    return f"Labels {names}" if len(labels) <= most else f"{len(labels)} labels, {names} among them,"
