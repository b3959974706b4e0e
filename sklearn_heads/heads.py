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

from sklearn_heads import losses
from sklearn_heads._core import kernels
from sklearn_heads._mlp.labels import some
from sklearn_heads._mlp.targets import Targets

# Class frequencies are read as if this share of the rows were spread evenly over the classes: an initial bias of a class or
# label that hardly occurs stays within reach of training. A share, not a count, so that repeating all rows changes nothing.
EVEN_SHARE = 1e-3


class _ClassHead:
    """A head over classes of which each row has exactly one.

    Parameters
    ----------
    classes : ndarray (K,)
        The user's labels, sorted.
    """

    is_multilabel = False

    def __init__(self, classes):
        self.classes = classes

    @classmethod
    def of(cls, y):
        """The head for these labels (a checked vector)."""
        return cls(np.unique(y))

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

    def check_occurrence(self, ids):
        """Every class occurs: in a first fit they come from the rows, and `warm_start` may not leave one out."""
        counts = np.bincount(ids, minlength=len(self.classes))
        if not counts.all():
            raise ValueError(
                f"warm_start goes on with the classes of the last fit, {some(self.classes)}, but y has no rows of "
                f"{some(self.classes[counts == 0])}. Bring rows of every class, use partial_fit, or start a new estimator."
            )

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
            return _share(counts.sum(), len(self.classes) * counts)
        if not isinstance(wish, dict):
            raise ValueError(f"class_weight must be 'balanced' or a dict from class to weight; got {wish!r}.")
        unknown = set(wish) - set(self.classes.tolist())
        if unknown:
            raise ValueError(f"class_weight names {sorted(unknown, key=str)}, but the classes are {some(self.classes)}.")
        factors = _not_negative([wish.get(label, 1.0) for label in self.classes.tolist()])
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

    def log_loss(self, decision, ids):
        """Minus the logarithm of the probability of each row's class."""
        return -self.log_proba(decision)[np.arange(len(ids)), ids]

    def predict(self, decision):
        """The user's label of the larger probability; at exactly one half the second class."""
        return self.classes[(decision >= 0).astype(np.intp) if decision.ndim == 1 else decision.argmax(axis=1)]

    def pool(self, decisions):
        """Decision values of the mean of several members' probabilities, computed from logarithms.

        decisions : ndarray (m, n), or (m, n, K) for K > 2 classes
        """
        if len(self.classes) == 2:
            return _pooled_log_odds(decisions)
        logs = self.log_proba(decisions.reshape(-1, len(self.classes)))
        return _log_mean_exp(logs.reshape(decisions.shape))


class Sigmoid(_ClassHead):
    """Two classes, one logit: the log-odds of the second class."""

    kernel, out_activation = "logistic", "logistic"
    n_outputs = 1

    def kernel_targets(self, ids):
        return {"labels": ids.astype(np.uint8).reshape(-1, 1)}

    def initial_biases(self, targets):
        return _log_odds(self.frequencies(targets)[1:])

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
        return _log_odds(self.frequencies(targets))

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


