"""From what the user names (scoring, cost matrix, constraint) to what is searched."""

import inspect
from typing import NamedTuple

import numpy as np
from sklearn import metrics as skm
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names

from sklearn_heads.thresholds._search.constraints import Constraint, Constraints
from sklearn_heads.thresholds._search.metrics import ERROR_RATE, METRICS, Metric, cost, fbeta, mean_cost
from sklearn_heads.thresholds._search.promises import PROMISES

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

    @property
    def is_plain(self) -> bool:
        """Whether it is a metric the core knows, and no cost."""
        return self.metric is not None and self.cost_matrix is None


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


def parse_scoring(scoring, kind, estimator) -> Objective:
    """The objective of `scoring` for a kind of labels."""
    scorer = as_scorer(scoring, estimator)
    if isinstance(scorer, str):
        return kind.objective(METRICS[scorer], "binary", scoring, None)
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
    return kind.objective(metric, average, scoring, other)


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


def parse(asked: dict, kind, estimator):
    """(kind, objective, constraints) of what the tuner was asked: `_tuner.ASKED`."""
    if asked["cost_matrix"] is None or (constrains_cost(asked["constraint"]) and asked["scoring"] != "balanced_accuracy"):
        objective = parse_scoring(asked["scoring"], kind, estimator)
    else:
        objective = parse_cost(asked["cost_matrix"], kind)
    constraints = parse_constraints(asked, objective, kind)
    kind, objective = kind.oriented(objective, constraints, asked["pos_label"])
    if kind.towards_last(1) < 0:
        constraints = constraints._replace(each=tuple(one.swapped() for one in constraints.each))
    return kind, objective, constraints


def parse_cost(cost_matrix, kind) -> Objective:
    """The objective of a cost matrix, cost_matrix[i][j] being the cost of predicting class j for a row of class i."""
    size = kind.n_costs
    try:
        matrix = np.asarray(cost_matrix, float)
    except (TypeError, ValueError):
        raise ValueError(
            f"cost_matrix must be numbers in an array of shape ({size}, {size}), cost_matrix[i][j] being the cost of predicting "
            f"class j for a row of class i (in the order of classes_); got {type(cost_matrix).__name__}: {cost_matrix!r}."
        ) from None
    if matrix.shape != (size, size) or not np.isfinite(matrix).all():
        raise ValueError(
            f"cost_matrix must be finite and of shape ({size}, {size}), cost_matrix[i][j] being the cost of predicting "
            f"class j for a row of class i (in the order of classes_); got {matrix.tolist()}."
        )
    metric = cost(matrix if size == 2 else np.zeros((2, 2)))
    return Objective(metric, kind.cost_average, cost_matrix=matrix)


def as_triples(constraint) -> list:
    """One (name, ">=" or "<=", bound) triple, or a list of them."""
    if constraint is None:
        return []
    several = isinstance(constraint, list | tuple) and all(isinstance(one, list | tuple) for one in constraint)
    return list(constraint) if several else [constraint]


def constrains_cost(constraint) -> bool:
    """Whether the mean cost is to be constrained: then the cost matrix need not be what is minimised."""
    return constraint is not None and "mean_cost" in str(constraint)


def parse_constraints(asked: dict, objective: Objective, kind) -> Constraints:
    """The constraints, and the confidence with which they are to hold."""
    each = tuple(_parse_triple(triple, asked["cost_matrix"], kind) for triple in as_triples(asked["constraint"]))
    if not each:
        return Constraints()
    if objective.metric is None or not kind.separable(objective, asked["strategy"]):
        raise ValueError(
            "constraint needs thresholds that are found one at a time: a binary problem, or labels with a macro or weighted "
            'average and strategy="per_label" or "simultaneous"; and to maximise a cost matrix or one of '
            f"{', '.join(sorted(METRICS))}. For a class among several, tune y == that class; for all of them, a 0/1 matrix of "
            "labels (label_binarize)."
        )
    if asked["confidence"] is None:
        return Constraints(each)
    if unknown := [one.metric.name for one in each if one.metric.name not in PROMISES]:
        raise ValueError(
            f"{unknown[0]} is no share of rows that can be tested exactly, so it cannot be promised with a confidence. What can: "
            f"{', '.join(PROMISES)}. Or leave confidence out: then it is met on the rows seen."
        )
    return Constraints(each, float(asked["confidence"]))


def _parse_triple(triple, cost_matrix, kind) -> Constraint:
    try:
        name, operator, bound = triple
        bound = float(bound)
        known = (name in METRICS or name == "mean_cost") and operator in (">=", "<=") and not np.isnan(bound)
    except (TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(
            f'constraint must be a triple such as ("precision", ">=", 0.9), or a list of them; got {triple!r}. '
            f"Known metrics: {', '.join(sorted([*METRICS, 'mean_cost']))}; operators: >=, <=."
        )
    sense = 1 if operator == ">=" else -1
    if name != "mean_cost":
        return Constraint(METRICS[name], sense, bound)
    if cost_matrix is None:
        raise ValueError(
            "A constraint of the mean cost needs to know the costs: pass cost_matrix (with scoring, if another metric is to be "
            "maximised)."
        )
    costs = parse_cost(cost_matrix, kind).cost_matrix
    if costs.shape != (2, 2):
        raise ValueError("The mean cost can be constrained for two classes or labels, with a cost matrix of shape (2, 2).")
    return Constraint(mean_cost(costs), sense, bound, costs)


def swapped(objective: Objective) -> Objective:
    """The same cost when the class that comes first is the positive one."""
    return objective._replace(metric=cost(objective.cost_matrix[::-1, ::-1]))
