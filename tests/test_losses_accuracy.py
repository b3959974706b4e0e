"""The public kernels against exact arithmetic, by relative error, at margins where formulas break."""
import numpy as np
import pytest
from oracles import (
    relative_error,
    true_binary,
    true_cross_entropy,
    true_log_sigmoid,
    true_log_softmax,
    true_pooled_log_odds,
    true_sigmoid,
    true_softmax,
)

from sklearn_heads import losses
from sklearn_heads._core import kernels

# float64: the promise of the contract. float32: a few units in the last place.
BOUND = {np.float64: 1e-15, np.float32: 4 * float(np.finfo(np.float32).eps)}
DTYPES = [np.float64, np.float32]


def margins(dtype):
    """Where formulas break: zero, subnormals, eps, the edges of exp and log1p, the largest number; and a dense grid."""
    info = np.finfo(dtype)
    edges = -np.log(np.array([info.eps, info.tiny, info.smallest_subnormal], dtype=np.float64))
    corners = [0, info.smallest_subnormal, info.tiny / 8, info.tiny, info.eps / 2, info.eps, 1e-8, np.log(2), 0.5, 1, 2]
    around = [np.nextafter(dtype(edge), dtype(side)) for edge in edges for side in (0, 1e9)]
    beyond = [*edges, *(edges / 2), *(edges + 1), 1e4, 1e10, float(info.max) / 2, float(info.max)]
    grid = [*np.linspace(0.01, 1.5 * edges[-1], 150), *np.logspace(-30, 30, 61)]
    positive = np.array([*corners, *around, *beyond, *grid], dtype=np.float64).astype(dtype)
    return np.concatenate([positive, -positive])


def rows_of_margins(dtype, k):
    """Rows of k logits in which one leads or trails by each margin, in each column in turn, the others spread near zero."""
    lead = margins(dtype)
    rows = np.random.RandomState(k).uniform(-1, 1, (len(lead), k)).astype(dtype)
    rows[np.arange(len(lead)), np.arange(len(lead)) % k] = lead
    return rows


@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_and_its_logarithm_are_exact_to_rounding_at_any_margin(dtype):
    z = margins(dtype)
    assert relative_error(losses.sigmoid(z), true_sigmoid(z)) <= BOUND[dtype]
    assert relative_error(losses.log_sigmoid(z), true_log_sigmoid(z)) <= BOUND[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [0, 1])
