"""Whose rows the held-out scores are, who gets the weights, and what Ctrl-C ends."""

import os
import signal

import numpy as np
import pytest
from echo import Echo
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneOut
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_heads import MLPBinary, ThresholdTuner

X, y = make_classification(60, flip_y=0.1, random_state=0)


class CountsFits(LogisticRegression):
    n_fits = 0

    def fit(self, *args, **kwargs):
        CountsFits.n_fits += 1
        return super().fit(*args, **kwargs)


@pytest.mark.parametrize(("params", "words"), [
    ({"refit": "no"}, "'refit' parameter of ThresholdTuner must be an instance of 'bool'"),
    ({"store_cv_results": "x"}, "'store_cv_results' parameter"),
    ({"n_jobs": "2"}, "'n_jobs' parameter"),
    ({"n_jobs": 0}, "'n_jobs' parameter"),
    ({"random_state": np.random.default_rng(0)}, "'random_state' parameter.*Got Generator"),
    ({"random_state": -1}, "'random_state' parameter.*Got -1"),
    ({"cv": "OOF"}, "cv='OOF' is not known.*\"prefit\".*\"oof\""),
    ({"cv": "prefitt"}, "cv='prefitt' is not known.*\"prefit\""),
    ({"aggregate": "expected", "response_method": "decision_function"}, "takes probabilities"),
    ({"aggregate": "expected", "scoring": lambda estimator, X, y: 0.0}, "computed exactly"),
    ({"cv": LeaveOneOut(), "aggregate": "fold_mean"}, "one row each"),
    ({"cv": 5, "refit": False}, "several folds"),
])
def test_parameters_are_judged_before_any_fit(params, words):
    CountsFits.n_fits = 0
    with pytest.raises(ValueError, match=words):
        ThresholdTuner(CountsFits(), **params).fit(X, y)
    assert CountsFits.n_fits == 0


# Out-of-fold probabilities of other rows.


class Shuffles(BaseEstimator):
    """As imbalanced-learn's samplers: other rows, and here as many."""

    def fit(self, X, y):
        return self

    def fit_resample(self, X, y):
        order = np.argsort(y)
        return X[order], y[order]


def test_resampled_rows_have_no_out_of_fold_probabilities():
    imblearn = pytest.importorskip("imblearn.pipeline", reason="needs the extra `ecosystem`")
    for steps in ([Shuffles(), MLPBinary(max_iter=2)], [StandardScaler(), Shuffles(), MLPBinary(max_iter=2)]):
        with pytest.raises(ValueError, match=r"Shuffles in the pipeline gives the classifier other rows.*cv=5"):
            ThresholdTuner(imblearn.make_pipeline(*steps), cv="oof").fit(X, y)
    within = make_pipeline(StandardScaler(), imblearn.make_pipeline(Shuffles(), MLPBinary(max_iter=2)))
    with pytest.raises(ValueError, match="Shuffles in the pipeline"):
        ThresholdTuner(within, cv="oof").fit(X, y)
    # Resampled inside the training folds, the held-out rows are whose they were.
    folds = ThresholdTuner(imblearn.make_pipeline(Shuffles(), LogisticRegression()), cv=3, random_state=0).fit(X, y)
    assert (folds.predict(X) == y).mean() > 0.8
    # A pipeline of the same class that resamples nothing is fine.
    A = X[:, :1] - X[:, :1].min()
    plain = ThresholdTuner(imblearn.make_pipeline("passthrough", Echo()), cv="oof", random_state=0).fit(A / A.max(), y)
    assert np.isfinite(plain.best_threshold_)


def test_out_of_fold_rows_of_weight_zero_are_as_if_absent():
    weight = np.where(np.arange(60) % 3 == 0, 0.0, 1.0)
    tuner = ThresholdTuner(MLPBinary(max_iter=5, n_members=2, random_state=0), scoring="f1", cv="oof", random_state=0)
    assert np.isfinite(tuner.fit(X, y, sample_weight=weight).best_threshold_)


# Folds of one row.


@pytest.mark.parametrize("aggregate", ["bagged", "pooled"])
def test_leave_one_out_pools_what_it_holds_out(aggregate):
    """Held out one row at a time, a classifier that ignores its training rows gives the scores of any other folds."""
    A = X[:, :1] - X[:, :1].min()
    A = A / A.max()
    tuners = [
        ThresholdTuner(Echo(), scoring="f1", cv=cv, aggregate=aggregate, random_state=0).fit(A, y)
        for cv in (LeaveOneOut(), KFold(5))
    ]
    assert tuners[0].best_threshold_ == tuners[1].best_threshold_
    assert tuners[0].best_score_ == pytest.approx(tuners[1].best_score_, abs=0.1)
    with pytest.raises(ValueError, match="constant predictions"):
        ThresholdTuner(DummyClassifier(strategy="constant", constant=1), cv=LeaveOneOut()).fit(X, y)


