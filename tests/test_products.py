"""A layer's three matrix products against NumPy, to the bit: sums of whole numbers are exact in any order."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_heads._core import kernels

OVERRUN = 16
GUARD = 1e30  # behind each output: a product that writes past its end is found out


def room(values, dtype, rows=0):
    """The values, flat, with room behind that holds NaN: what is read there must not be used."""
    return np.concatenate([np.ravel(values), np.full(rows * max(np.shape(values)[-1], 1) + OVERRUN, np.nan)]).astype(dtype)


def products(n, d, h, dtype, seed):
    """What the three products give, and what they should give; with a ReLU forward and, backward, its gate."""
    random = np.random.RandomState(seed)
    x, W, b, delta = (random.randint(-8, 9, size=shape) for shape in [(n, d), (d, h), (h,), (n, h)])
    z, a, gW, gb, upstream, gated = (np.full(size + 1, GUARD, dtype=dtype) for size in (n * h, n * h, d * h, h, n * d, n * d))
    scratch = np.full(d * h + OVERRUN, np.nan, dtype=dtype)
    weights, biases = room(W, dtype), room(b, dtype)
    kernels.layer_forward(room(x, dtype, OVERRUN), weights, biases, scratch, z, n, d, h)
    kernels.layer_gradient(room(x, dtype, OVERRUN), room(delta, dtype, OVERRUN), scratch, gW, gb, n, d, h)
    kernels.layer_upstream(room(delta, dtype, OVERRUN), weights, scratch, None, upstream, n, d, h)
    yield from zip((z, gW, gb, upstream), (b + x @ W, x.T @ delta, delta.sum(axis=0), delta @ W.T))
    kernels.layer_forward(room(x, dtype, OVERRUN), weights, biases, scratch, a, n, d, h, relu=True)
    kernels.layer_upstream(room(delta, dtype, OVERRUN), weights, scratch, room(x, dtype, OVERRUN), gated, n, d, h)
    yield from zip((a, gated), (np.maximum(b + x @ W, 0), (delta @ W.T) * (x > 0)))


sizes = st.integers(1, 70)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(n=sizes, d=sizes, h=st.one_of(st.integers(1, 20), sizes), seed=st.integers(0, 9))
def test_products_are_those_of_numpy(dtype, n, d, h, seed):
    for got, expected in products(n, d, h, dtype, seed):
        np.testing.assert_array_equal(got[:-1], expected.ravel())
        assert got[-1] == np.float32(GUARD) or got[-1] == GUARD
