"""Where bins lie: quantiles of columns of every kind, splits by labels, and how many there are."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_heads._mlp import bins
from sklearn_heads._mlp.bins import Bins, quantile_edges, quantiles, splits

whole_columns = st.lists(st.integers(0, 9), min_size=1, max_size=40).map(lambda values: np.array(values, dtype=float)[:, None])


@given(whole_columns, st.integers(2, 6))
def test_edges_rise_from_the_least_value_to_the_greatest(x, n):
    [edges] = quantile_edges(x, n)
    assert (np.diff(edges) > 0).all()
    assert (edges[0], edges[-1]) == (x.min(), x.max())
    assert set(edges) <= set(x.ravel())
    assert len(edges) <= n + 1


@given(whole_columns, st.integers(2, 6), st.integers(0, 2**31))
def test_weights_of_edges_are_repeats_and_their_scale_is_nothing(x, n, seed):
    weights = np.random.default_rng(seed).integers(1, 4, len(x))
    [repeated] = quantile_edges(np.repeat(x, weights, axis=0), n)
    for scale in (1.0, 0.25):  # exact in binary, so that equally common values stay so
        [weighted] = quantile_edges(x, n, weights * scale)
        np.testing.assert_array_equal(weighted, repeated)


def test_a_column_that_is_mostly_zero_has_quantiles_of_what_is_not():
    spending = np.r_[np.zeros(900), np.arange(1, 101)][:, None].astype(float)
    [edges] = quantile_edges(spending, 5)
    np.testing.assert_array_equal(edges, [0, *quantiles(spending[900:], 4)[:, 0]])


def test_a_column_of_few_values_has_an_edge_at_each():
    x = np.repeat([1.0, 2.0, 5.0, 7.0], [70, 10, 10, 10])[:, None]
    np.testing.assert_array_equal(quantile_edges(x, 3)[0], [1, 2, 5, 7])


def test_splits_lie_where_the_labels_change():
    x = np.random.default_rng(0).normal(size=2000)
    edges = splits(x, (x > 0.3) ^ (x > 1.1), 3)
    assert (edges[0], edges[-1]) == (x.min(), x.max())
    np.testing.assert_allclose(edges[1:-1], [0.3, 1.1], atol=0.01)
    by_labels = splits(x, np.column_stack([x > 0.3, x > 1.1]), 3)
    np.testing.assert_allclose(by_labels[1:-1], [0.3, 1.1], atol=0.01)
    assert len(splits(x, (x > 0.3) ^ (x > 1.1), 8)) <= 9


def test_weighted_splits_ignore_rows_of_no_weight():
    x = np.random.default_rng(0).normal(size=2000)
    y, told = x > 0.3, np.arange(2000) < 1000
    np.testing.assert_array_equal(splits(x, np.where(told, y, ~y), 2, told.astype(float))[1], splits(x[told], y[told], 2)[1])


def test_many_columns_get_fewer_bins_or_none():
    X = np.random.default_rng(0).normal(size=(50, 10))
    edges = [Bins("quantiles", 8, 3, together).edges(X, np.arange(10)) for together in (80, 45, 29)]
    counts = [[len(of_column) - 1 for of_column in of_all] for of_all in edges]
    assert counts == [[8] * 10, [4] * 10, [-1] * 10]


@pytest.mark.parametrize("by", ["quantiles", "splits"])
def test_edges_of_many_rows_come_from_a_sample_that_order_does_not_fool(by, monkeypatch):
    """Three sensors in turn: every third row alone would say little about the others."""
    monkeypatch.setattr(bins, "MOST_ROWS", 300)
    rng = np.random.default_rng(0)
    X = (rng.normal(size=3000) + np.tile([0, 100, 200], 1000))[:, None]
    y = np.tile([0, 1, 0], 1000)
    [edges] = Bins(by, 3, 2, 100).edges(X, np.arange(1), strata=y)
    assert (np.abs(edges[1:-1] - [50, 150]) < 55).all()


def test_columns_come_in_blocks(monkeypatch):
    X = np.random.default_rng(0).normal(size=(40, 7))
    at_once = Bins("quantiles", 4, 2, 100).edges(X, np.arange(7))
    monkeypatch.setattr(bins, "BLOCK_VALUES", 120)  # three columns
    for one, other in zip(at_once, Bins("quantiles", 4, 2, 100).edges(X, np.arange(7)), strict=True):
        np.testing.assert_array_equal(one, other)
