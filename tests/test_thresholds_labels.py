"""Labels as they come: constant, rare, partly known, in any container, and many."""

import itertools

import numpy as np
import pandas as pd
import pytest
from echo import Echo
from scipy import sparse
from sklearn import metrics as skm
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier

from sklearn_heads import MLPBinary, MLPMultiLabel, ThresholdCurveDisplay, ThresholdTuner

PREFIT = {"cv": "prefit", "refit": False, "random_state": 0, "min_positives": 0}
POOLED = PREFIT | {"aggregate": "pooled"}


def case(n=120, n_labels=4, seed=0):
    """Probabilities and labels that go with them."""
    rng = np.random.default_rng(seed)
    P = rng.random((n, n_labels))
    return P, (P + 0.4 * rng.normal(size=P.shape) > 0.7).astype(int)


def tuned(P, Y, sample_weight=None, **params):
    return ThresholdTuner(Echo().fit(P, np.nan_to_num(np.asarray(Y, float))), **(POOLED | params)).fit(
        P, Y, sample_weight=sample_weight
    )


# Constant and rare labels.


@pytest.mark.parametrize("aggregate", ["bagged", "pooled", "fold_mean"])
@pytest.mark.parametrize("scoring", ["f1_macro", "f1_micro", "f1_samples", "balanced_accuracy", "accuracy"])
def test_a_label_that_is_never_there_changes_nothing_for_the_others(scoring, aggregate):
    P, Y = case()
    options = {"scoring": scoring, "aggregate": aggregate, "n_bootstraps": 8, "n_restarts": 2}
    without = tuned(P, Y, **options)
    more, scores = np.insert(Y, 1, 0, axis=1), np.insert(P, 1, 0.999, axis=1)
    with pytest.warns(UserWarning, match=r"Labels \[1\] have one value in all held-out rows"):
        with_it = tuned(scores, more, **options)
    np.testing.assert_allclose(np.delete(with_it.thresholds_, 1), without.thresholds_)
    assert with_it.best_score_ == pytest.approx(without.best_score_)
    assert not with_it.predict(scores)[:, 1].any()


@pytest.mark.parametrize("scoring", ["f1_macro", "balanced_accuracy"])
def test_a_label_that_is_always_there_is_always_predicted(scoring):
    P, Y = case()
    without = tuned(P, Y, scoring=scoring)
    with pytest.warns(UserWarning, match="one value"):
        with_it = tuned(np.insert(P, 4, 0.01, axis=1), np.insert(Y, 4, 1, axis=1), scoring=scoring)
    np.testing.assert_allclose(with_it.thresholds_[:4], without.thresholds_)
    assert with_it.predict(np.insert(P, 4, 0.0, axis=1))[:, 4].all()


