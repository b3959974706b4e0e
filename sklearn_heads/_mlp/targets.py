"""The labels and weights of some rows, as training reads them: encoded once per call, weighted once."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array


class Targets(NamedTuple):
    """Encoded labels of rows, and the weights that training gives them. The head makes them (`head.weigh`).

    encoded : ndarray
        The labels as `head.encode` gave them: class ids (n,) of int32, or a 0/1 matrix (n, L) of uint8.
    weights : ndarray (n,) of float64, or None
        Row weights, class weights multiplied in; None where all are one.
    label_weights : ndarray (2, L) of float64, or None
        Weights of absent and of present labels.
    """

    encoded: np.ndarray
    weights: np.ndarray | None = None
    label_weights: np.ndarray | None = None

    @property
    def mean_weight(self):
        """The mean of the row weights."""
        return 1.0 if self.weights is None else float(self.weights.mean())

    def divided_by(self, weight):
        """With row weights in units of this one. The losses of rows are averaged, so training wants weights of mean one."""
        if self.weights is None:
            return self if weight == 1 else self._replace(weights=np.full(len(self.encoded), 1 / weight))
        return self._replace(weights=self.weights / weight)

    @staticmethod
    def joined(several):
        """The rows of several one after another; the weights of labels are those of the last."""
        weights = joined_weights([targets.weights for targets in several], [len(targets.encoded) for targets in several])
        return several[-1]._replace(encoded=np.concatenate([targets.encoded for targets in several]), weights=weights)


def joined_weights(several, sizes):
    """Weights of several sets of rows, of which any may be None, as one array; None where all are."""
    if all(weights is None for weights in several):
        return None
    return np.concatenate([np.ones(n) if weights is None else weights for weights, n in zip(several, sizes)])


def check_weights(sample_weight, n_rows):
    """Weights as float64 (n_rows,), or None for none."""
    if sample_weight is None:
        return None
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight has shape {weights.shape}; give one weight per row, shape {(n_rows,)}.")
    if (weights < 0).any():
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: {int((weights < 0).sum())} of {n_rows}. "
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
