"""From what the user names (scoring, cost matrix, constraint) to what is searched."""

import inspect
from typing import NamedTuple

import numpy as np
from sklearn import metrics as skm
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names

from sklearn_heads.thresholds._search.binary import Constraint
from sklearn_heads.thresholds._search.metrics import ERROR_RATE, EXACT_MATCH, HITS, METRICS, Metric, both_classes, cost, fbeta

AVERAGES = ("macro", "weighted", "micro", "samples")
OWN_NAMES = ("cohen_kappa", "geometric_mean", "specificity")


class Objective(NamedTuple):
    """A metric the core knows, how it is averaged, or else a scorer to call.

    average is "binary", one of `AVERAGES`, "sum" over classes, or None for a metric of the whole confusion matrix.
    """

    metric: Metric | None = None
    average: str | None = "binary"
    scorer: object = None
    pos_label: object = None
    cost_matrix: np.ndarray | None = None

    @property
    def symmetric(self) -> bool:
        """Whether the positive class need not be known."""
        return self.metric is not None and self.metric.symmetric

    def even_handed(self, kind: str) -> bool:
        """Whether the metric treats all classes alike, so that 0.5, or argmax, has a claim to be right.

        With two classes such a claim needs a metric that weighs every row by itself, as accuracy and balanced accuracy do:
        the best threshold for Matthews or kappa depends on all the others, and 0.5 was found to be worse there.
        """
        if self.metric is None or self.cost_matrix is not None:
            return False
        return kind == "multiclass" or (self.metric.symmetric and self.metric.is_mean)


def as_scorer(scoring, estimator):
    """The scorer object of `scoring`; a name of our own stays a string."""
    if isinstance(scoring, str):
        if scoring in OWN_NAMES:
            return scoring
        if scoring not in get_scorer_names():
            raise ValueError(
                f"scoring={scoring!r} is not known. Use one of scikit-learn's names "
                f"(sklearn.metrics.get_scorer_names()), one of {', '.join(OWN_NAMES)}, or a scorer from make_scorer."
            )
        return get_scorer(scoring)
    if not callable(scoring):
        raise ValueError(
            f"scoring must name one metric or be one scorer; got {type(scoring).__name__}. "
            "A threshold can maximise only one metric: pass its name or make_scorer(...)."
        )
    return check_scoring(estimator, scoring=scoring)


def parse_scoring(scoring, kind: str, estimator) -> Objective:
    """The objective of `scoring` for a "binary", "multiclass" or "multilabel" problem."""
    scorer = as_scorer(scoring, estimator)
    if isinstance(scorer, str):
        return _arrange(METRICS[scorer], "binary", kind, scoring, None)
    if getattr(scorer, "_response_method", "predict") != "predict":
        raise ValueError(
            f"scoring={scoring!r} ranks or grades scores and is the same for every threshold, so there is nothing to "
            'tune. Use a metric of predicted labels, such as "f1", "balanced_accuracy" or "matthews_corrcoef".'
        )
    function = getattr(scorer, "_score_func", None)
    given = dict(getattr(scorer, "_kwargs", {}))
    pos_label = given.pop("pos_label", None)
    if (
        pos_label is None
        and function is not None
        and "pos_label" in (signature := inspect.signature(function).parameters)
    ):
        pos_label = signature["pos_label"].default
    average = given.pop("average", "binary")
    metric = _known(function, given, scorer)
    other = Objective(average=average, scorer=scorer, pos_label=pos_label)
    if metric is None:
        return other
    return _arrange(metric, average, kind, scoring, other)


