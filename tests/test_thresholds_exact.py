"""What the tuner finds under aggregate="pooled" against brute force with scikit-learn's own metrics, and laws of the
searches.
"""

import functools
import itertools

import numpy as np
import pytest
from echo import Echo, EchoMargin
from sklearn import metrics as skm
from sklearn.metrics import make_scorer

from sklearn_heads.thresholds import ThresholdTuner

PREFIT = {"cv": "prefit", "refit": False, "aggregate": "pooled", "random_state": 0}
COST = np.array([[-0.5, 1.0], [7.0, 0.3]])


def minus_cost(y, p, sample_weight=None):
    table = skm.confusion_matrix(y, p, sample_weight=sample_weight)
    return -(table * COST).sum() / table.sum()


def g_mean(y, p, sample_weight=None):
    recalls = skm.recall_score(y, p, average=None, sample_weight=sample_weight)
    return np.sqrt(recalls.prod())


def ratio(a, b):
    return np.divide(a, b, out=np.zeros_like(a), where=b > 1e-6)


def correlation(tp, fp, fn, tn):
    return ratio(tp * tn - fp * fn, np.sqrt(np.maximum((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn), 0)))


def f1_of_both(tp, fp, fn, tn, average):
    positive, negative, n = 2 * tp / (2 * tp + fp + fn), 2 * tn / (2 * tn + fp + fn), tp + fp + fn + tn
    share = {"macro": 0.5, "weighted": (tp + fn) / n}
    return (tp + tn) / n if average == "micro" else share[average] * positive + (1 - share[average]) * negative


# What to pass, scikit-learn's value of predictions, and the textbook formula of counts: tp, fp, fn, tn.
BINARY = {
    "f1": ({"scoring": "f1"}, skm.f1_score, lambda tp, fp, fn, tn: 2 * tp / (2 * tp + fp + fn)),
    "f0.5": (
        {"scoring": make_scorer(skm.fbeta_score, beta=0.5)},
        lambda y, p, **k: skm.fbeta_score(y, p, beta=0.5, **k),
        lambda tp, fp, fn, tn: 1.25 * tp / (1.25 * tp + fp + 0.25 * fn),
    ),
    **{
        f"f1_{average}": (
            {"scoring": f"f1_{average}"},
            functools.partial(skm.f1_score, average=average),
            functools.partial(f1_of_both, average=average),
        )
        for average in ("macro", "weighted", "micro")
    },
    "f2_macro": (
        {"scoring": make_scorer(skm.fbeta_score, beta=2, average="macro")},
        functools.partial(skm.fbeta_score, beta=2, average="macro"),
        lambda tp, fp, fn, tn: (5 * tp / (5 * tp + fp + 4 * fn) + 5 * tn / (5 * tn + fn + 4 * fp)) / 2,
    ),
    "jaccard": ({"scoring": "jaccard"}, skm.jaccard_score, lambda tp, fp, fn, tn: tp / (tp + fp + fn)),
    "precision": (
        {"scoring": "precision"},
        lambda y, p, **k: skm.precision_score(y, p, zero_division=0, **k),
        lambda tp, fp, fn, tn: ratio(tp, tp + fp),
    ),
    "accuracy": ({"scoring": "accuracy"}, skm.accuracy_score, lambda tp, fp, fn, tn: (tp + tn) / (tp + fp + fn + tn)),
    "balanced_accuracy": (
        {"scoring": "balanced_accuracy"},
        skm.balanced_accuracy_score,
        lambda tp, fp, fn, tn: (tp / (tp + fn) + tn / (tn + fp)) / 2,
    ),
    "matthews_corrcoef": ({"scoring": "matthews_corrcoef"}, skm.matthews_corrcoef, correlation),
    "cohen_kappa": (
        {"scoring": "cohen_kappa"},
        skm.cohen_kappa_score,
        lambda tp, fp, fn, tn: 2 * (tp * tn - fp * fn) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn)),
    ),
    "geometric_mean": (
        {"scoring": "geometric_mean"},
        g_mean,
        lambda tp, fp, fn, tn: np.sqrt(np.maximum(tp / (tp + fn) * tn / (tn + fp), 0)),
    ),
    "zero_one_loss": (
        {"scoring": make_scorer(skm.zero_one_loss, greater_is_better=False)},
        lambda y, p, **k: -skm.zero_one_loss(y, p, **k),
        lambda tp, fp, fn, tn: -(fp + fn) / (tp + fp + fn + tn),
    ),
    "cost": (
        {"cost_matrix": COST},
        minus_cost,
        lambda tp, fp, fn, tn: -(np.tensordot(COST.ravel(), [tn, fp, fn, tp], 1)) / (tp + fp + fn + tn),
    ),
}


