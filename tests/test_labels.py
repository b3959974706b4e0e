"""Laws of label matrices: what is constant, and what is not known, leaves everything else as it is."""
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from data import SMALL, data
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner, losses

ignore = pytest.mark.filterwarnings
pytestmark = [
    ignore("ignore::sklearn.exceptions.ConvergenceWarning"),
    ignore("ignore:the label columns:UserWarning"),
]

X, Y = data("multilabel", 80)
# One network on full batches, nothing drawn at random but the initial weights.
FULL = {"hidden_layer_sizes": (5,), "n_members": 1, "early_stopping": False, "dropout": 0.0, "batch_size": 1000, "max_iter": 30,
        "dtype": "float64", "random_state": 0, "weight_decay": 0.0}
SETTINGS = {
    "one network": FULL,
    "members": {**SMALL, "n_members": 3},
    "lbfgs": {**FULL, "solver": "lbfgs"},
    "mini-batches": {**SMALL, "n_members": 1, "early_stopping": True, "batch_size": 16, "dropout": 0.2},
    "standard": {**SMALL, "n_members": 2, "input_encoding": "standard", "store_oof": True},
    "balanced": {**FULL, "class_weight": "balanced"},
}


def with_columns(Y, **columns):
    """Y with a column of this value at each place."""
    for place, value in columns.items():
        Y = np.insert(Y, int(place[1:]), value, axis=1)
    return Y


def same(a, b, X=X):
    np.testing.assert_array_equal(a.decision_function(X), b.decision_function(X))


# ---- labels that are constant ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
def test_a_constant_label_changes_nothing_for_the_others(name):
    clf = MLPMultiLabel(**SETTINGS[name])
    weights = np.random.RandomState(1).uniform(0.5, 2, size=len(Y))
    expected = clone(clf).fit(X, Y, weights)
    wider = clone(clf).fit(X, with_columns(Y, c0=1, c2=0, c5=0), weights)
    np.testing.assert_array_equal(wider.decision_function(X)[:, [1, 3, 4]], expected.decision_function(X))
    assert [m.loss_curve_ for m in wider.members_] == [m.loss_curve_ for m in expected.members_]
    if clf.store_oof:
        assert wider.oof_loss_ == expected.oof_loss_
        np.testing.assert_array_equal(wider.oof_proba_[:, [1, 3, 4]], expected.oof_proba_)


def test_a_constant_label_changes_nothing_where_kinds_of_bins_compete():
    X, Y = data("multilabel", 600)  # enough rows for a race
    clf = MLPMultiLabel(max_iter=2, random_state=0)
    expected, wider = clone(clf).fit(X, Y), clone(clf).fit(X, with_columns(Y, c1=1, c4=0))
    np.testing.assert_array_equal(wider.decision_function(X)[:, [0, 2, 3]], expected.decision_function(X))


@pytest.mark.parametrize("name", SETTINGS)
def test_a_constant_label_has_laplace_s_share_in_every_row(name):
    clf = MLPMultiLabel(**SETTINGS[name]).fit(X, with_columns(Y, c0=1, c2=0))
    proba = clf.predict_proba(X)
    np.testing.assert_allclose(proba[:, 0], 81 / 82, rtol=1e-6)
    np.testing.assert_allclose(proba[:, 2], 1 / 82, rtol=1e-5)
    assert (np.ptp(proba[:, [0, 2]], axis=0) == 0).all()
    np.testing.assert_array_equal(clf.predict(X)[:, [0, 2]], np.tile([1, 0], (80, 1)))
    assert clf.classes_.tolist() == [0, 1, 2, 3, 4]
    assert clf.n_outputs_ == 3


def test_the_share_counts_rows_by_their_weights():
    def share(weights, repeats=1):
        rows = np.repeat(np.arange(80), repeats)
        return MLPMultiLabel(**FULL).fit(X[rows], with_columns(Y, c0=0)[rows], weights).predict_proba(X[:1])[0, 0]

    whole = np.arange(80) % 3
    np.testing.assert_allclose(share(whole), 1 / (whole.sum() + 2))
    np.testing.assert_allclose(share(whole), share(None, repeats=whole))
    uneven = np.random.RandomState(0).uniform(size=80)
    np.testing.assert_allclose([share(uneven), share(1e-9 * uneven)], 1 / (uneven.sum() ** 2 / (uneven**2).sum() + 2))
    np.testing.assert_allclose([share(np.full(80, weight)) for weight in (0.1, 1e-320, 1e308)], 1 / 82)


