"""The piecewise encoding: its laws, and a slow NumPy version of it."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.metrics import log_loss
from sklearn_heads._core.network import Network

from sklearn_heads import MLPBinary
from sklearn_heads._mlp import statistics
from sklearn_heads._mlp.bins import Bins
from sklearn_heads._mlp.encoding import BOUND, InputEncoding


def encoded(encoding, X, dtype=np.float64):
    """The encoded rows, read off a network that passes its inputs on: identity weights and no biases."""
    network = Network((encoding.width, encoding.width), "identity", "logistic", dtype)
    network.coefs[0][...] = np.eye(encoding.width)
    return network.logits(encoding.rows(X, dtype), np.arange(X.shape[0]))


def slowly(encoding, X):
    """The encoding in plain NumPy, a column and a bin at a time."""
    columns, bins = [], [[] for _ in range(max(map(len, encoding.ramps_), default=0))]
    z = [(X[:, j] - m) / s for j, m, s in zip(encoding.columns_, encoding.mean_, encoding.scale_)]
    for column in z:
        columns.append(column / np.sqrt(1 + (column / BOUND) ** 2))
    for position, ramps in enumerate(encoding.ramps_):
        for b, (low, high) in enumerate((ramps - encoding.mean_[position]) / encoding.scale_[position]):
            bins[b].append(np.clip((z[position] - low) / (high - low), 0, 1) - 0.5)
    return np.column_stack(columns + [column for level in bins for column in level])


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return np.column_stack([
        rng.normal(5, 3, 200),
        rng.exponential(1, 200),
        np.full(200, 7.0),
        rng.integers(0, 2, 200) * 4.0 - 1,
        rng.integers(0, 3, 200),
        rng.choice([0.0, 0.0, 0.0, 1.5], 200) * rng.exponential(1, 200),
    ])


def test_equals_the_slow_version(X):
    encoding = InputEncoding("piecewise").fit(X)
    np.testing.assert_allclose(encoded(encoding, X), slowly(encoding, X), rtol=1e-12, atol=1e-12)
    far = X * 10 - 3
    np.testing.assert_allclose(encoded(encoding, far), slowly(encoding, far), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(encoded(encoding, X, np.float32), slowly(encoding, X), rtol=1e-5, atol=1e-5)


KINDS_OF_COLUMNS = {
    "binned": lambda rng, n: rng.normal(3, 2, n),
    "mostly zero": lambda rng, n: rng.integers(0, 2, n) * rng.exponential(1, n),
    "few values": lambda rng, n: rng.integers(0, 3, n),
    "two values": lambda rng, n: rng.integers(0, 2, n) - 4,
    "constant": lambda rng, n: np.full(n, 7),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(kinds=st.lists(st.sampled_from([*KINDS_OF_COLUMNS, "binned"]), min_size=1, max_size=40), n=st.integers(1, 40),
       n_bins=st.sampled_from([3, 5, 16]))
def test_equals_the_slow_version_at_every_width(dtype, kinds, n, n_bins):
    rng = np.random.default_rng(len(kinds))
    X = np.column_stack([KINDS_OF_COLUMNS[kind](rng, 60) for kind in kinds]).astype(dtype)
    encoding = InputEncoding("piecewise").fit(X)
    if n_bins != encoding.bins.most:
        encoding = encoding.with_bins(Bins("quantiles", 2, n_bins, 1000), X)
    some = rng.permutation(X)[:n]
    got, expected = encoded(encoding, some, dtype), slowly(encoding, some.astype(float))
    steepest = max([1.0, *(scale / np.diff(ramps).min() for ramps, scale in zip(encoding.ramps_, encoding.scale_))])
    tolerance = 100 * np.finfo(dtype).eps * steepest  # a narrow bin magnifies the rounding of z
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def test_kinds_of_columns(X):
    encoding = InputEncoding("piecewise").fit(X)
    assert 2 not in encoding.columns_
    assert list(encoding.columns_[encoding.two_valued_]) == [3]
    assert set(encoding.columns_[:len(encoding.ramps_)]) == {0, 1, 5}, "a column of three values gets no bins"
    two_valued = encoded(encoding, X)[:, list(encoding.columns_).index(3)]
    assert np.ptp(two_valued) == pytest.approx(2 / np.sqrt(1 + 1 / 9), rel=0.1), "half range: the values are two apart"
    words = encoding.describe()
    assert len(words) == X.shape[1]
    assert "left out" in words[2]
    assert "half its range" in words[3]
    assert "3 bins" in words[0]
    assert encoding.describe(list("abcdef"))[1].startswith("b:")


def test_other_bins_leave_the_first_encoding_as_it_was(X):
    encoding = InputEncoding("piecewise").fit(X)
    before, y = encoded(encoding, X), X[:, 0] > X[:, 1]
    for by in ("splits", "steps"):
        by_labels = encoding.with_bins(Bins(by, 1, 8, 100), X, strata=y)
        np.testing.assert_array_equal(encoded(encoding, X), before)
        np.testing.assert_allclose(encoded(by_labels, X), slowly(by_labels, X), rtol=1e-12, atol=1e-12)
        assert by_labels.width != encoding.width


def test_every_encoded_value_is_monotone_in_its_column(X):
    encoding = InputEncoding("piecewise").fit(X)
    grid = np.tile(X[:1], (500, 1))
    grid[:, 0] = np.linspace(-100, 100, 500)
    assert (np.diff(encoded(encoding, grid), axis=0) >= -1e-15).all()


@given(hnp.arrays(np.float64, (4, 6), elements=st.floats(-1e150, 1e150)))
def test_far_out_values_stay_finite_and_bounded(values):
    rng = np.random.default_rng(1)
    encoding = InputEncoding("piecewise").fit(rng.normal(size=(50, 6)))
    for dtype in (np.float64,):
        out = encoded(encoding, values, dtype)
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= BOUND * (1 + 1e-12)


def test_far_out_values_in_float32():
    encoding = InputEncoding("piecewise").fit(np.random.default_rng(1).normal(size=(50, 2)))
    out = encoded(encoding, np.array([[1e30, -1e30], [1e15, 3.0]]), np.float32)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= BOUND * (1 + 1e-6)


@pytest.mark.parametrize("source", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_any_spread_stay_finite_and_bounded(source, dtype):
    rng, n = np.random.default_rng(3), 200
    limits = np.finfo(source)
    X = np.column_stack([
        10 ** rng.uniform(np.log10(limits.tiny), 0, n),  # as p-values are: most of them are one number beside the others
        np.append(rng.normal(size=n - 1), 1e30),
        rng.integers(0, 9, n) * limits.smallest_subnormal,
        rng.integers(0, 2, n) * limits.smallest_subnormal,
        rng.normal(size=n) * 1e-170,
        rng.normal(size=n),
    ]).astype(source)
    encoding = InputEncoding("piecewise").fit(X)
    assert list(encoding.columns_[:len(encoding.ramps_)])[-1] == 5, "a usual column beside them keeps its bins"
    far = np.full(X.shape, limits.max)
    for rows in (X, -X, far, -far):
        out = encoded(encoding, rows, dtype)
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= BOUND * (1 + 1e-6)


@pytest.mark.parametrize("kind", ["standard", "piecewise"])
def test_squares_beyond_float64_are_an_error(kind):
    X = np.random.default_rng(4).normal(size=(50, 2)) * [1, 1e160]
    with pytest.raises(ValueError, match=r"columns \[1\] of X hold values too large to scale"):
        InputEncoding(kind).fit(X)


def test_a_row_of_little_weight_that_is_far_out_leaves_no_nan():
    X = np.append(np.random.default_rng(5).normal(size=49), -1e60)[:, None]
    encoding = InputEncoding("piecewise").fit(X, np.append(np.ones(49), 1e-130))
    assert np.isfinite(encoded(encoding, X, np.float32)).all()


def test_weighted_fit_is_the_fit_of_repeated_rows(X):
    weights = np.random.default_rng(2).integers(1, 4, len(X))
    weighted = InputEncoding("piecewise").fit(X, weights.astype(float))
    repeated = InputEncoding("piecewise").fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(encoded(weighted, X), encoded(repeated, X), rtol=1e-9, atol=1e-12)


def test_added_bins_are_capped():
    rng = np.random.default_rng(0)
    for d in (50, 120, 400):
        encoding = InputEncoding("piecewise").fit(rng.normal(size=(60, d)))
        assert encoding.width <= d + 512


@pytest.mark.parametrize("kind", ["piecewise", "standard", None])
@pytest.mark.parametrize("threshold", [2, 6])
def test_sparse_is_encoded_as_dense(X, kind, threshold):
    X = np.where(threshold < X, X, 0)
    dense, thin = InputEncoding(kind).fit(X), InputEncoding(kind).fit(sparse.csr_matrix(X))
    expected = encoded(dense, X)
    for fitted_on in (dense, thin):
        for rows in (X, sparse.csr_matrix(X)):
            np.testing.assert_allclose(encoded(fitted_on, rows), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_do_not_depend_on_the_precision_of_X(container, weighted, monkeypatch):
    """However many blocks they come from: summed up in float32, constant columns seem to vary, and become huge by scaling."""
    monkeypatch.setattr(statistics, "BLOCK_VALUES", 400)
    rng = np.random.default_rng(6)
    X = np.column_stack([rng.normal(1e3, 1, 500), *np.tile(rng.uniform(0.1, 300, 19), (500, 1)).T]).astype(np.float32)
    weights = rng.uniform(0.1, 3, 500) if weighted else None
    single, double = (InputEncoding("standard").fit(container(X.astype(dtype)), weights) for dtype in (np.float32, np.float64))
    np.testing.assert_array_equal(single.scale_[1:], 1)
    np.testing.assert_array_equal(single.scale_, double.scale_)
    np.testing.assert_array_equal(single.mean_, double.mean_)


def test_all_columns_constant():
    clf = MLPBinary(random_state=0).fit(np.ones((120, 3)), np.arange(120) % 2)
    assert clf.predict_proba(np.ones((1, 3)))[0, 1] == pytest.approx(0.5, abs=0.05)


# ---- columns measured in one unit ----------------------------------------------------------------------------------------


def pixels(n=150, d=40, seed=0):
    """Rows of pixels between 0 and 255: a quarter, where the picture is, of large spread; in the others little but noise."""
    rng = np.random.default_rng(seed)
    y, picture = rng.integers(0, 2, n), np.arange(d) < d // 4
    X = 120 + np.where(picture, 12 * (2 * y[:, None] - 1) + 40 * rng.normal(size=(n, d)), 15 * rng.normal(size=(n, d)))
    return np.clip(X, 0, 255), y


def test_columns_that_share_a_scale_keep_it():
    """Differences near the mean are worth the same in every column, and the unit does not matter."""
    X, _ = pixels()
    encoding = InputEncoding("piecewise", bins=None).fit(X)
    np.testing.assert_allclose(encoding.scale_, np.sqrt(X.var(axis=0).mean()), rtol=1e-12)
    assert "divided by the common spread" in encoding.describe()[3]
    for unit in (1 / 255, 1e-150, 1e150):
        other = InputEncoding("piecewise", bins=None).fit(X * unit)
        np.testing.assert_allclose(encoded(other, X * unit), encoded(encoding, X), rtol=1e-9, atol=1e-9)


def test_whether_columns_share_a_scale_is_read_off_their_ranges():
    X, _ = pixels()
    units, words = np.geomspace(1, 1000, X.shape[1]), np.where(np.arange(len(X)) % 30 == 0, X.T, 0).T
    for others in (X * units, X[:, 9:], words, np.column_stack([X, 1000 * X[:, 0]])):
        encoding = InputEncoding("piecewise", bins=None).fit(others)
        np.testing.assert_allclose(encoding.scale_, others.std(axis=0), rtol=1e-9)
        assert "its spread" in encoding.describe()[3]
    beside = np.column_stack([X[:, 0] > 99, X, np.ones(len(X))])  # columns of two values and of one have no say
    np.testing.assert_allclose(InputEncoding("piecewise", bins=None).fit(beside).scale_[1:], np.sqrt(X.var(axis=0).mean()))


def test_a_common_scale_is_that_of_repeated_rows_of_sparse_rows_and_of_portions():
    X, _ = pixels()
    weights = np.random.default_rng(2).integers(1, 4, len(X))
    repeated = InputEncoding("piecewise").fit(X.repeat(weights, axis=0))
    weighted, thin = (InputEncoding("piecewise").fit(rows, weights / weights.mean()) for rows in (X, sparse.csr_matrix(X)))
    for other in (weighted, thin):
        assert other.has_common_scale_
        np.testing.assert_allclose(encoded(other, X), encoded(repeated, X), rtol=1e-9, atol=1e-12)
    X[:, 3] = 0  # in the first portion; later it may vary as the others do
    assert len(np.unique(InputEncoding("piecewise").fit(X, in_portions=True).scale_)) == 1


def test_noise_of_small_spread_stays_small():
    """So that rows are needed only to learn what the other columns say: "standard", each by its own spread, has it as loud."""
    X, y = pixels(n=3000, d=100)
    shared = MLPBinary(random_state=0).fit(X[:150], y[:150])
    alone = MLPBinary(random_state=0, input_encoding="standard").fit(X[:150], y[:150])
    shared, alone = (log_loss(y[150:], model.predict_proba(X[150:])) for model in (shared, alone))
    assert shared < 0.9 * alone
