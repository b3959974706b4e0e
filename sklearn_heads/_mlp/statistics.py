"""What a fit measures of the columns of X, a block of rows at a time; of sparse X the same as of the same X dense."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sklearn_heads._mlp.blocks import BLOCK_VALUES, blocks

TINY_VARIANCE = 1e-290  # below it, variances are zero or have lost digits


class Statistics(NamedTuple):
    """Of each column, ndarrays (d,), weighted; of its values without the gaps.

    gaps, zeros : shares of the rows whose value is missing, and of the values that are zero
    """

    mean: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray
    two_valued: np.ndarray
    gaps: np.ndarray
    zeros: np.ndarray


def statistics_of(X, weights=None):
    """The Statistics of the columns of X.

    Parameters
    ----------
    X : ndarray or CSR matrix (n, d) of float32 or float64
    weights : ndarray (n,) of mean one, or None
    """
    n, d = X.shape
    mean, spread = moments(X, weights)
    two_valued, gaps, zeros = np.ones(d, dtype=bool), np.zeros(d), np.zeros(d)
    if sparse.issparse(X):
        low, high = (bound(axis=0).toarray().ravel() for bound in (X.min, X.max))
        np.logical_and.at(two_valued, X.indices, (X.data == low[X.indices]) | (X.data == high[X.indices]))
        per_entry = np.ones(n) if weights is None else weights
        per_entry = np.repeat(per_entry, np.diff(X.indptr)) * (X.data != 0)
        zeros = 1 - np.bincount(X.indices, per_entry, d) / (n if weights is None else weights.sum())
        return Statistics(mean, spread, low, high, two_valued, gaps, zeros)
    low, high = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)
    for block in blocks(n, BLOCK_VALUES // max(1, d)):
        some = X[block]
        missing = some != some
        two_valued &= ((some == low) | (some == high) | missing).all(axis=0)
        share = np.full(len(some), 1 / n) if weights is None else weights[block] / weights.sum()
        gaps += share @ missing
        zeros += share @ (some == 0)
    zeros /= np.maximum(1 - gaps, np.finfo(float).tiny)
    return Statistics(mean, spread, low, high, two_valued, gaps, zeros)


def moments(X, weights):
    """Mean and standard deviation of each column, the latter 1 where it is no more than rounding; NaN without values."""
    d = X.shape[1]
    if d == 0:
        return np.empty((2, 0))
    scaler = StandardScaler(with_mean=not sparse.issparse(X))
    a_row = max(1, X.nnz // X.shape[0]) if sparse.issparse(X) else d
    for block in blocks(X.shape[0], max(BLOCK_VALUES, 32 * d) // a_row):  # each block costs something a column, too
        some = X[block].astype(np.float64, copy=False)  # of sparse float32, it would add up variances in float32
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at afterwards
            scaler.partial_fit(some, sample_weight=None if weights is None else weights[block])
    mean, spread = scaler.mean_, np.where(np.isfinite(scaler.var_), scaler.scale_, scaler.var_)
    for j in np.flatnonzero(scaler.var_ < TINY_VARIANCE):
        mean[j], spread[j] = tiny_moments(X, j, weights, mean[j], spread[j])
    return mean, spread


def tiny_moments(X, j, weights, mean, spread):
    """The moments of a column whose values are so small that their squares are zero: in units of the largest."""
    x = X[:, [j]].toarray().ravel() if sparse.issparse(X) else X[:, j]
    there = x == x
    x, weights = x[there], None if weights is None else weights[there]
    largest = np.abs(x).max(initial=0).astype(np.float64)
    if largest > np.sqrt(TINY_VARIANCE) or largest == 0 or x.min() == x.max():
        return mean, spread
    mean = np.average(x / largest, weights=weights)
    return mean * largest, np.sqrt(np.average((x / largest - mean) ** 2, weights=weights)) * largest
