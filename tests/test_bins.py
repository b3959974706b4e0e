"""Where bins lie: quantiles of columns of every kind, splits by labels, steps, and how many there are."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

from sklearn_heads._mlp import bins
from sklearn_heads._mlp.bins import LEAST_LEAF, Bins, quantile_edges, quantiles, split_edges, steps

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


@given(st.integers(0, 2**31), st.integers(2, 9), st.integers(2, 5), st.booleans())
def test_splits_are_those_of_a_decision_tree(seed, n, n_classes, weighted):
    rng = np.random.default_rng(seed)
    x = rng.permuted(np.tile(np.arange(200.0), (3, 1)), axis=1).T  # fewer values than cuts: no candidate is missing
    y = (x[:, 0] // rng.integers(20, 60) + rng.integers(0, 2, 200)).astype(int) % n_classes
    weights = rng.uniform(0.5, 1.5, 200) if weighted else None
    least = LEAST_LEAF / (1 if weights is None else weights.sum())
    tree = DecisionTreeClassifier(max_leaf_nodes=n, min_weight_fraction_leaf=least / (200 if weights is None else 1))
    for column, edges in zip(x.T, split_edges(x, y, n, weights), strict=True):
        tree.fit(column[:, None], y, sample_weight=weights)
        thresholds = sorted(tree.tree_.threshold[tree.tree_.feature >= 0])
        assert (edges[0], edges[-1]) == (0, 199)
        # Ties among equally good splits may be broken the other way: what counts is that the labels are told apart as well.
        ours, theirs = (gini(np.searchsorted(t, column), y, weights) for t in (edges[1:-1], thresholds))
        assert len(edges) - 2 == len(thresholds)
        assert ours == pytest.approx(theirs, rel=0.02)


def gini(leaf, y, weights):
    """Sum over the leaves of weight times impurity."""
    counts = np.zeros((leaf.max() + 1, y.max() + 1))
    np.add.at(counts, (leaf, y), 1 if weights is None else weights)
    return counts.sum() - (counts**2).sum(axis=1) @ (1 / counts.sum(axis=1))


def test_splits_lie_where_the_labels_change():
    x = np.random.default_rng(0).normal(size=(2000, 2))
    for edges, noise in zip(split_edges(x, (x[:, 0] > 0.3) ^ (x[:, 0] > 1.1), 3), (False, True), strict=True):
        assert len(edges) == 4
        assert noise or np.abs(edges[1:-1] - [0.3, 1.1]).max() < 0.02
    [edges] = split_edges(np.repeat([[0.0], [5.0]], [30, 20], axis=0), np.repeat([0, 1], [30, 20]), 8)
    np.testing.assert_array_equal(edges, [0, 2.5, 5])
    [edges] = split_edges(np.zeros((30, 1)), np.arange(30) % 2, 8)
    np.testing.assert_array_equal(edges, [0])


def test_steps_are_narrow_and_do_not_overlap():
    edges = np.array([0.0, 1.0, 1.1, 5.0, 9.0])
    np.testing.assert_allclose(steps(edges, 0.2), [[0.95, 1.05], [1.05, 1.15], [4.9, 5.1]])
    assert steps(edges[[0, -1]], 0.2).shape == (0, 2)


def test_many_columns_get_fewer_bins_or_none():
    X, columns = np.random.default_rng(0).normal(size=(50, 10)), np.arange(10)
    counts = [list(map(len, Bins("quantiles", 3, 8, together).ramps(X, columns, np.ones(10)))) for together in (80, 45, 29)]
    assert counts == [[8] * 10, [4] * 10, [0] * 10]


@pytest.mark.parametrize("by", ["quantiles", "splits"])
def test_edges_of_many_rows_come_from_a_sample_that_order_does_not_fool(by, monkeypatch):
    """Three sensors in turn: every third row alone would say little about the others."""
    monkeypatch.setattr(bins, "MOST_ROWS", 300)
    rng = np.random.default_rng(0)
    X = (rng.normal(size=3000) + np.tile([0, 100, 200], 1000))[:, None]
    y = np.tile([0, 1, 0], 1000)
    [ramps] = Bins(by, 2, 3, 100).ramps(X, np.arange(1), np.ones(1), strata=y)
    assert (np.abs(ramps[1] - [50, 150]) < 55).all()


@pytest.mark.parametrize("by", ["quantiles", "splits", "steps"])
def test_only_the_named_rows_have_a_say(by):
    rng = np.random.default_rng(0)
    X, y, rows = rng.normal(size=(400, 2)), rng.integers(0, 3, 400), np.arange(250)
    weights = rng.integers(1, 4, 400).astype(float)
    kind = Bins(by, 1, 4, 100)
    named = kind.ramps(X, np.arange(2), np.ones(2), rows, weights, y)
    alone = kind.ramps(X[rows], np.arange(2), np.ones(2), None, weights[rows], y[rows])
    for one, other in zip(named, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_columns_come_in_blocks(monkeypatch):
    X = np.random.default_rng(0).normal(size=(40, 7))
    at_once = Bins("quantiles", 2, 4, 100).ramps(X, np.arange(7), np.ones(7))
    monkeypatch.setattr(bins, "BLOCK_VALUES", 120)  # three columns
    in_blocks = Bins("quantiles", 2, 4, 100).ramps(X, np.arange(7), np.ones(7))
    for one, other in zip(at_once, in_blocks, strict=True):
        np.testing.assert_array_equal(one, other)
