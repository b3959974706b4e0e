"""How often labels occur: codes (n, L) of 0 absent, 1 present, UNKNOWN; a weight per row (n,), per entry (n, L), or None for one.

An entry that is not known counts nowhere. Sums go without BLAS, whose last bits depend on its number of threads.
"""
from __future__ import annotations

import numpy as np

from sklearn_heads._sklearn.labels import UNKNOWN

# Class frequencies are read as if this share of the rows were spread evenly over the classes: an initial bias of a class or
# label that hardly occurs stays within reach of training. A share, not a count, so that repeating all rows changes nothing.
EVEN_SHARE = 1e-3

def totals(codes, weights=None):
    """The weight of the absences and that of the presences of each label: an array (2, L)."""
    return np.stack([_column_sums(weights, codes == code) for code in (0, 1)])


def known_share(codes, weights=None):
    """The part (n,) of each row that is known: the mean over its labels of 1, or of their weights, where they are known."""
    known = codes != UNKNOWN
    return known.mean(axis=1) if weights is None else np.einsum("ij,ij->i", weights, known) / codes.shape[1]


def without_zeros(codes, weights):
    """Codes and weights (n, L) of which no known entry has weight zero: that is as if not known.

    Weights that are equal along each row become weights per row, and where these are all one None.
    """
    codes = np.where(weights == 0, np.uint8(UNKNOWN), codes)
    known = codes != UNKNOWN
    highest = np.max(weights, axis=1, where=known, initial=0)
    if not (known <= (weights == highest[:, None])).all():
        return codes, weights * known
    return codes, None if (highest == 1).all(where=known.any(axis=1)) else highest


def constant_logits(codes, weights=None):
    """Of each label (L,): NaN if it varies; else the log-odds of its smoothed share, with which it is predicted.

    Laplace's rule of succession: of n rows that have the label one more than all have it in n + 2, and of n rows that do not have
    it one. With 0 in place of 1, the first exception would have an infinite log loss. n counts rows: whole weights are repeated
    rows; of other weights, whose scale means nothing, it is the effective number (sum w)^2 / sum w^2 (Kish 1965).
    """
    absent, present = totals(codes, weights)
    logits = np.full(codes.shape[1], np.nan)
    constant = (absent == 0) | (present == 0)
    if constant.any():
        some = weights[:, constant] if weights is not None and weights.ndim == 2 else weights
        n = _number_of_rows(codes[:, constant] != UNKNOWN, some)
        logits[constant] = np.sign(present[constant] - absent[constant]) * np.log1p(n)  # log(1 / (n + 1)), or its reverse
    return logits


def held_outputs(codes, weights):
    """`constant_logits` of the labels among the training rows of one member; None where all vary."""
    logits = constant_logits(codes, weights)
    return None if np.isnan(logits).all() else logits


def log_odds(p):
    return np.log(p) - np.log1p(-p)


def rarest_label(codes):
    """For each row the rank of its rarest label, from 0 for the rarest of all, or L for a row without any."""
    by_rarity = np.argsort(totals(codes)[1], kind="stable")
    present = codes == 1
    return np.where(present.any(axis=1), present[:, by_rarity].argmax(axis=1), codes.shape[1])


def _number_of_rows(known, weights):
    if weights is None:
        return np.count_nonzero(known, axis=0)
    if (weights == np.rint(weights)).all() and weights.max() <= 2**53:  # beyond, every float is whole
        return _column_sums(weights, known)
    weights = weights / weights.max()  # so that no square overflows
    squares = _column_sums(weights**2, known)
    return np.divide(_column_sums(weights, known) ** 2, squares, out=np.zeros_like(squares), where=squares > 0)


def _column_sums(weights, chosen):
    if weights is None:
        return np.count_nonzero(chosen, axis=0).astype(np.float64)
    return np.einsum("i,ij->j" if weights.ndim == 1 else "ij,ij->j", weights, chosen)