def test_binary_cross_entropy_and_gradient_are_exact_to_rounding_at_any_margin(dtype, target):
    z = margins(dtype)
    targets = np.full(z.shape, target)
    loss, gradient = losses.binary_cross_entropy_loss_gradient(z, targets)
    true_loss, true_gradient = true_binary(z, targets)
    assert relative_error(loss, true_loss) <= BOUND[dtype]
    assert relative_error(gradient, true_gradient) <= BOUND[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_cross_entropy_and_gradient_are_exact_to_rounding_at_any_margin(dtype, k):
    z = rows_of_margins(dtype, k)
    for ids in (np.arange(len(z)) % k, (np.arange(len(z)) + 1) % k):
        loss, gradient = losses.cross_entropy_loss_gradient(z, ids)
        true_loss, true_gradient = true_cross_entropy(z, ids)
        assert relative_error(loss, true_loss) <= BOUND[dtype]
        assert relative_error(gradient, true_gradient) <= BOUND[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_softmax_and_its_logarithm_are_exact_to_rounding_at_any_margin(dtype, k):
    z = rows_of_margins(dtype, k)
    assert relative_error(losses.softmax(z), true_softmax(z)) <= BOUND[dtype]
    assert relative_error(losses.log_softmax(z), true_log_softmax(z)) <= BOUND[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_is_exact_to_rounding_where_every_logit_is_large(dtype):
    # Differences of logits as they are stored, not of what was rounded before: the shift by the largest must not lose digits.
    shifts = np.array([1e2, 1e3, 1e4, -1e4, 1e8])[:, None]
    z = (shifts + np.random.RandomState(0).uniform(-30, 30, (40, 5, 6))).reshape(-1, 6).astype(dtype)
    ids = np.arange(len(z)) % 6
    loss, gradient = losses.cross_entropy_loss_gradient(z, ids)
    true_loss, true_gradient = true_cross_entropy(z, ids)
    assert relative_error(loss, true_loss) <= BOUND[dtype]
    assert relative_error(gradient, true_gradient) <= BOUND[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_soft_targets_are_accurate_relative_to_their_terms(dtype):
    z = np.linspace(-20, 20, 101).astype(dtype)
    t = np.linspace(0, 1, 101)[::-1].astype(dtype)
    loss, gradient = losses.binary_cross_entropy_loss_gradient(z, t)
    true_loss = t * -true_log_sigmoid(z) + (1 - t) * -true_log_sigmoid(-z)
    assert relative_error(loss, true_loss) <= 2 * BOUND[dtype]
    p = true_sigmoid(z)
    assert (np.abs(gradient - (p - t)) <= BOUND[dtype] * (p + t)).all()


def pooled(log_odds):
    """By the core's kernel, which has no public function."""
    out = np.empty(log_odds.shape[1], dtype=log_odds.dtype)
    kernels.pool_log_odds(log_odds.ravel(), out)
    return out


def margins_of_five(dtype):
    """Log-odds of five networks, (5, n): of one scale, and of scales far apart."""
    random = np.random.RandomState(0)
    alike = random.normal(size=(5, 150)) * np.repeat([0.01, 1, 30], 50)
    return np.hstack([alike, random.normal(size=(5, 150)) * 10 ** random.uniform(-3, 2.5, (5, 150))]).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pooled_log_odds_are_exact_to_rounding_at_any_margin(dtype):
    log_odds = margins_of_five(dtype)
    truth = true_pooled_log_odds(log_odds)
    error = np.abs(pooled(log_odds) - truth) / np.maximum(np.abs(truth), 1)  # sums of terms near 1 and more
    assert error.max() <= BOUND[dtype]


def test_pooled_infinite_log_odds_give_the_limit():
    inf, nan = np.inf, np.nan
    log_odds = np.array([[inf, inf], [inf, -inf], [inf, 0.0], [-inf, -inf], [-inf, 0.0], [nan, 1.0], [1.0, nan], [-800, 900]]).T
    expected = [inf, 0.0, np.log(3), -inf, -np.log(3), nan, nan, 0.0]
    np.testing.assert_allclose(pooled(np.ascontiguousarray(log_odds)), expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinite_logits_give_the_limit(dtype):
    inf = dtype(np.inf)
    z = np.array([inf, -inf, inf, -inf], dtype=dtype)
    loss, gradient = losses.binary_cross_entropy_loss_gradient(z, [1, 0, 0, 1])
    np.testing.assert_array_equal(losses.sigmoid(z[:2]), [1, 0])
    np.testing.assert_array_equal(losses.log_sigmoid(z[:2]), [0, -inf])
    np.testing.assert_array_equal(loss, [0, 0, inf, inf])
    np.testing.assert_array_equal(gradient, [0, 0, 1, -1])
    np.testing.assert_array_equal(losses.binary_cross_entropy_gradient(z[:2], [0.25, 0.25]), [0.75, -0.25])

    rows = np.array([[inf, 0, 1], [-inf, 0, 0], [-inf, 5, -inf], [inf, -inf, 3]], dtype=dtype)
    np.testing.assert_array_equal(losses.softmax(rows), [[1, 0, 0], [0, 0.5, 0.5], [0, 1, 0], [1, 0, 0]])
    log_half = np.log(dtype(0.5))
    np.testing.assert_allclose(
        losses.log_softmax(rows),
        [[0, -inf, -inf], [-inf, log_half, log_half], [-inf, 0, -inf], [0, -inf, -inf]],
        rtol=BOUND[dtype],
    )
    loss, gradient = losses.cross_entropy_loss_gradient(rows, [0, 0, 1, 2])
    np.testing.assert_array_equal(loss, [0, inf, 0, inf])
    np.testing.assert_array_equal(gradient, [[0, 0, 0], [-1, 0.5, 0.5], [0, 0, 0], [1, 0, -1]])


def test_leading_infinities_share_the_probability():
    inf = np.inf
    np.testing.assert_array_equal(losses.softmax([[inf, inf, 0.0], [-inf, -inf, -inf]])[0], [0.5, 0.5, 0])
    np.testing.assert_allclose(losses.softmax([[-inf, -inf, -inf]]), [[1 / 3] * 3], rtol=1e-15)
