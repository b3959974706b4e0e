"""Heads: what stands on top of the network, and everything that must agree with it.

A head pairs the user's labels with the encoding of the targets, the number of logits, the loss, the probabilities and the
decision. Nothing that trains or predicts asks which task this is; only the public faces (estimators, ONNX graphs) know.
In one call labels are encoded once (`encode`), and what follows reads the encoded ones. Two kernels serve all heads:

    logistic   k independent sigmoids, binary cross-entropy    Sigmoid (k = 1), MultiSigmoid (k = L), OneVsRest (k = K)
    softmax    k competing logits, cross-entropy               Softmax (k = K)

Binary is multi-label with one column; and a sigmoid is a softmax against a fixed logit of zero, so wherever there are two
classes the public decision value is one number, the log-odds of the second class, whatever the head.
"""
from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score

from sklearn_heads import losses
from sklearn_heads._mlp.labels import some
from sklearn_heads._mlp.multilabel import MultiSigmoid as MultiSigmoid
from sklearn_heads._mlp.occurrence import EVEN_SHARE, held_outputs, log_odds
from sklearn_heads._mlp.pooling import log_mean_exp, pooled_log_odds
from sklearn_heads._mlp.targets import Targets, check_class_weights, share
from sklearn_heads._sklearn.labels import as_labels


class _ClassHead:
    """A head over classes of which each row has exactly one.

    Parameters
    ----------
    classes : ndarray (K,)
        The user's labels, sorted.
    """

    is_multilabel = False
    constant_labels = ()

    def __init__(self, classes):
        self.classes = classes

    @classmethod
    def of(cls, y):
        """The head for these labels (a checked vector)."""
        return cls(np.unique(y))

    def settled(self, y, weights, wish, resumes):
        """The head that these rows can train: this one. `resumes`: it goes on from an earlier fit, of the same classes."""
        if resumes and y.ndim == 1 and not np.array_equal(np.unique(y), self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously got "
                f"{self.classes}, `y` has {np.unique(y)}. Bring rows of every class, use partial_fit, or start a new estimator."
            )
        return self

    def with_every_label(self):
        """The head for the portions of a stream: here the same."""
        return self

    def check_names(self, names):
        """A vector of labels has no column names."""

    def constant_outputs(self, targets, order):
        """The logits (k,) of sigmoids that are constant in these rows, NaN for the others; None where all vary."""
        if self.kernel == "softmax":
            return None
        labels, weights = self.kernel_targets(targets.encoded)["labels"][order], targets.weights
        return held_outputs(labels, None if weights is None else weights[order])

    def entries(self, y, weights):
        """Encoded labels, weights, and which rows have a weight: None for all."""
        return self.encode(y), weights, None if weights is None or weights.all() else weights > 0

    def encode(self, y):
        """Class ids (n,): the position of each label among the classes."""
        if y.ndim != 1:
            raise ValueError(f"y has shape {y.shape}, but the first call had one label per row, shape (n,).")
        ids = np.searchsorted(self.classes, y)
        ids = np.minimum(ids, len(self.classes) - 1)
        unknown = self.classes[ids] != y
        if np.any(unknown):
            raise ValueError(
                f"y contains labels that are not among the classes {some(self.classes)}: {some(np.unique(y[unknown]))}. "
                "Name every class in the first call: fit on rows of all of them, or partial_fit(..., classes=...)."
            )
        return ids.astype(np.int32)

    def strata(self, ids):
        """What folds should keep balanced."""
        return ids

    def validation_strata(self, ids):
        """What a split into rows for training and for validation keeps balanced; each of them needs two rows."""
        counts = np.bincount(ids, minlength=len(self.classes))
        if (counts == 1).any():
            rare = self.classes[counts == 1].tolist()[0]
            raise ValueError(
                f"early_stopping splits validation rows off each class, but class {rare!r} has only 1 row. Merge or drop the "
                "class, give X_val and y_val, or set early_stopping=False."
            )
        return ids

    def frequencies(self, targets):
        """Weighted share of each class."""
        counts = np.bincount(targets.encoded, weights=targets.weights, minlength=len(self.classes))
        return (1 - EVEN_SHARE) * counts / counts.sum() + EVEN_SHARE / len(self.classes)

    def class_weights(self, wish, ids, weights):
        """A factor per class (K,) for class_weight "balanced" or a dict of factors; None without."""
        if wish is None:
            return None
        if isinstance(wish, str):  # "balanced"
            counts = np.bincount(ids, weights=weights, minlength=len(self.classes))
            return share(counts.sum(), len(self.classes) * counts)
        if not isinstance(wish, dict):
            raise ValueError(f"class_weight must be 'balanced' or a dict from class to weight; got {wish!r}.")
        unknown = set(wish) - set(self.classes.tolist())
        if unknown:
            raise ValueError(f"class_weight names {sorted(unknown, key=str)}, but the classes are {some(self.classes)}.")
        factors = check_class_weights([wish.get(label, 1.0) for label in self.classes.tolist()])
        if np.count_nonzero(factors) < 2:
            raise ValueError(f"class_weight={wish} leaves one class to train on: give two classes or more a weight.")
        return factors

    def weigh(self, ids, weights, class_weights):
        """Targets: class weights become row weights."""
        if class_weights is not None:
            weights = class_weights[ids] * (1 if weights is None else weights)
        return Targets(ids, weights)

    def proba(self, decision):
        """Probabilities (n, K) from public decision values, (n,) for two classes."""
        if decision.ndim == 1:
            return losses.sigmoid(_both_sides(decision))
        return losses.softmax(decision)

    def log_proba(self, decision):
        """Their logarithms."""
        if decision.ndim == 1:
            return losses.log_sigmoid(_both_sides(decision))
        return losses.log_softmax(decision)

    def log_loss(self, decision, ids, weights):
        """Weighted mean of minus the logarithm of the probability of each row's class; rows without an answer, NaN, left out."""
        loss = -self.log_proba(decision)[np.arange(len(ids)), ids]
        answered = np.isfinite(loss)
        return float(np.average(loss[answered], weights=None if weights is None else weights[answered]))

    def predict(self, decision):
        """The user's label of the larger probability; at exactly one half the second class."""
        return self.classes[(decision >= 0).astype(np.intp) if decision.ndim == 1 else decision.argmax(axis=1)]

    def accuracy(self, decision, y, sample_weight):
        """Share of the rows whose label is predicted."""
        y, predicted = as_labels(y), self.predict(decision)
        alike = (y.shape, y.dtype) == (predicted.shape, predicted.dtype)
        if alike and y.dtype.kind in "biu" and sample_weight is None:
            return float(np.mean(y == predicted))  # for accuracy_score to check such vectors takes longer than predict took
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def pool(self, decisions):
        """Decision values of the mean of several members' probabilities, computed from logarithms.

        decisions : ndarray (m, n), or (m, n, K) for K > 2 classes
        """
        if len(self.classes) == 2:
            return pooled_log_odds(decisions)
        logs = self.log_proba(decisions.reshape(-1, len(self.classes)))
        return log_mean_exp(logs.reshape(decisions.shape))


