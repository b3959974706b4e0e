"""Labels as users bring them: checked for the estimator that got them, with errors that name the one to use instead."""
from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sklearn_heads._sklearn.labels import as_labels, indicator_codes, is_missing


def check_class_labels(y, estimator_name):
    """A vector of class labels, for heads over classes; an error that names the way out for anything else."""
    y = _as_array(y, estimator_name)
    if y.ndim == 2 and y.shape[1] > 1:
        if type_of_target(y) == "multilabel-indicator":
            hint = (
                "If each row has exactly one 1, it is one-hot: pass y.argmax(axis=1). If rows may have several, or none, "
                "the labels are not exclusive: use MLPMultiLabel."
            )
        else:
            hint = "Multioutput targets are not supported: fit one classifier a column."
        raise ValueError(f"{estimator_name} takes one class label a row, shape (n,); y has shape {y.shape}. {hint}")
    if y.ndim != 1:
        y = column_or_1d(y, warn=True)
    _check_discrete(y)
    return y


def check_label_matrix(y, estimator_name):
    """The codes (n, L) of a label matrix, uint8: 0, 1, UNKNOWN; or the vector that stands for a single label of two classes."""
    y = _as_array(y, estimator_name, spread=False)
    if len(y.shape) == 1:
        _check_discrete(y)
        classes = np.unique(y)
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass: "
                f"{estimator_name} got a vector of {len(classes)} classes, {some(classes)}. For exactly one class a row "
                "use MLPMulticlass; to treat the classes as labels pass a 0/1 matrix, "
                "OneHotEncoder(sparse_output=False).fit_transform(y.reshape(-1, 1))."
            )
        return y
    if len(y.shape) == 2 and y.shape[1] == 0:
        raise ValueError(f"{estimator_name} needs at least one label column; y has shape {y.shape}.")
    codes = indicator_codes(y)
    if codes is None:
        y = as_labels(y)
        values = sorted(set(y.ravel().tolist()), key=str) if y.dtype == object else np.unique(y)
        raise ValueError(
            f"{estimator_name} takes a 0/1 matrix of shape (n, L), a column for each label, NaN where it is not known; y has "
            f"shape {y.shape} and the values {some(values)}. MultiLabelBinarizer makes one from lists of labels, OneHotEncoder "
            "from class ids."
        )
    return codes


def check_classes(classes):
    """The argument of partial_fit as a list of distinct labels."""
    classes = list(classes) if isinstance(classes, (set, frozenset, range)) else classes
    if len(np.unique(np.asarray(classes))) < np.size(classes):
        raise ValueError(
            "classes names all classes, each once; it has repeated values. Pass np.unique(y) of all rows; weights of rows are "
            "passed by name, sample_weight=..."
        )
    return classes


def check_two_classes(classes, estimator_name):
    """Exactly two."""
    check_several_classes(classes, estimator_name)
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is multiclass: "
            f"{estimator_name} got {len(classes)} classes, {some(classes)}. Use MLPMulticlass for exactly one class a "
            "row, or compare one class against the rest, y == that_class."
        )


def check_several_classes(classes, estimator_name):
    """At least two."""
    if len(classes) < 2:
        raise ValueError(
            f"{estimator_name} needs rows of at least two classes; y has {len(classes)} class: {some(classes)}. "
            "Check how the rows were selected, and that no class has only zero weights."
        )


def _as_array(y, estimator_name, spread=True):
    """y as an array; a sparse matrix or a frame only where `spread` asks for it."""
    if y is None:
        raise ValueError(f"{estimator_name} requires y to be passed, but the target y is None.")
    if isinstance(y, (set, frozenset, dict)):
        raise ValueError(f"y is a {type(y).__name__}, which has no order: pass an array with a label for each row of X.")
    if not spread and (sparse.issparse(y) or (hasattr(y, "columns") and len(y.shape) == 2)):
        return y
    y = as_labels(y)
    if y.dtype == object and any(isinstance(row, (list, tuple, set, frozenset, np.ndarray)) for row in y.flat):
        raise ValueError(
            f"y holds a collection of labels in each row. {estimator_name} does not take lists of labels: pass "
            "MultiLabelBinarizer().fit_transform(y) to MLPMultiLabel."
        )
    return y


def _check_discrete(y):
    if y.dtype.kind in "biu" and y.size and 2 * (int(y.max()) - int(y.min()) + 1) <= len(y):
        return  # whole numbers that must come back: nothing below could object, but it would take longer than many an epoch
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("Input y contains NaN or infinity: drop the rows without a label.")
    if y.dtype == object and (missing := [row for row, value in enumerate(y.tolist()) if is_missing(value)]):
        raise ValueError(
            f"y has no label (None, NaN or NA) in {len(missing)} of {len(y)} rows, the first of them row {missing[0]}: drop "
            "these rows."
        )
    try:
        check_classification_targets(y)
        np.unique(y)
    except (TypeError, ValueError) as error:
        hint = (
            "Cut the values into classes first, for instance with KBinsDiscretizer."
            if y.dtype.kind == "f"
            else "Labels must be of one type: strings, or numbers of a numeric dtype, y.astype(int)."
        )
        raise ValueError(f"{str(error).rstrip('.')}. {hint}") from None


def some(values, most=10):
    """The first few of them, for a message."""
    values = list(np.asarray(values).tolist())
    return str(values) if len(values) <= most else str(values[:most])[:-1] + f", ... {len(values)} in all]"
