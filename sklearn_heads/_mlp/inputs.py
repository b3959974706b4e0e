"""Reading X: from what users bring to what the core reads."""
from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn import config_context
from sklearn.utils.validation import validate_data


def read_X(estimator, X, reset):
    """X as the core reads it: C-contiguous float32 or float64, or CSR; feature names and their number checked, or kept anew."""
    if reset and is_ready(X):
        estimator.n_features_in_ = X.shape[1]
        vars(estimator).pop("feature_names_in_", None)  # of an earlier fit
        return X
    if not reset and not hasattr(estimator, "feature_names_in_") and is_ready(X, estimator.n_features_in_):
        return X
    if sparse.issparse(X):
        check_indices(X)
    try:
        with config_context(assume_finite=False):  # a network answers NaN with an ordinary label: reading X is when it is seen
            X = validate_data(estimator, X, accept_sparse="csr", dtype=[np.float64, np.float32], order="C", reset=reset)
    except ValueError as error:
        if "string to float" not in str(error):
            raise
        raise ValueError(
            f"{error}. X is read as numbers: encode columns of words or categories first, for instance by OneHotEncoder in a "
            "ColumnTransformer."
        ) from None
    if sparse.issparse(X) and not X.has_canonical_format:  # entries given twice would be scaled, not summed
        X = X.copy()
        X.sum_duplicates()
    if isinstance(X, np.ndarray) and not X.flags.aligned:
        X = X.copy()
    return X


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
