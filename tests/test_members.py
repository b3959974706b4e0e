"""Several networks a fit: disjoint folds, pooled probabilities, out-of-fold probabilities that saw nothing."""
import warnings

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.datasets import load_breast_cancer, load_digits

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, losses
from sklearn_heads._mlp.members import folds
from sklearn_heads._mlp.recipe import FEW_ROWS
from sklearn_heads.heads import MultiSigmoid, OneVsRest, Sigmoid, Softmax

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}


def tasks():
    X, y = load_digits(return_X_y=True)
    X, y = np.ascontiguousarray(X[:300]), y[:300]
    labels = np.column_stack([y % 2 == 0, y > 4, np.isin(y, (2, 3, 5, 7))]).astype(int)
    return [(MLPBinary, X, (y > 4).astype(int)), (MLPMulticlass, X, y), (MLPMultiLabel, X, labels)]


@pytest.mark.parametrize(("cls", "X", "y"), tasks())
def test_the_probability_is_the_mean_of_the_members(cls, X, y):
    clf = cls(n_members=3, dtype="float64", **SMALL).fit(X, y)
    assert len(clf.members_) == 3
    rows, order = clf.input_encoding_.rows(X, np.float64), np.arange(len(X))
    logits = [member.network.logits(rows, order) for member in clf.members_]
    if cls is MLPMulticlass:
        mean = np.mean([losses.softmax(z) for z in logits], axis=0)
    else:
        mean = np.mean([losses.sigmoid(z) for z in logits], axis=0)
    proba = clf.predict_proba(X)
    np.testing.assert_allclose(proba[:, 1:] if cls is MLPBinary else proba, mean, rtol=1e-12)
    if cls is not MLPMulticlass:
        decision = clf.decision_function(X)
        np.testing.assert_allclose(decision, logit(mean)[:, 0] if cls is MLPBinary else logit(mean), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.exp(clf.predict_log_proba(X)), proba, rtol=1e-12)


def test_pooled_decisions_keep_their_digits_far_out():
    for head, far in ((Sigmoid(np.arange(2)), np.array([800.0, -800.0])), (MultiSigmoid(2), np.array([[800.0, -800.0]]))):
        pooled = head.pool(np.stack([far, far]))
        np.testing.assert_allclose(pooled, far, rtol=1e-12)
    z = np.array([[3.0, 1.0, -2.0], [-5.0, -4.0, -9.0]])
    head = OneVsRest(np.arange(3))
    shares = expit(z) / expit(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.proba(head.pool(np.stack([z, z]))), shares, rtol=1e-12)
    head = Softmax(np.arange(3))
    np.testing.assert_allclose(head.proba(head.pool(np.stack([z, z + 7]))), losses.softmax(z), rtol=1e-12)


@pytest.mark.parametrize("n_members", [2, 3, 5])
def test_folds_deal_each_stratum_evenly(n_members):
    rng = np.random.RandomState(0)
    strata = rng.randint(0, 4, 101)
    fold = folds(strata, n_members, rng)
    assert set(fold) == set(range(n_members))
    for stratum in range(4):
        counts = np.bincount(fold[strata == stratum], minlength=n_members)
        assert np.ptp(counts) <= 1
    assert np.ptp(np.bincount(fold)) <= 1


def test_rare_labels_are_spread():
    y = np.zeros((100, 3), dtype=np.uint8)
    y[:, 0] = 1
    y[:10, 1] = 1
    y[5:15, 2] = 1
    fold = folds(MultiSigmoid(3).strata(y), 5, np.random.RandomState(0))
    for m in range(5):
        assert y[fold == m][:, 1].sum() == 2


@pytest.mark.parametrize(("cls", "X", "y"), tasks())
def test_out_of_fold_loss_is_that_of_the_probabilities(cls, X, y):
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    clf = cls(n_members=3, store_oof=True, dtype="float64", **SMALL).fit(X, y, sample_weight=weights)
    proba = clf.oof_proba_
    assert proba.shape == clf.predict_proba(X).shape
    loss = -np.log(np.where(y, proba, 1 - proba)).sum(axis=1) if cls is MLPMultiLabel else -np.log(proba[np.arange(len(y)), y])
    assert clf.oof_loss_ == pytest.approx(np.average(loss, weights=weights), rel=1e-9)


