"""The compiled sweeps against direct computation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_heads.thresholds._search import bootstrap
from sklearn_heads.thresholds._search import sweep as core
from sklearn_heads.thresholds._search.binary import summed
from sklearn_heads.thresholds._search.metrics import METRICS, fbeta
from sklearn_heads.thresholds._search.ranking import Ranking, descending

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=200, deadline=None)
@given(arrays(float, st.integers(1, 300), elements=FINITE))
def test_sort_is_a_stable_descending_sort(scores):
    order, sorted_scores, last = descending(scores)
    assert np.array_equal(order, np.argsort(-scores, kind="stable"))
    assert np.array_equal(sorted_scores, scores[order])
    assert np.array_equal(last, np.append(sorted_scores[:-1] > sorted_scores[1:], True))


@pytest.mark.parametrize("n", [1, 255, 256, 257, 1000])
def test_poisson_fills_every_count(n):
    counts = np.full(n, 99, np.uint8)
    bootstrap.draw_poisson(3, counts)
    assert counts.max() <= 8


def test_poisson_has_the_moments_of_poisson_1():
    counts = np.empty(400_000, np.uint8)
    bootstrap.draw_poisson(7, counts)
    share = np.bincount(counts, minlength=9) / len(counts)
    expected = np.exp(-1) / np.array([1, 1, 2, 6, 24, 120, 720, 5040, 40320])
    assert np.abs(share - expected).max() < 4e-3
    assert np.corrcoef(counts[:-1], counts[1:])[0, 1] == pytest.approx(0, abs=8e-3)


def test_poisson_differs_by_seed_and_repeats_by_seed():
    draws = [np.empty(500, np.uint8) for _ in range(3)]
    for seed, counts in zip((1, 1, 2), draws, strict=True):
        bootstrap.draw_poisson(seed, counts)
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def random_sweep(seed):
    """Sorted scores with ties, weights of both classes, and counts with zeros."""
    rng = np.random.default_rng(seed)
    # Rows are swept in blocks of 64.
    n = rng.integers(2, 30) if seed % 3 else rng.integers(60, 400)
    ranking = Ranking(rng.integers(0, rng.integers(2, 2 * n), n).astype(float))
    y = (rng.random(n) < np.linspace(rng.random(), 0, n)).astype(int)
    y[:2] = 0, 1
    weight = rng.choice([1.0, 0.5, 2.0, rng.random()], n)
    counts = rng.integers(0, 3, n).astype(np.uint8)
    counts[:2] = 1
    return ranking, weight * y, weight * (1 - y), counts


@pytest.mark.parametrize("name", [*METRICS, "f2"])
def test_sweep_finds_the_best_position(name):
    metric = fbeta(2) if name == "f2" else METRICS[name]
    for seed in range(200):
        ranking, pos, neg, counts = random_sweep(seed)
        blocks, P, N = summed(pos, neg, counts)
        tp = np.append(0, np.cumsum(counts * pos))[ranking.positions]
        fp = np.append(0, np.cumsum(counts * neg))[ranking.positions]
        values = metric.values(tp, fp, P, N)
        numbers = metric.coefficients(P, N)[0]
        first, final, best = core.sweep(
            pos, neg, counts, ranking.last, blocks, metric.kind, numbers, 0, np.zeros(6), 0, 0.0, True
        )
        assert best == pytest.approx(values.max(), abs=1e-12)
        at = dict(zip(ranking.positions, values, strict=True))
        assert at[first] == pytest.approx(best, abs=1e-12)
        assert at[final] == pytest.approx(best, abs=1e-12)


def test_sweep_under_a_constraint_is_the_best_feasible_position():
    objective, limit = METRICS["recall"], METRICS["precision"]
    found = 0
    for seed in range(300):
        ranking, pos, neg, counts = random_sweep(seed)
        blocks, P, N = summed(pos, neg, counts)
        tp = np.append(0, np.cumsum(counts * pos))[ranking.positions]
        fp = np.append(0, np.cumsum(counts * neg))[ranking.positions]
        feasible = limit.values(tp, fp, P, N) >= 0.6 - 1e-12
        first, _, best = core.sweep(
            pos, neg, counts, ranking.last, blocks, objective.kind, objective.coefficients(P, N)[0],
            limit.kind, limit.coefficients(P, N)[0], 1, 0.6, True,
        )
        if not feasible.any():
            assert first == -1
            continue
        found += 1
        assert best == pytest.approx(objective.values(tp, fp, P, N)[feasible].max(), abs=1e-12)
        assert feasible[np.searchsorted(ranking.positions, first)]
    assert 50 < found < 300


@settings(max_examples=100, deadline=None)
@given(arrays(float, st.integers(2, 60), elements=FINITE))
def test_threshold_of_a_position_predicts_that_many(scores):
    ranking = Ranking(scores)
    assert [int((scores >= threshold).sum()) for threshold in ranking.threshold(ranking.positions)] == ranking.positions.tolist()


def test_threshold_lies_midway_in_its_gap():
    ranking = Ranking(np.array([0.1, 0.4, 0.4, 0.8]))
    assert ranking.positions.tolist() == [0, 1, 3, 4]
    assert ranking.threshold(ranking.positions) == pytest.approx([1.0, 0.6, 0.25, -0.05])


def test_candidates_are_the_only_positions():
    ranking = Ranking(np.array([0.1, 0.4, 0.6, 0.8]), np.array([0.2, 0.3, 0.35, 0.7]))
    assert ranking.positions.tolist() == [1, 3]
    assert ranking.threshold(ranking.positions).tolist() == [0.7, 0.3]