# Weights on their way.

WEIGHT = np.where(np.arange(60) % 2 == 0, 1e-3, 1.0)


@pytest.mark.parametrize("wrap", [
    lambda e: e,
    lambda e: GridSearchCV(e, {"var_smoothing": [1e-9]}),
    lambda e: GridSearchCV(make_pipeline(StandardScaler(), e), {"gaussiannb__var_smoothing": [1e-9]}),
    lambda e: make_pipeline(StandardScaler(), GridSearchCV(e, {"var_smoothing": [1e-9]})),
    lambda e: VotingClassifier([("a", e)], voting="soft"),
    lambda e: RFE(e, n_features_to_select=20),
], ids=lambda wrap: type(wrap(GaussianNB())).__name__)
def test_weights_reach_the_estimator_through_what_is_made_of_it(wrap):
    by_hand = GaussianNB().fit(StandardScaler().fit_transform(X), y, sample_weight=WEIGHT).predict_proba(
        StandardScaler().fit_transform(X)
    )
    scaled = StandardScaler().fit_transform(X)
    model = wrap(GaussianNB())
    if isinstance(model, RFE):
        model.importance_getter = lambda inner: np.abs(np.diff(inner.theta_, axis=0)[0])
    tuner = ThresholdTuner(model, random_state=0, cv=2).fit(scaled, y, sample_weight=WEIGHT)
    np.testing.assert_allclose(tuner.predict_proba(scaled), by_hand, rtol=1e-6)


@pytest.mark.parametrize("model", [
    GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [3]}),
    VotingClassifier([("a", KNeighborsClassifier()), ("b", GaussianNB())], voting="soft"),
], ids=lambda model: type(model).__name__)
def test_weights_that_an_estimator_cannot_take_are_said_to_be_for_tuning_only(model):
    with pytest.warns(UserWarning, match=f"{type(model).__name__}.fit takes no sample_weight: .* tuning only"):
        ThresholdTuner(model, random_state=0, cv=2).fit(X, y, sample_weight=WEIGHT)


# Ctrl-C.


class Interrupted(Echo):
    """Ctrl-C comes in its fit of this number; `keeps` says whether it takes that for a wish to stop this fit."""

    n_fits = 0

    def __init__(self, at=1, keeps=True, store_oof=False):
        self.at, self.keeps, self.store_oof = at, keeps, store_oof

    def fit(self, X, y):
        Interrupted.n_fits += 1
        try:
            if Interrupted.n_fits == self.at:
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if not self.keeps:
                raise
        return super().fit(X, y)


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(("params", "at"), [
    ({"cv": 5}, 1), ({"cv": 5}, 3), ({"cv": 5}, 6), ({"cv": 0.3, "refit": False}, 1), ({"cv": "oof"}, 1),
], ids=str)
def test_an_interrupt_ends_the_whole_and_leaves_the_tuner_as_it_was(params, at, keeps):
    A = X[:, :1] - X[:, :1].min()
    A, Interrupted.n_fits = A / A.max(), 0
    tuner = ThresholdTuner(Interrupted(at=0, keeps=keeps), scoring="f1", random_state=0, **params).fit(A, y)
    before, handler = vars(tuner).copy(), signal.getsignal(signal.SIGINT)
    Interrupted.n_fits = 0
    with pytest.raises(KeyboardInterrupt):
        tuner.set_params(estimator__at=at).fit(A, y)
    assert Interrupted.n_fits == at
    assert signal.getsignal(signal.SIGINT) is handler
    assert vars(tuner) == before


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.filterwarnings("ignore:Training interrupted by user")
@pytest.mark.parametrize("cv", [3, "oof"])
@pytest.mark.parametrize("network", [MLPBinary, MLPClassifier])
def test_networks_do_not_go_on_after_an_interrupt(network, cv):
    if cv == "oof" and network is MLPClassifier:
        pytest.skip("leaves no out-of-fold probabilities")
    big = np.random.default_rng(0).normal(size=(3000, 10))
    options = {"max_iter": 100_000, "n_iter_no_change": 100_000, "random_state": 0}
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    with pytest.raises(KeyboardInterrupt):
        ThresholdTuner(network(**options), cv=cv).fit(big, (big[:, 0] > 0).astype(int))
