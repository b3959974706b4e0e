"""The head over a label matrix: any subset of L labels. See heads.py for what a head is."""
from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length

from sklearn_heads import losses
from sklearn_heads._mlp.labels import check_label_matrix, some
from sklearn_heads._mlp.occurrence import (
    EVEN_SHARE,
    constant_logits,
    held_outputs,
    known_share,
    log_odds,
    rarest_label,
    totals,
    without_zeros,
)
from sklearn_heads._mlp.pooling import pooled_log_odds
from sklearn_heads._mlp.targets import Targets, check_class_weights, check_weights, share
from sklearn_heads._sklearn.labels import UNKNOWN, label_names


class MultiSigmoid:
    """Any subset of L labels, L independent sigmoids. Never a softmax: labels do not compete.

    A label that is constant in the training rows has no sigmoid: its logit is the same for every row, and the network is what it
    would be without the label.

    Parameters
    ----------
    n_labels : int
    names : ndarray (L,) of str, or None
        Column names of the label matrix.
    container : str or None
        The sparse type of SciPy in which predictions come, "csr_array" or "csr_matrix"; None for an array.
    constant : ndarray (L,) or None
        The logit of each constant label, NaN for those that vary; None where all have a sigmoid.
    """

    is_multilabel = True
    kernel, out_activation = "logistic", "logistic"

    def __init__(self, n_labels, names=None, container=None, constant=None):
        self.classes, self.names, self.container = np.arange(n_labels), names, container
        self.constant = np.full(n_labels, np.nan) if constant is None else constant
        self.varying = np.flatnonzero(np.isnan(self.constant))

    @property
    def n_outputs(self):
        return len(self.varying)

    def settled(self, y, weights, wish, resumes):
        """The head that these rows can train: without sigmoids for labels that are constant here.

        `resumes`: it goes on from an earlier fit, whose labels keep their sigmoid.
        """
        self.check_shape(y)
        if wish is not None and not isinstance(wish, str):
            y = np.where((y == 1) & (self.presence_weights(wish) == 0), np.uint8(UNKNOWN), y)
        constant = constant_logits(y, weights)
        if not np.isnan(constant).any():
            raise ValueError(
                f"the label columns {some(self.label_names(self.classes))}, which are all, have one value in all rows: there is "
                "nothing to learn. Bring rows in which a label differs."
            )
        if resumes:
            constant[self.varying] = np.nan
        return MultiSigmoid(len(self.classes), self.names, self.container, constant)

    def with_every_label(self):
        """The head with a sigmoid for each label: in later portions of a stream it may vary."""
        return MultiSigmoid(len(self.classes), self.names, self.container)

    def label_names(self, columns):
        """Names of these columns, or their numbers."""
        return (self.classes if self.names is None else self.names)[columns]

    def check_names(self, names):
        """Columns in another order would be other labels."""
        if names is not None and self.names is not None and not np.array_equal(names, self.names):
            raise ValueError(f"the label columns are {some(names)}, but in the first call they were {some(self.names)}.")

    def check_shape(self, y):
        if y.ndim != 2 or y.shape[1] != len(self.classes):
            raise ValueError(f"y has shape {y.shape}, but the first call had {len(self.classes)} labels per row.")

    def entries(self, y, weights):
        """Codes of the labels that have a sigmoid, their weights, and which rows have a known one of some weight: None for all.

        weights : ndarray (n,), (n, L) or None
        """
        codes = self.encode(y)
        if weights is not None and weights.ndim == 2:
            codes, weights = without_zeros(codes, self._with_sigmoid(weights))
        kept = (codes != UNKNOWN).any(axis=1)
        if weights is not None and weights.ndim == 1:
            kept &= weights > 0
        return codes, weights, None if kept.all() else kept

    def encode(self, y):
        """The codes of the labels that have a sigmoid."""
        self.check_shape(y)
        return self._with_sigmoid(y)

    def _with_sigmoid(self, columns):
        """Of an array (..., L)."""
        return np.ascontiguousarray(columns if self.n_outputs == len(self.classes) else columns[..., self.varying])

    def kernel_targets(self, codes):
        return {"labels": codes}

    def constant_outputs(self, targets, order):
        """The logits (k,) of labels that are constant in these rows, NaN for the others; None where all vary."""
        weights = targets.weights if targets.entry_weights is None else targets.entry_weights
        return held_outputs(targets.encoded[order], None if weights is None else weights[order])

    def places_of(self, before):
        """Where the outputs of an earlier head of these labels are among those of this; and biases for all, in their places."""
        places = np.searchsorted(self.varying, before.varying)
        return places, before.constant[self.varying]

    @property
    def constant_labels(self):
        """Names, or numbers, of the labels without a sigmoid."""
        return self.label_names(np.flatnonzero(~np.isnan(self.constant)))

    def strata(self, codes):
        """A row is filed under the rarest of its labels, or under none: simple, and it spreads the rare ones."""
        return rarest_label(codes)

    def validation_strata(self, codes):
        """None: a split of a label matrix is drawn from all rows, as in MLPClassifier."""
        return None

    def class_weights(self, wish, codes, weights):
        """Weights (2, k) of absent and of present labels.

        "balanced" gives both sides of each label the same total; a sequence has the weight of presence of each label.
        """
        if wish is None:
            return None
        if isinstance(wish, str):  # "balanced"
            absent, present = totals(codes, weights)
            return share(absent + present, 2 * np.stack([absent, present]))
        return np.stack([np.ones(self.n_outputs), self._with_sigmoid(self.presence_weights(wish))])

    def presence_weights(self, wish):
        """A sequence of L numbers, checked."""
        if isinstance(wish, dict) or len(wish) != len(self.classes):
            raise ValueError(
                f"class_weight for {len(self.classes)} labels is 'balanced' or a sequence with the weight of presence of each "
                f"label; got {wish!r}."
            )
        return check_class_weights(wish)

    def weigh(self, codes, weights, class_weights):
        """Targets: class weights belong to the labels, not to the rows."""
        per_entry = weights if weights is not None and weights.ndim == 2 else None
        known = known_share(codes, per_entry) if per_entry is not None or (codes == UNKNOWN).any() else None
        return Targets(codes, None if per_entry is not None else weights, class_weights, per_entry, known)

    def initial_biases(self, targets):
        absent, present = totals(targets.encoded, targets.weights if targets.entry_weights is None else targets.entry_weights)
        if targets.label_weights is not None:
            absent, present = absent * targets.label_weights[0], present * targets.label_weights[1]
        known = present + absent > 0  # in a first portion, not of every label
        share_of_present = np.divide(present, present + absent, out=np.full(len(known), 0.5), where=known)
        return log_odds((1 - EVEN_SHARE) * share_of_present + EVEN_SHARE / 2)

    def decision(self, logits):
        if self.n_outputs == len(self.classes):
            return logits
        full = np.empty((*logits.shape[:-1], len(self.classes)), dtype=logits.dtype)
        full[..., self.varying] = logits
        return self._with_constants(full)

    def _with_constants(self, decision):
        constant = np.flatnonzero(~np.isnan(self.constant))
        decision[..., constant] = self.constant[constant]
        return decision

    def proba(self, decision):
        return losses.sigmoid(decision)

    def log_proba(self, decision):
        return losses.log_sigmoid(decision)

    def log_loss(self, decision, codes, weights):
        """Binary cross-entropy, the weighted mean over the known entries times the number of labels that vary."""
        loss = losses.binary_cross_entropy(self._with_sigmoid(decision), codes == 1)
        counts = (codes != UNKNOWN) & np.isfinite(loss)
        if weights is not None:
            weights = np.broadcast_to(weights if weights.ndim == 2 else weights[:, None], loss.shape)[counts]
        return self.n_outputs * float(np.average(loss[counts], weights=weights))

    def predict(self, decision):
        present = decision >= 0
        return (present if self.container is None else getattr(sparse, self.container)(present)).astype(np.int64)

    def accuracy(self, decision, y, sample_weight):
        """Share of the rows all of whose known labels are predicted; rows without any do not count."""
        self.check_names(label_names(y))
        codes = check_label_matrix(y, "MLPMultiLabel")
        self.check_shape(codes)
        check_consistent_length(decision, codes)
        weights = check_weights(sample_weight, codes.shape)
        if weights is not None and weights.ndim == 2:
            codes, weights = without_zeros(codes, weights)
            weights = known_share(codes, weights) if weights is not None and weights.ndim == 2 else weights
        known = codes != UNKNOWN
        counts = known.any(axis=1)
        if not counts.any():
            raise ValueError("y has no known entry: there is nothing to score.")
        right = (~known | ((decision >= 0) == (codes == 1))).all(axis=1)
        return float(np.average(right[counts], weights=None if weights is None else weights[counts]))

    def pool(self, decisions):
        return self._with_constants(pooled_log_odds(decisions))
