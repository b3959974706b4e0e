"""Labels from any container as NumPy arrays: nullable, pyarrow and object columns, frames, sparse matrices.

NumPy reads a frame of booleans beside integers, or of nullable columns with a gap, as Python objects, which scikit-learn refuses.
Here columns are read one by one, each in its own type.
"""
from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy import sparse

# In a matrix of codes: 0 absent, 1 present, and this where nobody knows.
UNKNOWN = 2


def as_labels(y) -> np.ndarray:
    """y as an array (n,) or (n, L) of booleans, numbers (NaN for a missing one) or, where they are neither, objects.

    A sparse matrix becomes dense: for a large one read `indicator_codes`.
    """
    if sparse.issparse(y):
        return y.toarray()
    if isinstance(y, np.ma.MaskedArray) and y.mask.any():
        return y.astype(np.float64).filled(np.nan)
    if (columns := _columns(y)) is not None:
        columns = [_native(np.asarray(column)) for column in columns]
        kinds = {column.dtype.kind for column in columns}
        if "O" in kinds and len(columns) > 1:
            columns = [column.astype(object) for column in columns]
        return np.column_stack(columns) if columns else np.empty(y.shape)
    try:
        return _native(np.asarray(y))
    except ValueError:  # rows of different lengths
        return np.asarray(y, dtype=object)


def indicator_codes(y) -> np.ndarray | None:
    """The uint8 codes (n, L) of a matrix of 0, 1 and missing values; None if y is no such matrix.

    Takes what `as_labels` takes. A sparse matrix or a frame is never spread out in a wider type.
    """
    if sparse.issparse(y):
        y = y.tocsr(copy=not y.has_canonical_format) if y.format == "csr" else y.tocsr()
        y.sum_duplicates()
        stored = _codes(y.data)
        return None if stored is None else sparse.csr_array((stored, y.indices, y.indptr), shape=y.shape).toarray()
    if (columns := _columns(y)) is not None:
        codes = np.empty(y.shape, dtype=np.uint8)
        for j, column in enumerate(columns):
            column = _codes(_native(np.asarray(column)))
            if column is None:
                return None
            codes[:, j] = column
        return codes
    y = as_labels(y)
    return _codes(y) if y.ndim == 2 else None


def with_gaps(labels) -> np.ndarray:
    """Labels as users know them: codes with NaN where a label is not known; anything else as it is."""
    unknown = (labels == UNKNOWN) if labels.ndim == 2 else np.False_
    return np.where(unknown, np.nan, labels) if unknown.any() else labels


def sparse_container(y) -> str | None:
    """In what predictions of such labels come: "csr_array" or "csr_matrix" of SciPy; None for an array."""
    if not sparse.issparse(y):
        return None
    return "csr_array" if isinstance(y, sparse.sparray) else "csr_matrix"


def label_names(y) -> np.ndarray | None:
    """The column names of a frame where all of them are strings, else None: as scikit-learn does for X."""
    if _columns(y) is None:
        return None
    names = list(y.columns if hasattr(y, "iloc") or hasattr(y, "get_columns") else y.column_names)
    return np.array(names, dtype=object) if names and all(isinstance(name, str) for name in names) else None


def _columns(y):
    """The columns of a frame (pandas, polars, pyarrow); None for anything else."""
    if hasattr(y, "iloc") and getattr(y, "ndim", 1) == 2:
        return [y.iloc[:, j] for j in range(y.shape[1])]
    if hasattr(y, "get_columns"):
        return y.get_columns()
    if hasattr(y, "column_names") and hasattr(y, "columns"):
        return y.columns
    return None


def _codes(values):
    """Of an array in any shape; None where a value is neither 0 nor 1 nor missing."""
    if values.dtype.kind not in "biuf":
        return None
    codes = values.astype(np.uint8) if values.dtype.kind in "bu" else (values == 1).astype(np.uint8)
    missing = np.isnan(values) if values.dtype.kind == "f" else None
    if not np.all((values == 0) | (values == 1) if missing is None else (values == 0) | (values == 1) | missing):
        return None
    if missing is not None:
        codes[missing] = UNKNOWN
    return codes


def _native(values):
    """Objects that are all booleans or numbers, or missing, in their NumPy type; anything else as it is."""
    if values.dtype != object or values.ndim == 0:
        return values
    missing = np.frompyfunc(is_missing, 1, 1)(values).astype(bool)
    types = set(map(type, values[~missing].tolist()))
    if not types or not all(issubclass(one, (Real, np.bool_)) for one in types):
        return values
    if missing.any():
        filled = values.copy()
        filled[missing] = np.nan
        return filled.astype(np.float64)
    if all(issubclass(one, (bool, np.bool_)) for one in types):
        return values.astype(bool)
    if not all(issubclass(one, (Integral, np.bool_)) for one in types):
        return values.astype(np.float64)
    try:
        return values.astype(np.int64)
    except OverflowError:
        return values


def is_missing(value):
    """None, NaN, NaT and pandas' NA, which is not even equal to itself in a way that has a truth value."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, Real) and value != value)
