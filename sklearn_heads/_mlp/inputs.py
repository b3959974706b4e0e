"""Reading X: from what users bring to what the core reads."""
from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.utils.validation import validate_data

from sklearn_heads._mlp.tables import Table, choose, columns_of, is_frame, is_plain, read_table


def read_X(estimator, X, reset):
    """X as the core reads it; feature names and their number checked, or kept anew, and which columns are categorical.

    That is C-contiguous float32 or float64, where NaN is a gap, or CSR; with categorical columns a Table.
    """
    if isinstance(X, Table):  # read already
        return X
    features = estimator.categorical_features
    from_dtype = features is None or isinstance(features, str)
    if reset and from_dtype and is_ready(X):
        estimator.n_features_in_, estimator.is_categorical_ = X.shape[1], None
        vars(estimator).pop("feature_names_in_", None)  # of an earlier fit
        return X
    has_categories = not from_dtype if reset else estimator.is_categorical_ is not None
    if not (reset or has_categories or hasattr(estimator, "feature_names_in_")) and is_ready(X, estimator.n_features_in_):
        return X
    if hasattr(X, "iloc") and not X.columns.is_unique:
        twice = X.columns[X.columns.duplicated()][0]
        raise ValueError(f"X has several columns of the name {twice!r}: rename them, or drop all but one.")
    if has_categories or (is_frame(X) and not is_plain(X)):
        return read_columns(estimator, X, reset)
    if sparse.issparse(X):
        check_indices(X)
    try:
        with config_context(assume_finite=False):  # a network answers infinity with an ordinary label: it is seen here, or never
            X = validate_data(
                estimator, X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C", ensure_all_finite="allow-nan",
                reset=reset,
            )
    except ValueError as error:
        if "string to float" not in str(error):
            raise
        raise ValueError(
            f"{error}. An array is read as numbers: give a DataFrame, whose columns of words are categories, or say which "
            "columns are, for instance categorical_features=[0, 3]."
        ) from None
    if reset:
        estimator.is_categorical_ = None
    if sparse.issparse(X):
        if np.isnan(X.data).any():
            raise ValueError("Input X contains NaN among the stored entries of a sparse matrix; in a dense X, NaN is a gap.")
        if not X.has_canonical_format:  # entries given twice would be scaled, not summed
            X = X.copy()
            X.sum_duplicates()
    elif not X.flags.aligned:
        X = X.copy()
    return X


def read_columns(estimator, X, reset):
    """A frame, or an array with categorical columns, column by column."""
    if sparse.issparse(X):
        raise TypeError("sparse X has no categorical columns: set categorical_features=None, or give a dense X or a DataFrame.")
    if not is_frame(X) and not isinstance(X, np.ndarray):
        X = np.array(X, dtype=object)  # a list of rows: NumPy would turn its numbers into words
    if len(X.shape) != 2:
        raise ValueError(f"Expected 2D array, got {len(X.shape)}D array instead: X has the shape {X.shape}.")
    if X.shape[0] == 0 or X.shape[1] == 0:
        what = "sample" if X.shape[0] == 0 else "feature"
        raise ValueError(f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    columns = columns_of(X, getattr(estimator, "feature_names_in_", None))
    if reset:
        mask = choose(estimator.categorical_features, columns, X.columns if is_frame(X) else None)
        estimator.is_categorical_ = mask if mask.any() else None
    known = estimator.is_categorical_
    return read_table(columns, np.zeros(len(columns), dtype=bool) if known is None else known, X.shape[0])


def check_indices(X):
    """Indices outside of a sparse X would be read as they are, by NumPy's and SciPy's compiled code and by ours."""
    if not hasattr(X, "check_format"):  # formats without index pointers
        return
    try:  # of a second matrix over the same arrays: the check may shorten those of the first
        type(X)((X.data, X.indices, X.indptr), shape=X.shape, copy=False).check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"X is no valid {X.format.upper()} matrix: {error}. Build it from its entries again.") from None


def is_ready(X, n_features=None):
    """Whether X needs no conversion and passes every check: for a single row, validate_data takes longer than the network."""
    if not (
        type(X) is np.ndarray
        and X.dtype in (np.float64, np.float32)
        and X.ndim == 2
        and X.size > 0
        and n_features in (None, X.shape[1])
        and X.flags.c_contiguous
        and X.flags.aligned
    ):
        return False
    with np.errstate(all="ignore"):  # NaN, inf and overflow all take the slow way, which says what it found
        return np.isfinite(X.sum())
