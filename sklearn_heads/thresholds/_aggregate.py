"""From one optimum to a stable one: replicates of the data, their solutions averaged, and an honest score.

A problem offers search(counts, start) -> solution or None, evaluate(solution, counts) -> float, average(solutions) ->
solution, parameters(solutions) -> cuts or biases on the last axis, at(parameters) -> solution, and arrange(folds); counts is
a uint8 vector, how often each row is drawn.
"""
from dataclasses import dataclass

import numpy as np

from sklearn_heads._core import sweep as core

N_PARTS = 5


@dataclass(frozen=True)
class Tuned:
    """The chosen cuts or biases, their spread and their estimated score."""

    parameters: np.ndarray
    std: np.ndarray
    score: float


def replicates(how, folds, n_bootstraps, rng):
    """Counts over the rows, one vector after another: bootstraps, single folds, or all folds but one."""
    if how == "bagged":
        for _ in range(n_bootstraps):
            counts = np.empty(len(folds), np.uint8)
            core.draw_poisson(int(rng.randint(2**31 - 1)), counts)
            yield counts
    else:
        for fold in range(folds.max() + 1):
            yield ((folds == fold) == (how == "fold_mean")).view(np.uint8)


def aggregate(problem, how: str, folds: np.ndarray, n_bootstraps: int, rng, own=None) -> Tuned | None:
    """Solve on all rows and on replicates. None if even all rows have no solution.

    The score is that of each replicate's own solution on the rows the replicate left out. The plug-in ("expected") never saw
    a label, so its solution is scored on all of them.

    own: parameters of the classifier's own decision. Bagging keeps them where they score as well out of bag: there,
    whatever the search found on all rows is noise.
    """
    everything = np.ones(len(folds), np.uint8)
    pooled = problem.search(everything)
    if pooled is None:
        return None
    if how != "bagged":
        folds = problem.arrange(folds) if folds.any() else rng.randint(N_PARTS, size=len(folds), dtype=np.uint8)
    solutions, scores, own_scores = [], [], []
    untuned = problem.at(own) if own is not None and how == "bagged" else None
    for counts in replicates(how, folds, n_bootstraps, rng):
        solution = problem.search(counts, pooled)
        if solution is None:
            continue
        left_out = (counts == 0).view(np.uint8)
        solutions.append(solution)
        scores.append(problem.evaluate(solution, left_out))
        if untuned is not None:
            own_scores.append(problem.evaluate(untuned, left_out))
    averaged = how in ("bagged", "fold_mean") and solutions
    chosen = problem.parameters(problem.average(np.array(solutions)) if averaged else pooled)
    if how == "expected":
        scores = [problem.evaluate(pooled, everything)]
    score = _mean(scores)
    if untuned is not None and (own_score := _mean(own_scores)) >= score:
        chosen, score = np.array(own), own_score
    return Tuned(chosen, _spread(problem, how, solutions or [pooled]), score)


def _spread(problem, how, solutions):
    """Standard error of the cut: the bootstrap's, that of a mean over folds, or the jackknife's over left-out folds."""
    std = problem.parameters(np.array(solutions)).std(axis=0)
    n = len(solutions)
    if how == "bagged":
        return std
    return std / np.sqrt(max(n - 1, 1)) if how == "fold_mean" else std * np.sqrt(n - 1)


def _mean(scores):
    scores = [score for score in scores if not np.isnan(score)]
    return float(np.mean(scores)) if scores else np.nan
