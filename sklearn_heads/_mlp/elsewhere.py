"""Validation rows that lie elsewhere than the training rows: a step that only one of them went through.

In a Pipeline the steps before transform X, and X_val only where the pipeline is told to. The network cannot see the pipeline, but
it sees the rows. Without the scaler that X went through, columns land many ranges away, or many of them leave the range. Ordinary
data do neither, even sorted by time: a few columns leave the range, and not by far (tests/test_elsewhere.py).
"""
from __future__ import annotations

import numpy as np
from scipy import sparse

from sklearn_heads._mlp.tables import Table
from sklearn_heads._sklearn.frames import warn_user

FAR = 3.0  # ranges
MANY, FEWEST = 0.3, 3  # share of columns, and number of them: one or two may well be what the rows are sorted by
ENOUGH_ROWS = 1000  # for a median


def warn_if_elsewhere(X, X_val):
    """Warn where columns of X_val lie outside the range of those of X."""
    if sparse.issparse(X) or sparse.issparse(X_val):
        return
    X, X_val = (rows.numbers if isinstance(rows, Table) else rows for rows in (X, X_val))
    low, high = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)  # gaps left out
    varies = np.flatnonzero(low < high)  # False beside NaN, too
    low, high = low[varies].astype(np.float64), high[varies].astype(np.float64)
    middle = _medians(X_val[:: max(1, len(X_val) // ENOUGH_ROWS), varies])
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.maximum(low - middle, middle - high) / (high - low)
    outside = distance > 0
    is_far = (distance > FAR).any() and outside.sum() >= min(2, len(varies))
    if is_far or outside.sum() >= max(FEWEST, MANY * len(varies)):
        worst = varies[np.nanargmax(distance)]
        warn_user(
            f"X_val lies outside the range of X in {int(outside.sum())} of {X.shape[1]} columns: the median of column {worst} is "
            f"{np.nanmedian(X_val[:, worst]):.4g}, and X holds {np.nanmin(X[:, worst]):.4g} to {np.nanmax(X[:, worst]):.4g}. "
            "In a Pipeline the steps before transform X, and X_val only with Pipeline(..., transform_input=['X_val']) and "
            "metadata routing; elsewhere transform X_val as X."
        )


def _medians(X):
    """Of each column, gaps left out; NaN of a column of gaps."""
    X = np.sort(X.astype(np.float64), axis=0)  # NaN come last
    known = np.sum(~np.isnan(X), axis=0)
    return X[np.maximum(known - 1, 0) // 2, np.arange(X.shape[1])]
