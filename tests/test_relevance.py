"""How much inputs tell about labels on their own, and how fast their weights learn therefore."""
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import mutual_info_score
from sklearn_heads._core.epochs import Epochs
from sklearn_heads._core.network import Network
from sklearn_heads._core.optimizer import Optimizer
from sklearn_heads._core.rows import RowEncoding, Rows

from sklearn_heads import MLPBinary
from sklearn_heads._mlp import relevance
from sklearn_heads._mlp.encoding import InputEncoding
from sklearn_heads._mlp.inputs import read_X
from sklearn_heads._mlp.relevance import FLOOR, Relevance


def columns(rng, n):
    """Columns of every kind whose bins are their values: each value is common, or the only other one."""
    kinds = [(0, 1), (0, 1, 2, 3, 4), (0, 0, 0, 3, 7), (4,), (-2, -1, 0, 1), (0,) * 29 + (2,)]
    return np.column_stack([rng.permutation(np.resize(kind, n)) for kind in kinds]).astype(float)


def told(X, labels, weights=None, chosen=None):
    encoding = InputEncoding("piecewise", bins=None).fit(X, weights)
    chosen = np.ones(len(labels), dtype=bool) if chosen is None else chosen
    return Relevance(encoding, X, labels, weights, weights).information(chosen)


@settings(max_examples=15)  # scikit-learn takes a millisecond for each pair of columns
@given(st.integers(0, 2**31), st.integers(30, 90))
def test_information_is_scikit_learns_summed_over_labels(seed, n):
    rng = np.random.default_rng(seed)
    X, Y = columns(rng, n), rng.integers(0, 2, size=(n, 3)).astype(np.uint8)
    wanted = [sum(mutual_info_score(x, y) for y in Y.T) for x in X.T]
    np.testing.assert_allclose(told(X, Y), wanted, atol=1e-12)
    assert (told(X, Y) >= 0).all()  # a square root of less, however little, would be NaN
    ids = rng.integers(0, 3, n)
    wanted = [sum(mutual_info_score(x, ids == k) for k in range(3)) for x in X.T]
    np.testing.assert_allclose(told(X, ids), wanted, atol=1e-12)


@given(st.integers(0, 2**31))
def test_weights_are_repeats_also_of_entries(seed):
    rng = np.random.default_rng(seed)
    X, Y = columns(rng, 60), rng.integers(0, 2, size=(60, 2)).astype(np.uint8)
    weights = rng.integers(1, 4, 60)
    repeated = told(np.repeat(X, weights, axis=0), np.repeat(Y, weights, axis=0))
    np.testing.assert_allclose(told(X, Y, weights.astype(float)), repeated, atol=1e-12)
    encoding = InputEncoding("piecewise", bins=None).fit(X, weights)
    per_entry = Relevance(encoding, X, Y, np.repeat(weights[:, None] * 0.5, 2, axis=1), weights)
    np.testing.assert_allclose(per_entry.information(np.ones(60, dtype=bool)), repeated, atol=1e-12)


def test_a_label_that_is_not_known_counts_nowhere():
    rng = np.random.default_rng(0)
    X, Y = columns(rng, 200), rng.integers(0, 2, size=(200, 2)).astype(np.uint8)
    known = rng.uniform(size=200) < 0.7
    Y[~known, 1] = 2
    wanted = [mutual_info_score(x, Y[:, 0]) + mutual_info_score(x[known], Y[known, 1]) for x in X.T]
    np.testing.assert_allclose(told(X, Y), wanted, atol=1e-12)


@pytest.mark.parametrize("block_values", [1, 2**18])
def test_sparse_columns_tell_what_they_tell_dense(monkeypatch, block_values):
    monkeypatch.setattr(relevance, "BLOCK_VALUES", block_values)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 30)) * (rng.uniform(size=(300, 30)) < rng.uniform(0, 0.4, 30) ** 2)
    X[:, :5] = X[:, :5] != 0
    y = (X[:, 0] + X[:, 10] > rng.normal(size=300)).astype(np.uint8)[:, None]
    weights = rng.uniform(0.5, 2, 300)
    np.testing.assert_allclose(told(sparse.csr_matrix(X), y, weights), told(X, y, weights), atol=1e-14)


def test_look_ups_and_gaps_tell_what_their_columns_would():
    rng = np.random.default_rng(2)
    word, number = rng.choice(["a", "b", "c"], 200), np.where(rng.uniform(size=200) < 0.3, np.nan, rng.integers(0, 4, 200))
    y = ((word == "a") ^ np.isnan(number) ^ (rng.uniform(size=200) < 0.2)).astype(np.uint8)[:, None]
    clf = MLPBinary()
    table = read_X(clf, pd.DataFrame({"word": word, "number": number}), reset=True)
    spread = np.column_stack([np.isnan(number), *(word == value for value in "abc")]).astype(float)
    np.testing.assert_allclose(told(table, y)[1:], told(spread, y), atol=1e-14)