def with_rare_label(n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, np.column_stack([X[:, 0] > 0, X[:, 1] > 0.3, np.arange(n) == 7]).astype(int)


@pytest.mark.filterwarnings("ignore:Label not 2 is present")
@pytest.mark.parametrize("estimator", [
    RandomForestClassifier(10, random_state=0), KNeighborsClassifier(), OneVsRestClassifier(LogisticRegression()),
], ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize("params", [
    {"scoring": "f1_macro"}, {"scoring": "f1_micro"}, {"scoring": "f1_macro", "strategy": "global"},
], ids=["macro", "micro", "global"])
def test_a_label_absent_from_a_training_fold(estimator, params):
    X, Y = with_rare_label()
    tuner = ThresholdTuner(estimator, n_bootstraps=3, cv=5, random_state=0, **params)
    if "strategy" in params:
        tuner.fit(X, Y)
    else:
        with pytest.warns(UserWarning, match=r"Labels \[2\] have fewer than min_positives"):
            tuner.fit(X, Y)
    assert np.isfinite(tuner.thresholds_).all()
    assert np.isfinite(tuner.best_score_)
    assert skm.f1_score(Y[:, :2], tuner.predict(X)[:, :2], average="macro") > 0.8
    frozen = ThresholdTuner(OneVsRestClassifier(LogisticRegression()).fit(X, Y), cv="prefit", refit=False)
    with pytest.warns(UserWarning, match="one value"):
        frozen.fit(X[10:], Y[10:])
    assert not frozen.predict(X)[:, 2].any()


def test_any_other_scorer_with_a_label_absent_from_a_fold():
    X, Y = with_rare_label(40)
    scoring = make_scorer(skm.f1_score, average="macro", zero_division=1)
    tuner = ThresholdTuner(KNeighborsClassifier(), scoring=scoring, aggregate="pooled", cv=2, random_state=0).fit(X, Y)
    assert tuner.solver_ == "grid"
    assert np.isfinite(tuner.best_score_)


def test_an_estimator_that_does_not_cope_says_so_itself():
    X, Y = with_rare_label()
    with pytest.raises(ValueError, match=r"at least 2 classes"):
        ThresholdTuner(MultiOutputClassifier(LogisticRegression()), scoring="f1_macro").fit(X, Y)


def test_only_what_leaves_nothing_to_learn_is_an_error():
    P, Y = case(20, 2)
    with pytest.raises(ValueError, match="All labels are constant"):
        tuned(P, np.zeros_like(Y))
    with pytest.raises(ValueError, match="No label has both values among the held-out rows"):
        ThresholdTuner(Echo(), scoring="f1_macro", cv=[(np.arange(20), np.flatnonzero(Y.sum(1) == 0))]).fit(P, Y)


@pytest.mark.parametrize("aggregate", ["bagged", "pooled"])
@pytest.mark.parametrize("scoring", ["f1_macro", "f1_micro", "jaccard_weighted", "matthews_corrcoef"])
def test_permuted_labels_have_permuted_thresholds(scoring, aggregate):
    P, Y = case(n_labels=5)
    order = [3, 0, 4, 1, 2]
    one, other = (tuned(A, B, scoring=scoring, aggregate=aggregate) for A, B in ((P, Y), (P[:, order], Y[:, order])))
    np.testing.assert_array_equal(other.thresholds_, one.thresholds_[order])
    assert other.best_score_ == pytest.approx(one.best_score_)


# Partly known labels.


def with_gaps(seed, n=14, n_labels=2):
    rng = np.random.default_rng(seed)
    P, Y = rng.integers(0, 12, (n, n_labels)) / 12, rng.integers(0, 2, (n, n_labels)).astype(float)
    Y[0], Y[1] = 0, 1
    gaps = rng.random(Y.shape) < 0.3
    gaps[:2] = False
    return P, np.where(gaps, np.nan, Y)


@pytest.mark.parametrize("aggregate", ["bagged", "pooled"])
def test_gaps_are_rows_without_that_label(aggregate):
    """Averages over labels: each label is tuned on the rows in which it is known, as if alone."""
    for seed in range(5):
        P, Y = with_gaps(seed, n=60)
        weight = np.random.default_rng(seed).random(60) + 0.1
        tuner = tuned(P, Y, weight, scoring="f1_macro", aggregate=aggregate)
        for label in range(2) if aggregate == "pooled" else ():
            known = ~np.isnan(Y[:, label])
            alone = tuned(P[:, [label]], np.nan_to_num(Y[:, label]).astype(int), weight * known, scoring="f1")
            assert tuner.thresholds_[label] == alone.best_threshold_
        other = P.copy()
        other[np.isnan(Y)] = 0.5
        again = tuned(other, Y, weight, scoring="f1_macro", aggregate=aggregate)
        np.testing.assert_array_equal(again.thresholds_, tuner.thresholds_)
        assert again.best_score_ == tuner.best_score_


@pytest.mark.parametrize("name", ["f1_micro", "jaccard_micro", "f1_samples", "accuracy"])
@pytest.mark.parametrize("strategy", ["per_label", "global"])
def test_thresholds_of_partly_known_labels_against_enumeration(name, strategy):
    def value(predicted, Y):
        known = ~np.isnan(Y)
        hits, found, there = ((known * part) for part in (predicted * np.nan_to_num(Y), predicted, np.nan_to_num(Y)))
        if name == "accuracy":
            return ((predicted == Y) | ~known).all(axis=1).mean()
        over = (lambda part: part.sum(axis=1)) if name == "f1_samples" else np.sum
        tp, p, t = over(hits), over(found), over(there)
        top, bottom = (tp, p + t - tp) if name == "jaccard_micro" else (2 * tp, p + t)
        return np.mean(np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom > 0))

    shortfall = []
    for seed in range(8):
        P, Y = with_gaps(seed)
        tuner = tuned(P, Y, scoring=name, strategy=strategy)
        columns = [np.append(np.unique(column), 2.0) for column in (P.T if strategy == "per_label" else [P.ravel()])]
        best = max(value((np.array(cuts) <= P).astype(float), Y) for cuts in itertools.product(*columns))
        shortfall.append(best - value(tuner.predict(P), Y))
    exact = strategy == "global" or name.endswith("micro")
    assert min(shortfall) > -1e-12
    assert np.mean(shortfall) < (1e-12 if exact else 5e-3)


def test_rows_with_nothing_known_are_as_if_absent():
    P, Y = with_gaps(0, n=40)
    more, gaps = np.vstack([P, P[:10]]), np.vstack([Y, np.full((10, 2), np.nan)])
    for scoring in ("f1_macro", "f1_micro"):
        one, other = tuned(P, Y, scoring=scoring), tuned(more, gaps, scoring=scoring)
        np.testing.assert_array_equal(one.thresholds_, other.thresholds_)


def test_folds_and_pictures_of_partly_known_labels():
    P, Y = case()
    gaps = np.where(np.random.default_rng(1).random(Y.shape) < 0.2, np.nan, Y)
    tuner = ThresholdTuner(Echo(), scoring="f1_micro", random_state=0).fit(P, gaps)
    assert np.isfinite(tuner.best_score_)
    for curve, p, y in zip(ThresholdCurveDisplay.from_estimator(tuner, P, gaps).curves, P.T, gaps.T, strict=True):
        known = ~np.isnan(y)
        predicted = p[known] >= p[known][:, None]
        f1 = 2 * predicted @ y[known] / (predicted.sum(axis=1) + y[known].sum())
        assert curve.values.max() == pytest.approx(f1.max())
    with pytest.raises(ValueError, match=r"not known \(NaN\).*computed from counts"):
        ThresholdTuner(Echo(), scoring=make_scorer(lambda y, p: 0.0)).fit(P, gaps)


# Containers.

CONTAINERS = {
    "bool": lambda Y: Y.astype(bool),
    "objects": lambda Y: Y.astype(bool).astype(object),
    "lists": lambda Y: Y.tolist(),
    "csr": sparse.csr_matrix,
    "csc_array": lambda Y: sparse.csc_array(Y.astype(float)),
    "boolean": lambda Y: pd.DataFrame(Y.astype(bool), columns=list("abcd")).astype("boolean"),
    "Int64": lambda Y: pd.DataFrame(Y, columns=list("abcd")).astype("Int64"),
    "mixed": lambda Y: pd.DataFrame({"a": Y[:, 0] > 0, "b": Y[:, 1], "c": Y[:, 2] * 1.0, "d": Y[:, 3].astype(object)}),
    "pyarrow": lambda Y: pytest.importorskip("pyarrow", reason="needs the extra `ecosystem`") and pd.DataFrame(
        Y.astype(bool), columns=list("abcd")
    ).astype("bool[pyarrow]"),
    "polars": lambda Y: pytest.importorskip("polars", reason="needs polars").DataFrame(Y, schema=list("abcd")),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_matrix_of_labels_in_any_container(name):
    P, Y = case()
    given = CONTAINERS[name](Y)
    tuner = ThresholdTuner(Echo(), scoring="f1_micro", random_state=0)
    expected = tuner.fit(P, Y)
    thresholds, labels = expected.thresholds_.copy(), expected.predict(P)
    assert not hasattr(tuner, "label_names_")
    assert np.array_equal(tuner.fit(P, given).thresholds_, thresholds)
    assert np.array_equal(tuner.predict(P), labels)
    assert tuner.predict(P).dtype == int
    if hasattr(given, "columns"):
        assert tuner.label_names_.tolist() == list("abcd")


def test_names_of_labels_are_used():
    P, Y = case()
    Y[:, 1], Y[:, 2] = np.arange(len(Y)) < 3, 0
    frame = pd.DataFrame(Y, columns=["wind", "rain", "snow", "sun"])
    options = {"scoring": "f1_macro", "min_positives": 5}
    with pytest.warns(UserWarning, match="Labels") as caught:
        tuner = tuned(P, frame, **options)
    assert [str(w.message).split(" have")[0] for w in caught] == ["Labels ['snow']", "Labels ['rain']"]
    assert {w.filename for w in caught} == {__file__}
    titles = [ax.get_title() for ax in ThresholdCurveDisplay.from_estimator(tuner, P, frame).axes_]
    assert titles == ["wind", "rain", "snow", "sun"]
    with pytest.warns(UserWarning, match="Labels"), pytest.raises(ValueError, match="Label 'wind': No threshold reaches recall"):
        tuned(P, frame, constraint=("recall", ">=", 2), **options)


@pytest.mark.parametrize(("given", "plain"), [
    (lambda y: pd.Series(y).astype("Int64"), lambda y: y),
    (lambda y: pd.Series(y > 0).astype("boolean"), lambda y: y > 0),
    (lambda y: (y > 0).astype(object), lambda y: y > 0),
    (lambda y: pd.Series(np.array(["no", "yes"])[y]).astype("category"), lambda y: np.array(["no", "yes"])[y]),
    (lambda y: pd.Series(np.array(["no", "yes"])[y], dtype="string"), lambda y: np.array(["no", "yes"])[y]),
    (lambda y: pytest.importorskip("pyarrow", reason="needs the extra `ecosystem`") and pd.Series(y, dtype="int64[pyarrow]"),
     lambda y: y),
    (lambda y: pytest.importorskip("polars", reason="needs polars").Series(y > 0), lambda y: y > 0),
], ids=["Int64", "boolean", "objects", "category", "string", "pyarrow", "polars"])
def test_the_kind_of_label_that_came_in_goes_out(given, plain):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = (X[:, 0] > 0).astype(int)
    for estimator, cv in ((LogisticRegression(), 3), (MLPBinary(max_iter=3, n_members=2, random_state=0), "oof")):
        tuner = ThresholdTuner(estimator, cv=cv, random_state=0).fit(X, given(y))
        labels = tuner.predict(X)
        assert (labels == plain(y)).mean() > 0.7
        assert {type(label) for label in labels.tolist()} == {type(label) for label in plain(y).tolist()}


def test_what_cannot_be_read_is_named():
    X = np.zeros((4, 1))
    for y in (np.array(["a", None, "b", "a"], dtype=object), pd.Series([1, None, 0, 1], dtype="Int64").astype(object)):
        with pytest.raises(ValueError, match=r"y has no label .* in 1 of 4 rows, the first of them row 1: drop these rows"):
            ThresholdTuner(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match=r"numbers in an array of shape \(2, 2\).*order of classes_.*got dict"):
        ThresholdTuner(LogisticRegression(), cost_matrix={("a", "b"): 1}).fit(X, [0, 1, 0, 1])


# Many labels.


def test_many_labels_are_tuned_as_few_are():
    """Hundreds of labels, most of them rare: the micro optimum has no label that could be moved, and macro is each alone."""
    P, Y = case(200, 300, seed=3)
    Y *= np.random.default_rng(0).random(Y.shape) < 1 / np.arange(1, 301) ** 0.5
    Y[:2] = [[0], [1]]
    micro, macro = tuned(P, Y, scoring="f1_micro"), tuned(P, Y, scoring="f1_macro")
    for label in range(0, 300, 60):
        alone = tuned(P[:, [label]], Y[:, label], scoring="f1")
        assert macro.thresholds_[label] == alone.best_threshold_
    predicted = micro.predict(P)
    best, tp, p = skm.f1_score(Y, predicted, average="micro"), (predicted * Y).sum(), predicted.sum()
    for label in range(300):
        order = np.argsort(-P[:, label])
        tps = tp - (predicted[:, label] * Y[:, label]).sum() + np.append(0, np.cumsum(Y[order, label]))
        counts = p - predicted[:, label].sum() + np.arange(201)
        assert (2 * tps / (counts + Y.sum())).max() <= best + 1e-12


# Around our own networks.


@pytest.mark.parametrize("cv", [2, "oof"])
def test_networks_and_tuner_agree_on_labels_as_they_come(cv):
    """Constant, rare and partly known labels at once, in a frame; the tuner alone warns, once of each kind."""
    X, Y = with_rare_label(80)
    gaps = np.column_stack([Y, np.zeros(80)])
    gaps[::5, 0] = np.nan
    network = MLPMultiLabel(max_iter=4, n_members=2, random_state=0)
    tuner = ThresholdTuner(network, scoring="f1_micro", cv=cv, n_bootstraps=5, random_state=0)
    with pytest.warns(UserWarning, match="Labels") as caught:
        tuner.fit(X, pd.DataFrame(gaps, columns=list("abcd")))
    said = [str(w.message).split(" have")[0] for w in caught]
    assert sorted(said) == ["Labels ['c']", "Labels ['d']"]
    assert np.isfinite(tuner.best_score_)
    assert not tuner.predict(X)[:, 3].any()
