"""The kinds of labels: two classes, several classes, a 0/1 matrix. What depends on the kind, and on nothing else, is here.

Scores and codes (labels as the searches take them) are (n,) and 0/1 for two classes, (n, K) and class ids (n,) for several,
(n, L) and 0/1 for a matrix.
"""

import numpy as np
from sklearn.metrics import zero_one_loss
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from sklearn_heads.thresholds._objective import AVERAGES, Objective, swapped
from sklearn_heads.thresholds._scores import logits
from sklearn_heads.thresholds._search.metrics import EXACT_MATCH, HITS, METRICS, both_classes
from sklearn_heads.thresholds._search.searches import class_biases, label_thresholds, one_threshold


class Kind:
    """What the kinds share.

    Attributes
    ----------
    attribute : str
        The fitted attribute in which the tuner publishes what it found.
    classes : ndarray or None
        Those of y; None for a matrix.
    names : list or None
        Those of the labels of a matrix: the columns of the frame that it came in, or their numbers.
    has_thresholds : bool
        Whether rows are decided by thresholds, not biases.
    single_split : splitter class
        How a share of the rows is held out once.
    cost_average : str or None
        How a cost is averaged, as `Objective.average`.
    problem : callable
        Makes the problem to hand to `aggregate`.
    """

    classes = None
    names = None
    has_thresholds = True
    single_split = StratifiedShuffleSplit
    n_costs = 2

    def fitted(self, estimator):
        """The kind once an estimator that was fitted before is known."""
        return self

    def oriented(self, objective, constraints, pos_label):
        """The kind with its positive class, and the objective with regard to it."""
        return self, objective

    def known(self, y):
        """Where y holds labels at all, None for everywhere."""
        return None

    def for_splits(self, y):
        """What a splitter may look at: y without gaps."""
        return y

    def towards_last(self, margin):
        """A margin towards `classes[1]`, where it was one towards the positive class."""
        return margin

    def publish(self, parameters):
        """Parameters (or their spread) as the user sees them."""
        return parameters

    def keeps_own_decision(self, objective) -> bool:
        """Whether the metric treats all classes alike, so that the estimator's own decision has a claim to be right.

        With two classes such a claim needs a metric that weighs every row by itself, as accuracy and balanced accuracy
        do: the best threshold for Matthews or kappa depends on all the others, and 0.5 was found to be worse there.
        """
        return objective.is_plain and objective.metric.symmetric and objective.metric.is_mean

    def own_decision(self, held) -> np.ndarray:
        """The parameters with which nothing is tuned: thresholds at the default, no bias."""
        return np.full(held.scores[0].size, held.default_threshold)

    def separable(self, objective, strategy) -> bool:
        """Whether thresholds are found one at a time, so that each can meet a constraint."""
        return False

    def _check_average(self, metric, average, scoring, several, example):
        if metric.of_one_class and average == "binary":
            raise ValueError(
                f"scoring={scoring!r} averages over nothing, but y has several {several}. "
                f'Say how to average: add "_macro", "_micro" or "_{example}" to the name, or average= in make_scorer.'
            )


class _Classes(Kind):
    """One class per row; y is (n,)."""

    def __init__(self, classes):
        self.classes = classes

    def fitted(self, estimator):
        """A fitted estimator may know more classes than y shows."""
        return of_classes(fitted_classes(estimator, self.classes))


class Binary(_Classes):
    """Two classes: one threshold on the scores of the positive class, `classes[positive]`."""

    attribute = "best_threshold_"
    cost_average = "binary"
    problem = staticmethod(one_threshold)

    def __init__(self, classes, positive=1):
        super().__init__(classes)
        self.positive = positive

    def oriented(self, objective, constraints, pos_label):
        positive = positive_class(self.classes, pos_label, objective, constraints)
        if objective.cost_matrix is not None and positive == 0:
            objective = swapped(objective)
        return Binary(self.classes, positive), objective

    def encode(self, y):
        return (y == self.classes[self.positive]).view(np.uint8)

    def decode(self, codes):
        return self.classes[np.where(codes.ravel(), self.positive, 1 - self.positive)]

    def columns(self, output, method, own_classes) -> np.ndarray:
        output = np.asarray(output, float)
        if len(own_classes) != 2:
            raise ValueError(
                f"The estimator saw only class {np.asarray(own_classes).tolist()[0]!r} in a training fold, so it has "
                "no score for the other. Use stratified folds, fewer folds, or more rows of the rare class."
            )
        if method == "predict_proba":
            return output[:, self.positive]
        return self.towards_last(output.ravel())

    def towards_last(self, margin):
        return margin if self.positive == 1 else -margin

    def margin(self, scores, method, threshold):
        return scores - threshold

    def decide(self, margin):
        return margin >= 0

    def publish(self, parameters):
        return float(parameters[0])

    def separable(self, objective, strategy):
        return True

    def objective(self, metric, average, scoring, other) -> Objective:
        if average == "binary":
            return Objective(metric, pos_label=None if other is None else other.pos_label)
        if metric.is_fbeta and average in ("macro", "weighted"):
            return Objective(both_classes(metric, weighted=average == "weighted"))
        return Objective(METRICS["accuracy"]) if metric.is_fbeta and average == "micro" else other