def _known(function, given, scorer) -> Metric | None:
    """The metric of a scorer built on scikit-learn's own function, unless an argument makes it something else."""
    sign = getattr(scorer, "_sign", 1)
    if given.pop("zero_division", "warn") not in ("warn", 0) or given.pop("labels", None) is not None:
        return None
    if sign < 0:
        same = function in (skm.zero_one_loss, skm.hamming_loss) and not given
        return cost(ERROR_RATE) if same else None
    if function is skm.fbeta_score and set(given) == {"beta"}:
        return fbeta(given["beta"])
    if given:
        return None
    return {
        skm.f1_score: METRICS["f1"],
        skm.jaccard_score: METRICS["jaccard"],
        skm.precision_score: METRICS["precision"],
        skm.recall_score: METRICS["recall"],
        skm.accuracy_score: METRICS["accuracy"],
        skm.balanced_accuracy_score: METRICS["balanced_accuracy"],
        skm.matthews_corrcoef: METRICS["matthews_corrcoef"],
        skm.cohen_kappa_score: METRICS["cohen_kappa"],
    }.get(function)


def _arrange(metric, average, kind, scoring, other) -> Objective:
    """The metric with the average that the problem calls for; `other` where only the scorer's function will do."""
    averaged = metric.is_fbeta or metric.name in ("jaccard", "precision", "recall")
    if kind == "binary":
        if average == "binary":
            return Objective(metric, pos_label=None if other is None else other.pos_label)
        if metric.is_fbeta and average in ("macro", "weighted"):
            return Objective(both_classes(metric, weighted=average == "weighted"))
        return Objective(METRICS["accuracy"]) if metric.is_fbeta and average == "micro" else other
    if averaged and average == "binary":
        name = "samples" if kind == "multilabel" else "weighted"
        raise ValueError(
            f"scoring={scoring!r} averages over nothing, but y has several "
            f"{'labels' if kind == 'multilabel' else 'classes'}. "
            f'Say how to average: add "_macro", "_micro" or "_{name}" to the name, or average= in make_scorer.'
        )
    if kind == "multilabel":
        if averaged:
            return Objective(metric, average) if average in AVERAGES else other
        if metric.name == "accuracy":
            return Objective(EXACT_MATCH, "samples")
        if metric.name == "cost" and other.scorer._score_func is skm.zero_one_loss:
            return other
        return Objective(metric, "macro")
    if averaged:
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


def parse_cost(cost_matrix, kind: str, n_classes: int) -> Objective:
    """The objective of a cost matrix, cost_matrix[i][j] being the cost of predicting class j for a row of class i."""
    matrix = np.asarray(cost_matrix, float)
    size = n_classes if kind == "multiclass" else 2
    if matrix.shape != (size, size) or not np.isfinite(matrix).all():
        raise ValueError(
            f"cost_matrix must be finite and of shape ({size}, {size}), cost_matrix[i][j] being the cost of predicting "
            f"class j for a row of class i (in the order of classes_); got {matrix.tolist()}."
        )
    metric = cost(matrix if size == 2 else np.zeros((2, 2)))
    average = {"binary": "binary", "multilabel": "macro", "multiclass": None}[kind]
    return Objective(metric, average, cost_matrix=matrix)


def parse_constraint(constraint, objective: Objective, kind: str, strategy: str) -> Constraint | None:
    """A (name, ">=" or "<=", bound) triple."""
    if constraint is None:
        return None
    try:
        name, operator, bound = constraint
        bound = float(bound)
        known = name in METRICS and operator in (">=", "<=")
    except (TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(
            f'constraint must be a triple such as ("precision", ">=", 0.9); got {constraint!r}. '
            f"Known metrics: {', '.join(sorted(METRICS))}; operators: >=, <=."
        )
    separate = objective.average == "binary" or (
        kind == "multilabel" and strategy == "per_label" and objective.average in ("macro", "weighted")
    )
    if objective.metric is None or not separate:
        raise ValueError(
            "constraint needs thresholds that are found one at a time: a binary problem, or labels with a macro or weighted "
            f"average and strategy='per_label'; and to maximise a cost matrix or one of {', '.join(sorted(METRICS))}."
        )
    return Constraint(METRICS[name], 1 if operator == ">=" else -1, bound)


def swapped(objective: Objective) -> Objective:
    """The same cost when the class that comes first is the positive one."""
    return objective._replace(metric=cost(objective.cost_matrix[::-1, ::-1]))