class Sigmoid(_ClassHead):
    """Two classes, one logit: the log-odds of the second class."""

    kernel, out_activation = "logistic", "logistic"
    n_outputs = 1

    def kernel_targets(self, ids):
        return {"labels": ids.astype(np.uint8).reshape(-1, 1)}

    def initial_biases(self, targets):
        return log_odds(self.frequencies(targets)[1:])

    def decision(self, logits):
        return logits[..., 0]


class Softmax(_ClassHead):
    """K classes, K logits that compete; a constant added to all of them changes nothing."""

    kernel, out_activation = "softmax", "softmax"

    @property
    def n_outputs(self):
        return len(self.classes)

    def kernel_targets(self, ids):
        return {"ids": ids}

    def initial_biases(self, targets):
        logs = np.log(self.frequencies(targets))
        return logs - logs.mean()

    def decision(self, logits):
        return logits[..., 1] - logits[..., 0] if len(self.classes) == 2 else logits


class OneVsRest(_ClassHead):
    """K classes, K independent sigmoids, each class against the rest; rows of probabilities are divided by their sum.

    p_k = sigmoid(z_k) / sum_j sigmoid(z_j), which is the softmax of log sigmoid(z): computed so, it cannot divide by zero.
    """

    kernel, out_activation = "logistic", "logistic"

    @property
    def n_outputs(self):
        return len(self.classes)

    def kernel_targets(self, ids):
        return {"labels": (ids[:, None] == np.arange(len(self.classes))).astype(np.uint8)}

    def initial_biases(self, targets):
        return log_odds(self.frequencies(targets))

    def decision(self, logits):
        if len(self.classes) == 2:
            logs = losses.log_sigmoid(logits)
            return logs[..., 1] - logs[..., 0]
        return logits

    def proba(self, decision):
        return super().proba(decision if decision.ndim == 1 else losses.log_sigmoid(decision))

    def log_proba(self, decision):
        return super().log_proba(decision if decision.ndim == 1 else losses.log_sigmoid(decision))

    def pool(self, decisions):
        """As for any classes; for K > 2 the logits whose normalised sigmoids are the pooled probabilities.

        With p the pooled probabilities and c = 1/2 / max p, sigmoid(z) = c p gives rows proportional to p.
        """
        mean = super().pool(decisions)
        if mean.ndim == 1:
            return mean
        log_half = mean - mean.max(axis=1, keepdims=True) - np.log(mean.dtype.type(2))
        return log_half - np.log1p(-np.exp(log_half))


def _both_sides(log_odds):
    """Of the absence and of the presence, on a new last axis."""
    return np.stack([-log_odds, log_odds], axis=-1)
