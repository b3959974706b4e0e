"""Binary and multiclass cross-entropy on logits: values, gradients and probabilities, for everybody.

The arithmetic is the compiled core's; this module checks, converts and allocates. Logits are (n,) or (n, L) for the
binary functions and (n, K) for softmax and cross-entropy. float32 logits stay float32, everything else is float64.
Losses come back unreduced, an element (binary) or a row (cross-entropy); gradients are with respect to the logits.

In float64 the relative error of every value and, for 0/1, one-hot or class-id targets, of every gradient is below 1e-15
at any margin; soft targets are accurate relative to the two terms whose difference the gradient is. No finite logit gives
NaN, and infinite logits give the limit. The GIL is released, so threads run beside each other.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_heads._core import kernels

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_gradient",
    "binary_cross_entropy_loss_gradient",
    "cross_entropy",
    "cross_entropy_gradient",
    "cross_entropy_loss_gradient",
    "log_sigmoid",
    "log_softmax",
    "sigmoid",
    "softmax",
]

Floats = NDArray[np.floating]


def sigmoid(logits: ArrayLike, *, out: Floats | None = None) -> Floats:
    """Probability of the positive class, ``1 / (1 + exp(-logits))``.

    Parameters
    ----------
    logits : array-like of any shape
    out : ndarray of the same shape and dtype, C-contiguous, optional
        Where to write the result; may be `logits` itself.

    Returns
    -------
    ndarray of the shape of `logits`

    Examples
    --------
    >>> from sklearn_heads.losses import sigmoid
    >>> sigmoid([0.0, 2.0])
    array([0.5       , 0.88079708])
    """
    logits = _logits(logits)
    out = _out(out, logits.shape, logits.dtype)
    _check_same_or_apart(out, logits)
    kernels.logistic(logits.ravel(), out.reshape(-1))
    return out


def log_sigmoid(logits: ArrayLike, *, out: Floats | None = None) -> Floats:
    """Logarithm of `sigmoid`, accurate where the probability underflows or rounds to one.

    Parameters
    ----------
    logits : array-like of any shape
    out : ndarray of the same shape and dtype, C-contiguous, optional
        Where to write the result; may be `logits` itself.

    Returns
    -------
    ndarray of the shape of `logits`
    """
    logits = _logits(logits)
    out = _out(out, logits.shape, logits.dtype)
    _check_same_or_apart(out, logits)
    kernels.log_logistic(logits.ravel(), out.reshape(-1))
    return out


def softmax(logits: ArrayLike, *, out: Floats | None = None) -> Floats:
    """Probabilities of K competing classes: ``exp(z_j) / sum_i exp(z_i)`` a row.

    Parameters
    ----------
    logits : array-like of shape (n, K)
    out : ndarray of shape (n, K) and the dtype of the logits, C-contiguous, optional
        Where to write the result; must not overlap `logits`.

    Returns
    -------
    ndarray of shape (n, K)

    Notes
    -----
    Two infinite logits of the same sign that lead a row share its probability.
    """
    logits = _matrix(logits)
    out = _out(out, logits.shape, logits.dtype, other_than=logits)
    kernels.softmax(logits.ravel(), out.reshape(-1), logits.shape[1])
    return out


def log_softmax(logits: ArrayLike, *, out: Floats | None = None) -> Floats:
    """Logarithm of `softmax`; never -inf for finite logits.

    Parameters
    ----------
    logits : array-like of shape (n, K)
    out : ndarray of shape (n, K) and the dtype of the logits, C-contiguous, optional
        Where to write the result; must not overlap `logits`.

    Returns
    -------
    ndarray of shape (n, K)
    """
    logits = _matrix(logits)
    out = _out(out, logits.shape, logits.dtype, other_than=logits)
    kernels.log_softmax(logits.ravel(), out.reshape(-1), logits.shape[1])
    return out


def binary_cross_entropy(
    logits: ArrayLike, targets: ArrayLike, sample_weight: ArrayLike | None = None, *, out: Floats | None = None
) -> Floats:
    """Binary cross-entropy of each element: ``t softplus(-z) + (1 - t) softplus(z)``, in nats.

    Parameters
    ----------
    logits : array-like of shape (n,) or (n, L)
    targets : array-like of the shape of `logits`
        0 or 1, or anything between.
    sample_weight : array-like of shape (n,), optional
        Multiplies the losses of a row.
    out : ndarray of the shape and dtype of the logits, C-contiguous, optional

    Returns
    -------
    ndarray of the shape of `logits`

    Examples
    --------
    >>> from sklearn_heads.losses import binary_cross_entropy
    >>> binary_cross_entropy([100.0, -100.0], [1, 1])
    array([3.72007598e-44, 1.00000000e+02])
    """
    logits, targets = _binary(logits, targets)
    out = _out(out, logits.shape, logits.dtype)
    _check_same_or_apart(out, logits, targets)
    kernels.logistic_loss(targets.ravel(), logits.ravel(), out.reshape(-1))
    return _weigh(out, sample_weight)


def binary_cross_entropy_gradient(
    logits: ArrayLike, targets: ArrayLike, sample_weight: ArrayLike | None = None, *, out: Floats | None = None
) -> Floats:
    """Derivative of `binary_cross_entropy` with respect to the logits: ``sigmoid(z) - t``.

    Parameters
    ----------
    logits : array-like of shape (n,) or (n, L)
    targets : array-like of the shape of `logits`
        0 or 1, or anything between.
    sample_weight : array-like of shape (n,), optional
        Multiplies the gradients of a row.
    out : ndarray of the shape and dtype of the logits, C-contiguous, optional

    Returns
    -------
    ndarray of the shape of `logits`
    """
    logits, targets = _binary(logits, targets)
    out = _out(out, logits.shape, logits.dtype)
    _check_same_or_apart(out, logits, targets)
    kernels.logistic_gradient(targets.ravel(), logits.ravel(), out.reshape(-1))
    return _weigh(out, sample_weight)


def binary_cross_entropy_loss_gradient(
    logits: ArrayLike,
    targets: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    out: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """`binary_cross_entropy` and its gradient, in one sweep.

    Parameters
    ----------
    logits : array-like of shape (n,) or (n, L)
    targets : array-like of the shape of `logits`
        0 or 1, or anything between.
    sample_weight : array-like of shape (n,), optional
        Multiplies the losses and gradients of a row.
    out : pair of ndarrays of the shape and dtype of the logits, C-contiguous, optional
        For the loss and for the gradient; they must not overlap.

    Returns
    -------
    loss, gradient : ndarrays of the shape of `logits`
    """
    logits, targets = _binary(logits, targets)
    loss, gradient = out or (None, None)
    loss = _out(loss, logits.shape, logits.dtype)
    gradient = _out(gradient, logits.shape, logits.dtype, other_than=loss)
    for output in (loss, gradient):
        _check_same_or_apart(output, logits, targets)
    kernels.logistic_loss_gradient(targets.ravel(), logits.ravel(), loss.reshape(-1), gradient.reshape(-1))
    return _weigh(loss, sample_weight), _weigh(gradient, sample_weight)


def cross_entropy(
    logits: ArrayLike, targets: ArrayLike, sample_weight: ArrayLike | None = None, *, out: Floats | None = None
) -> Floats:
    """Cross-entropy of each row under softmax: ``-sum_j t_j log softmax(z)_j``, in nats.

    Parameters
    ----------
    logits : array-like of shape (n, K)
    targets : array-like of shape (n,) of class ids 0..K-1, or (n, K) of one-hot or soft rows
    sample_weight : array-like of shape (n,), optional
        Multiplies the loss of a row.
    out : ndarray of shape (n,) and the dtype of the logits, C-contiguous, optional

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> from sklearn_heads.losses import cross_entropy
    >>> cross_entropy([[40.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [0, 2])
    array([8.49670851e-18, 1.09861229e+00])
    """
    logits, ids, matrix = _multiclass(logits, targets)
    out = _out(out, logits.shape[:1], logits.dtype)
    kernels.cross_entropy(ids, matrix.ravel(), logits.ravel(), out, None, logits.shape[1])
    return _weigh(out, sample_weight)


def cross_entropy_gradient(
    logits: ArrayLike, targets: ArrayLike, sample_weight: ArrayLike | None = None, *, out: Floats | None = None
) -> Floats:
    """Derivative of `cross_entropy` with respect to the logits: ``softmax(z) - t``.

    Parameters
    ----------
    logits : array-like of shape (n, K)
    targets : array-like of shape (n,) of class ids 0..K-1, or (n, K) of one-hot or soft rows
    sample_weight : array-like of shape (n,), optional
        Multiplies the gradient of a row.
    out : ndarray of shape (n, K) and the dtype of the logits, C-contiguous, optional
        Must not overlap `logits`.

    Returns
    -------
    ndarray of shape (n, K)
    """
    logits, ids, matrix = _multiclass(logits, targets)
    out = _out(out, logits.shape, logits.dtype, other_than=logits)
    kernels.cross_entropy(ids, matrix.ravel(), logits.ravel(), None, out.reshape(-1), logits.shape[1])
    return _weigh(out, sample_weight)


def cross_entropy_loss_gradient(
    logits: ArrayLike,
    targets: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    out: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """`cross_entropy` and its gradient, in one sweep.

    Parameters
    ----------
    logits : array-like of shape (n, K)
    targets : array-like of shape (n,) of class ids 0..K-1, or (n, K) of one-hot or soft rows
    sample_weight : array-like of shape (n,), optional
        Multiplies the loss and the gradient of a row.
    out : pair of ndarrays of shapes (n,) and (n, K) and the dtype of the logits, C-contiguous, optional

    Returns
    -------
    loss : ndarray of shape (n,)
    gradient : ndarray of shape (n, K)
    """
    logits, ids, matrix = _multiclass(logits, targets)
    loss, gradient = out or (None, None)
    loss = _out(loss, logits.shape[:1], logits.dtype)
    gradient = _out(gradient, logits.shape, logits.dtype, other_than=logits)
    kernels.cross_entropy(ids, matrix.ravel(), logits.ravel(), loss, gradient.reshape(-1), logits.shape[1])
    return _weigh(loss, sample_weight), _weigh(gradient, sample_weight)


def _logits(logits: ArrayLike) -> Floats:
    """A C-contiguous float32 or float64 array."""
    logits = np.asarray(logits)
    if logits.dtype.kind == "c":
        raise ValueError("logits are complex; give real ones.")
    dtype = np.float32 if logits.dtype.kind == "f" and logits.dtype.itemsize == 4 else np.float64
    return np.asarray(logits, dtype=dtype, order="C")


def _matrix(logits: ArrayLike) -> Floats:
    logits = _logits(logits)
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ValueError(f"logits of competing classes have shape (n, K) with K >= 1; these have shape {logits.shape}.")
    return logits


def _binary(logits: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats]:
    logits = _logits(logits)
    targets = np.asarray(targets, dtype=logits.dtype, order="C")
    if targets.shape != logits.shape:
        raise ValueError(f"targets have shape {targets.shape}, the logits {logits.shape}: give one target for each logit.")
    _check_unit_interval(targets)
    return logits, targets


def _multiclass(logits: ArrayLike, targets: ArrayLike) -> tuple[Floats, NDArray[np.int32] | None, Floats]:
    """Logits, and the targets as class ids or as a matrix; the absent one is None or empty."""
    logits = _matrix(logits)
    n, k = logits.shape
    targets = np.asarray(targets)
    if targets.shape == (n,):
        if targets.dtype.kind == "O":
            targets = targets.astype(np.float64)
        kind = targets.dtype.kind
        whole = kind in "iub" or (kind == "f" and (targets == np.floor(targets)).all())
        if n and not (whole and targets.min() >= 0 and targets.max() < k):
            raise ValueError(f"class ids must be whole numbers from 0 to {k - 1}, the columns of the logits.")
        return logits, targets.astype(np.int32), np.empty(0, dtype=logits.dtype)
    if targets.shape != (n, k):
        raise ValueError(
            f"targets have shape {targets.shape}; for logits of shape {(n, k)} give class ids of shape {(n,)} "
            f"or one-hot or soft rows of shape {(n, k)}."
        )
    targets = np.asarray(targets, dtype=logits.dtype, order="C")
    _check_unit_interval(targets)
    return logits, None, targets


def _check_unit_interval(targets: Floats) -> None:
    if not kernels.in_unit_interval(targets.ravel()):
        raise ValueError(
            f"targets must lie between 0 and 1; these reach from {targets.min()} to {targets.max()}. "
            "Labels coded as -1 and 1 become targets by (y + 1) / 2."
        )


def _out(out: Floats | None, shape: tuple[int, ...], dtype: np.dtype, other_than: Floats | None = None) -> Floats:
    """The caller's array, checked, or a new one."""
    if out is None:
        return np.empty(shape, dtype=dtype)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise ValueError(f"out must be a C-contiguous {dtype} array of shape {shape}.")
    if other_than is not None and np.shares_memory(out, other_than):
        raise ValueError("out must not overlap the logits or another output.")
    return out


def _check_same_or_apart(out: Floats, *inputs: Floats) -> None:
    """Element by element, an output may be an input; it must not lie across one, shifted."""
    for given in inputs:
        if np.shares_memory(out, given) and out.ctypes.data != given.ctypes.data:
            raise ValueError("out overlaps an input without being it: pass the input itself, or an array of its own.")


def _weigh(values: Floats, sample_weight: ArrayLike | None) -> Floats:
    """Multiply each row by its weight, in place."""
    if sample_weight is not None:
        weights = np.asarray(sample_weight, dtype=values.dtype, order="C")
        if weights.shape != values.shape[:1]:
            raise ValueError(f"sample_weight has shape {weights.shape}; give one weight a row, shape {values.shape[:1]}.")
        kernels.scale_rows(weights, values.reshape(-1))
    return values
