"""The estimator that the three public ones share: what comes out. Predictions, and what a fitted estimator tells."""
from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_heads._mlp.encoding import InputEncoding
from sklearn_heads._mlp.inputs import read_X
from sklearn_heads._mlp.members import logits
from sklearn_heads._sklearn.rollback import publish, snapshot


class Fitted:
    """Predictions from `members_`, the trained networks, and `_head`, which knows what their logits mean."""

    def __sklearn_is_fitted__(self):
        return hasattr(self, "members_")

    def decision_function(self, X: ArrayLike) -> NDArray[np.floating]:
        """Logits; with several members those of their mean probability.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) for two classes (the log-odds of ``classes_[1]``, whatever the head), (n, K) or (n, L)
        """
        return self._answer(X)[1]

    def _answer(self, X):
        """The head and the decision values, of one and the same fit even while another thread fits anew."""
        check_is_fitted(self)
        now = snapshot(self)
        return now._head, now._decide(read_X(now, X, reset=False))

    def _decide(self, X):
        """Decision values of checked rows."""
        head, members = self._head, self.members_
        decisions = head.decision(logits(members, X, self.n_jobs))
        decision = decisions[0] if len(members) == 1 else head.pool(decisions)
        if np.isnan(decision).any():
            raise ValueError(
                f"values of X are too large for {members[0].network.dtype}: the logits are NaN. Scale X, or use dtype='float64' "
                "or input_encoding='piecewise', which bounds what is far out."
            )
        return decision.astype(X.dtype, copy=False)  # of the precision of X, as everywhere in scikit-learn

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Probabilities; with several members the mean of theirs.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n, 2), (n, K), whose rows sum to one, or for a label matrix (n, L), one probability per label
        """
        head, decision = self._answer(X)
        return head.proba(decision)

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Logarithms of the probabilities, computed from logits: never -inf for finite logits.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, d)

        Returns
        -------
        ndarray of the shape of `predict_proba`
        """
        head, decision = self._answer(X)
        return head.log_proba(decision)

    def predict(self, X: ArrayLike) -> NDArray:
        """Labels: the more probable class; for a label matrix 1 where the probability is at least one half.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) of the labels seen in fit, or (n, L) of 0 and 1; CSR where the label matrix of fit was sparse
        """
        head, decision = self._answer(X)
        return head.predict(decision)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Share of the rows that are predicted right; for a label matrix in all labels that are known.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, d)
        y : array-like of shape (n,), for multi-label (n, L)
        sample_weight : array-like of shape (n,), for a label matrix also (n, L), optional

        Returns
        -------
        float
        """
        head, decision = self._answer(X)
        return head.accuracy(decision, y, sample_weight)

    # ---- what a fitted estimator tells ------------------------------------------------------------------------------

    @property
    def classes_(self) -> NDArray:
        """ndarray: the class labels, sorted; for a label matrix the column numbers."""
        return self._fitted("_head").classes

    @property
    def n_outputs_(self) -> int:
        """int: number of logits of a network; a label that was constant in the training rows has none."""
        return self._fitted("_head").n_outputs

    @property
    def out_activation_(self) -> str:
        """str: "logistic" or "softmax"."""
        return self._fitted("_head").out_activation

    @property
    def n_layers_(self) -> int:
        """int: layers of the deepest member, the input and the output counted."""
        return max(len(member.network.layer_units) for member in self._fitted("members_"))

    @property
    def n_iter_(self) -> int:
        """int: epochs (lbfgs: iterations) of the last fit, of the member that took most, and the calls of `partial_fit` since."""
        return max(member.n_iter_ for member in self._fitted("members_"))

    @property
    def input_encoding_(self) -> InputEncoding:
        """InputEncoding: what happens to X inside; its `describe` says it in words."""
        return self._fitted("members_")[0].encoding

    @property
    def coefs_(self) -> list[NDArray]:
        """list of ndarrays (fan_in, fan_out): weights of each layer, for X as given
        (with "piecewise" for the encoded values); of a single network only. May be assigned, all layers at once."""
        return self._only_member("coefs_").coefs_

    @coefs_.setter
    def coefs_(self, coefs):
        self._assign("coefs_", coefs)

    @property
    def intercepts_(self) -> list[NDArray]:
        """list of ndarrays (fan_out,): biases of each layer, for X as given; of a single network only. May be assigned."""
        return self._only_member("intercepts_").intercepts_

    @intercepts_.setter
    def intercepts_(self, intercepts):
        self._assign("intercepts_", intercepts)

    def _assign(self, name, arrays):
        """Put weights or biases from elsewhere into the network, for instance the average of several; the others stay."""
        member = self._only_member(name).copy()
        setattr(member, name, arrays)
        publish(self, {"members_": [member], "_stream": self._stream.ended()})

    @property
    def loss_(self) -> float:
        """float: training loss of the last epoch; of a single network only."""
        return self._only_member("loss_").loss_

    @property
    def loss_curve_(self) -> list[float]:
        """list of float: training loss of each epoch; of a single network only."""
        return self._only_member("loss_curve_").loss_curve_

    @property
    def validation_loss_curve_(self) -> list[float]:
        """list of float: log loss of the validation rows after each epoch; of a single network that had some."""
        member = self._only_member("validation_loss_curve_")
        if not member.validation_loss_curve_:
            raise AttributeError("validation_loss_curve_: the fit had no validation rows; set early_stopping=True.")
        return member.validation_loss_curve_

    @property
    def best_iter_(self) -> int:
        """int: the epoch, counted from 1, whose weights were kept; of a single network only."""
        return self._only_member("best_iter_").best_iter_

    @property
    def t_(self) -> int:
        """int: rows seen in training, repeats counted; of a single network only."""
        return self._only_member("t_").t_

    def _fitted(self, name):
        try:
            return vars(self)[name]
        except KeyError:
            raise AttributeError(f"this {type(self).__name__} is not fitted yet: call fit first.") from None

    def _only_member(self, name):
        members = self._fitted("members_")
        if len(members) > 1:
            raise AttributeError(f"{name} belongs to one network, and this fit has {len(members)}: see members_[i].{name}.")
        return members[0]
