"""A promise is kept as often as it says: exact tests, in an order that the labels they test do not decide."""

import itertools
import pickle

import numpy as np
import pytest
from echo import Echo
from mpmath import binomial, mp, mpf
from scipy.stats import binom, binomtest, norm
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_heads import ThresholdCurveDisplay, ThresholdTuner
from sklearn_heads.thresholds._search.promises import (
    PROMISES,
    SHARES,
    Limit,
    alert_order,
    binomial_tails,
    hoeffding_bentkus,
    interval,
    promised,
)

COSTS = np.array([[0.0, 1.0], [10.0, 0.5]])
LIMITS = [
    Limit("precision", 1, 0.7), Limit("false_discovery_rate", -1, 0.3), Limit("recall", 1, 0.6), Limit("recall", -1, 0.6),
    Limit("specificity", 1, 0.8), Limit("false_positive_rate", -1, 0.2), Limit("alert_rate", -1, 0.3),
    Limit("accuracy", 1, 0.75), Limit("precision", -1, 0.8), Limit("mean_cost", -1, 2.0, COSTS),
]


def drawn(n=400, share=0.3, distance=2.0, seed=0, levels=None):
    """Scores and labels: two normal distributions, tied where `levels` says how many scores there are."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    scores = rng.normal(size=n) + distance * y
    scores = 1 / (1 + np.exp(-scores))
    return (np.floor(scores * levels) / levels if levels else scores), y


def counted(scores, y, weight=None):
    """tp and fp at "none" and after each distinct score, from the largest."""
    weight = np.ones(len(y), int) if weight is None else weight
    levels = np.unique(scores)[::-1]
    tp, fp = (np.array([weight[(scores >= level) & (y == code)].sum() for level in levels]) for code in (1, 0))
    return np.append(0, tp).astype(float), np.append(0, fp).astype(float)


# The tests themselves.


@pytest.mark.parametrize(("successes", "trials", "share"), [
    (22, 22, 0.9), (0, 5, 0.3), (5, 5, 0.3), (1, 40, 0.01), (950, 1000, 0.9), (60_000, 100_000, 0.599), (3, 1000, 1e-4),
])
def test_tails_are_the_binomials(successes, trials, share):
    mp.dps = 40
    p = mpf(share)
    if trials <= 1000:
        upper = sum(binomial(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1))
        assert float(abs(binomial_tails(successes, trials, share, 1) / upper - 1)) < 1e-12
    assert binomial_tails(successes, trials, share, 1) == pytest.approx(binom.sf(successes - 1, trials, share), rel=1e-9)
    assert binomial_tails(successes, trials, share, -1) == pytest.approx(binom.cdf(successes, trials, share), rel=1e-9)


def test_tails_at_the_ends():
    assert binomial_tails(0, 0, 0.5, 1) == binomial_tails(0, 0, 0.5, -1) == 1
    assert binomial_tails(3, 3, 1.0, 1) == 1  # that nothing ever fails cannot be shown
    assert binomial_tails(0, 3, 0.0, -1) == 1
    assert binomial_tails(0, 3, 0.0, 1) == 0  # and a share of at least 0 is sure


@pytest.mark.parametrize("values", [[0, 1], [0, 0.05, 1], [0.2, 0.7, 1]])
def test_the_bound_of_a_mean_is_above_its_probability(values):
    """Every outcome of few rows, enumerated, at several distributions of one mean."""
    n, values = 8, np.array(values, float)
    for seed in range(5):
        p = np.random.default_rng(seed).dirichlet(np.ones(len(values)))
        outcomes = np.array(list(itertools.product(range(len(values)), repeat=n)))
        totals, chances = values[outcomes].sum(1), p[outcomes].prod(1)
        for total in np.unique(totals.round(9)):
            assert chances[totals <= total + 1e-9].sum() <= hoeffding_bentkus(total, n, p @ values) + 1e-9


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (7, 7), (3, 7), (930, 1000)])
def test_the_interval_is_clopper_and_pearsons(successes, trials):
    counts = (successes, trials - successes, successes + 2, 50)
    low, high = interval(Limit("precision", 1, 0.5), counts, 0.95)
    # Each end at 0.95 by itself: the two-sided interval of 0.9.
    exact = binomtest(successes, trials).proportion_ci(0.9, "exact")
    assert (low, high) == (pytest.approx(exact.low, abs=1e-12), pytest.approx(exact.high, abs=1e-12))


# The order, and what may depend on what.


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("levels", [None, 12])
def test_the_order_of_precision_is_decided_below_its_end(seed, levels):
    """Labels above the end may be anything: the order, and where it ends, stay."""
    scores, y = drawn(1500, seed=seed, levels=levels)
    tp, fp = counted(scores, y)
    starts, parts, end = alert_order(tp, tp + fp, 0.9)
    assert sum(parts) == pytest.approx(1)
    assert all(1 <= start <= end for start in starts)
    assert starts == sorted(starts)
    above = scores >= np.unique(scores)[::-1][end - 1]
    other = np.where(above, np.random.default_rng(seed).integers(0, 2, len(y)), y)
    tp, fp = counted(scores, other)
    assert alert_order(tp, tp + fp, 0.9) == (starts, parts, end)


def by_hand(starts, parts, tails, level):
    """Fixed sequences with parts of the level, handed on: one threshold after another."""
    passed, have = set(), 0.0
    for at in range(starts[0], len(tails)):
        have += sum(part for start, part in zip(starts, parts) if start == at)
        if tails[at] <= have * level:
            passed |= {at} if have else set()
        else:
            have = 0.0
    return passed


@pytest.mark.parametrize("seed", range(30))
def test_small_cases_by_hand(seed):
    scores, y = drawn(int(30 + 40 * (seed % 5)), share=0.5, distance=3, seed=seed, levels=[None, 20, 5][seed % 3])
    tp, fp = counted(scores, y)
    for bound, level in ((0.6, 0.2), (0.8, 0.1), (0.5, 0.02)):
        starts, parts, end = alert_order(tp, tp + fp, bound)
        tails = [binom.sf(t - 1, t + f, bound) for t, f in zip(tp[: end + 1], fp[: end + 1])]
        found = promised([Limit("precision", 1, bound)], tp, fp, level, 0)
        assert set(np.flatnonzero(found)) == by_hand(starts, parts, tails, level)
        same = promised([Limit("false_discovery_rate", -1, 1 - bound)], tp, fp, level, 0)
        assert np.array_equal(found, same)


@pytest.mark.parametrize(("share", "bound", "level"), [(0.49, 0.5, 0.3), (0.34, 0.35, 0.2)])
def test_all_sequences_of_labels_break_a_promise_no_oftener_than_said(share, bound, level):
    """Every labelling of eight rows of one known share, below the bound: how often anything is promised, exactly."""
    chance = 0.0
    for labels in itertools.product((0, 1), repeat=8):
        tp, fp = (np.append(0, np.cumsum(part)).astype(float) for part in (labels, 1 - np.array(labels)))
        if promised([Limit("precision", 1, bound)], tp, fp, level, 0).any():
            chance += share ** sum(labels) * (1 - share) ** (8 - sum(labels))
    assert 0.05 < chance <= level


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{limit.name} {limit.sense}")
def test_more_confidence_and_more_constraints_allow_less(limit):
    for seed, levels in ((0, None), (1, 15), (2, None)):
        tp, fp = counted(*drawn(900, seed=seed, levels=levels))
        masks = [promised([limit], tp, fp, level, 0) for level in (0.3, 0.1, 0.05, 0.01)]
        for looser, stricter in itertools.pairwise(masks):
            assert not (stricter & ~looser).any()
        for other in LIMITS:
            assert not (promised([limit, other], tp, fp, 0.1, 0) & ~masks[1]).any()


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{limit.name} {limit.sense}")
def test_promises_are_kept(limit):
    """300 repetitions of known distributions: broken ones no more than 1 - confidence, beyond chance."""
    distance, share, level, broken, made = 2.0, 0.3, 0.2, 0, 0
    rng = np.random.default_rng(1)
    for _ in range(300):
        y = rng.random(150) < share
        scores = rng.normal(size=150) + distance * y
        order = np.argsort(-scores)
        tp, fp = (np.append(0, np.cumsum(part[order])).astype(float) for part in (y, ~y))
        at = np.flatnonzero(promised([limit], tp, fp, level, int(rng.integers(2**31))))
        made += len(at) > 0
        edges = np.concatenate([[np.inf], scores[order], [-np.inf]])
        thresholds = (np.minimum(edges[at], 9) + np.maximum(edges[at + 1], -9)) / 2
        hit, alarm = share * norm.sf(thresholds - distance), (1 - share) * norm.sf(thresholds)
        if limit.costs is None:
            value = np.divide(*SHARES[limit.name](hit, alarm, share, 1 - share))
        else:
            value = (COSTS.ravel() * np.column_stack([1 - share - alarm, alarm, share - hit, hit])).sum(axis=1)
        broken += (limit.sense * (value - limit.bound) < -1e-12).any()
    assert made > 60  # a test that promised nothing would see nothing broken
    assert broken / 300 <= level + 2 * np.sqrt(level * (1 - level) / 300)


def test_weights_are_repeated_rows_and_no_row_order_matters():
    scores, y = drawn(500, levels=40)
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    again = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weight))
    for limit in LIMITS:
        params = {"cost_matrix": COSTS} if limit.costs is not None else {"scoring": "f1"}
        constraint = (limit.name, ">=" if limit.sense > 0 else "<=", limit.bound)
        tuner = ThresholdTuner(
            FrozenEstimator(Echo().fit(scores[:, None], y)), constraint=constraint, confidence=0.9, cv="prefit", refit=False,
            aggregate="pooled", random_state=0, **params,
        )
        weighted = clone(tuner).fit(scores[:, None], y, sample_weight=weight)
        repeated = clone(tuner).fit(scores[again, None], y[again])
        np.testing.assert_array_equal(weighted.promised_, repeated.promised_)
        np.testing.assert_allclose(weighted.constraint_interval_, repeated.constraint_interval_, atol=1e-12)
        if limit.costs is None:
            assert weighted.best_threshold_ == repeated.best_threshold_


# The tuner.


@pytest.fixture(scope="module")
def easy():
    scores, y = drawn(3000, share=0.1, distance=3.5)
    return scores[:, None], y


def prefit(X, y, **params):
    params = {"scoring": "recall", "constraint": ("precision", ">=", 0.9), "confidence": 0.9} | params
    return ThresholdTuner(FrozenEstimator(Echo().fit(X, y)), cv="prefit", refit=False, random_state=0, **params)


@pytest.mark.parametrize("aggregate", ["bagged", "pooled", "expected"])
def test_the_threshold_is_one_that_is_promised(easy, aggregate):
    X, y = easy
    tuner = prefit(X, y, aggregate=aggregate, store_cv_results=True).fit(X, y)
    estimate = prefit(X, y, aggregate=aggregate, confidence=None).fit(X, y)
    assert any(low < tuner.best_threshold_ <= high for low, high in tuner.promised_)
    assert tuner.promise_is_exact_ is True
    assert tuner.best_threshold_ >= estimate.best_threshold_
    low, high = tuner.constraint_interval_
    assert 0.9 <= low < tuner.constraint_score_ < high
    assert estimate.constraint_interval_[0] < 0.9
    assert not hasattr(estimate, "promised_")
    assert len(tuner.cv_results_["thresholds"]) == len(np.unique(X)) + 1
    thresholds = [clone(tuner).set_params(confidence=c).fit(X, y).best_threshold_ for c in (0.6, 0.8, 0.9, 0.99)]
    assert thresholds == sorted(thresholds)


def test_a_list_is_held_at_once(easy):
    X, y = easy
    tuner = prefit(X, y, scoring="f1", constraint=[("precision", ">=", 0.8), ("recall", ">=", 0.5)]).fit(X, y)
    assert tuner.constraint_score_.shape == (2,)
    assert tuner.constraint_interval_.shape == (2, 2)
    assert (tuner.constraint_interval_[:, 0] >= [0.8, 0.5]).all()
    on_rows = clone(tuner).set_params(confidence=None, aggregate="pooled").fit(X, y)
    caught, truth = on_rows.predict(X), y == 1
    assert truth[caught == 1].mean() >= 0.8
    assert caught[truth].mean() >= 0.5
    with pytest.raises(ValueError, match=r"no threshold meets precision >= 0.99 and recall >= 0.99 at once"):
        clone(on_rows).set_params(constraint=[("precision", ">=", 0.99), ("recall", ">=", 0.99)]).fit(X, y)
    with pytest.raises(ValueError, match="cannot be promised at one threshold"):
        clone(tuner).set_params(constraint=[("precision", ">=", 0.9), ("recall", ">=", 0.9)]).fit(X, y)


def test_a_mean_cost_beside_a_metric(easy):
    X, y = easy
    limited = {"constraint": ("mean_cost", "<=", 0.4), "cost_matrix": [[0, 1], [10, 0]]}
    tuner = prefit(X, y, scoring="precision", **limited).fit(X, y)
    cheapest = prefit(X, y, scoring="balanced_accuracy", **limited).fit(X, y)
    assert tuner.constraint_interval_[1] <= 0.41
    assert tuner.best_threshold_ > cheapest.best_threshold_
    assert cheapest.best_score_ == pytest.approx(-cheapest.constraint_score_)
    names = np.array(["yes", "no"])[y]  # the positive class comes second in y and last in the alphabet
    named = ThresholdTuner(
        Echo().fit(1 - X, names), scoring="precision", pos_label="no", cv="prefit", refit=False, confidence=0.9, random_state=0,
        constraint=("mean_cost", "<=", 0.4), cost_matrix=[[0, 10], [1, 0]],
    ).fit(1 - X, names)
    assert named.constraint_score_ == pytest.approx(tuner.constraint_score_)


def test_labels_each_by_itself_or_all_at_once():
    (a, ya), (b, yb) = drawn(2000, 0.3, 3), drawn(2000, 0.4, 2.5, seed=1)
    X, Y = np.column_stack([a, b]), np.column_stack([ya, yb])
    each = prefit(X, Y, scoring="f1_macro", constraint=("precision", ">=", 0.85)).fit(X, Y)
    for label in range(2):
        alone = prefit(X[:, [label]], Y[:, label], scoring="f1", constraint=("precision", ">=", 0.85))
        alone.fit(X[:, [label]], Y[:, label])
        np.testing.assert_array_equal(each.promised_[label], alone.promised_)
    assert each.constraint_score_.shape == (2,)
    assert each.constraint_interval_.shape == (2, 2)
    together = clone(each).set_params(strategy="simultaneous").fit(X, Y)
    stricter = clone(each).set_params(confidence=0.95).fit(X, Y)
    for one, other in zip(together.promised_, stricter.promised_):
        np.testing.assert_array_equal(one, other)
    Y[:, 1] &= np.arange(2000) < 60
    with pytest.raises(ValueError, match=r"Label 1: precision >= 0.85 cannot be promised"):
        clone(each).fit(X, Y)


def test_whose_rows_say_whether_it_is_exact(easy):
    scores, y = easy
    X = np.column_stack([scores, np.random.default_rng(0).normal(size=len(y))])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    tuner = ThresholdTuner(model, scoring="recall", constraint=("precision", ">=", 0.8), confidence=0.8, random_state=0)
    for cv, refit, exact in ((0.5, False, True), (0.5, True, False), (3, True, False)):
        fitted = clone(tuner).set_params(cv=cv, refit=refit).fit(X, y)
        assert fitted.promise_is_exact_ is exact
    fitted.set_params(constraint=None, confidence=None).fit(X, y)
    assert not any(hasattr(fitted, name) for name in ("promised_", "promise_is_exact_", "constraint_score_"))


def test_intervals_without_a_confidence(easy):
    X, y = easy
    tuner = prefit(X, y, scoring="recall", constraint=("f1", ">=", 0.5), confidence=None).fit(X, y)
    assert np.isnan(tuner.constraint_interval_).all()
    assert 0.5 <= tuner.constraint_score_ <= 1
    tuner.set_params(constraint=("recall", ">=", 0.5), scoring="precision").fit(X, y)
    hits = tuner.predict(X)[y == 1]
    exact = binomtest(int(hits.sum()), len(hits)).proportion_ci(0.9, "exact")
    np.testing.assert_allclose(tuner.constraint_interval_, [exact.low, exact.high], atol=1e-12)
    # A row held out three times was seen once.
    folds = RepeatedStratifiedKFold(n_splits=2, n_repeats=3, random_state=0)
    again = clone(tuner).set_params(cv=folds, refit=True).fit(X, y)
    hits = again.predict(X)[y == 1]
    exact = binomtest(int(hits.sum()), len(hits)).proportion_ci(0.9, "exact")
    np.testing.assert_allclose(again.constraint_interval_, [exact.low, exact.high], atol=1e-12)


@pytest.mark.parametrize(("params", "words"), [
    ({"constraint": None}, r"promises a constraint, and there is none"),
    ({"confidence": 1.0}, "confidence must be None or between 0 and 1"),
    ({"confidence": True}, "confidence must be None or between 0 and 1"),
    ({"constraint": ("f1", ">=", 0.5)}, "f1 is no share of rows.*What can: precision"),
    ({"constraint": ("mean_cost", "<=", 0.5)}, "needs to know the costs: pass cost_matrix"),
    ({"confidence": None, "strategy": "simultaneous"}, "shares a confidence among the labels, and there is none"),
    ({"constraint": [("precision", ">=", 0.9), 3]}, "or a list of them"),
    ({"constraint": ("precision", ">=", 0.99999)}, "The best bound that can be is 0.9.*more than 1,000 times as many rows"),
    ({"thresholds": [0.01, 0.02]}, "None of the given thresholds can be promised, though others can"),
    ({"constraint": ("accuracy", ">=", 0.999)}, "More rows will not help: even as an estimate the best threshold has 0.9"),
    ({"constraint": ("recall", ">=", 0.995), "confidence": 0.999}, "It would take roughly .* times as many rows: .* positive"),
])
def test_errors_name_the_fix(easy, params, words):
    with pytest.raises(ValueError, match=words):
        prefit(*easy, **params).fit(*easy)


def test_what_it_would_take_is_about_right():
    """22 alerts without an error at 0.9: 15 clean ones need about half as many again."""
    scores, y = np.append(np.linspace(0.9, 1, 15), np.linspace(0, 0.5, 300)), np.repeat([1, 0], [15, 300])
    with pytest.raises(ValueError, match=r"these 315 rows \(15 positive\).*roughly 1\.\d times as many rows: \d+ more"):
        prefit(scores[:, None], y).fit(scores[:, None], y)


def test_given_thresholds_are_the_only_ones(easy):
    X, y = easy
    tuner = prefit(X, y).fit(X, y)
    ((low, high),) = tuner.promised_[-1:]
    given = np.array([0.01, low - 1e-9, low + (high - low) / 3, (low + high) / 2])
    assert clone(tuner).set_params(thresholds=given).fit(X, y).best_threshold_ == given[2]


def test_rows_that_cannot_be_counted(easy):
    X, y = easy
    with pytest.raises(ValueError, match="must hold whole numbers: a promise counts observations"):
        prefit(X, y).fit(X, y, sample_weight=np.full(len(y), 0.5))
    tuner = prefit(X, y).set_params(cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=2), refit=True)
    with pytest.raises(ValueError, match="holds some out several times"):
        tuner.fit(X, y)


def test_inside_a_search_and_a_pipeline_and_saved(easy):
    X, y = easy
    tuner = ThresholdTuner(
        LogisticRegression(), scoring="recall", constraint=("precision", ">=", 0.7), cv=0.5, refit=False, random_state=0,
        confidence=0.8,
    )
    search = GridSearchCV(make_pipeline(StandardScaler(), tuner), {"thresholdtuner__confidence": [0.6, 0.9]}, cv=2)
    found = search.fit(X, y).best_estimator_
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict(X), found.predict(X))
    np.testing.assert_array_equal(again[-1].promised_, found[-1].promised_)


def test_several_classes_hear_what_is_offered():
    P = np.random.default_rng(0).dirichlet([1, 1, 1], 90)
    with pytest.raises(ValueError, match=r"tune y == that class.*0/1 matrix of labels"):
        prefit(P, P.argmax(1), scoring="f1_macro").fit(P, P.argmax(1))


def test_the_display_shows_the_promise(easy):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    X, y = easy
    tuner = prefit(X, y).fit(X, y)
    display = ThresholdCurveDisplay.from_estimator(tuner, X, y)
    (curve,) = display.curves
    np.testing.assert_array_equal(curve.promised, tuner.promised_)
    assert 0 <= curve.price < 0.3
    _, words = display.axes_[0].get_legend_handles_labels()
    assert "promised at 0.9" in words
    assert "precision >= 0.9" in words
    assert any("price" in word for word in words)
    same = ThresholdCurveDisplay.from_predictions(
        y, X[:, 0], scoring="recall", constraint=("precision", ">=", 0.9), confidence=0.9
    )
    np.testing.assert_array_equal(same.curves[0].promised, tuner.promised_)
    plt.close("all")


def test_every_name_is_tested():
    assert {limit.name for limit in LIMITS} == set(PROMISES)
