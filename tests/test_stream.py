"""partial_fit: a stream in any portions ends near what fit makes of the same rows."""
import itertools
import pickle
import warnings

import numpy as np
import pytest
from data import HEADS, SMALL, data, still
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_heads import MLPBinary, MLPMulticlass
from sklearn_heads._mlp import stream
from sklearn_heads._mlp.encoding import InputEncoding


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


def portions(n, size, first=0):
    """Slices of so many rows each; the first may have another size."""
    cuts = [0, *range(first or size, n, size), n]
    return [slice(a, b) for a, b in itertools.pairwise(cuts) if a < b]


def streamed(clf, X, y, parts, classes=None, weights=None):
    for part in parts:
        clf.partial_fit(X[part], y[part], classes=classes, sample_weight=None if weights is None else weights[part])
    return clf


def rows(n=1600, seed=0):
    """Columns of unequal scale, two classes of unequal frequency."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 4))
    y = (X[:, 0] + 0.5 * X[:, 1] + 0.3 * random.normal(size=n) > 0.8).astype(int)
    return X * [100, 1, 1e4, 1] + [0, 5, 1e5, 0], y


@pytest.mark.parametrize("encoding", ["piecewise", "standard"])
def test_a_stream_in_any_portions_ends_near_an_epoch_of_fit(encoding):
    X, y = rows(3000)
    X, y, X_test, y_test = X[:1600], y[:1600], X[1600:], y[1600:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"random_state": 0, "n_members": 1, "input_encoding": encoding}
        clf = MLPBinary(**options, max_iter=1, early_stopping=False).fit(X, y)
    wanted = log_loss(y_test, clf.predict_proba(X_test))
    assert wanted < 0.35
    for size, first in ((1600, 0), (400, 0), (37, 0), (100, 1), (100, 2)):
        clf = streamed(MLPBinary(**options), X, y, portions(1600, size, first), classes=[0, 1])
        assert log_loss(y_test, clf.predict_proba(X_test)) < wanted + 0.03, size


@pytest.mark.parametrize("size", [1, 30, 450, 2000])
def test_statistics_are_those_of_the_first_thousand_rows(size, monkeypatch):
    monkeypatch.setattr(stream, "FIRST_ROWS", 100)
    X, y = rows(160)
    weights = np.random.default_rng(1).uniform(0.5, 2, 160)
    clf = streamed(MLPBinary(**SMALL), X, y, portions(160, size), [0, 1], weights)
    seen = min(160, -(-100 // size) * size)
    wanted = InputEncoding("piecewise").fit(X[:seen], weights[:seen])
    np.testing.assert_allclose(clf.input_encoding_.mean_, wanted.mean_, rtol=1e-10)
    np.testing.assert_allclose(clf.input_encoding_.scale_, wanted.scale_, rtol=1e-10)
    for got, edges in zip(clf.input_encoding_.ramps_, wanted.ramps_, strict=True):
        np.testing.assert_array_equal(got, edges)


@pytest.mark.parametrize("sizes", [[300, 400, 500, 200], [1, 2, 600, 700, 50], [1300, 10]])
def test_the_network_is_as_if_it_had_known_the_statistics_from_the_first_row(sizes):
    n = sum(sizes)
    X, y = rows(n)
    cuts = np.cumsum([0, *sizes])
    parts = [slice(a, b) for a, b in itertools.pairwise(cuts)]
    enough = cuts[np.searchsorted(cuts, stream.FIRST_ROWS)]
    options = {"dtype": "float64", "weight_init": "glorot_uniform", "random_state": 0}
    ours = streamed(MLPBinary(input_encoding="standard", **options), X, y, parts, [0, 1])
    Z = StandardScaler().fit(X[:enough]).transform(X)
    known = streamed(MLPBinary(input_encoding=None, **options), Z, y, parts, [0, 1])
    np.testing.assert_allclose(ours.predict_proba(X), known.predict_proba(Z), rtol=1e-6)
    np.testing.assert_allclose(ours.loss_curve_, known.loss_curve_, rtol=1e-6)
    assert ours.n_iter_ == len(sizes)
    assert ours.t_ == n


def test_the_output_bias_starts_at_the_frequencies_of_the_first_thousand_rows():
    X, y = rows()
    late = np.argsort(y, kind="stable")  # one class first
    options = {"hidden_layer_sizes": (), "learning_rate_init": 1e-12, "input_encoding": None, "dtype": "float64"}
    clf = MLPBinary(**options).partial_fit(X[late[:1]], y[late[:1]], classes=[0, 1])
    assert clf.intercepts_[0][0] < -5
    mixed = np.arange(1599)
    streamed(clf, X[mixed], y[mixed], portions(1599, 200))
    share = np.r_[y[late[:1]], y[:1000]].mean()
    assert clf.intercepts_[0][0] == pytest.approx(np.log(share / (1 - share)), abs=0.02)


def test_a_column_constant_at_first_may_vary_later():
    X, y = rows(2400)
    X[:1200, 0] = 3.0
    clf = streamed(MLPBinary(random_state=0), X, y, portions(2400, 100))
    a = X[1200:].copy()
    a[:, 0] += 50
    assert np.abs(clf.predict_proba(a) - clf.predict_proba(X[1200:])).max() > 0.01


# ---- weights --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [20, 130])
def test_scaling_all_weights_changes_nothing(name, size):
    X, y = data(name, 130)
    weights = np.random.default_rng(0).uniform(0.2, 3, 130)
    classes = None if y.ndim == 2 else np.unique(y)
    plain, scaled = (
        streamed(HEADS[name](**SMALL, dtype="float64"), X, y, portions(130, size), classes, factor * weights)
        for factor in (1, 1e200)
    )
    np.testing.assert_allclose(plain.decision_function(X), scaled.decision_function(X), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("size", [7, 150])
def test_class_weights_are_sample_weights(size):
    X, y = data("multiclass", 150)
    factors = {0: 5.0, 1: 1.0, 2: 0.25}
    by_class = streamed(MLPMulticlass(**SMALL, class_weight=factors, input_encoding=None), X, y, portions(150, size), [0, 1, 2])
    weights = np.array([factors[label] for label in y])
    by_row = streamed(MLPMulticlass(**SMALL, input_encoding=None), X, y, portions(150, size), [0, 1, 2], weights)
    np.testing.assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), rtol=1e-4)
    unweighted = streamed(MLPMulticlass(**SMALL, input_encoding=None), X, y, portions(150, size), [0, 1, 2])
    assert np.abs(by_class.predict_proba(X) - unweighted.predict_proba(X)).max() > 0.01


def test_a_weight_counts_beside_all_weights_so_far():
    """Of 60 rows of weight 1, then 60 of weight 2, the second portion's rows weigh 4/3 of the mean: a step 4/3 as long."""
    X, y = data("binary", 120)
    options = {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False, "weight_decay": 0.0, "input_encoding": None,
               "weight_init": "glorot_uniform", "learning_rate_init": 0.1}
    weighted = still("binary-sigmoid", **options).partial_fit(X[:60], y[:60], sample_weight=np.ones(60))
    weighted.partial_fit(X[60:], y[60:], sample_weight=np.full(60, 2.0))
    longer = still("binary-sigmoid", **options).partial_fit(X[:60], y[:60])
    longer.members_[0].optimizer.learning_rate = 0.4 / 3
    longer.partial_fit(X[60:], y[60:])
    np.testing.assert_allclose(weighted.coefs_[0], longer.coefs_[0], rtol=1e-12)


