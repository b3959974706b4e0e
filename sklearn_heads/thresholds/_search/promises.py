"""Thresholds at which a constraint holds on new rows, with a confidence: exact tests in an order fixed beforehand.

At a threshold fixed beforehand the true positives among k alerts are binomial(k, precision), so an exact tail probability tests
"precision is below the bound"; recall, specificity and so on are shares as well, each of its own trials. Many thresholds are
tested in one order, each at the full level, up to the first that fails (fixed-sequence testing; Learn then Test): the first
threshold of the order that breaks the bound passes with probability `level` at most, and beyond it nothing is promised.

The order is what has power, and it may not depend on the labels that it tests:

- Recall, specificity, false-positive and alert rate move one way with the threshold. The order starts at the safe end, and no
  test fails before a later one passes: nothing is lost.
- Precision: labels are read from the lowest score upwards. Those of the rows below a rank say nothing about the rows above,
  which are a sample of the rows beyond that score. Reading stops at the rank K at which the decline seen below suggests that
  precision is not far under the bound; the order is of the thresholds within K, the strictest first, from K / 2 on. Earlier
  starts, K / 4, K / 8, ..., have a smaller part of the level each; one that arrives at the next start hands its part on (the
  fallback procedure).
- Accuracy and mean cost are of all rows: a fifth of them, drawn at random, says where to start; the others are tested from
  there both ways, each at half of the level.

Why the start may be a rank, which depends on the scores: let e be the first threshold at or below the start that breaks the
bound. If it is the start itself, the rows above it are a sample of all rows beyond it, and the test is exact. If it lies lower,
the error needs its test to pass, and the number of rows above e, whatever it is, leaves their true positives binomial. (With
tied scores, or where precision crosses the bound several times and there are several starts, this needs precision to fall as the
threshold falls.)

Angelopoulos et al. (2021), Learn then Test; Clopper and Pearson (1934); Wiens (2003), the fallback procedure; Bates et al.
(2021), the Hoeffding-Bentkus bound for a mean cost.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betainc, betaincinv, rel_entr

# successes and trials of each share, from the counts at thresholds and their totals
SHARES = {
    "precision": lambda tp, fp, P, N: (tp, tp + fp),
    "false_discovery_rate": lambda tp, fp, P, N: (fp, tp + fp),
    "recall": lambda tp, fp, P, N: (tp, P),
    "specificity": lambda tp, fp, P, N: (N - fp, N),
    "false_positive_rate": lambda tp, fp, P, N: (fp, N),
    "alert_rate": lambda tp, fp, P, N: (tp + fp, P + N),
    "accuracy": lambda tp, fp, P, N: (tp + N - fp, P + N),
}
OF_ALERTS, OF_ALL_ROWS = ("precision", "false_discovery_rate"), ("accuracy", "mean_cost")
PROMISES = (*SHARES, "mean_cost")

BIN_RATIO = 1.2  # of the ranks between which labels are read
# Reading stops where the expected precision is this share of the bound. Below where it stops nothing is promised, and starts that
# are too loose fail: with many alerts the earlier starts make up for those, so it may stop later.
NEAR, NEARER = 0.4, 0.27
FIRST_PART = 0.6  # of the level, for the start at K / 2
HOPELESS = np.log(100)  # no start where even alerts without one error have a tail probability above 1%
START_SHARE = 0.2  # of the rows, to find where accuracy or cost is best


class Limit(NamedTuple):
    """A metric of `PROMISES` that is to stay above (sense 1) or below (-1) a bound.

    costs (2, 2), of a mean cost only: [i][j] is that of deciding j for a row of class i.
    """

    name: str
    sense: int
    bound: float
    costs: np.ndarray | None = None

    def tails(self, tp, fp, P, N) -> np.ndarray:
        """For each (tp, fp) the probability of counts as favourable as these, or a bound of it, if the limit is just broken."""
        if self.name == "mean_cost":
            return self._cost_tails(tp, fp, P, N)
        successes, trials = SHARES[self.name](tp, fp, P, N)
        return binomial_tails(successes, trials, self.bound, self.sense)

    def _cost_tails(self, tp, fp, P, N):
        (c00, c01), (c10, c11) = self.costs
        low, high = self.costs.min(), self.costs.max()
        if not low < self.bound < high:
            always = self.bound >= high if self.sense < 0 else self.bound <= low
            return np.full(np.shape(tp), 0.0 if always else 1.0)
        total, n = c00 * (N - fp) + c01 * fp + c10 * (P - tp) + c11 * tp, P + N
        units, bound = (total - low * n) / (high - low), (self.bound - low) / (high - low)
        if len(np.unique(self.costs)) == 2:
            return binomial_tails(np.rint(units), n, bound, self.sense)
        if self.sense > 0:
            units, bound = n - units, 1 - bound
        return hoeffding_bentkus(units, n, bound)


def binomial_tails(successes, trials, share, sense):
    """P(at least so many successes) for sense 1, P(at most) for -1, of binomial(trials, share); 1 without trials."""
    successes, trials = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    if not 0 < share < 1:
        certain = (share <= 0) if sense > 0 else (share >= 1)
        return np.where(certain & (trials > 0), 0.0, 1.0)
    if sense < 0:
        successes, share = trials - successes, 1 - share
    # P(at least k of n) is the regularised incomplete beta function of k and n - k + 1.
    return np.where(successes > 0, betainc(np.maximum(successes, 1), trials - np.maximum(successes, 1) + 1, share), 1.0)


def hoeffding_bentkus(total, n, bound):
    """Bound of P(a sum of n independent values in [0, 1] is at most `total`), where their mean is at least `bound`."""
    mean = np.clip(total / n, 0, bound)
    hoeffding = np.exp(-n * (rel_entr(mean, bound) + rel_entr(1 - mean, 1 - bound)))
    # Rounding must not turn a whole number into the next one; upwards is the safe side.
    bentkus = np.e * binomial_tails(np.clip(np.ceil(total - 1e-9 * n), 0, n), n, bound, -1)
    return np.minimum(1.0, np.minimum(hoeffding, bentkus))


def interval(limit: Limit, counts, confidence: float) -> tuple[float, float]:
    """Ends between which the metric lies; each holds with the confidence by itself. counts are tp, fp, P and N."""
    level = 1 - confidence
    if limit.costs is not None:
        return tuple(_cost_end(limit._replace(sense=sense), counts, level) for sense in (1, -1))
    k, n = SHARES[limit.name](*counts)
    return (
        float(betaincinv(k, n - k + 1, level)) if k > 0 else 0.0, float(betaincinv(k + 1, n - k, 1 - level)) if k < n else 1.0
    )


def _cost_end(limit, counts, level):
    """The strictest bound that passes: by bisection, from the end that promises nothing."""
    low, high = limit.costs.min(), limit.costs.max()
    passing, failing = (low, high) if limit.sense > 0 else (high, low)
    for _ in range(60):
        middle = (passing + failing) / 2
        passes = limit._replace(bound=middle).tails(*counts) <= level
        passing, failing = (middle, failing) if passes else (passing, middle)
    return float(passing)


def promised(limits, tp, fp, level: float, seed: int) -> np.ndarray:
    """Where all limits hold at once on new rows, with probability 1 - level.

    tp and fp (p,) are whole numbers, the counts at every threshold from "none" (0, 0) to "all rows"; ties are one step. Returns a
    mask (p,). Each limit has its own order and an equal part of the level, so that one more never allows another threshold.
    """
    allowed = np.ones(len(tp), bool)
    for limit in limits:
        allowed &= _one(limit, tp, fp, level / len(limits), seed)
    return allowed


def _one(limit, tp, fp, level, seed):
    if limit.name in OF_ALL_ROWS:
        return _both_ways(limit, tp, fp, level, seed)
    if limit.name not in OF_ALERTS:
        return limit.tails(tp, fp, tp[-1], fp[-1]) <= level
    hits, bound = (tp, limit.bound) if limit.name == "precision" else (fp, limit.bound)
    if (limit.sense > 0) == (limit.name == "precision"):
        return _alerts(tp, tp + fp, bound if limit.name == "precision" else 1 - bound, level)
    # A precision that must not be too high: the safe end is to alert to everything.
    passes = binomial_tails(hits, tp + fp, bound, limit.sense) <= level
    return np.logical_and.accumulate(passes[::-1])[::-1]


def _alerts(tp, alerts, bound, level):
    """Where precision is at least the bound: from the strictest start on, handing the level down."""
    allowed = np.zeros(len(tp), bool)
    starts, parts, end = alert_order(tp, alerts, bound)
    carried = 0.0
    for start, part, stop in zip(starts, parts, [*starts[1:], end + 1]):
        carried += part
        steps = slice(start, stop)
        passes = np.logical_and.accumulate(binomial_tails(tp[steps], alerts[steps], bound, 1) <= carried * level)
        allowed[steps] = passes
        if not passes.all():
            carried = 0.0
    return allowed


def alert_order(tp, alerts, bound: float):
    """Where to start, with which part of the level each, and where to end: indices into the thresholds, the strictest first.

    Decided by the labels below the end alone. It does not depend on the level, so that a larger confidence passes less.
    """
    least = np.log(10) / -np.log(bound) if 0 < bound < 1 else 1.0
    end = expected_reach(tp, alerts, bound)
    if end is None:
        # The scores jump rather than decline: the strictest threshold that can pass at all.
        end = min(int(np.searchsorted(alerts, least)), len(alerts) - 1)
    ranks = [alerts[end] / 2]
    while ranks[-1] / 2 * -np.log(max(bound, 1e-300)) >= HOPELESS:
        ranks.append(ranks[-1] / 2)
    starts = np.clip(np.searchsorted(alerts, ranks[::-1]), 1, end)
    parts = np.full(len(ranks), (1 - FIRST_PART) / max(len(ranks) - 1, 1))
    parts[-1] = FIRST_PART if len(ranks) > 1 else 1.0
    return starts.tolist(), parts.tolist(), end


def expected_reach(tp, alerts, bound: float):
    """The loosest threshold at which precision is expected to be near the bound, by the rows below it; or None.

    The share of positives at a rank r declines as 1 / (1 + (r / c)^b). For every threshold K on a geometric grid, c and b are
    fitted to the rows below K only, by Newton's method with a weak prior, and the share is averaged over the ranks above.
    """
    at = np.unique(np.searchsorted(alerts, _geometric(alerts[-1])))
    at = at[at > 0]
    edges, positives = alerts[at], np.diff(tp[at])
    if len(at) < 2:
        return None
    rows = np.diff(edges)
    middle = np.log((edges[:-1] + edges[1:]) / 2)
    below = np.triu(np.ones((len(rows), len(rows))))  # row K: the bins that lie below it
    x, rows, positives = middle - np.log(edges[:-1])[:, None], below * rows, below * positives
    at_end, slope = np.full(len(edges) - 1, -2.0), np.full(len(edges) - 1, 2.0)
    for _ in range(8):
        share = _logistic(at_end[:, None] - slope[:, None] * x)
        curvature, error = rows * share * (1 - share), positives - rows * share
        # log-likelihood - (at_end + 1)^2 / 18 - 2 (slope - 1)^2
        d0, d1 = error.sum(1) - (at_end + 1) / 9, -(x * error).sum(1) - 4 * (slope - 1)
        h00, h01, h11 = curvature.sum(1) + 1 / 9, -(x * curvature).sum(1), (x * x * curvature).sum(1) + 4
        determinant = h00 * h11 - h01**2
        at_end = at_end + np.clip((h11 * d0 - h01 * d1) / determinant, -1, 1)
        slope = np.clip(slope + np.clip((h00 * d1 - h01 * d0) / determinant, -1, 1), 0.2, 20)
    inside = np.log((np.arange(100) + 0.5) / 100)
    expected = _logistic(at_end[:, None] - slope[:, None] * inside).mean(axis=1)
    # With so many alerts and no error the tail probability is exp(-evidence).
    evidence = edges[:-1] * -np.log(np.clip(bound, 0.001, 0.999))
    near = NEAR + NEARER * np.minimum(1, 3 / np.sqrt(evidence))
    reached = np.flatnonzero(expected >= near * bound)
    return int(at[reached[-1]]) if len(reached) else None


def _geometric(n):
    """Whole numbers from 1 to n, each about `BIN_RATIO` times the one before."""
    steps = BIN_RATIO ** np.arange(1, int(np.log(max(n, 2)) / np.log(BIN_RATIO)) + 1)
    return np.unique(np.append(np.floor(steps), n))


def _logistic(x):
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def _both_ways(limit, tp, fp, level, seed):
    """Accuracy and mean cost: start where a part of the rows says that it is best, and test the others on either side."""
    rng = np.random.RandomState(seed)
    start_tp, start_fp = (
        np.append(0, np.cumsum(rng.binomial(np.diff(counts).astype(int), START_SHARE))) for counts in (tp, fp)
    )
    best = _best(limit, start_tp, start_fp)
    tp, fp = tp - start_tp, fp - start_fp
    tails = limit.tails(tp, fp, tp[-1], fp[-1])
    if tails[best] > level:
        return np.zeros(len(tp), bool)
    passes = tails <= level / 2
    passes[best] = True
    stricter = np.logical_and.accumulate(passes[best::-1])[::-1]
    return np.append(stricter, np.logical_and.accumulate(passes[best + 1 :]))


def _best(limit, tp, fp) -> int:
    """The middle of the thresholds at which the metric is best."""
    P, N = tp[-1], fp[-1]
    if limit.name == "mean_cost":
        (c00, c01), (c10, c11) = limit.costs
        value = (c01 - c00) * fp + (c11 - c10) * tp
    else:
        value = SHARES[limit.name](tp, fp, P, N)[0]
    best = np.flatnonzero(value == (value.max() if limit.sense > 0 else value.min()))
    return int(best[len(best) // 2])