def binary_case(seed):
    """Scores with ties, both classes, weights of several kinds."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 25))
    scores = rng.integers(0, int(rng.integers(3, 30)), n) / 30
    scores[:2] = 0.0, 1.0
    y = rng.integers(0, 2, n)
    y[:2] = rng.permutation(2)
    weight = [np.ones(n), rng.integers(1, 4, n).astype(float), rng.random(n) + 0.01][seed % 3]
    return scores[:, None], y, weight


def all_thresholds(scores):
    """A threshold below, between and above all distinct scores."""
    levels = np.unique(scores)
    return np.concatenate([[levels[0] - 1], (levels[1:] + levels[:-1]) / 2, [levels[-1] + 1]])


def counts_at(thresholds, X, y, weight):
    """tp, fp, fn, tn at each threshold."""
    predicted = X[:, 0] >= thresholds[:, None]
    tp, fp = predicted @ (weight * y), predicted @ (weight * (1 - y))
    return tp, fp, weight @ y - tp, weight @ (1 - y) - fp


@pytest.mark.parametrize("name", BINARY)
def test_binary_threshold_is_the_brute_force_optimum(name):
    params, metric, formula = BINARY[name]
    for seed in range(200):
        X, y, weight = binary_case(seed)
        tuner = ThresholdTuner(Echo().fit(X, y), **params, **PREFIT).fit(X, y, sample_weight=weight)
        best = formula(*counts_at(all_thresholds(X), X, y, weight)).max()
        reached = formula(*counts_at(np.array([tuner.best_threshold_]), X, y, weight))[0]
        assert reached == pytest.approx(best, abs=1e-12), seed
        if seed < 30:  # the formula is scikit-learn's metric, for each kind of weights
            assert metric(y, tuner.predict(X), sample_weight=weight) == pytest.approx(best, abs=1e-12), seed
        assert tuner.solver_ == "exact"


@pytest.mark.parametrize("constraint", [("precision", ">=", 0.7), ("alert_rate", "<=", 0.3), ("recall", ">=", 0.8)])
def test_constrained_threshold_is_the_best_feasible_one(constraint):
    name, operator, bound = constraint
    measure = {
        "precision": lambda tp, fp, fn, tn: ratio(tp, tp + fp),
        "recall": lambda tp, fp, fn, tn: tp / (tp + fn),
        "alert_rate": lambda tp, fp, fn, tn: (tp + fp) / (tp + fp + fn + tn),
    }[name]
    sign = 1 if operator == ">=" else -1
    infeasible_cases = 0
    for seed in range(150):
        X, y, weight = binary_case(seed)
        tuner = ThresholdTuner(Echo().fit(X, y), scoring="f1", constraint=constraint, **PREFIT)
        counts = counts_at(all_thresholds(X), X, y, weight)
        feasible = sign * (measure(*counts) - bound) >= -1e-12
        if not feasible.any():
            infeasible_cases += 1
            with pytest.raises(ValueError, match="best reachable value"):
                tuner.fit(X, y, sample_weight=weight)
            continue
        tuner.fit(X, y, sample_weight=weight)
        reached = counts_at(np.array([tuner.best_threshold_]), X, y, weight)
        assert sign * (measure(*reached)[0] - bound) >= -1e-12
        f1 = BINARY["f1"][2]
        assert f1(*reached)[0] == pytest.approx(f1(*counts)[feasible].max(), abs=1e-12)
    assert infeasible_cases < 100


LABELS = {
    "f1_macro": lambda y, p, **k: skm.f1_score(y, p, average="macro", **k),
    "f1_weighted": lambda y, p, **k: skm.f1_score(y, p, average="weighted", **k),
    "jaccard_macro": lambda y, p, **k: skm.jaccard_score(y, p, average="macro", **k),
    "f1_micro": lambda y, p, **k: skm.f1_score(y, p, average="micro", **k),
    "jaccard_micro": lambda y, p, **k: skm.jaccard_score(y, p, average="micro", **k),
    "precision_micro": lambda y, p, **k: skm.precision_score(y, p, average="micro", zero_division=0, **k),
    "f1_samples": lambda y, p, **k: skm.f1_score(y, p, average="samples", zero_division=0, **k),
    "jaccard_samples": lambda y, p, **k: skm.jaccard_score(y, p, average="samples", zero_division=0, **k),
    "accuracy": skm.accuracy_score,
}


def label_values(name, Y, predicted, weight):
    """The metric of each of m predictions (m, n, L), from counts."""
    if name == "accuracy":
        return (predicted == Y).all(axis=2) @ weight / weight.sum()
    kind, average = name.split("_")
    axis, unit = (2, weight[:, None] ** 0) if average == "samples" else (1, weight[:, None])
    tp, p, t = ((unit * what).sum(axis) for what in (predicted * Y, predicted, Y[None]))
    if average == "micro":
        tp, p, t = (total.sum(axis=1) for total in (tp, p, t))
    values = ratio(*{"f1": (2 * tp, p + t), "jaccard": (tp, p + t - tp), "precision": (tp, p)}[kind])
    if average == "micro":
        return values
    share = {"macro": np.ones(Y.shape[1]), "weighted": weight @ Y, "samples": weight}[average]
    return values @ share / share.sum()


def label_case(seed, n_labels=2):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 11))
    scores = rng.integers(0, 8, (n, n_labels)) / 8
    Y = rng.integers(0, 2, (n, n_labels))
    Y[0], Y[1] = 0, 1
    return scores, Y, [np.ones(n), rng.random(n) + 0.01][seed % 2]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("strategy", ["per_label", "global"])
@pytest.mark.parametrize("name", LABELS)
def test_label_thresholds_against_enumeration(name, strategy):
    """Exact where the search says so; coordinate ascent close to it on average, and never worse than 0.5."""
    metric, shortfall = LABELS[name], []
    for seed in range(15):
        X, Y, weight = label_case(seed)
        tuner = ThresholdTuner(Echo().fit(X, Y), scoring=name, strategy=strategy, min_positives=0, **PREFIT)
        tuner.fit(X, Y, sample_weight=weight)
        columns = [all_thresholds(column) for column in X.T]
        tried = itertools.product(*columns) if strategy == "per_label" else all_thresholds(X)[:, None].repeat(2, axis=1)
        predicted = np.array([np.full(2, 0.5), *tried])[:, None] <= X
        values = label_values(name, Y, predicted.astype(float), weight)
        # The formula is scikit-learn's, here and at the first that is tried.
        found = tuner.predict(X)
        reached = label_values(name, Y, found[None].astype(float), weight)[0]
        assert metric(Y, found, sample_weight=weight) == pytest.approx(reached, abs=1e-12)
        assert metric(Y, predicted[1].astype(int), sample_weight=weight) == pytest.approx(values[1], abs=1e-12)
        shortfall.append(values.max() - reached)
        assert reached >= values[0] - 1e-12
    rowwise = strategy == "per_label" and name in ("f1_samples", "jaccard_samples", "accuracy")
    assert tuner.solver_ == ("coordinate" if rowwise else "exact")
    assert min(shortfall) > -1e-12
    assert np.mean(shortfall) < (2e-3 if rowwise else 1e-12)


def test_hamming_loss_and_default_metric_of_labels_are_separate():
    X, Y, _ = label_case(4, n_labels=3)
    hamming = make_scorer(skm.hamming_loss, greater_is_better=False)
    for scoring, metric in ((hamming, skm.accuracy_score), ("balanced_accuracy", skm.balanced_accuracy_score)):
        tuner = ThresholdTuner(Echo().fit(X, Y), scoring=scoring, min_positives=0, **PREFIT).fit(X, Y)
        for label, predicted in enumerate(tuner.predict(X).T):
            best = max(metric(Y[:, label], (X[:, label] >= threshold).astype(int)) for threshold in all_thresholds(X[:, label]))
            assert metric(Y[:, label], predicted) == pytest.approx(best)


COST_3 = np.array([[0, 1, 4.0], [9, 0, 1], [2, 3, -1]])


def kappa(table):
    n, hits = table.sum(), np.trace(table)
    chance = table.sum(0) @ table.sum(1)
    return (n * hits - chance) / (n * n - chance)


def matthews(table):
    n, p, t = table.sum(), table.sum(0), table.sum(1)
    return (n * np.trace(table) - p @ t) / max(np.sqrt((n * n - p @ p) * (n * n - t @ t)), 1e-12)


def f1s(table):
    return 2 * np.diag(table) / (table.sum(0) + table.sum(1))


# What to pass, scikit-learn's value of predictions, and the formula of the confusion matrix.
CLASSES = {
    "f1_macro": (
        lambda y, p, **k: skm.f1_score(y, p, average="macro", labels=[0, 1, 2], zero_division=0, **k),
        lambda table: f1s(table).mean(),
    ),
    "f1_weighted": (
        lambda y, p, **k: skm.f1_score(y, p, average="weighted", zero_division=0, **k),
        lambda table: np.average(f1s(table), weights=table.sum(1)),
    ),
    "accuracy": (skm.accuracy_score, lambda table: np.trace(table) / table.sum()),
    "balanced_accuracy": (skm.balanced_accuracy_score, lambda table: np.mean(np.diag(table) / table.sum(1))),
    "matthews_corrcoef": (skm.matthews_corrcoef, matthews),
    "cohen_kappa": (skm.cohen_kappa_score, kappa),
    "cost": (None, lambda table: 10 - (table * COST_3).sum() / table.sum()),
}


def class_case(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 25))
    y = np.append([0, 1, 2], rng.choice(3, n - 3, p=[0.6, 0.3, 0.1]))
    logits = rng.normal(size=(n, 3)) + 1.2 * np.eye(3)[y] + np.log([0.6, 0.3, 0.1])
    proba = np.exp(logits)
    return proba / proba.sum(1, keepdims=True), y, [np.ones(n), rng.random(n) + 0.01][seed % 2]


def every_decision(logits):
    """The predictions of every pair of biases (0, a, b), K = 3; shape (m, n)."""
    zero, one, two = logits.T
    # Between neighbours of these, neither the choice of class 0 or 1 nor the order in which rows turn to class 2
    # changes.
    turns = np.concatenate([zero - one, np.subtract.outer(zero - two, one - two).ravel()])
    biases = [(0, a, b) for a in all_thresholds(turns) for b in all_thresholds(np.maximum(zero, one + a) - two)]
    return np.unique(np.argmax(logits + np.array(biases)[:, None], axis=2), axis=0)


def table_of(y, predicted, weight):
    return np.bincount(3 * y + predicted, weight, 9).reshape(3, 3)


@functools.lru_cache
def every_table(seed):
    """The confusion matrices of a case that some biases give."""
    X, y, weight = class_case(seed)
    return [table_of(y, decision, weight) for decision in every_decision(np.log(X))]


@pytest.mark.parametrize("name", CLASSES)
def test_class_biases_against_enumeration(name):
    """Never worse than argmax; within 0.5% of the enumerated optimum on average."""
    metric, formula = CLASSES[name]
    params = {"scoring": name} if metric else {"cost_matrix": COST_3}
    optima, reached = [], []
    for seed in range(10):
        X, y, weight = class_case(seed)
        tuner = ThresholdTuner(Echo().fit(X, y), **params, **PREFIT).fit(X, y, sample_weight=weight)
        predicted = tuner.predict(X)
        optima.append(max(map(formula, every_table(seed))))
        reached.append(formula(table_of(y, predicted, weight)))
        if metric:
            assert metric(y, predicted, sample_weight=weight) == pytest.approx(reached[-1])
        assert reached[-1] >= formula(table_of(y, X.argmax(1), weight)) - 1e-12
        assert reached[-1] <= optima[-1] + 1e-12
        assert tuner.solver_ == "coordinate"
    assert np.mean(reached) >= 0.995 * np.mean(optima)


@pytest.mark.parametrize("aggregate", ["bagged", "pooled", "fold_mean"])
def test_monotone_rescaling_changes_no_prediction(aggregate):
    rng = np.random.default_rng(1)
    y = (rng.random(600) < 0.1).astype(int)
    score = rng.normal(size=600) + 1.5 * y
    predictions = []
    for rescale in (lambda s: s, np.arctan, lambda s: np.exp(3 * s) - 400, lambda s: s**3 * 1e-9):
        X = rescale(score)[:, None]
        tuner = ThresholdTuner(EchoMargin(), scoring="f1", aggregate=aggregate, random_state=0).fit(X, y)
        predictions.append(tuner.predict(X))
    for other in predictions[1:]:
        assert np.array_equal(other, predictions[0])


@pytest.mark.parametrize("kind", ["binary", "multilabel", "multiclass"])
def test_integer_weights_are_repeats_and_scale_does_not_matter(kind):
    for seed in range(10):
        X, y, _ = {"binary": binary_case, "multilabel": label_case, "multiclass": class_case}[kind](seed)
        weight = np.random.default_rng(seed).integers(0, 4, len(y))
        weight[:3] = 1
        scoring = "f1" if kind == "binary" else "f1_macro"
        tuner = ThresholdTuner(Echo().fit(X, y), scoring=scoring, min_positives=0, **PREFIT)
        attribute = {"binary": "best_threshold_", "multilabel": "thresholds_", "multiclass": "class_bias_"}[kind]
        repeated = getattr(tuner.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0)), attribute)
        weighted = getattr(tuner.fit(X, y, sample_weight=weight), attribute)
        scaled = getattr(tuner.fit(X, y, sample_weight=8.0 * weight), attribute)
        if kind == "multiclass":
            # The random starts depend on the spread of all rows: compare what is decided.
            kept = weight > 0
            repeated, weighted, scaled = ((np.log(X) + b).argmax(1)[kept] for b in (repeated, weighted, scaled))
        assert weighted == pytest.approx(repeated)
        assert scaled == pytest.approx(weighted)


def test_plug_in_of_f1_is_half_of_the_optimum():
    """Lipton et al. 2014: the threshold that maximises expected F1 is half of the F1 it reaches."""
    rng = np.random.default_rng(0)
    proba = rng.beta(0.5, 3, 20_000)
    y = (rng.random(20_000) < proba).astype(int)
    tuner = ThresholdTuner(Echo().fit(proba[:, None], y), scoring="f1", **PREFIT | {"aggregate": "expected"})
    tuner.fit(proba[:, None], y)
    chosen = proba >= tuner.best_threshold_
    expected_f1 = 2 * proba[chosen].sum() / (proba.sum() + chosen.sum())
    assert tuner.best_threshold_ == pytest.approx(expected_f1 / 2, abs=1e-3)
    assert tuner.best_score_ == pytest.approx(skm.f1_score(y, chosen), abs=1e-9)


def test_out_of_bag_score_is_not_the_pooled_maximum():
    """On pure noise the maximum on the rows seen is far above what any threshold can do."""
    rng = np.random.default_rng(0)
    X, y = rng.random((60, 1)), np.repeat([0, 1], [52, 8])
    seen, out_of_bag = [], []
    for _ in range(40):
        y = rng.permutation(y)
        tuner = ThresholdTuner(Echo().fit(X, y), scoring="matthews_corrcoef", **PREFIT).fit(X, y)
        seen.append(skm.matthews_corrcoef(y, tuner.predict(X)))
        out_of_bag.append(tuner.best_score_)
    assert np.mean(seen) > 0.15
    assert np.mean(out_of_bag) < 0.05
