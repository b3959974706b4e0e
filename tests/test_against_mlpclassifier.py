"""With MLPClassifier's own settings the estimators are MLPClassifier: the oracle for the whole training loop.

The same random_state must give the same loss curve, the same number of epochs and the same probabilities, to rounding. That
holds only if random numbers are drawn in the same order, batches are cut alike, and each rule and schedule is the same.
"""
import warnings

import numpy as np
import pytest
from checks import SKLEARN
from data import data
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel

# What we add, turned off.
PLAIN = {
    "n_members": 1,
    "input_encoding": None,
    "dropout": 0,
    "weight_decay": 0,
    "weight_init": "glorot_uniform",
    "dtype": "float64",
}
ESTIMATORS = {"binary": MLPBinary, "multiclass": MLPMulticlass, "multilabel": MLPMultiLabel}


def pair(task, **options):
    """MLPClassifier, and the estimator of ours with all of its parameters. Its batch_size="auto" is min(200, n)."""
    theirs = MLPClassifier(**{"max_iter": 12, "hidden_layer_sizes": (6,), "random_state": 3, **options})
    given = {**theirs.get_params(), **({"batch_size": 200} if theirs.batch_size == "auto" else {})}
    return theirs, ESTIMATORS[task](**given, **PLAIN)


def fitted(task, X=None, sample_weight=None, **options):
    theirs, ours = pair(task, **options)
    given, y = data(task, 90, 4)
    X = given if X is None else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return theirs.fit(X, y, **weights), ours.fit(X, y, **weights), X


def assert_same(theirs, ours, X, rtol=1e-6):
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for got, expected in zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_]):
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)
    assert (ours.n_outputs_, ours.n_layers_, ours.t_) == (theirs.n_outputs_, theirs.n_layers_, theirs.t_)
    assert ours.out_activation_ == theirs.out_activation_
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)


SETTINGS = [
    {},
    {"hidden_layer_sizes": (7, 4)},
    {"hidden_layer_sizes": (5, 4, 3), "activation": "tanh"},
    {"activation": "logistic"},
    {"activation": "identity"},
    {"batch_size": 7},
    {"batch_size": 90},
    {"batch_size": 1, "max_iter": 3},
    {"shuffle": False, "batch_size": 20},
    {"alpha": 2.0, "batch_size": 20},
    {"alpha": 0.0},
    {"learning_rate_init": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4, "batch_size": 30},
    {"learning_rate_init": 0.1, "tol": 0.02, "n_iter_no_change": 3, "max_iter": 200, "batch_size": 30},
    {"solver": "sgd", "learning_rate_init": 0.1, "batch_size": 20},
    {"solver": "sgd", "learning_rate_init": 0.1, "batch_size": 20, "nesterovs_momentum": False, "alpha": 1.0},
    {"solver": "sgd", "learning_rate_init": 0.1, "batch_size": 20, "momentum": 0.0, "activation": "tanh"},
    {"solver": "sgd", "learning_rate_init": 0.5, "learning_rate": "invscaling", "power_t": 0.3, "batch_size": 20},
    {"solver": "sgd", "learning_rate_init": 0.5, "learning_rate": "invscaling", "nesterovs_momentum": False},
    {"solver": "sgd", "learning_rate_init": 0.3, "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 2,
     "max_iter": 300, "batch_size": 30},
    {"solver": "sgd", "learning_rate_init": 0.3, "learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 3,
     "max_iter": 40, "nesterovs_momentum": False},
]


@pytest.mark.parametrize("task", ESTIMATORS)
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_curve_probabilities_and_epochs_are_equal(task, options):
    assert_same(*fitted(task, **options))


def test_the_settings_reach_both_ways_of_ending():
    with_patience = fitted("binary", **SETTINGS[12])[1]
    assert with_patience.n_iter_ < 200
    adaptive = fitted("binary", **SETTINGS[18])[1]
    assert 2 < adaptive.n_iter_ < 300


@pytest.mark.parametrize("task", ESTIMATORS)
@pytest.mark.parametrize("seed", range(4))
def test_equal_for_any_random_state(task, seed):
    assert_same(*fitted(task, random_state=seed, batch_size=32))


