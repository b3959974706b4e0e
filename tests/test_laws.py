"""Laws of the fitted estimators: changes of weights, scaling, storage and labels that must change nothing."""
import numpy as np
import pandas as pd
import polars as pl
import pytest
from data import HEADS, SMALL, STILL, still, uneven
from data import data as even_data
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sklearn_heads._mlp import bins, statistics, training
from sklearn_heads._mlp.encoding import InputEncoding

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

def data(name, n=60):
    """Rows of unequal scale and offset."""
    X, y = even_data(name, n)
    return uneven(X), y


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few rows, columns and weights, so that 200 rows reach the second block wherever there are blocks."""
    for module in (bins, statistics, training):
        monkeypatch.setattr(module, "BLOCK_VALUES", 160)  # 32 rows of five columns
    monkeypatch.setattr(bins, "MOST_ROWS", 100)


# ---- weights --------------------------------------------------------------------------------------------------------------

SOLVERS = [{"solver": "adam"}, {"solver": "sgd", "learning_rate_init": 0.1}, {"solver": "lbfgs", "tol": 1e-3}]


@pytest.mark.parametrize("alpha", [0.0, 0.7])
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@pytest.mark.parametrize("input_encoding", ["standard", None])
def test_integer_weights_are_repeated_rows(name, alpha, solver, input_encoding):
    X, y = data(name)
    X = X if input_encoding else StandardScaler().fit_transform(X)
    weights = np.random.RandomState(0).randint(0, 4, len(X))
    options = {"alpha": alpha, "input_encoding": input_encoding, **solver}
    weighted = still(name, **options).fit(X, y, weights)
    repeated = still(name, **options).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)


def test_integer_weights_are_repeated_rows_with_class_weight_and_smoothing(name):
    X, y = data(name)
    weights = np.random.RandomState(0).randint(0, 4, len(X))
    options = {"class_weight": "balanced", "label_smoothing": 0.1, "alpha": 0.3}
    weighted = still(name, **options).fit(X, y, weights)
    repeated = still(name, **options).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@pytest.mark.parametrize("factor", [1e-300, 1e-6, 0.3, 1e9, 1e20])
def test_weights_times_a_constant_change_nothing(name, solver, factor):
    X, y = data(name)
    weights = np.random.RandomState(1).uniform(0.1, 3, len(X))
    as_given = still(name, **solver).fit(X, y, weights)
    scaled = still(name, **solver).fit(X, y, weights * factor)
    np.testing.assert_allclose(scaled.predict_proba(X), as_given.predict_proba(X), rtol=1e-7)


def test_a_constant_weight_is_no_weight(name):
    X, y = data(name)
    none = still(name).fit(X, y)
    for weights in (np.full(len(X), 0.25), np.ones(len(X), dtype=int), np.ones(len(X)).tolist()):
        np.testing.assert_allclose(still(name).fit(X, y, weights).predict_proba(X), none.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("options", [STILL, {"n_members": 3, "dropout": 0.3, "batch_size": 8}, {"n_members": 1}], ids=str)
def test_a_zero_weight_is_as_if_absent(name, options):
    X, y = data(name, 160)
    kept = np.random.RandomState(0).uniform(size=len(X)) < 0.8
    X[~kept] = 1e6  # would be noticed
    weighted = HEADS[name](**{**SMALL, "max_iter": 8, **options}).fit(X, y, kept.astype(float))
    absent = HEADS[name](**{**SMALL, "max_iter": 8, **options}).fit(X[kept], y[kept])
    np.testing.assert_allclose(weighted.predict_proba(X[kept]), absent.predict_proba(X[kept]), rtol=1e-5)


def test_weights_do_matter(name):
    X, y = data(name)
    weights = np.random.RandomState(1).uniform(0.1, 3, len(X))
    difference = still(name).fit(X, y, weights).predict_proba(X) - still(name).fit(X, y).predict_proba(X)
    assert np.abs(difference).max() > 1e-3


# ---- scaling --------------------------------------------------------------------------------------------------------------


def test_scaling_inside_is_standardscaler_outside(name):
    X, y = data(name)
    scaler = StandardScaler().fit(X)
    inside = still(name, input_encoding="standard").fit(X, y)
    outside = still(name, input_encoding=None).fit(scaler.transform(X), y)
    np.testing.assert_allclose(inside.loss_curve_, outside.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(inside.predict_proba(X), outside.predict_proba(scaler.transform(X)), rtol=1e-7)


@pytest.mark.usefixtures("small_blocks")
def test_scaling_inside_is_weighted_and_streams_over_blocks():
    X, y = data("binary-sigmoid", 200)
    weights = np.random.RandomState(0).uniform(0.1, 2, len(X))
    scaler = StandardScaler().fit(X, sample_weight=weights)
    inside = still("binary-sigmoid", max_iter=3, input_encoding="standard").fit(X, y, weights)
    outside = still("binary-sigmoid", max_iter=3, input_encoding=None).fit(scaler.transform(X), y, weights)
    np.testing.assert_allclose(inside.predict_proba(X), outside.predict_proba(scaler.transform(X)), rtol=1e-7)


def test_units_and_offsets_of_the_columns_do_not_matter(name):
    X, y = data(name)
    moved = X * np.array([1e-6, 3, 1e5, 7, 0.1]) + np.array([1e-5, 100, -1e6, 0, 5])
    as_given, elsewhere = still(name).fit(X, y), still(name).fit(moved, y)
    np.testing.assert_allclose(elsewhere.predict_proba(moved), as_given.predict_proba(X), rtol=1e-5)


def test_a_constant_column_is_as_if_absent(name):
    X, y = data(name)
    for place, value in [(0, 1e6), (3, 0.0), (5, -1e-6)]:
        wide = np.insert(X, place, value, axis=1)
        with_constant, without = HEADS[name](**SMALL).fit(wide, y), HEADS[name](**SMALL).fit(X, y)
        np.testing.assert_array_equal(with_constant.predict_proba(wide), without.predict_proba(X))
        wide[:, place] = 77.0  # what it holds later tells nothing, since nothing was learnt of it
        np.testing.assert_array_equal(with_constant.predict_proba(wide), without.predict_proba(X))


def test_a_constant_column_harms_no_scaling(name):
    X, y = data(name)
    wide = np.column_stack([X, np.full(len(X), 1e6)])
    inside = still(name, input_encoding="standard").fit(wide, y)
    outside = still(name, input_encoding=None).fit(StandardScaler().fit_transform(wide), y)
    np.testing.assert_allclose(inside.predict_proba(wide), outside.predict_proba(StandardScaler().fit_transform(wide)), rtol=1e-7)


# ---- blocks ---------------------------------------------------------------------------------------------------------------


def column_of(encoding, j):
    """What the encoding says about one column of X: mean, scale, whether it is two-valued, edges."""
    position = list(encoding.columns_).index(j)
    ramps = encoding.ramps_[position] if position < len(encoding.ramps_) else np.empty((0, 2))
    edges = np.r_[ramps[:, 0], ramps[-1:, 1]]
    return encoding.mean_[position], encoding.scale_[position], encoding.two_valued_[position], edges


@pytest.mark.parametrize("weighted", [False, True])
def test_the_size_of_blocks_changes_nothing(weighted, request):
    """Each column by itself: ones that vary only in the first rows, only in the last, and many of many values."""
    random = np.random.RandomState(0)
    X = np.sort(random.normal(size=(90, 9)), axis=0)
    X[:, 1], X[:, 2] = np.r_[random.uniform(0, 1, 10), np.arange(80) % 2], np.r_[np.arange(80) % 2, random.uniform(0, 1, 10)]
    X[:, 3] = np.arange(90) % 2
    weights = random.uniform(0.1, 2, 90) if weighted else None
    whole = InputEncoding("piecewise").fit(X, weights)
    request.getfixturevalue("small_blocks")
    in_blocks = InputEncoding("piecewise").fit(X, weights)
    for j in range(9):
        for one, other in zip(column_of(in_blocks, j), column_of(whole, j), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    assert [column_of(in_blocks, j)[2] for j in range(4)] == [False, False, False, True]


def test_shares_of_gaps_and_zeros_are_weighted_over_all_blocks(request):
    random = np.random.RandomState(0)
    X, weights = random.normal(size=(200, 5)), np.linspace(0.1, 2, 200)
    X[:50, 0], X[120:, 1] = np.nan, 0
    request.getfixturevalue("small_blocks")
    found = statistics.statistics_of(X, weights)
    np.testing.assert_allclose(found.gaps, [weights[:50].sum() / weights.sum(), 0, 0, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(found.zeros, [0, weights[120:].sum() / weights.sum(), 0, 0, 0], rtol=1e-12)


@pytest.mark.usefixtures("small_blocks")
def test_bins_of_sorted_rows_are_those_of_all():
    """Beyond `MOST_ROWS` edges come from a sample. Rows in order of their values, or in turns, must not fool it."""
    x = np.sort(np.random.RandomState(0).uniform(size=3000))
    in_turns = x.reshape(3, 1000).T.ravel()
    wanted = np.quantile(x, [1 / 3, 2 / 3])
    for column in (x, x[::-1], in_turns):
        edges = column_of(InputEncoding("piecewise").fit(np.ascontiguousarray(column)[:, None]), 0)[3]
        np.testing.assert_allclose(edges[1:-1], wanted, atol=0.15)


@pytest.mark.parametrize("weight_init", ["he_normal", "glorot_uniform"])
def test_initial_weights_do_not_depend_on_blocks(weight_init, request):
    def drawn():
        random = np.random.RandomState(0)
        return training.initial_network([90, 8, 3], "relu", "softmax", "float64", weight_init, np.zeros(3), random).parameters

    whole = np.array(drawn())
    request.getfixturevalue("small_blocks")
    np.testing.assert_array_equal(drawn(), whole)


@pytest.mark.parametrize("input_encoding", ["standard", None])
@pytest.mark.parametrize("hidden", [(), (6,), (5, 4)])
@pytest.mark.parametrize("storage", ["dense", "csr"])
def test_published_weights_applied_by_hand_to_raw_x_give_the_decision(name, input_encoding, hidden, storage):
    X, y = data(name)
    given = sparse.csr_matrix(X) if storage == "csr" else X
    clf = still(name, input_encoding=input_encoding, hidden_layer_sizes=hidden).fit(given, y)
    z = X
    for nth, (W, b) in enumerate(zip(clf.coefs_, clf.intercepts_)):
        z = z @ W + b
        z = np.maximum(z, 0) if nth < len(hidden) else z
    if name == "binary-softmax":
        z = z[:, 1] - z[:, 0]
    elif name == "binary-sigmoid":
        z = z[:, 0]
    np.testing.assert_allclose(clf.decision_function(given), z, rtol=1e-8, atol=1e-8)
    assert [W.shape for W in clf.coefs_] == list(zip((5, *hidden), (*hidden, clf.n_outputs_)))


# ---- storage and types of X -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("input_encoding", ["piecewise", "standard", None])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_sparse_is_dense(name, solver, input_encoding):
    X, y = data(name)
    X = StandardScaler().fit_transform(X) * (np.random.RandomState(0).uniform(size=X.shape) < 0.5)
    dense = still(name, solver=solver, input_encoding=input_encoding).fit(X, y)
    for form in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_matrix):
        thin = still(name, solver=solver, input_encoding=input_encoding).fit(form(X), y)
        np.testing.assert_allclose(thin.predict_proba(form(X)), dense.predict_proba(X), rtol=1e-6)
        np.testing.assert_allclose(dense.predict_proba(form(X)), dense.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("input_encoding", ["standard", None])
def test_how_a_sparse_matrix_is_written_down_does_not_matter(name, input_encoding):
    X = even_data(name)[0] * (np.random.RandomState(0).uniform(size=(60, 5)) < 0.5)
    y, tidy = data(name)[1], sparse.csr_matrix(X)
    expected = still(name, input_encoding=input_encoding).fit(tidy, y).predict_proba(tidy)
    halves = np.repeat(tidy.data / 2, 2)  # each entry in two parts, which stand for their sum
    in_parts = sparse.csr_matrix((halves, np.repeat(tidy.indices, 2), tidy.indptr * 2), shape=tidy.shape)
    backwards = tidy.copy()
    for start, end in zip(tidy.indptr, tidy.indptr[1:]):
        backwards.indices[start:end], backwards.data[start:end] = tidy.indices[start:end][::-1], tidy.data[start:end][::-1]
    backwards.has_sorted_indices = False
    wide = sparse.csr_matrix((tidy.data, tidy.indices.astype(np.int64), tidy.indptr.astype(np.int64)), shape=tidy.shape)
    with_zeros = sparse.csr_matrix((X.ravel(), np.tile(np.arange(5), 60), np.arange(61) * 5), shape=tidy.shape)
    for form in (in_parts, backwards, wide, with_zeros):
        clf = still(name, input_encoding=input_encoding).fit(form, y)
        np.testing.assert_allclose(clf.predict_proba(form), expected, rtol=1e-6)


def test_dense_and_sparse_rows_get_the_same_prediction_whatever_was_fitted_on(name):
    # Scaling is part of the model: the same row must not be answered in two ways because of how it is stored.
    X, y = data(name)
    thin = sparse.csr_matrix(X)
    for fitted_on in (X, thin):
        clf = still(name).fit(fitted_on, y)
        np.testing.assert_allclose(clf.predict_proba(thin), clf.predict_proba(X), rtol=1e-7)


def test_float32_is_near_float64(name):
    X, y = data(name)
    wide = still(name).fit(X, y)
    narrow = still(name, dtype="float32").fit(X, y)
    for clf in (narrow, wide):  # answers have the precision of X
        assert clf.predict_proba(X).dtype == np.float64
        assert clf.predict_proba(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(narrow.predict_proba(X), wide.predict_proba(X), atol=2e-4)
    np.testing.assert_allclose(narrow.loss_curve_, wide.loss_curve_, rtol=1e-3)


def test_order_and_type_of_x_do_not_matter(name):
    X, y = data(name)
    X = X.round()  # the same numbers in every type
    expected = still(name).fit(X, y).predict_proba(X)
    for form in (np.asfortranarray(X), X.astype(np.float32), X.astype(np.int64), X.astype(np.int8), X[::-1][::-1], X.tolist()):
        clf = still(name).fit(form, y)
        np.testing.assert_allclose(clf.predict_proba(form), expected, rtol=1e-6)
    frozen = X.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(still(name).fit(frozen, y).predict_proba(frozen), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda X: pl.DataFrame(np.asarray(X), schema=list("abcde"))])
def test_a_dataframe_is_an_array_with_names(name, frame):
    X, y = data(name)
    expected = still(name).fit(X, y).predict_proba(X)
    table = frame(X) if frame is not pd.DataFrame else pd.DataFrame(X, columns=list("abcde"))
    targets = pd.DataFrame(y) if y.ndim == 2 else pd.Series(y)
    clf = still(name).fit(table, targets)
    np.testing.assert_array_equal(clf.predict_proba(table), expected)
    assert list(clf.feature_names_in_) == list("abcde")
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(table[list("edcba")])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        clf.predict(X)


def test_labels_may_be_strings():
    X, y = data("multiclass-softmax")
    expected = still("multiclass-softmax").fit(X, y)
    for names in (np.array(["ant", "bee", "cat"]), np.array(["ant", "bee", "cat"], dtype=object), np.array([-5, 0, 70])):
        clf = still("multiclass-softmax").fit(X, names[y])
        np.testing.assert_array_equal(clf.classes_, names)
        np.testing.assert_array_equal(clf.predict(X), names[expected.predict(X)])
        np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


def test_a_label_vector_for_multilabel_is_binary():
    X, y = data("binary-sigmoid")
    np.testing.assert_array_equal(
        still("multilabel").fit(X, y).predict_proba(X), still("binary-sigmoid").fit(X, y).predict_proba(X)
    )
    column = still("multilabel").fit(X, y[:, None])
    assert column.predict_proba(X).shape == column.predict(X).shape == (60, 1)
    np.testing.assert_allclose(
        column.predict_proba(X)[:, 0], still("binary-sigmoid").fit(X, y).predict_proba(X)[:, 1], rtol=1e-9
    )