class MultiSigmoid:
    """Any subset of L labels, L independent sigmoids. Never a softmax: labels do not compete.

    Parameters
    ----------
    n_labels : int
    """

    is_multilabel = True
    kernel, out_activation = "logistic", "logistic"

    def __init__(self, n_labels):
        self.n_outputs = n_labels
        self.classes = np.arange(n_labels)

    @classmethod
    def of(cls, y):
        """The head for an indicator matrix (checked)."""
        return cls(y.shape[1])

    def encode(self, y):
        """The 0/1 matrix itself, held to the number of labels."""
        if y.ndim != 2 or y.shape[1] != self.n_outputs:
            raise ValueError(f"y has shape {y.shape}, but the first call had {self.n_outputs} labels per row.")
        return np.ascontiguousarray(y)

    def check_occurrence(self, y):
        """Every label present in some rows and absent in others."""
        constant = np.flatnonzero(y.min(axis=0) == y.max(axis=0))
        if len(constant):
            raise ValueError(
                f"the label columns {some(constant)} have one value in all rows: there is nothing to learn. Drop them "
                "with VarianceThreshold().fit_transform(Y), or bring rows in which they differ."
            )

    def kernel_targets(self, y):
        return {"labels": y}

    def strata(self, y):
        """A row is filed under the rarest of its labels, or under none: simple, and it spreads the rare ones."""
        counts = y.sum(axis=0, dtype=np.intp)
        by_rarity = np.argsort(counts, kind="stable")
        has_any = y.any(axis=1)
        return np.where(has_any, y[:, by_rarity].argmax(axis=1), self.n_outputs)

    def validation_strata(self, y):
        """None: a split of a label matrix is drawn from all rows, as in MLPClassifier."""
        return None

    def class_weights(self, wish, y, weights):
        """Weights (2, L) of absent and of present labels.

        "balanced" gives both sides of each label the same total; a sequence has the weight of presence of each label.
        """
        if wish is None:
            return None
        if isinstance(wish, str):  # "balanced"
            weights = np.ones(len(y)) if weights is None else weights
            present = _column_sums(weights, y)
            return _share(weights.sum(), 2 * np.stack([weights.sum() - present, present]))
        if isinstance(wish, dict) or len(wish) != self.n_outputs:
            raise ValueError(
                f"class_weight for {self.n_outputs} labels is 'balanced' or a sequence with the weight of presence of each "
                f"label; got {wish!r}."
            )
        return np.stack([np.ones(self.n_outputs), _not_negative(wish)])

    def weigh(self, y, weights, class_weights):
        """Targets: class weights belong to the labels, not to the rows."""
        return Targets(y, weights, class_weights)

    def initial_biases(self, targets):
        weights = np.ones(len(targets.encoded)) if targets.weights is None else targets.weights
        present = _column_sums(weights, targets.encoded)
        absent = weights.sum() - present
        if targets.label_weights is not None:
            absent, present = absent * targets.label_weights[0], present * targets.label_weights[1]
        return _log_odds((1 - EVEN_SHARE) * present / (present + absent) + EVEN_SHARE / 2)

    def decision(self, logits):
        return logits

    def proba(self, decision):
        return losses.sigmoid(decision)

    def log_proba(self, decision):
        return losses.log_sigmoid(decision)

    def log_loss(self, decision, y):
        """Binary cross-entropy of each row, summed over the labels."""
        return losses.binary_cross_entropy(decision, y).sum(axis=1)

    def predict(self, decision):
        return (decision >= 0).astype(np.int64)

    def pool(self, decisions):
        return _pooled_log_odds(decisions)


def _both_sides(log_odds):
    """Of the absence and of the presence, on a new last axis."""
    return np.stack([-log_odds, log_odds], axis=-1)


def _pooled_log_odds(decisions):
    """Log-odds of the mean of several members' probabilities."""
    pooled = np.empty(decisions.shape[1:], dtype=decisions.dtype)
    kernels.pool_log_odds(np.ascontiguousarray(decisions).reshape(-1), pooled.reshape(-1))
    return pooled


def _log_mean_exp(logs):
    """log of the mean of exp over the first axis; -inf where all are. (SciPy's logsumexp costs a hundred microseconds a call.)"""
    top = logs.max(axis=0, initial=np.finfo(logs.dtype).min)  # finite, or -inf would be taken from itself
    with np.errstate(divide="ignore"):  # log(0), where all are -inf
        return top + np.log(np.exp(logs - top).sum(axis=0) / len(logs))


def _column_sums(weights, y):
    """weights @ y without BLAS, whose last bits depend on its number of threads."""
    return np.einsum("i,ij->j", weights, y)


def _not_negative(weights):
    try:
        weights = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"class weights must be numbers; got {weights!r}.") from None
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.any()):
        raise ValueError(f"class weights must be finite, not negative, and not all zero; got {weights.tolist()}.")
    return weights


def _share(total, parts):
    """total / parts, and 0 for what does not occur."""
    return np.divide(total, parts, out=np.zeros_like(parts, dtype=np.float64), where=parts > 0)


def _log_odds(p):
    return np.log(p) - np.log1p(-p)
