"""Which rows each member sees, and what is kept of the rows it did not see."""
import numpy as np
import pytest
from data import HEADS, SMALL, data

from sklearn_heads import MLPBinary
from sklearn_heads._mlp import ensemble

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


def test_folds_are_disjoint_cover_all_rows_and_hold_their_share(name, monkeypatch):
    seen = {}
    monkeypatch.setattr(ensemble, "train", lambda members, parts, *a: seen.setdefault("parts", parts))
    X, y = data(name, 151)
    HEADS[name](**SMALL, n_members=4).fit(X, y)
    watched = [outside.order for _, outside in seen["parts"]]
    assert sorted(np.concatenate(watched)) == list(range(151))
    for inside, outside in seen["parts"]:
        assert sorted([*inside.order, *outside.order]) == list(range(151))
        for column in (y.T if y.ndim == 2 else [y]):
            for value in np.unique(column):
                share = (column == value).sum() / 4
                assert abs((column[outside.order] == value).sum() - share) <= (1 if y.ndim == 1 else 6)


def test_out_of_fold_probabilities_are_by_the_member_that_did_not_see_the_row(name, monkeypatch):
    fold = np.arange(150) % 3
    monkeypatch.setattr(ensemble, "folds", lambda *a: fold)
    X, y = data(name, 150)
    clf = HEADS[name](**SMALL, n_members=3, store_oof=True, dtype="float64").fit(X, y)
    assert clf.oof_proba_.shape == clf.predict_proba(X).shape
    members = clf.members_
    for m in range(3):
        clf.members_ = [members[m]]
        np.testing.assert_allclose(clf.oof_proba_[fold == m], clf.predict_proba(X)[fold == m], rtol=1e-9)


def test_out_of_fold_probabilities_have_a_row_for_each_row_of_x(name):
    X, y = data(name, 150)
    weights = np.ones(150)
    weights[:20] = 0  # as if absent in training; nobody saw them, so there is an answer for them too
    clf = HEADS[name](**SMALL, n_members=3, store_oof=True).fit(X, y, weights)
    assert clf.oof_proba_.shape == clf.predict_proba(X).shape


@pytest.mark.parametrize("again", [lambda clf, X, y: clf.fit(X, y), lambda clf, X, y: clf.partial_fit(X, y)])
def test_out_of_fold_probabilities_of_an_earlier_fit_are_forgotten(again):
    X, y = data("binary", 150)
    clf = MLPBinary(**SMALL, n_members=3, store_oof=True).fit(X, y)
    again(clf.set_params(store_oof=False), X[::-1], y[::-1])
    assert not hasattr(clf, "oof_proba_")


def test_members_that_need_no_iteration_were_trained_all_the_same():
    X, y = data("binary-sigmoid", 150)
    clf = MLPBinary(hidden_layer_sizes=(), solver="lbfgs", n_members=3, store_oof=True, tol=1e9, random_state=0).fit(X, y)
    assert [member.loss_curve_ for member in clf.members_] == [[], [], []]
    assert np.isfinite(clf.oof_proba_).all()
