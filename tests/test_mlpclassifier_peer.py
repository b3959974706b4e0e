"""scikit-learn's own tests of MLPClassifier, as installed, with our estimators in its place and its defaults."""
import inspect
import types

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neural_network import MLPClassifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel

theirs = pytest.importorskip(
    "sklearn.neural_network.tests.test_mlp", reason="this scikit-learn was installed without its tests"
)
# What is left out, and why. Everything else that names MLPClassifier runs.
NOT_OURS = {
    "fit": "puts weights into an estimator that was never fitted, and into its private optimiser; the arithmetic is compared "
           "epoch by epoch in test_against_mlpclassifier",
    "gradient": "calls a private method; our gradient is held to finite differences in test_network",
    "learning_rate_warmstart": "reads the rate off the private optimiser, which ours forgets after a fit; the loss curves of "
                               "every schedule, and of warm_start, are compared in test_against_mlpclassifier",
    "adaptive_learning_rate": "reads the rate off the private optimiser, as above",
    "predict_proba_multilabel": "wants logarithms to tie where probabilities round to 1; ours come from logits and do not",
    "verbose_sgd": "wants the word Iteration; our lines say epoch",
    "early_stopping": "wants tol to count for validation rows; here any new best of their log loss is progress",
    "early_stopping_stratified": "wants train_test_split's words about a class of one row; ours name the class and the way out",
    "preserve_feature_names": "fits rows of one class, which ours refuse",
    "mlp_partial_fit_after_fit": "wants partial_fit refused with early_stopping; ours goes on and does not use it",
}
# MLPClassifier's settings where ours differ, of the parameters that it does not have.
PLAIN = {"n_members": 1, "input_encoding": None, "dropout": 0.0, "weight_decay": 0.0, "weight_init": "glorot_uniform"}


class Shim(ClassifierMixin, BaseEstimator):
    """MLPClassifier's signature; which of ours is behind it is seen from the labels."""

    def __init__(self, **params):
        known = {name: parameter.default for name, parameter in inspect.signature(MLPClassifier).parameters.items()}
        vars(self).update(known)
        assert set(params) <= set(known)
        vars(self).update(params)

    @classmethod
    def _get_param_names(cls):
        return list(inspect.signature(MLPClassifier).parameters)

    def _ours(self, X, labels):
        if "ours" not in vars(self):
            kind = type_of_target(labels)
            ours = MLPMultiLabel if kind.startswith("multilabel") else MLPBinary if kind == "binary" else MLPMulticlass
            dtype = "float32" if getattr(X, "dtype", None) == np.float32 else "float64"
            self.ours = ours(**PLAIN, dtype=dtype)
        return self.ours.set_params(**self.get_params())

    def fit(self, X, y, sample_weight=None):
        if not self.warm_start:
            vars(self).pop("ours", None)
        self._ours(X, y).fit(X, y, sample_weight)
        return self

    @available_if(lambda self: self.solver != "lbfgs")
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        self._ours(X, y if classes is None or np.ndim(y) == 2 else classes).partial_fit(
            X, y, classes=classes, sample_weight=sample_weight
        )
        return self

    def predict(self, X):
        return self.ours.predict(X)

    def predict_proba(self, X):
        return self.ours.predict_proba(X)

    def predict_log_proba(self, X):
        return self.ours.predict_log_proba(X)

    def __getattr__(self, name):
        if name == "ours" or "ours" not in vars(self):
            raise AttributeError(name)
        return getattr(self.ours, name)


    @property
    def validation_scores_(self):
        """Theirs are accuracies; ours stops by log loss."""
        return [-loss for loss in self.ours.validation_loss_curve_]

    @property
    def _no_improvement_count(self):
        """Epochs without progress, which we do not keep: counted again."""
        best, count = np.inf, 0
        for loss in self.ours.loss_curve_:
            count = count + 1 if loss > best - self.tol else 0
            best = min(best, loss)
        return count


def for_shim(test):
    """The test, with the shim where it is parametrized by MLPClassifier, and without MLPRegressor."""
    shims = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize" and MLPClassifier in mark.args[1]:
            mark = pytest.mark.parametrize(mark.args[0], [Shim]).mark
        shims.append(mark)
    copy = types.FunctionType(test.__code__, vars(theirs), test.__name__, test.__defaults__, test.__closure__)
    copy.pytestmark = shims
    return copy


tests = {
    name: test for name, test in vars(theirs).items()
    if name.startswith("test_") and ("MLPClassifier" in inspect.getsource(test) or "Estimator" in inspect.getsource(test))
}
globals().update({name: for_shim(test) for name, test in tests.items() if name.removeprefix("test_") not in NOT_OURS})


@pytest.fixture(autouse=True)
def swapped(monkeypatch):
    monkeypatch.setattr(theirs, "MLPClassifier", Shim)


def test_the_exceptions_exist_and_most_tests_run():
    assert {"test_" + name for name in NOT_OURS} < set(tests)
    assert len(tests) - len(NOT_OURS) >= 20
