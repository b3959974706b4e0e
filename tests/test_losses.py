"""The public kernels: the laws that tie them to each other, over drawn shapes, strides, types and values; and their surface."""
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_heads import losses

DTYPES = [np.float64, np.float32]


# ---- laws over drawn shapes, strides, types and values --------------------------------------------------------------------


@st.composite
def logits_and_ids(draw, elements=None, min_columns=1):
    """Logits (n, k) in either precision, often a strided view, and a class id for each row."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    n, k = draw(st.integers(0, 9)), draw(st.integers(min_columns, 9))
    width = dtype.itemsize * 8
    if elements is None:
        elements = st.floats(allow_nan=False, allow_infinity=False, width=width)
    layout = draw(st.sampled_from(["C", "F", "stride", "reversed"]))
    base = draw(hnp.arrays(dtype, (2 * n, 3 * k) if layout == "stride" else (n, k), elements=elements))
    if layout == "F":
        base = np.asfortranarray(base)
    elif layout == "stride":
        base = base[::2, 1::3]
    elif layout == "reversed":
        base = base[::-1, ::-1]
    ids = draw(hnp.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    return base, ids


MODERATE = st.floats(-30, 30, width=32)


@given(logits_and_ids())
def test_no_nan_for_finite_logits_and_probabilities_in_their_range(drawn):
    z, ids = drawn
    one_hot = np.eye(z.shape[1])[ids]
    everything = [
        losses.sigmoid(z),
        losses.log_sigmoid(z),
        losses.softmax(z),
        losses.log_softmax(z),
        *losses.binary_cross_entropy_loss_gradient(z, one_hot),
        *losses.cross_entropy_loss_gradient(z, ids),
        *losses.cross_entropy_loss_gradient(z, one_hot),
    ]
    for values in everything:
        assert values.dtype == z.dtype
        assert not np.isnan(values).any()
    for p in (losses.sigmoid(z), losses.softmax(z)):
        assert ((p >= 0) & (p <= 1)).all()
    assert np.isfinite(losses.log_sigmoid(z)).all()
    with np.errstate(over="ignore"):
        differences_overflow = z.size and not np.isfinite(z.max(axis=1) - z.min(axis=1)).all()
    assert differences_overflow or np.isfinite(losses.log_softmax(z)).all()
    np.testing.assert_allclose(losses.softmax(z).sum(axis=1), np.ones(len(z)), rtol=16 * np.finfo(z.dtype).eps)


@given(logits_and_ids(), st.data())
def test_memory_layout_does_not_matter(drawn, data):
    z, ids = drawn
    packed = np.ascontiguousarray(z)
    functions = [losses.sigmoid, losses.log_sigmoid, losses.softmax, losses.log_softmax]
    functions += [lambda z: losses.cross_entropy(z, ids), lambda z: losses.cross_entropy_gradient(z, ids)]
    targets = data.draw(hnp.arrays(np.float64, z.shape, elements=st.floats(0, 1)))
    functions += [lambda z: losses.binary_cross_entropy(z, targets.T.copy().T)]
    for function in functions:
        np.testing.assert_array_equal(function(z), function(packed))


@given(logits_and_ids(elements=MODERATE))
def test_class_ids_one_hot_and_soft_rows_say_the_same(drawn):
    z, ids = drawn
    one_hot = np.eye(z.shape[1])[ids]
    loss, gradient = losses.cross_entropy_loss_gradient(z, ids)
    tolerance = {"rtol": 20 * np.finfo(z.dtype).eps, "atol": 0}
    for targets in (one_hot, one_hot.astype(np.int8), one_hot.astype(bool), one_hot.astype(np.float32)):
        np.testing.assert_allclose(losses.cross_entropy(z, targets), loss, **tolerance)
        np.testing.assert_allclose(losses.cross_entropy_gradient(z, targets), gradient, **tolerance)


@given(logits_and_ids())
def test_value_and_gradient_together_equal_each_alone(drawn):
    z, ids = drawn
    one_hot = np.eye(z.shape[1])[ids]
    for targets in (ids, one_hot):
        loss, gradient = losses.cross_entropy_loss_gradient(z, targets)
        np.testing.assert_array_equal(loss, losses.cross_entropy(z, targets))
        np.testing.assert_array_equal(gradient, losses.cross_entropy_gradient(z, targets))
    loss, gradient = losses.binary_cross_entropy_loss_gradient(z, one_hot)
    np.testing.assert_array_equal(loss, losses.binary_cross_entropy(z, one_hot))
    np.testing.assert_array_equal(gradient, losses.binary_cross_entropy_gradient(z, one_hot))


@given(logits_and_ids(elements=st.integers(-30, 30).map(float)), st.integers(-1000, 1000))
def test_a_constant_added_to_all_logits_changes_nothing(drawn, offset):
    z, ids = drawn  # whole numbers: the sum is exact
    moved = z + z.dtype.type(offset)
    np.testing.assert_array_equal(losses.softmax(moved), losses.softmax(z))
    np.testing.assert_array_equal(losses.log_softmax(moved), losses.log_softmax(z))
    np.testing.assert_array_equal(losses.cross_entropy(moved, ids), losses.cross_entropy(z, ids))
    np.testing.assert_array_equal(losses.cross_entropy_gradient(moved, ids), losses.cross_entropy_gradient(z, ids))


@given(logits_and_ids())
def test_a_sigmoid_is_a_softmax_against_a_logit_of_zero(drawn):
    z = drawn[0].ravel()
    pair = np.stack([np.zeros_like(z), z], axis=1)
    tolerance = {"rtol": 8 * np.finfo(z.dtype).eps, "atol": 8 * np.finfo(z.dtype).smallest_subnormal}
    np.testing.assert_allclose(losses.softmax(pair)[:, 1], losses.sigmoid(z), **tolerance)
    np.testing.assert_allclose(losses.log_softmax(pair)[:, 1], losses.log_sigmoid(z), **tolerance)
    for target in (0, 1):
        targets = np.full(len(z), target)
        loss, gradient = losses.cross_entropy_loss_gradient(pair, targets)
        np.testing.assert_allclose(loss, losses.binary_cross_entropy(z, targets), **tolerance)
        np.testing.assert_allclose(gradient[:, 1], losses.binary_cross_entropy_gradient(z, targets), **tolerance)


@given(logits_and_ids(elements=MODERATE), st.data())
def test_weights_multiply_rows(drawn, data):
    z, ids = drawn
    weights = data.draw(hnp.arrays(np.float64, len(z), elements=st.floats(0, 8, width=16)))
    column = weights.astype(z.dtype)[:, None]
    one_hot = np.eye(z.shape[1])[ids]
    loss, gradient = losses.cross_entropy_loss_gradient(z, ids, weights)
    np.testing.assert_array_equal(loss, losses.cross_entropy(z, ids) * column[:, 0])
    np.testing.assert_array_equal(gradient, losses.cross_entropy_gradient(z, ids) * column)
    np.testing.assert_array_equal(losses.cross_entropy(z, ids, weights), loss)
    np.testing.assert_array_equal(losses.cross_entropy_gradient(z, ids, weights), gradient)
    loss, gradient = losses.binary_cross_entropy_loss_gradient(z, one_hot, weights)
    np.testing.assert_array_equal(loss, losses.binary_cross_entropy(z, one_hot) * column)
    np.testing.assert_array_equal(gradient, losses.binary_cross_entropy_gradient(z, one_hot) * column)
    np.testing.assert_array_equal(losses.binary_cross_entropy(z[:, 0], one_hot[:, 0], weights), loss[:, 0])
    np.testing.assert_array_equal(losses.binary_cross_entropy_gradient(z[:, 0], one_hot[:, 0], weights), gradient[:, 0])


@given(logits_and_ids(elements=st.floats(-8, 8, width=16), min_columns=2))
def test_gradients_are_derivatives(drawn):
    z, ids = drawn[0].astype(np.float64), drawn[1]
    soft = np.abs(np.sin(1 + z))
    soft /= soft.sum(axis=1, keepdims=True)
    step = 1e-5
    for j in range(z.shape[1]):
        there, back = z.copy(), z.copy()
        there[:, j] += step
        back[:, j] -= step
        for targets in (ids, soft):
            slope = (losses.cross_entropy(there, targets) - losses.cross_entropy(back, targets)) / (2 * step)
            np.testing.assert_allclose(losses.cross_entropy_gradient(z, targets)[:, j], slope, atol=1e-8)
        slope = (losses.binary_cross_entropy(there, soft) - losses.binary_cross_entropy(back, soft))[:, j] / (2 * step)
        np.testing.assert_allclose(losses.binary_cross_entropy_gradient(z, soft)[:, j], slope, atol=1e-8)


# ---- the surface: out, types, errors, threads -------------------------------------------------------------

Z = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -40.0]])
IDS = np.array([2, 0])
ONE_HOT = np.eye(3)[IDS]

CALLS = {
    "sigmoid": lambda z, **k: losses.sigmoid(z, **k),
    "log_sigmoid": lambda z, **k: losses.log_sigmoid(z, **k),
    "softmax": lambda z, **k: losses.softmax(z, **k),
    "log_softmax": lambda z, **k: losses.log_softmax(z, **k),
    "binary_cross_entropy": lambda z, **k: losses.binary_cross_entropy(z, ONE_HOT, **k),
    "binary_cross_entropy_gradient": lambda z, **k: losses.binary_cross_entropy_gradient(z, ONE_HOT, **k),
    "binary_cross_entropy_loss_gradient": lambda z, **k: losses.binary_cross_entropy_loss_gradient(z, ONE_HOT, **k),
    "cross_entropy": lambda z, **k: losses.cross_entropy(z, IDS, **k),
    "cross_entropy_gradient": lambda z, **k: losses.cross_entropy_gradient(z, IDS, **k),
    "cross_entropy_loss_gradient": lambda z, **k: losses.cross_entropy_loss_gradient(z, IDS, **k),
}


def pair_up(values):
    return values if isinstance(values, tuple) else (values,)


def test_every_public_function_is_tested_here():
    assert sorted(CALLS) == sorted(losses.__all__)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("given_as", [np.float32, np.float64, np.float16, np.int64, list])
def test_float32_stays_and_everything_else_is_float64(name, given_as):
    z = Z.round().tolist() if given_as is list else Z.round().astype(given_as)
    for values, wide in zip(pair_up(CALLS[name](z)), pair_up(CALLS[name](Z.round()))):
        assert values.dtype == (np.float32 if given_as is np.float32 else np.float64)
        np.testing.assert_allclose(values, wide, rtol=1e-6 if given_as is np.float32 else 0)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_filled_and_returned(name, dtype):
    expected = CALLS[name](Z.astype(dtype))
    out = tuple(np.full_like(values, 7) for values in pair_up(expected))
    got = CALLS[name](Z.astype(dtype), out=out if isinstance(expected, tuple) else out[0])
    for returned, filled, values in zip(pair_up(got), out, pair_up(expected)):
        assert returned is filled
        np.testing.assert_array_equal(filled, values)


@pytest.mark.parametrize("name", ["sigmoid", "log_sigmoid", "binary_cross_entropy", "binary_cross_entropy_gradient"])
def test_element_by_element_functions_work_in_place(name):
    z = Z.copy()
    expected = CALLS[name](Z)
    assert CALLS[name](z, out=z) is z
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("name", CALLS)
def test_an_unfit_out_is_refused(name):
    results = pair_up(CALLS[name](Z))
    for bad in (
        [np.empty(values.shape, np.float32) for values in results],
        [np.empty((*values.shape[:-1], values.shape[-1] + 1)) for values in results],
        [np.empty((*values.shape[:-1], 2 * values.shape[-1]))[..., ::2] for values in results],
    ):
        with pytest.raises(ValueError, match="out must be a C-contiguous float64 array of shape"):
            CALLS[name](Z, out=tuple(bad) if len(results) == 2 else bad[0])


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "cross_entropy_gradient"])
def test_an_overlapping_out_is_refused_where_rows_are_read_twice(name):
    z = Z.copy()
    with pytest.raises(ValueError, match="must not overlap"):
        CALLS[name](z, out=z)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: losses.softmax([1.0, 2.0]), r"shape \(n, K\).*these have shape \(2,\)"),
        (lambda: losses.log_softmax(np.empty((2, 0))), r"K >= 1"),
        (lambda: losses.cross_entropy([1.0, 2.0], [0, 1]), r"shape \(n, K\)"),
        (lambda: losses.cross_entropy(Z, [0, 3]), "whole numbers from 0 to 2"),
        (lambda: losses.cross_entropy(Z, [0, -1]), "whole numbers from 0 to 2"),
        (lambda: losses.cross_entropy(Z, [0, 0.5]), "whole numbers from 0 to 2"),
        (lambda: losses.cross_entropy(Z, [0, 2**32]), "whole numbers from 0 to 2"),
        (lambda: losses.cross_entropy(Z, [0, np.nan]), "whole numbers from 0 to 2"),
        (lambda: losses.cross_entropy(Z, ["0", "1"]), "whole numbers from 0 to 2"),
        (lambda: losses.cross_entropy(Z, [0, 1, 2]), r"targets have shape \(3,\).*class ids of shape \(2,\)"),
        (lambda: losses.cross_entropy(Z, [[1, 0], [0, 1]]), r"one-hot or soft rows of shape \(2, 3\)"),
        (lambda: losses.cross_entropy_gradient(Z, -ONE_HOT), "between 0 and 1"),
        (lambda: losses.binary_cross_entropy([1.0, 2.0], [-1, 1]), r"reach from -1.0 to 1.0.*\(y \+ 1\) / 2"),
        (lambda: losses.binary_cross_entropy([1.0], [np.nan]), "between 0 and 1"),
        (lambda: losses.binary_cross_entropy(Z, [0, 1]), r"targets have shape \(2,\), the logits \(2, 3\)"),
        (lambda: losses.binary_cross_entropy(Z, ONE_HOT, [1, 2, 3]), r"sample_weight has shape \(3,\).*shape \(2,\)"),
        (lambda: losses.cross_entropy_loss_gradient(Z, IDS, np.ones((2, 1))), "one weight a row"),
    ],
)
def test_errors_say_what_was_seen_and_what_to_give(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("name", CALLS)
def test_inputs_are_left_as_they_were(name):
    z = Z.copy()
    CALLS[name](z)
    np.testing.assert_array_equal(z, Z)


@pytest.mark.parametrize("name", CALLS)
def test_read_only_input_is_taken(name):
    # What joblib hands to its workers, what pandas gives out, and what np.broadcast_to makes.
    z = Z.copy()
    z.flags.writeable = False
    for got, expected in zip(pair_up(CALLS[name](z)), pair_up(CALLS[name](Z))):
        np.testing.assert_array_equal(got, expected)


def test_read_only_targets_and_weights_are_taken():
    targets, weights = np.array([0.0, 1.0]), np.array([1.0, 2.0])
    targets.flags.writeable = weights.flags.writeable = False
    np.testing.assert_array_equal(
        losses.binary_cross_entropy([0.0, 0.0], targets, weights), np.log(2) * np.array([1, 2])
    )


def test_threads_beside_each_other_give_the_same_result():
    z = np.random.RandomState(0).normal(scale=20, size=(20_000, 7))
    ids = np.arange(len(z)) % 7
    alone = losses.cross_entropy_loss_gradient(z, ids)
    with ThreadPoolExecutor(4) as pool:
        for together in pool.map(lambda _: losses.cross_entropy_loss_gradient(z, ids), range(8)):
            np.testing.assert_array_equal(together[0], alone[0])
            np.testing.assert_array_equal(together[1], alone[1])