def test_random_labels_show_no_leak():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 10)), rng.integers(0, 2, 400)
    settings = {"hidden_layer_sizes": (64,), "max_iter": 100, "early_stopping": False, "dropout": 0, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is meant to overfit, not to converge
        clf = MLPBinary(n_members=4, store_oof=True, **settings).fit(X, y)
    assert clf.score(X, y) > 0.85, "the members have overfitted their rows"
    assert abs(np.mean(clf.oof_proba_.argmax(axis=1) == y) - 0.5) < 0.1


def test_rows_of_weight_zero_get_out_of_fold_probabilities_too():
    X, y = load_breast_cancer(return_X_y=True)
    weights = np.ones(len(X))
    weights[::7] = 0
    clf = MLPBinary(n_members=3, store_oof=True, **SMALL).fit(X, y, sample_weight=weights)
    assert clf.oof_proba_.shape == (len(X), 2)
    np.testing.assert_allclose(clf.oof_proba_[::7], clf.predict_proba(X[::7]), rtol=1e-5)


def test_auto():
    X, y = load_breast_cancer(return_X_y=True)
    few = np.r_[0 : FEW_ROWS - 1]
    clf = MLPBinary(max_iter=3).fit(X[few], y[few])
    assert len(clf.members_) == 1
    assert clf.coefs_[0].dtype == np.float64
    assert len(MLPBinary(max_iter=3).fit(X[:FEW_ROWS], y[:FEW_ROWS]).members_) == 5
    assert len(MLPBinary(hidden_layer_sizes=(), solver="lbfgs", alpha=1.0).fit(X, y).members_) == 1


FEW = [(cls, X[: FEW_ROWS - 1], y[: FEW_ROWS - 1]) for cls, X, y in tasks()]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("cls", "X", "y"), FEW)
def test_few_rows_have_their_decay_in_the_mean_loss(cls, X, y):
    said = {"n_members": 1, "batch_size": len(X), "dropout": 0, "dtype": "float64", "early_stopping": False, "weight_decay": 0}
    for decay in (0.0, 0.1, 2.0):
        auto = cls(weight_decay=decay, alpha=0.5, **SMALL).fit(X, y)
        by_alpha = cls(alpha=0.5 + decay * len(X), **said, **SMALL).fit(X, y)
        np.testing.assert_allclose(auto.predict_proba(X), by_alpha.predict_proba(X), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("cls", "X", "y"), FEW)
def test_weights_of_few_rows_are_repeats_and_their_scale_is_nothing(cls, X, y):
    clf = cls(weight_decay=1.0, **SMALL)
    as_given = clf.fit(X[:19], y[:19]).predict_proba(X)
    twice = clf.fit(np.r_[X[:19], X[:19]], np.r_[y[:19], y[:19]]).predict_proba(X)
    scaled = clf.fit(X[:19], y[:19], np.full(19, 1e6)).predict_proba(X)
    np.testing.assert_allclose(twice, as_given, rtol=1e-9)
    np.testing.assert_allclose(scaled, as_given, rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_few_rows_are_not_learnt_by_heart():
    X = load_breast_cancer().data
    noise = np.random.RandomState(0).randint(2, size=FEW_ROWS - 1)  # labels that say nothing: confidence is only loss
    p = MLPBinary(random_state=0).fit(X[: FEW_ROWS - 1], noise).predict_proba(X[FEW_ROWS:])
    assert np.abs(p - 0.5).mean() < 0.3


def test_a_class_of_one_row():
    X, y = load_digits(return_X_y=True)
    X, y = X[:200], y[:200] % 3
    y[0] = 9
    clf = MLPMulticlass(**SMALL).fit(X, y)
    assert list(clf.classes_) == [0, 1, 2, 9]