def test_a_random_state_object_is_drawn_from_as_much():
    states, estimators = [np.random.RandomState(5), np.random.RandomState(5)], pair("binary")
    X, y = data("binary", 90, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for state, estimator in zip(states, estimators):
            estimator.set_params(random_state=state).fit(X, y)
    assert_same(*estimators, X)
    assert states[0].randint(10**9) == states[1].randint(10**9)


@pytest.mark.parametrize("task", ESTIMATORS)
@pytest.mark.parametrize("options", [{}, {"alpha": 1.0}, {"hidden_layer_sizes": (5, 4), "activation": "tanh"}], ids=str)
def test_lbfgs_is_equal(task, options):
    # Few iterations: later a line search may turn the last digit into another step.
    theirs, ours, X = fitted(task, solver="lbfgs", max_iter=15, **options)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-3)
    assert ours.n_iter_ == theirs.n_iter_


@pytest.mark.parametrize("task", ESTIMATORS)
def test_sparse_input_is_equal(task):
    X = sparse.csr_matrix(np.where(np.random.RandomState(0).uniform(size=(90, 5)) < 0.5, 0, data(task, 90, 4)[0]))
    assert_same(*fitted(task, X=X, batch_size=20))


@pytest.mark.skipif(SKLEARN < (1, 7), reason="MLPClassifier takes weights from scikit-learn 1.7 on")
@pytest.mark.parametrize("task", ESTIMATORS)
@pytest.mark.parametrize("options", [{}, {"alpha": 2.0}, {"solver": "sgd", "momentum": 0.5}, {"solver": "lbfgs"}], ids=str)
def test_sample_weights_are_equal_in_full_batches(task, options):
    # MLPClassifier divides the loss of a batch by its weight, which lets a batch of light rows count as much as one of heavy
    # rows; here weights are divided by the mean over all rows. In full batches, with mean one, the two conventions meet.
    weights = np.random.RandomState(0).uniform(0.5, 1.5, 90)
    weights /= weights.mean()
    theirs, ours, X = fitted(task, sample_weight=weights, **options)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("task", ESTIMATORS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_warm_start_is_equal(task, solver):
    theirs, ours = pair(task, warm_start=True, max_iter=4, solver=solver, batch_size=30)
    X, y = data(task, 90, 4)
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs.fit(X, y)
            ours.fit(X, y)
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("task", ESTIMATORS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_partial_fit_is_equal(task, solver):
    # Without shuffling: an int random_state starts the same permutations over in each call, there; here the stream goes on.
    theirs, ours = pair(task, solver=solver, batch_size=15, shuffle=False, learning_rate_init=0.01)
    X, y = data(task, 90, 4)
    classes = np.arange(y.shape[1]) if task == "multilabel" else np.unique(y)
    for start in (0, 30, 60, 0, 30):
        portion = slice(start, start + 30)
        for estimator in (theirs, ours):
            estimator.partial_fit(X[portion], y[portion], classes=classes)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)


def test_labels_of_any_type_are_equal():
    theirs, ours = pair("multiclass", batch_size=30)
    X, y = data("multiclass", 90, 4)
    names = np.array(["d", "a", "c", "b"])[y]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert_same(theirs.fit(X, names), ours.fit(X, names), X)


def test_every_parameter_of_mlpclassifier_is_ours_too():
    for estimator in ESTIMATORS.values():
        assert set(MLPClassifier().get_params()) <= set(estimator().get_params())


def test_this_tells_runs_apart():
    """The comparison has teeth: another seed, another schedule or one more draw is far outside the tolerance."""
    theirs, _, X = fitted("binary", batch_size=20)
    for change in ({"random_state": 4}, {"nesterovs_momentum": False, "solver": "sgd"}, {"alpha": 1.0}, {"shuffle": False}):
        ours = fitted("binary", **{"batch_size": 20, **change})[1]
        assert np.abs(ours.predict_proba(X) - theirs.predict_proba(X)).max() > 1e-4
