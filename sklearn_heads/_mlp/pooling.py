"""The mean of several members' probabilities, computed from logarithms: what a rounded probability has lost is still there."""
from __future__ import annotations

import numpy as np

from sklearn_heads._core import kernels


def pooled_log_odds(decisions):
    """Log-odds of the mean of several members' probabilities."""
    pooled = np.empty(decisions.shape[1:], dtype=decisions.dtype)
    kernels.pool_log_odds(np.ascontiguousarray(decisions).reshape(-1), pooled.reshape(-1))
    return pooled


def log_mean_exp(logs):
    """log of the mean of exp over the first axis; -inf where all are. (SciPy's logsumexp costs a hundred microseconds a call.)"""
    top = logs.max(axis=0, initial=np.finfo(logs.dtype).min)  # finite, or -inf would be taken from itself
    with np.errstate(divide="ignore"):  # log(0), where all are -inf
        return top + np.log(np.exp(logs - top).sum(axis=0) / len(logs))
