"""What the user passed, checked before anything is fitted; every message names the fix."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples

from sklearn_heads._sklearn.labels import UNKNOWN, as_labels, indicator_codes, is_missing, label_names
from sklearn_heads.thresholds._heldout import OOF, PREFIT
from sklearn_heads.thresholds._kinds import MultiLabel, of_classes
from sklearn_heads.thresholds._objective import constrains_cost
from sklearn_heads.thresholds._scores import check_finite

CHOICES = {
    "response_method": ("auto", "predict_proba", "decision_function"),
    "aggregate": ("bagged", "pooled", "fold_mean", "expected"),
    "strategy": ("per_label", "simultaneous", "global"),
}
# What scikit-learn's own validation can say.
PLAIN = {
    "refit": ["boolean"],
    "store_cv_results": ["boolean"],
    "n_jobs": [Interval(Integral, 1, None, closed="left"), Interval(Integral, None, -1, closed="right"), None],
    "random_state": ["random_state"],
}
COUNTS = {"n_bootstraps": 1, "n_restarts": 0, "min_positives": 0}


def check_params(tuner):
    """Parameters whose values can be judged without the data."""
    validate_parameter_constraints(PLAIN, {name: getattr(tuner, name) for name in PLAIN}, type(tuner).__name__)
    if isinstance(tuner.cv, str) and tuner.cv not in (PREFIT, OOF):
        raise ValueError(
            f'cv={tuner.cv!r} is not known. Of words there are "prefit" (`estimator` is fitted already) and "oof" (it leaves '
            "out-of-fold probabilities behind); else pass a number of folds, a share to hold out, or a splitter."
        )
    for name, known in CHOICES.items():
        if (value := getattr(tuner, name)) not in known:
            raise ValueError(f"{name}={value!r} is not known; use one of {', '.join(map(repr, known))}.")
    for name, least in COUNTS.items():
        value = getattr(tuner, name)
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}.")
    if tuner.cost_matrix is not None and tuner.scoring != "balanced_accuracy" and not constrains_cost(tuner.constraint):
        raise ValueError(
            f"Both cost_matrix and scoring={tuner.scoring!r} were given, and a threshold can maximise only one of them. "
            "Leave scoring out to minimise the cost, or leave cost_matrix out, or constrain the mean cost: "
            'constraint=("mean_cost", "<=", 0.1).'
        )
    if (confidence := tuner.confidence) is None:
        if tuner.strategy == "simultaneous":
            raise ValueError(
                'strategy="simultaneous" shares a confidence among the labels, and there is none: pass confidence=0.95 with a '
                'constraint, or strategy="per_label".'
            )
        return
    if not isinstance(confidence, Real) or isinstance(confidence, bool) or not 0 < confidence < 1:
        raise ValueError(
            "confidence must be None or between 0 and 1, such as 0.95: the probability with which the constraint holds on "
            f"new rows; got {confidence!r}."
        )
    if tuner.constraint is None:
        raise ValueError(
            f'confidence={confidence} promises a constraint, and there is none: pass constraint=("precision", ">=", 0.9).'
        )


def check_countable(rows, weight):
    """Raise where held-out rows are not so many independent observations, which a confidence counts."""
    if (weight != np.rint(weight)).any():
        raise ValueError(
            "With a confidence, sample_weight says how many rows a row stands for, and must hold whole numbers: a promise counts "
            "observations, and other weights (importance, balance) change how much rows matter but not how many were seen. Leave "
            "the weights out, or the confidence."
        )
    if not isinstance(rows, slice) and len(np.unique(rows)) < len(rows):
        raise ValueError(
            "With a confidence, each row may be held out once; this cv holds some out several times, which would count them as "
            "so many observations. Use a float (cv=0.3), folds without repeats, or cv=\"prefit\"."
        )


def check_thresholds(thresholds, kind):
    """None for all thresholds, a number of thresholds, or an increasing array of them."""
    if isinstance(thresholds, str) and thresholds == "all":
        return None
    if not kind.has_thresholds:
        raise ValueError(
            f"thresholds={thresholds!r} means nothing with three or more classes, which are decided by biases. "
            'Leave it at "all".'
        )
    if isinstance(thresholds, Integral) and not isinstance(thresholds, bool):
        if thresholds < 1:
            raise ValueError(f"thresholds={thresholds} leaves no threshold to choose; use at least 1, or 'all'.")
        return int(thresholds)
    try:
        candidates = np.asarray(thresholds, float)
    except (TypeError, ValueError):
        candidates = np.empty((0, 0))
    if candidates.ndim != 1 or isinstance(thresholds, str):
        raise ValueError(f"thresholds must be 'all', a number of thresholds or a 1-D array of thresholds; got {thresholds!r}.")
    if candidates.size == 0:
        raise ValueError("thresholds is empty: there is no threshold to choose. Pass at least one, or 'all'.")
    if np.isnan(candidates).any():
        raise ValueError("thresholds contains NaN, which no score reaches. Remove it, or pass 'all'.")
    return np.sort(candidates)


def check_target(y):
    """The kind of labels, and y as an array: (n,), or (n, L) of 0, 1 and, where a label is not known, NaN."""
    if y is None:
        raise ValueError("ThresholdTuner requires y to be passed, but the target y is None.")
    if _num_samples(y) == 0:
        raise ValueError("X and y have 0 sample(s), while a minimum of 2 is required: there is nothing to learn from.")
    # Integers in one dimension are what most targets are; type_of_target takes longer to say so than the search takes.
    if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "biu":
        return _kind_of(distinct(y)), y
    if len(getattr(y, "shape", ())) == 2 and y.shape[1] > 1 and (codes := indicator_codes(y)) is not None:
        return _label_matrix(y, codes)
    values = as_labels(y)
    if len(missing := missing_rows(values)):
        raise ValueError(
            f"y has no label (None, NaN or NA) in {len(missing)} of {len(values)} rows, the first of them row {missing[0]}: drop "
            "these rows. (In a 0/1 matrix NaN means that a label is not known.)"
        )
    with np.errstate(invalid="ignore"):
        found = type_of_target(values, input_name="y")
    if found == "multilabel-indicator":
        return _label_matrix(y, indicator_codes(values))
    if found not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {found}. ThresholdTuner tunes classifiers: y must hold two classes, several classes, or "
            "be a 0/1 matrix of labels (MultiLabelBinarizer makes one). Continuous values want a regressor, or binning."
        )
    values = column_or_1d(values, warn=True)
    return _kind_of(np.unique(values)), values


def missing_rows(y) -> np.ndarray:
    """Rows without a label."""
    missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(0, bool)
    if y.dtype == object:
        missing = np.array([is_missing(value) for value in y.ravel().tolist()], bool).reshape(y.shape)
    return np.flatnonzero(missing.reshape(len(missing), -1).any(axis=1)) if missing.size else np.empty(0, int)


def _kind_of(classes):
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class, {classes.tolist()[0]!r}: the classifier needs two classes or more to be tuned."
        )
    return of_classes(classes)


def _label_matrix(y, codes):
    """The estimator gets integers (of one byte where y was sparse), or, with gaps, floats."""
    unknown = codes == UNKNOWN
    if not ((codes == 0).any(axis=0) & (codes == 1).any(axis=0)).any():
        raise ValueError(
            "All labels are constant: no column of y holds both values, so no threshold can be learned."
        )
    names = label_names(y)
    kind = MultiLabel(list(range(codes.shape[1])) if names is None else names.tolist(), named=names is not None)
    if unknown.any():
        return kind, np.where(unknown, np.nan, codes)
    if isinstance(y, np.ndarray) and y.dtype.kind in "biuf":
        return kind, y
    return kind, codes.view(np.int8) if issparse(y) else codes.astype(int)


def distinct(y) -> np.ndarray:
    """np.unique of integers; where there are but two, as in most targets, faster than it sorts."""
    ends = np.unique([y.min(), y.max()])
    return ends if ((y == ends[0]) | (y == ends[-1])).all() else np.unique(y)


def check_weight(weight, y) -> np.ndarray:
    """Weights (n,), ones (in the memory of a single one) where none are given."""
    n = len(y)
    if weight is None:
        return np.broadcast_to(1.0, n)
    weight = np.asarray(weight, float)
    if isinstance(weight, Real) or weight.shape != (n,):
        raise ValueError(f"sample_weight must have one weight for each of the {n} rows; got shape {weight.shape}.")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("sample_weight must be finite and not negative: a weight says how many rows a row stands for.")
    if not weight.any():
        raise ValueError("sample_weight is zero for every row (a total weight of zero): nothing is left to learn from.")
    if y.ndim == 1 and len(left := np.unique(y[weight > 0])) < 2:
        raise ValueError(
            f"sample_weight is zero for every class but {left.tolist()[0]!r}: one class is nothing to tune a threshold for."
        )
    return weight


def check_gaps(y, objective):
    """Raise where labels are not known and only a function that wants them all can judge."""
    if objective.metric is None and y.dtype.kind == "f" and y.ndim == 2 and np.isnan(y).any():
        raise ValueError(
            "y has labels that are not known (NaN), which a scorer that is called as it is cannot leave out. Use a metric that "
            "is computed from counts: docs/thresholds.md has the table."
        )


def check_plug_in(aggregate, objective, method):
    """Raise where "expected" was asked for and probabilities cannot stand for labels."""
    if aggregate != "expected":
        return
    if objective.metric is None:
        raise ValueError('aggregate="expected" needs a metric that is computed exactly; use aggregate="bagged".')
    if method != "predict_proba" or objective.average == "samples":
        raise ValueError(
            'aggregate="expected" takes probabilities for labels: it needs an estimator with predict_proba, and a '
            'metric of counts (not a mean over rows, such as f1_samples or subset accuracy). Use aggregate="bagged".'
        )


def check_scores(scores, folds):
    """Raise for scores that no threshold can order, or that are the same for every row of each fold."""
    check_finite(scores, "for held-out rows")
    starts = np.flatnonzero(np.diff(folds, prepend=-1))
    # Folds of one row say nothing, as those of LeaveOneOut: then all rows are looked at together.
    starts = starts if len(starts) < len(folds) else [0]
    if (np.maximum.reduceat(scores, starts) == np.minimum.reduceat(scores, starts)).all():
        raise ValueError(
            "The provided estimator makes constant predictions: every held-out row has the same score, so any threshold "
            "predicts one class. Look at the estimator's features and its regularisation."
        )
