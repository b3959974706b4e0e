"""The labels and weights of some rows, as training reads them: encoded once per call, weighted once."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array


class Data(NamedTuple):
    """What a call brought, checked: all rows.

    sample_weight : as given, or None
    names : ndarray (L,) of str, the column names of a label matrix, or None
    container : "csr_array" or "csr_matrix" of SciPy for sparse labels, or None
    """

    X: object
    y: np.ndarray
    sample_weight: np.ndarray | None
    names: np.ndarray | None
    container: str | None

    def lessons(self, head):
        """The rows that teach the head something: those that have a weight, and a known label."""
        head.check_names(self.names)
        encoded, weights, kept = head.entries(self.y, self.sample_weight)
        X, y, sample_weight = self.X, self.y, self.sample_weight
        if kept is not None:
            if not kept.any():
                raise ValueError("no row has a known label that varies in the training rows: there is nothing to learn.")
            X, y, encoded, weights, sample_weight = (
                part if part is None else part[kept] for part in (X, y, encoded, weights, sample_weight))
        return Lessons(X, y, sample_weight, encoded, *of_mean_one(weights), kept)


class Lessons(NamedTuple):
    """The rows that teach a head something.

    X, y, sample_weight : these rows, as given
    encoded, weights : their encoded labels, and weights in units of their mean, or None
    mean_weight : float, that mean
    kept : ndarray (n,) of bool, which of all rows these are, or None for all
    """

    X: object
    y: np.ndarray
    sample_weight: np.ndarray | None
    encoded: np.ndarray
    weights: np.ndarray | None
    mean_weight: float
    kept: np.ndarray | None


class Targets(NamedTuple):
    """Encoded labels of rows, and the weights that training gives them. The head makes them (`head.weigh`).

    encoded : ndarray
        The labels as `head.encode` gave them: class ids (n,) of int32, or the codes (n, k) of labels, uint8.
    weights : ndarray (n,) of float64, or None
        Row weights, class weights multiplied in; None where all are one.
    label_weights : ndarray (2, k) of float64, or None
        Weights of absent and of present labels.
    entry_weights : ndarray (n, k) of float64, or None
        Weights of the entries of the label matrix; then there are none of rows.
    known : ndarray (n,) of float64, or None
        The part of each row's entries that is known, as a weighted mean; None where all are.
    """

    encoded: np.ndarray
    weights: np.ndarray | None = None
    label_weights: np.ndarray | None = None
    entry_weights: np.ndarray | None = None
    known: np.ndarray | None = None

    @property
    def row_weights(self):
        """What each row weighs in the loss: its weight times the part of it that is known. None where all are one."""
        return product(self.weights, self.known)

    @property
    def mean_weight(self):
        """The mean of what rows weigh."""
        return 1.0 if self.row_weights is None else float(self.row_weights.mean())

    def divided_by(self, weight):
        """With row weights in units of this one. The losses of rows are averaged, so training wants weights of mean one."""
        if self.weights is None:
            return self if weight == 1 else self._replace(weights=np.full(len(self.encoded), 1 / weight))
        return self._replace(weights=self.weights / weight)

    @staticmethod
    def joined(several):
        """The rows of several one after another; the weights of labels are those of the last."""
        def together(name, shape=lambda encoded: len(encoded)):
            arrays = [getattr(targets, name) for targets in several]
            return joined_weights(arrays, [shape(targets.encoded) for targets in several])

        return several[-1]._replace(
            encoded=np.concatenate([targets.encoded for targets in several]), weights=together("weights"),
            entry_weights=together("entry_weights", np.shape), known=together("known"),
        )

    def for_statistics(self, weights):
        """What each row weighs in the statistics of X: the sample weight (n,), times the part of the row that is known."""
        return weights if self.known is None else of_mean_one(self.row_weights)[0]

    def only(self, chosen):
        """With weights of zero for all labels but these (k,)."""
        label_weights = np.ones((2, len(chosen))) if self.label_weights is None else self.label_weights
        return self._replace(label_weights=label_weights * chosen)

    def arrays(self, dtype):
        """The weights for the core's Rows; entries that are not known need weights of labels to be left out."""
        label_weights = self.label_weights
        if label_weights is None and self.known is not None:
            label_weights = np.ones((2, self.encoded.shape[1]))
        weights = {"weights": self.weights, "label_weights": label_weights, "entry_weights": self.entry_weights}
        return {name: value if value is None else value.astype(dtype) for name, value in weights.items()}


def joined_weights(several, sizes):
    """Weights of several sets of rows, of which any may be None, as one array; None where all are."""
    if all(weights is None for weights in several):
        return None
    return np.concatenate([np.ones(n) if weights is None else weights for weights, n in zip(several, sizes)])


def product(a, b):
    """Of two arrays of weights, each of which may be None for ones."""
    return b if a is None else a if b is None else a * b


def check_weights(sample_weight, shape):
    """Weights as float64, a vector or, for a label matrix of this shape, one per entry; None for none."""
    if sample_weight is None:
        return None
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.ndim == 0:
        weights = np.full(shape[0], float(weights))
    if weights.shape not in (shape, shape[:1]):
        or_entry = f", or one per entry of y, {shape}" if len(shape) == 2 else ""
        raise ValueError(f"sample_weight has shape {weights.shape}; give one weight per row, shape {shape[:1]}{or_entry}.")
    if (weights < 0).any():
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: {int((weights < 0).sum())} of {weights.size}. "
            "Use 0 to leave a row out."
        )
    if not weights.any():
        raise ValueError("all values of sample_weight are zero: there is no row left to train on.")
    return weights


def of_mean_one(weights):
    """These positive weights in units of their mean, and that mean, however large or small they are; for None, None and 1."""
    if weights is None:
        return None, 1.0
    largest = weights.max()
    shares = weights / largest  # whose sum neither overflows nor loses digits
    mean_share = shares.mean()
    return shares / mean_share, float(largest * mean_share)


def check_class_weights(weights):
    """Weights of classes or of labels as float64."""
    try:
        weights = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"class weights must be numbers; got {weights!r}.") from None
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.any()):
        raise ValueError(f"class weights must be finite, not negative, and not all zero; got {weights.tolist()}.")
    return weights


def share(total, parts):
    """total / parts, and 0 for what does not occur."""
    return np.divide(total, parts, out=np.zeros_like(parts, dtype=np.float64), where=parts > 0)