@pytest.mark.parametrize("weights", [None, np.where(Y[:, 1] == 1, 0, 1.0)], ids=["none", "weight-zero"])
def test_a_label_whose_other_rows_have_weight_zero_is_constant(weights):
    labels = Y.copy() if weights is not None else with_columns(np.delete(Y, 1, axis=1), c1=0)
    clf = MLPMultiLabel(**FULL).fit(X, labels, weights)
    assert np.ptp(clf.predict_proba(X)[:, 1]) == 0
    assert clf.predict(X)[0, 1] == 0


def test_a_label_whose_presence_has_class_weight_zero_is_constant():
    clf = MLPMultiLabel(**FULL, class_weight=[1, 0, 1]).fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X)[:, 1], 1 / ((Y[:, 1] == 0).sum() + 2))


def test_one_warning_names_the_labels():
    labels = pd.DataFrame(with_columns(Y, c1=0, c4=1), columns=["red", "never", "round", "sweet", "always"])
    with pytest.warns(UserWarning, match=r"label columns \['never', 'always'\] have one value.*nothing to learn") as caught:
        clf = MLPMultiLabel(**SMALL, n_members=3).fit(X, labels)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert clf.label_names_.tolist() == labels.columns.tolist()
    with pytest.warns(UserWarning, match=r"label columns \[1, 4\]"):
        clf.fit(X, labels.to_numpy())
    assert not hasattr(clf, "label_names_")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.partial_fit(X, labels.to_numpy())  # it may come
        MLPMultiLabel(**SMALL).partial_fit(X, labels)


