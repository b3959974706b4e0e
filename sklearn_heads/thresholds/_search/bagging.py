"""From one optimum to a stable one: replicates of the data, their solutions averaged, and an honest score.

`problem.Problem` is what it works on; counts is a uint8 vector, how often each row is drawn.
"""

from typing import NamedTuple

import numpy as np

from sklearn_heads.thresholds._search import bootstrap

N_PARTS = 5


class Tuned(NamedTuple):
    """The chosen thresholds or biases, their spread, and their estimated score and constrained metrics."""

    parameters: np.ndarray
    std: np.ndarray
    score: float
    constrained: np.ndarray | None = None


def replicates(how, folds, n_bootstraps, rng):
    """Counts over the rows, one vector after another: bootstraps, single folds, or all folds but one."""
    if how == "bagged":
        for _ in range(n_bootstraps):
            counts = np.empty(len(folds), np.uint8)
            bootstrap.draw_poisson(int(rng.randint(2**31 - 1)), counts)
            yield counts
    else:
        for fold in range(folds.max() + 1):
            yield ((folds == fold) == (how == "fold_mean")).view(np.uint8)


def aggregate(problem, how: str, folds: np.ndarray, n_bootstraps: int, rng, own=None) -> Tuned | None:
    """Solve on all rows and on replicates. None if even all rows have no solution.

    The score is out of sample. Bagged thresholds: every row is decided by the average over the bootstraps that left it out.
    Biases, and folds: each solution is scored on the rows it did not see, which says little for the average: with K
    biases to choose that is the safe side. The plug-in ("expected") never saw a label: it is scored on all rows.

    own: parameters of the classifier's own decision. Bagging keeps them where they score as well out of bag, thresholds only if
    they are also within one standard error of the tuned ones: then the rows cannot tell the two apart. (Biases move
    together, so how far each is from zero says little.)
    """
    everything = np.ones(len(folds), np.uint8)
    pooled = problem.search(everything)
    if pooled is None:
        return None
    if how != "bagged":
        scored_alone = 1 <= folds.max() < len(folds) // 2
        folds = problem.arrange(folds) if scored_alone else _parts(len(folds))
    untuned = None if own is None or how != "bagged" else problem.solution(own)
    by_row = how == "bagged" and not problem.move_together
    left_out = _ByRow(problem, len(folds), pooled, untuned) if by_row else _BySolution(problem, untuned)
    solutions = []
    for counts in replicates(how, folds, n_bootstraps, rng):
        if (solution := problem.search_near(pooled, counts)) is not None:
            solutions.append(solution)
            left_out.add(solution, counts)
    averaged = how in ("bagged", "fold_mean") and solutions
    chosen = problem.parameters(problem.average(np.array(solutions)) if averaged else pooled)
    score, own_score = left_out.scores()
    if how == "expected":
        score = problem.evaluate(pooled, everything)
    spread = _spread(problem, how, solutions or [pooled])
    if own_score >= score and (problem.move_together or np.all(np.abs(own - chosen) <= spread)):
        chosen, score = np.array(own), own_score
    return Tuned(chosen, spread, score, left_out.constrained())


def _parts(n):
    """Every fifth row in one part: something has to be left out where nothing was held out together, or one row at a time."""
    parts = np.empty(n, np.uint8)
    for part in range(N_PARTS):
        parts[part::N_PARTS] = part
    return parts


class _ByRow:
    """Scores of the average of thresholds and of the own decision: for each row, sums over the bootstraps without it."""

    def __init__(self, problem, n, solution, untuned):
        self.problem, self.untuned = problem, untuned
        self.sums, self.seen = np.zeros((n, len(problem.coordinates(solution)))), np.zeros(n)

    def add(self, solution, counts):
        bootstrap.accumulate_left_out(counts, self.problem.coordinates(solution), self.sums, self.seen)

    def scores(self):
        rows = (self.seen > 0).view(np.uint8)
        score = self.problem.evaluate_rows(self.sums / np.maximum(self.seen, 1)[:, None], rows)
        return score, np.nan if self.untuned is None else self.problem.evaluate(self.untuned, rows)

    def constrained(self):
        if not self.problem.constraints.each:
            return None
        means, rows = self.sums / np.maximum(self.seen, 1)[:, None], (self.seen > 0).view(np.uint8)
        return self.problem.constraints.values(*self.problem.table_of_rows(means, rows))


class _BySolution:
    """Mean scores of the solutions and of the own decision, each on the rows left out."""

    def __init__(self, problem, untuned):
        self.problem, self.untuned, self.pairs, self.met = problem, untuned, [], []

    def add(self, solution, counts):
        rows = (counts == 0).view(np.uint8)
        own = np.nan if self.untuned is None else self.problem.evaluate(self.untuned, rows)
        self.pairs.append((self.problem.evaluate(solution, rows), own))
        if self.problem.constraints.each:
            self.met.append(self.problem.constraints.values(*self.problem.table(solution, rows)))

    def scores(self):
        pairs = np.array([pair for pair in self.pairs if not np.isnan(pair[0])])
        return tuple(pairs.mean(axis=0)) if len(pairs) else (np.nan, np.nan)

    def constrained(self):
        """Where a part leaves one undefined, it says nothing of it."""
        if not self.met:
            return None
        met = np.array(self.met)
        known = ~np.isnan(met)
        return np.where(known, met, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)


def _spread(problem, how, solutions):
    """Standard error of the threshold: the bootstrap's, that of a mean over folds, or the jackknife's over left-out folds."""
    std = problem.parameters(np.array(solutions)).std(axis=0)
    n = len(solutions)
    if how == "bagged":
        return std
    return std / np.sqrt(max(n - 1, 1)) if how == "fold_mean" else std * np.sqrt(n - 1)