def test_weights_go_on_from_those_of_fit():
    X, y = data("binary", 120)
    clf = MLPBinary(**SMALL, n_members=2).fit(X, y, sample_weight=np.full(120, 3.0))
    again = MLPBinary(**SMALL, n_members=2).fit(X, y)
    clf.partial_fit(X, y, sample_weight=np.full(120, 3.0))
    np.testing.assert_allclose(clf.predict_proba(X), again.partial_fit(X, y).predict_proba(X), rtol=1e-5)


def test_balanced_is_refused_with_the_way_out(name):
    X, y = data(name)
    with pytest.raises(ValueError, match=r"needs the class frequencies of all rows.*compute_class_weight.*as a dict"):
        HEADS[name](class_weight="balanced").partial_fit(X, y)


# ---- what the stream keeps ------------------------------------------------------------------------------------------------


def test_portions_are_kept_by_value(name):
    X, y = data(name, 90)
    buffer, labels = np.empty((30, 5)), np.empty_like(y[:30], dtype=np.uint8)
    expected = streamed(HEADS[name](**SMALL), X, y, portions(90, 30), None if y.ndim == 2 else np.unique(y))
    clf = HEADS[name](**SMALL)
    for part in portions(90, 30):
        buffer[...], labels[...] = X[part], y[part]
        clf.partial_fit(buffer, labels, classes=None if y.ndim == 2 else np.unique(y))
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


