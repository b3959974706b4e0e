"""Many bins per column as steps of a table (stairs.h): the same as all of them spread out."""
import numpy as np
import pandas as pd
import pytest
from sklearn_heads._core.network import Network
from sklearn_heads._core.rows import RowEncoding, Rows

from sklearn_heads import MLPBinary
from sklearn_heads._core import kernels
from sklearn_heads._mlp import training

N, COLUMNS, BOUND = 150, [3, 0, 4, 1], 3.0  # rows: more than one block, and not a multiple of any tile
COUNTS = [9, 9, 6]  # bins of the first three of the columns; more columns than one group of them with EXTRA


def table(random, extra=0):
    """X with gaps, values below and above all bins, and infinities of the working precision."""
    X = random.normal(size=(N, 5 + extra))
    X[random.uniform(size=X.shape) < 0.1] = np.nan
    X[:4, 3] = [-1e30, 1e30, -50, 50]
    return X


def parts(random, dtype, extra=0):
    """Arrays of a RowEncoding: bins of COUNTS, and of 7 for each extra column; gaps of two columns; two look-ups."""
    columns = np.array(list(range(5, 5 + extra)) + COLUMNS, dtype=np.int32)
    counts = np.array([9] * extra + COUNTS)
    edges = [np.sort(random.normal(size=count + 1)) for count in counts]
    low, slope = [], []
    for b in range(max(counts)):
        for edge, count in zip(edges, counts):
            if b < count:
                low.append(edge[b])
                slope.append(1 / (edge[b + 1] - edge[b]))
    return {
        "columns": columns, "mean": random.normal(size=len(columns)), "factor": random.uniform(0.5, 2, size=len(columns)),
        "bound": BOUND, "binned": np.array([(counts > b).sum() for b in range(max(counts))], dtype=np.int32),
        "low": np.array(low, dtype=dtype), "slope": np.array(slope, dtype=dtype),
        "gaps": np.array([1, 3], dtype=np.int32), "gap_values": np.array([[-0.25, -0.5], [2, 1]], dtype=dtype),
    }


def spread(X, parts):
    """The encoded rows, by NumPy."""
    z = (X[:, parts["columns"]] - parts["mean"]) * parts["factor"]
    z[np.isnan(z)] = 0
    bins, at = [], 0
    for m in parts["binned"]:
        bins.append(np.clip((z[:, :m] - parts["low"][at:at + m]) * parts["slope"][at:at + m], 0, 1) - 0.5)
        at += m
    gaps = np.where(np.isnan(X[:, parts["gaps"]]), *parts["gap_values"][::-1])
    return np.hstack([z / np.sqrt(1 + (z / BOUND) ** 2), *bins, gaps])


def network(width, activation="relu", hidden=(37, 5), dtype="float64"):
    result = Network([width, *hidden, 3], activation, "softmax", dtype)
    result.parameters[:] = np.random.default_rng(1).normal(size=result.parameters.size) / 4
    return result


@pytest.mark.parametrize("extra", [0, 6])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 2e-5)])
@pytest.mark.parametrize("hidden", [(37, 5), (16,), ()])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_steps_are_the_bins_spread_out(extra, dtype, tolerance, hidden, activation):
    random = np.random.default_rng(extra)
    X, given = table(random, extra), parts(random, dtype, extra)
    targets = {"ids": random.integers(0, 3, N).astype(np.int32)}
    targets["ids"][:3] = range(3)
    encoding = RowEncoding(X.shape[1], "float64", dtype, **given)
    assert encoding.has_stairs
    stairs = Rows(X, encoding, **targets)
    wide = np.ascontiguousarray(spread(X, given), dtype=dtype)
    plain = Rows(wide, RowEncoding(wide.shape[1], dtype, dtype), **targets)
    net, order = network(wide.shape[1], activation, hidden, dtype), random.permutation(N)
    np.testing.assert_allclose(net.logits(stairs, order), net.logits(plain, order), rtol=tolerance, atol=tolerance)
    (loss, gradient), (expected, of_plain) = (net.loss_and_gradient(rows, order, 64) for rows in (stairs, plain))
    assert loss == pytest.approx(expected, rel=tolerance)
    np.testing.assert_allclose(gradient, of_plain, rtol=tolerance, atol=tolerance)


@pytest.mark.skipif(kernels.SIMD_LEVEL == "blas", reason="a BLAS sums one row in another order than many")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_alone_is_what_it_is_among_others(dtype):
    """Few rows compute the steps that they need, many rows look them up: to the same bits."""
    random = np.random.default_rng(0)
    X, given = table(random, 6), parts(random, dtype, 6)
    encoding = RowEncoding(X.shape[1], "float64", dtype, **given)
    net = network(encoding.width, dtype=dtype)
    together = net.logits(Rows(X, encoding), np.arange(N))
    alone = [net.logits(Rows(X[i : i + 1], encoding), np.arange(1))[0] for i in range(N)]
    np.testing.assert_array_equal(alone, together)


def test_bins_that_overlap_or_are_few_are_spread_out():
    random = np.random.default_rng(0)
    given = parts(random, "float64")
    assert RowEncoding(5, "float64", "float64", **given).has_stairs
    assert not RowEncoding(5, "float64", "float64", **{**given, "slope": given["slope"] / 2}).has_stairs
    few = {**given, "binned": given["binned"][:4]}
    few |= {name: given[name][: few["binned"].sum()] for name in ("low", "slope")}
    assert not RowEncoding(5, "float64", "float64", **few).has_stairs


def test_the_bits_of_a_fit_with_steps_do_not_depend_on_threads(monkeypatch):
    """With categories and gaps beside the bins; three threads share batches of six parts."""
    monkeypatch.setattr(training, "WORTH_SHARING", 0)
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(10_000, 6)), columns=list("abcdef"))
    y = X["a"] + X["b"] ** 2 > 1
    X.loc[random.uniform(size=len(X)) < 0.1, "a"] = np.nan
    X["colour"] = random.choice(["red", "green", "blue"], len(X))
    settings = {"hidden_layer_sizes": (20,), "max_iter": 2, "n_members": 1, "random_state": 0, "n_iter_no_change": None}
    alone, shared = (MLPBinary(**settings, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 3))
    numbers = np.ascontiguousarray(X.drop(columns="colour"))
    assert alone.input_encoding_.rows(numbers, "float32").row_encoding.has_stairs
    assert alone.validation_loss_curve_ == shared.validation_loss_curve_
    np.testing.assert_array_equal(alone.predict_proba(X), shared.predict_proba(X))