@pytest.mark.parametrize("cv", ["oof", 3])
def test_under_a_tuner_only_the_tuner_warns(cv):
    labels = pd.DataFrame(with_columns(Y, c1=0), columns=["red", "never", "round", "sweet"])
    tuner = ThresholdTuner(MLPMultiLabel(**SMALL, n_members=2), scoring="f1_macro", cv=cv, n_bootstraps=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuner.fit(X, labels)
    assert [str(warning.message).count("'never'") for warning in caught] == [1]
    assert (tuner.predict(X)[:, 1] == 0).all()


def test_a_label_of_two_may_be_constant():
    clf = MLPMultiLabel(**FULL).fit(X, with_columns(Y[:, :1], c1=0))
    one = MLPMultiLabel(**FULL).fit(X, Y[:, :1])
    np.testing.assert_array_equal(clf.decision_function(X)[:, :1], one.decision_function(X))


@pytest.mark.parametrize("n_members", [1, 3])
def test_validation_rows_may_have_constant_labels(n_members):
    clf = MLPMultiLabel(**{**SMALL, "n_members": n_members, "early_stopping": True})
    clf.fit(X, Y, X_val=X[:9], y_val=np.zeros((9, 3), dtype=int))
    assert np.isfinite(clf.members_[0].validation_loss_curve_).all()


def rare(n=100, row=7):
    """Labels, the last of which only one row has."""
    X, Y = data("multilabel", n)
    return X, np.column_stack([Y, np.arange(n) == row]).astype(int)


def test_a_member_whose_rows_lack_a_label_predicts_that_and_trains_the_others():
    X, Y = rare()
    clf = MLPMultiLabel(**{**SMALL, "n_members": 5, "store_oof": True}).fit(X, Y)
    of_members = np.stack([m.network.coefs[-1][:, 3] for m in clf.members_])
    without = ~of_members.any(axis=1)
    assert without.sum() == 1
    member = clf.members_[int(np.flatnonzero(without)[0])]
    np.testing.assert_allclose(member.network.intercepts[-1][3], -np.log1p(80), rtol=1e-6)
    # the row is held out from this member, whose answer is honest
    np.testing.assert_allclose(clf.oof_proba_[7, 3], 1 / 82, rtol=1e-5)


def test_every_split_is_answered_with_labels_that_occur_once():
    X, Y = rare(60)
    assert np.isfinite(cross_val_score(MLPMultiLabel(**SMALL), X, Y, cv=KFold(5), scoring="f1_micro", error_score="raise")).all()


def test_what_was_constant_may_come_later():
    labels = with_columns(Y, c1=0)
    clf = MLPMultiLabel(**FULL).fit(X, labels)
    expected = clf.decision_function(X)
    later = np.random.RandomState(0).randint(2, size=labels.shape)
    assert np.ptp(clf.decision_function(X)[:, 1]) == 0
    streamed = pickle.loads(pickle.dumps(clf)).partial_fit(X, labels)
    assert streamed.n_outputs_ == 4
    np.testing.assert_allclose(streamed.decision_function(X), expected, atol=0.2)  # a step on
    for _ in range(20):
        streamed.partial_fit(X, later)
    assert np.ptp(streamed.decision_function(X)[:, 1]) > 0
    warm = clone(clf).set_params(warm_start=True, learning_rate_init=0.1).fit(X, labels)
    warm.fit(X, with_columns(Y, c1=X[:, 0] > 0))
    assert ((warm.decision_function(X)[:, 1] > 0) == (X[:, 0] > 0)).mean() > 0.7
    warm.fit(X, labels)  # has an output, learns nothing about it, forgets nothing
    assert warm.n_outputs_ == 4
    assert np.ptp(warm.decision_function(X)[:, 1]) > 0


def test_log_loss_of_rare_labels_beats_the_extremes():
    absent = np.zeros(20)
    logits = MLPMultiLabel(**FULL).fit(X, with_columns(Y, c0=0)).decision_function(X)[:20, 0]
    one = np.eye(20)[3]
    assert losses.binary_cross_entropy(logits, absent).mean() < 0.02
    assert losses.binary_cross_entropy(logits, one).mean() < 0.3  # a probability of 1e-15 would cost 1.7


# ---- classes without weight -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("estimator", [MLPBinary(), MLPBinary(head="softmax"), MLPMulticlass(), MLPMulticlass(head="sigmoid")])
def test_a_class_of_weight_zero_stays_among_the_classes(estimator, n_members):
    name = type(estimator).__name__.lower()[3:]
    X, y = data("binary" if name == "binary" else "multiclass", 60)
    clf = clone(estimator).set_params(**SMALL, n_members=n_members).fit(X, y, (y != 1).astype(float))
    assert clf.classes_.tolist() == np.unique(y).tolist()
    proba = clf.predict_proba(X)[:, 1]
    assert (proba > 0).all()
    assert (proba < 0.1).all()
    assert LogisticRegression().fit(X, y, (y != 1).astype(float)).predict_proba(X)[:, 1].max() < 0.1


def test_the_only_class_with_weight_has_laplace_s_share():
    X, y = data("binary", 60)
    clf = MLPBinary(**SMALL, n_members=1, early_stopping=False).fit(X, y, (y == 0).astype(float))
    np.testing.assert_allclose(clf.predict_proba(X)[:, 1], 1 / ((y == 0).sum() + 2), rtol=1e-5)


def test_bagging_over_a_rare_class():
    X, y = data("binary", 60)
    y = np.zeros(60, dtype=int)
    y[:2] = 1
    bag = BaggingClassifier(MLPBinary(**SMALL), n_estimators=8, random_state=0).fit(X, y)
    assert bag.predict_proba(X).shape == (60, 2)


# ---- entries that are not known ---------------------------------------------------------------------------------------------

WEIGHTS = np.random.RandomState(3).uniform(0.5, 2, size=Y.shape)
UNKNOWN = np.random.RandomState(4).uniform(size=Y.shape) < 0.3
UNKNOWN[5] = True
GAPS = np.where(UNKNOWN, np.nan, Y)


@pytest.mark.parametrize("name", SETTINGS)
def test_not_known_is_a_weight_of_zero_bit_for_bit(name):
    clf = MLPMultiLabel(**SETTINGS[name])
    gaps = clone(clf).fit(X, GAPS)
    same(gaps, clone(clf).fit(X, Y, (~UNKNOWN).astype(float)))
    same(gaps, clone(clf).fit(X, 1 - Y + (2 * Y - 1) * ~UNKNOWN, (~UNKNOWN).astype(float)))  # other labels where none is known
    weights = np.random.RandomState(1).uniform(0.5, 2, size=len(Y))
    same(clone(clf).fit(X, GAPS, weights), clone(clf).fit(X, Y, weights[:, None] * ~UNKNOWN))
    same(clone(clf).fit(X, GAPS, WEIGHTS), clone(clf).fit(X, Y, WEIGHTS * ~UNKNOWN))
    assert not np.array_equal(gaps.decision_function(X), clone(clf).fit(X, Y).decision_function(X))
    if clf.store_oof:
        assert gaps.oof_proba_.shape == Y.shape  # of row 5, which taught nothing, the mean of all


@pytest.mark.parametrize("name", SETTINGS)
def test_weights_per_entry_of_one_are_none_and_equal_ones_are_weights_per_row(name):
    clf = MLPMultiLabel(**SETTINGS[name])
    same(clone(clf).fit(X, Y), clone(clf).fit(X, Y, np.ones(Y.shape)))
    weights = np.random.RandomState(1).uniform(0.5, 2, size=len(Y))
    same(clone(clf).fit(X, Y, weights), clone(clf).fit(X, Y, np.repeat(weights[:, None], 3, axis=1)))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("encoding", [None, "standard", "piecewise"])
@pytest.mark.parametrize("alpha", [0, 0.3])
def test_two_half_known_rows_train_as_the_row_they_make(solver, encoding, alpha):
    left, right = np.where([1, 0, 0], Y, np.nan), np.where([0, 1, 1], Y, np.nan)
    half = np.arange(80) % 2 == 0  # of the rows come in two parts
    parts = np.vstack([left[half], right[half], Y[~half]])
    rows = np.vstack([X[half], X[half], X[~half]])
    clf = MLPMultiLabel(**{**FULL, "solver": solver}, input_encoding=encoding, alpha=alpha)
    both = np.r_[np.flatnonzero(half), np.flatnonzero(half), np.flatnonzero(~half)]
    whole, split = clone(clf).fit(X, Y), clone(clf).fit(rows, parts)
    np.testing.assert_allclose(split.decision_function(X), whole.decision_function(X), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(split.loss_curve_, whole.loss_curve_, rtol=1e-9)
    weighted, split = clone(clf).fit(X, Y, WEIGHTS), clone(clf).fit(rows, parts, WEIGHTS[both])
    np.testing.assert_allclose(split.decision_function(X), weighted.decision_function(X), rtol=1e-6, atol=1e-8)


def test_weights_per_entry_are_rows_with_that_label_alone():
    counts = np.random.RandomState(5).randint(0, 4, size=Y.shape)
    rows, labels = np.nonzero(counts)
    repeated = np.repeat(np.arange(len(rows)), counts[rows, labels])
    alone = np.full((len(repeated), 3), np.nan)
    alone[np.arange(len(repeated)), labels[repeated]] = Y[rows, labels][repeated]
    clf = MLPMultiLabel(**FULL, class_weight="balanced", input_encoding="standard")
    weighted, spread = clone(clf).fit(X, Y, counts), clone(clf).fit(X[rows[repeated]], alone)
    np.testing.assert_allclose(spread.decision_function(X), weighted.decision_function(X), rtol=1e-6, atol=1e-8)


def test_the_loss_of_known_entries_by_hand():
    clf = MLPMultiLabel(**{**FULL, "max_iter": 1, "learning_rate_init": 1e-12}, input_encoding=None).fit(X, GAPS)
    z = clf.decision_function(X)
    loss = losses.binary_cross_entropy(z, Y)[~UNKNOWN].mean()
    np.testing.assert_allclose(clf.loss_, 3 * loss, rtol=1e-9)
    watched = clone(clf).set_params(early_stopping=True).fit(X, Y, X_val=X, y_val=GAPS)
    np.testing.assert_allclose(watched.validation_loss_curve_[0], 3 * losses.binary_cross_entropy(
        watched.decision_function(X), Y)[~UNKNOWN].mean(), rtol=1e-6)


def test_in_a_stream_not_known_is_a_weight_of_zero_and_only_known_entries_count():
    gaps, zeros = MLPMultiLabel(**SMALL), MLPMultiLabel(**SMALL)
    for part in (slice(0, 5), slice(5, 20), slice(20, 80)):  # the first portion is known in full
        known = ~UNKNOWN[part] if part.start else np.ones((5, 3), dtype=bool)
        weights = WEIGHTS[part] if part.start == 20 else None
        gaps.partial_fit(X[part], np.where(known, Y[part], np.nan), sample_weight=weights)
        zeros.partial_fit(X[part], Y[part], sample_weight=known * (1 if weights is None else weights))
        same(gaps, zeros)
    never = np.where([1, 1, 0], Y, np.nan)
    clf = MLPMultiLabel(**SMALL).partial_fit(X, never)
    np.testing.assert_allclose(clf.predict_proba(X)[:, 2].mean(), 0.5, atol=0.2)  # nothing learnt, nothing broken


def test_rows_without_a_known_label_are_as_if_absent():
    nothing = np.vstack([np.full((7, 3), np.nan), Y])
    same(MLPMultiLabel(**SMALL).fit(X, Y), MLPMultiLabel(**SMALL).fit(np.vstack([1000 + X[:7], X]), nothing))


def test_out_of_fold_loss_is_that_of_the_known_entries():
    clf = MLPMultiLabel(**SETTINGS["standard"]).fit(X, with_columns(GAPS, c0=1))
    p = np.where(Y == 1, clf.oof_proba_[:, 1:], 1 - clf.oof_proba_[:, 1:])
    np.testing.assert_allclose(clf.oof_loss_, 3 * -np.log(p[~UNKNOWN]).mean(), rtol=1e-5)


def test_score_looks_at_known_entries_only():
    clf = MLPMultiLabel(**SMALL).fit(X, Y)
    right = clf.predict(X) == Y
    known = ~UNKNOWN.all(axis=1)
    assert clf.score(X, GAPS) == (right | UNKNOWN).all(axis=1)[known].mean()
    assert clf.score(X, Y, (~UNKNOWN).astype(float)) == pytest.approx((right | UNKNOWN).all(axis=1)[known].mean())
    weights = np.arange(80.0)
    assert clf.score(X, Y, weights) == pytest.approx(np.average(right.all(axis=1), weights=weights))
    with pytest.raises(ValueError, match="no known entry"):
        clf.score(X, np.full(Y.shape, np.nan))


def test_a_member_that_knows_nothing_of_a_label_keeps_to_its_share_among_all():
    labels = GAPS.copy()
    labels[:, 2] = np.nan
    labels[:2, 2] = [0, 1]
    clf = MLPMultiLabel(**{**SMALL, "n_members": 2}).fit(X, labels)
    assert np.isfinite(clf.decision_function(X)).all()


# ---- names, order and containers ------------------------------------------------------------------------------------------


def test_permuted_labels_give_permuted_answers():
    order = [2, 0, 1]
    clf = MLPMultiLabel(**{**FULL, "max_iter": 1}).fit(X, Y)
    permuted = MLPMultiLabel(**{**FULL, "max_iter": 1}).fit(X, Y[:, order])
    for member, labels in ((clf.members_[0], np.arange(3)), (permuted.members_[0], np.array(order))):
        network = member.network
        rng = np.random.RandomState(0)
        for part in (*network.coefs, *network.intercepts):
            part[...] = rng.normal(size=part.shape)
        network.coefs[-1][...] = network.coefs[-1][:, labels]
        network.intercepts[-1][...] = network.intercepts[-1][labels]
    for one, labels in ((clf, Y), (permuted, Y[:, order])):
        one.set_params(warm_start=True, max_iter=30).fit(X, labels)
    np.testing.assert_allclose(permuted.decision_function(X), clf.decision_function(X)[:, order], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", SETTINGS)
def test_sparse_labels_are_dense_labels_bit_for_bit(name):
    labels = with_columns(Y, c2=0)
    clf = MLPMultiLabel(**SETTINGS[name])
    dense, thin = clone(clf).fit(X, labels), clone(clf).fit(X, sparse.csc_array(labels.astype(float)))
    same(dense, thin)
    predicted = thin.predict(X)
    assert isinstance(predicted, sparse.csr_array)
    assert isinstance(clone(clf).fit(X, sparse.coo_matrix(labels)).predict(X), sparse.csr_matrix)
    np.testing.assert_array_equal(predicted.toarray(), dense.predict(X))
    assert thin.score(X, sparse.csr_matrix(labels)) == dense.score(X, labels)


def test_label_columns_in_another_order_are_refused():
    frame = pd.DataFrame(Y, columns=["red", "round", "sweet"])
    clf = MLPMultiLabel(**SMALL).fit(X, frame)
    turned = frame[["round", "red", "sweet"]]
    for call in (clf.partial_fit, clf.score, lambda X, y: clone(clf).fit(X, frame, X_val=X, y_val=y)):
        with pytest.raises(ValueError, match=r"label columns are \['round', 'red', 'sweet'\], but .* \['red', 'round'"):
            call(X, turned)


def test_a_set_names_classes():
    X, y = data("multiclass", 60)
    clf = MLPMulticlass(**SMALL).partial_fit(X[y < 2], y[y < 2], classes={0, 1, 2})
    assert clf.classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("weights", "words"), [
    (np.ones((80, 2)), r"shape \(80, 2\); give one weight per row, shape \(80,\), or one per entry of y, \(80, 3\)"),
    (-np.ones((80, 3)), "Negative values.*240 of 240"),
    (np.zeros((80, 3)), "all values of sample_weight are zero"),
])
def test_weights_per_entry_that_are_none(weights, words):
    with pytest.raises(ValueError, match=words):
        MLPMultiLabel(**SMALL).fit(X, Y, weights)


def test_weights_per_entry_need_a_label_matrix():
    X, y = data("binary", 60)
    with pytest.raises(ValueError, match=r"sample_weight has shape \(60, 2\); give one weight per row"):
        MLPBinary(**SMALL).fit(X, y, np.ones((60, 2)))


def test_no_known_label_that_varies_among_validation_rows():
    with pytest.raises(ValueError, match=r"in X_val, y_val.*no row has a known label"):
        MLPMultiLabel(**SMALL).fit(X, Y, X_val=X, y_val=np.full(Y.shape, np.nan))