def test_rows_are_kept_only_until_there_are_enough(name):
    X, y = data(name, 1500)
    clf = HEADS[name](**SMALL)
    sizes = [len(pickle.dumps(clf.partial_fit(X[part], y[part]))) for part in portions(1500, 500)]
    assert sizes[1] < sizes[0]  # 1000 rows: enough
    assert sizes[2] < sizes[1] + 100


def test_of_wide_rows_fewer_are_kept(monkeypatch):
    monkeypatch.setattr(stream, "FIRST_VALUES", 200)
    X, y = data("binary", 90)
    clf = MLPBinary(**SMALL).partial_fit(X[:30], y[:30])
    scale = clf.input_encoding_.scale_
    for part in portions(90, 30)[1:]:
        clf.partial_fit(X[part], y[part])
    np.testing.assert_allclose(clf.input_encoding_.scale_, InputEncoding("piecewise").fit(X[:60]).scale_)
    assert (clf.input_encoding_.scale_ != scale).any()


def test_a_saved_stream_goes_on_alike_and_a_clone_begins_anew(name):
    X, y = data(name, 240)
    clf = streamed(HEADS[name](**SMALL), X, y, portions(120, 40))
    thawed = pickle.loads(pickle.dumps(clf))
    rest = [slice(120, 180), slice(180, 240)]
    np.testing.assert_array_equal(streamed(clf, X, y, rest).predict_proba(X), streamed(thawed, X, y, rest).predict_proba(X))
    np.testing.assert_array_equal(
        streamed(clone(clf), X, y, portions(120, 40) + rest).predict_proba(X), clf.predict_proba(X)
    )


def test_nothing_is_lost_after_a_portion_that_fails():
    X, y = data("binary", 120)
    clf, other = (streamed(MLPBinary(**SMALL), X, y, portions(60, 30)) for _ in range(2))
    with pytest.raises(ValueError, match="infinity"):
        clf.partial_fit(np.full((5, 5), np.inf), y[:5])
    rest = [slice(60, 120)]
    np.testing.assert_array_equal(streamed(clf, X, y, rest).predict_proba(X), streamed(other, X, y, rest).predict_proba(X))


def test_sparse_and_dense_portions_in_turn():
    X, y = data("binary", 120)
    clf = MLPBinary(**SMALL)
    for nth, part in enumerate(portions(120, 20)):
        clf.partial_fit(sparse.csr_matrix(X[part]) if nth % 2 else X[part], y[part])
    dense = streamed(MLPBinary(**SMALL), X, y, portions(120, 20))
    np.testing.assert_allclose(clf.predict_proba(X), dense.predict_proba(X), rtol=1e-5)
    only = streamed(MLPBinary(**SMALL), sparse.csr_matrix(X), y, portions(120, 20))
    np.testing.assert_allclose(only.predict_proba(X), dense.predict_proba(X), rtol=1e-5)


def test_a_random_state_object_is_drawn_from():
    X, y = data("binary", 60)
    state = np.random.RandomState(0)
    first, second = (MLPBinary(hidden_layer_sizes=(6,), random_state=state).partial_fit(X, y) for _ in range(2))
    assert (first.predict_proba(X) != second.predict_proba(X)).any()