class Multiclass(_Classes):
    """Three classes or more: a bias each, added to the log-probability before the argmax."""

    attribute = "class_bias_"
    has_thresholds = False
    cost_average = None
    problem = staticmethod(class_biases)

    @property
    def n_costs(self):
        return len(self.classes)

    def encode(self, y):
        return np.searchsorted(self.classes, y)

    def decode(self, codes):
        return self.classes[codes]

    def columns(self, output, method, own_classes) -> np.ndarray:
        """In the order of all classes: the estimator may have seen fewer in its fold."""
        output = np.asarray(output, float)
        if output.shape[1] == len(self.classes):
            return output
        full = np.full((len(output), len(self.classes)), 0.0 if method == "predict_proba" else output.min())
        full[:, np.searchsorted(self.classes, own_classes)] = output
        return full

    def margin(self, scores, method, bias):
        return logits(scores, method) + bias

    def decide(self, margin):
        return margin.argmax(axis=1)

    def keeps_own_decision(self, objective):
        return objective.is_plain

    def own_decision(self, held):
        return np.zeros(len(self.classes))

    def objective(self, metric, average, scoring, other) -> Objective:
        self._check_average(metric, average, scoring, "classes", "weighted")
        if metric.of_one_class:
            if average == "micro" and metric.name != "jaccard":
                return Objective(HITS, "sum")
            return Objective(metric, average) if average in ("macro", "weighted") else other
        if metric.name == "accuracy":
            return Objective(HITS, "sum")
        if metric.name == "balanced_accuracy":
            return Objective(METRICS["recall"], "macro")
        if metric.name in ("matthews_corrcoef", "cohen_kappa"):
            return Objective(metric, None)
        if other is not None:
            return other
        raise ValueError(
            f"scoring={scoring!r} is defined for two classes or for labels; y has more classes. "
            'Use "balanced_accuracy", "f1_macro", "matthews_corrcoef" or "cohen_kappa".'
        )


class MultiLabel(Kind):
    """A matrix of 0, 1 and, where a label is not known, NaN: one threshold per label, or one for all.

    named says whether the names are the user's.
    """

    attribute = "thresholds_"
    single_split = ShuffleSplit
    cost_average = "macro"
    problem = staticmethod(label_thresholds)

    def __init__(self, names, named=False):
        self.names, self.named = names, named

    def encode(self, y):
        return (y == 1).view(np.uint8)

    def known(self, y):
        return None if y.dtype.kind != "f" or not (gaps := np.isnan(y)).any() else ~gaps

    def for_splits(self, y):
        return self.encode(y)

    def decode(self, codes):
        return codes.astype(int)

    def columns(self, output, method, own_classes) -> np.ndarray:
        if isinstance(output, list):
            # One (n, 2) array per label; (n, 1) where the fold held one value of it.
            output = np.column_stack([
                p[:, 1] if p.shape[1] == 2 else np.full(len(p), float(seen[0] == 1))
                for p, seen in zip(output, own_classes)
            ])
        return np.asarray(output, float)

    def margin(self, scores, method, thresholds):
        return scores - thresholds

    def decide(self, margin):
        return margin >= 0

    def separable(self, objective, strategy):
        return strategy in ("per_label", "simultaneous") and objective.average in ("macro", "weighted")

    def objective(self, metric, average, scoring, other) -> Objective:
        self._check_average(metric, average, scoring, "labels", "samples")
        if metric.of_one_class:
            return Objective(metric, average) if average in AVERAGES else other
        if metric.name == "accuracy":
            return Objective(EXACT_MATCH, "samples")
        if metric.name == "cost" and other.scorer._score_func is zero_one_loss:
            return other
        return Objective(metric, "macro")


def of_classes(classes) -> Kind:
    """The kind of these classes."""
    return Binary(classes) if len(classes) == 2 else Multiclass(classes)


def fitted_classes(estimator, seen) -> np.ndarray:
    """The classes of a fitted estimator, among which those seen in y must be."""
    classes = np.asarray(estimator.classes_)
    if unknown := sorted(set(seen.tolist()) - set(classes.tolist())):
        raise ValueError(
            f"y holds {unknown}, which the fitted estimator has not seen: its classes are {classes.tolist()}."
        )
    return classes


def positive_class(classes, pos_label, objective, constraints) -> int:
    """The index (0 or 1) of the positive class."""
    named = objective.pos_label
    if pos_label is not None:
        if named is not None and named != pos_label and named != 1:
            raise ValueError(
                f"pos_label={pos_label!r} contradicts the scorer's pos_label={named!r}; leave one of them out."
            )
        named = pos_label
    listed = classes.tolist()
    if named in listed:
        return listed.index(named)
    if pos_label is not None:
        raise ValueError(f"pos_label={pos_label!r} is not a class of y; the classes are {listed}.")
    directed = constraints.directed
    if objective.scorer is None and objective.symmetric and not directed:
        return 1
    if 1 in listed:
        return listed.index(1)
    if objective.scorer is not None and named is None:
        return 1
    raise ValueError(
        f"The metric depends on which class is the positive one, and y holds {listed}. Say which with "
        f"pos_label={listed[1]!r} (or {listed[0]!r})."
    )