def test_only_the_chosen_rows_have_a_say():
    rng = np.random.default_rng(3)
    X, y = columns(rng, 300), rng.integers(0, 2, size=(300, 1)).astype(np.uint8)
    chosen = np.arange(300) % 3 > 0
    other = np.where(chosen[:, None], y, 1 - y).astype(np.uint8)
    np.testing.assert_array_equal(told(X, y, chosen=chosen), told(X, other, chosen=chosen))
    np.testing.assert_allclose(told(X, y, chosen=chosen), told(X[chosen], y[chosen]), atol=1e-12)


@pytest.mark.parametrize(("limit", "value"), [("MOST_ROWS", 50), ("MOST_VALUES", 50 * 6 + 5)])
def test_of_many_rows_a_sample_is_looked_at(monkeypatch, limit, value):
    monkeypatch.setattr(relevance, limit, value)
    rng = np.random.default_rng(4)
    X, y = columns(rng, 300), rng.integers(0, 2, size=(300, 1)).astype(np.uint8)
    rows = np.random.RandomState(0).permutation(300)[:50]
    encoding = InputEncoding("piecewise", bins=None).fit(X)
    sampled = Relevance(encoding, X, y).information(np.ones(50, dtype=bool))
    np.testing.assert_allclose(sampled, Relevance(encoding, X[rows], y[rows]).information(np.ones(50, dtype=bool)), atol=1e-12)


def test_what_tells_most_learns_at_the_full_rate_and_what_tells_nothing_slowly():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(4000, 3))
    y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(np.uint8)
    clf = MLPBinary(n_members=1, max_iter=1, random_state=0).fit(X, y)
    [member] = clf.members_
    by_column = {j: set(member.rates[[at for at, of in enumerate(inputs_of(member.encoding)) if of == j]]) for j in range(3)}
    assert by_column[0] == {1.0}
    assert by_column[2] == {FLOOR}
    [middle] = by_column[1]
    assert FLOOR < middle < 0.5
    assert MLPBinary(input_encoding="standard", n_members=1, max_iter=1).fit(X, y).members_[0].rates is None


def inputs_of(encoding):
    """For each input of the network the column of X that it comes from, found by moving that column alone."""
    n = len(encoding.numeric_)
    base, found = np.zeros((1, n)), np.full(encoding.width, -1)
    for j in range(n):
        for value in (-30.0, -0.5, 0.5, 30.0):
            moved = base.copy()
            moved[0, j] = value
            found[(encoded(encoding, moved) != encoded(encoding, base))[0]] = j
    return found.tolist()


def encoded(encoding, X):
    """What a network of one unit per input, with weights that leave things as they are, makes of X."""
    network = Network((encoding.width, encoding.width), "identity", "logistic", "float64")
    network.coefs[0][...] = np.eye(encoding.width)
    return network.logits(encoding.rows(X, "float64"), np.arange(len(X)))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_rates_of_inputs_are_inputs_multiplied(solver):
    """W = f V: the network of X f with weights V is that of X with W, step by step, at the rates that f stands for."""
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(40, 6)), rng.integers(0, 2, size=(40, 1)).astype(np.uint8)
    f = rng.uniform(0.1, 1, 6)
    outputs = []
    for scaled in (False, True):
        start = np.random.default_rng(7).normal(size=(6, 5))
        network = Network((6, 5, 1), "relu", "logistic", "float64")
        network.coefs[0][...] = start if scaled else start * f[:, None]
        network.coefs[1][...] = np.random.default_rng(8).normal(size=(5, 1))
        rates = None if scaled else f if solver == "adam" else f**2
        optimizer = Optimizer(
            solver, network.parameters.size, "float64", 0.01, weight_decay=0.1, epsilon=1e-30, row_rates=rates, row_size=5)
        at = np.ascontiguousarray(X * f) if scaled else X
        rows = Rows(at, RowEncoding(6, at.dtype, "float64"), labels=y)
        Epochs(network, optimizer.copy(), rows, np.arange(40), 16).run(3)  # a copy: it has the rates, too
        outputs.append(network.logits(rows, np.arange(40)))
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-9)


def test_rates_of_rows_that_there_are_not_are_refused():
    for rates, size in ((np.ones(3), 4), (np.ones(2), 0)):
        with pytest.raises(ValueError, match="rows of"):
            Optimizer("adam", 10, "float64", 0.1, row_rates=rates, row_size=size)
    with pytest.raises((TypeError, ValueError)):
        Optimizer("adam", 10, "float64", 0.1, row_rates=np.ones(2, dtype=np.float32), row_size=5)