# ---- weights from elsewhere -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["piecewise", "standard", None])
def test_weights_that_are_assigned_predict_and_train_on(encoding):
    """Federated averaging: two networks begun alike, trained apart, and their weights averaged."""
    X, y = data("binary", 200)
    X = X * [1, 3, 1, 0.1, 1] + 2
    clf = MLPBinary(**SMALL, input_encoding=encoding, dtype="float64").partial_fit(X, y)
    one, two = (pickle.loads(pickle.dumps(clf)) for _ in range(2))
    one.coefs_, one.intercepts_ = clf.coefs_, clf.intercepts_  # as it was
    np.testing.assert_allclose(one.predict_proba(X), clf.predict_proba(X), rtol=1e-9)
    two.coefs_ = [2 * W for W in two.coefs_]
    two.intercepts_ = [b + 1 for b in two.intercepts_]
    for got, of_one in zip([*two.coefs_, *two.intercepts_],
                           [*(2 * W for W in one.coefs_), *(b + 1 for b in one.intercepts_)]):
        np.testing.assert_allclose(got, of_one, rtol=1e-9)
    mean = pickle.loads(pickle.dumps(clf))
    mean.coefs_ = [(a + b) / 2 for a, b in zip(one.coefs_, two.coefs_)]
    before = mean.predict_proba(X)
    mean.set_params(learning_rate_init=1e-9).members_[0].optimizer = None
    for _ in range(3):  # what was assigned is not forgotten for better statistics
        mean.partial_fit(X, y)
    np.testing.assert_allclose(mean.predict_proba(X), before, atol=1e-5)


def test_weights_that_do_not_fit_are_refused():
    X, y = data("binary")
    clf = MLPBinary(**SMALL, input_encoding="standard", n_members=1).fit(X, y)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match=r"coefs_ of this network have the shapes \[\(5, 6\), \(6, 1\)\], one per layer; got"):
        clf.coefs_ = [np.ones((6, 5)), np.ones((6, 1))]
    with pytest.raises(ValueError, match="intercepts_ must be finite"):
        clf.intercepts_ = [np.full(6, np.nan), np.ones(1)]
    with pytest.raises(ValueError, match="read-only"):
        clf.coefs_[0][:] = 0  # computed for the caller: it would change nothing
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    with pytest.raises(AttributeError, match="belongs to one network"):
        MLPBinary(**SMALL, n_members=2).fit(X, y).coefs_ = before


# ---- arguments ------------------------------------------------------------------------------------------------------------


def test_weights_are_not_taken_for_classes():
    X, y = data("binary")
    with pytest.raises(ValueError, match=r"classes names all classes.*repeated values.*sample_weight=\.\.\."):
        MLPBinary().partial_fit(X, y, (np.arange(60) % 2).astype(float))


@pytest.mark.parametrize("classes", [{0, 1, 2}, frozenset([2, 1, 0]), range(3), (2, 0, 1), np.arange(3.0)], ids=str)
def test_classes_come_in_any_collection(classes):
    X, y = data("multiclass")
    first = y < 2
    clf = MLPMulticlass(**SMALL).partial_fit(X[first], y[first], classes)
    assert clf.partial_fit(X, y).predict_proba(X).shape == (60, 3)


def test_lbfgs_has_no_partial_fit():
    assert hasattr(MLPBinary(), "partial_fit")
    assert not hasattr(MLPBinary(solver="lbfgs"), "partial_fit")
    with pytest.raises(AttributeError) as caught:
        MLPBinary(solver="lbfgs").partial_fit  # noqa: B018
    assert "partial_fit needs solver='adam' or 'sgd': lbfgs has to see all rows" in str(caught.value.__cause__)


def test_meta_estimators_stream():
    X, y = data("multiclass", 90)
    rest = OneVsRestClassifier(MLPBinary(**SMALL))
    several = MultiOutputClassifier(MLPBinary(**SMALL))
    Y = np.column_stack([y == 0, y == 2]).astype(int)
    for part in portions(90, 30):
        rest.partial_fit(X[part], y[part], classes=[0, 1, 2])
        several.partial_fit(X[part], Y[part], classes=[np.array([0, 1])] * 2)
    np.testing.assert_array_equal(rest.estimators_[0].predict_proba(X), several.estimators_[0].predict_proba(X))
