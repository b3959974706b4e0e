"""ThresholdTuner as an estimator: a drop-in for TunedThresholdClassifierCV, and what it does beyond it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from checks import SKLEARN, all_pass
from echo import Echo, EchoMargin
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_iris, make_classification, make_multilabel_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, f1_score, fbeta_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import estimator_checks

from sklearn_heads import ThresholdTuner


@pytest.mark.filterwarnings("default", "ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_checks_pass_in_full():
    all_pass(ThresholdTuner(LogisticRegression()))


@pytest.mark.parametrize("classifier", [LinearSVC(), RandomForestClassifier(5, random_state=0)], ids=repr)
def test_checks_that_depend_on_the_scores(classifier):
    """A decision function alone, and lists of probabilities, the other layouts that a tuner reads."""
    for check in (
        estimator_checks.check_classifiers_train, estimator_checks.check_classifiers_classes,
        estimator_checks.check_methods_subset_invariance,
    ):
        check("ThresholdTuner", ThresholdTuner(classifier))


@pytest.fixture(scope="module")
def rare():
    """700 rows, 10% positive."""
    return make_classification(700, weights=[0.9], flip_y=0.05, random_state=0)


@pytest.fixture(scope="module")
def labels():
    return make_multilabel_classification(200, n_classes=4, n_labels=1, random_state=0)


def imbalanced_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    few = np.flatnonzero(y == 1)[: (y == 1).sum() // 50]
    rows = np.concatenate([np.flatnonzero(y == 0), few])
    return X[rows, :5], y[rows]


# Drop-in: what scikit-learn promises of TunedThresholdClassifierCV.


def test_constructor_has_the_names_and_defaults_of_the_peer():
    peer, ours = (
        cls(LogisticRegression()).get_params(deep=False) for cls in (TunedThresholdClassifierCV, ThresholdTuner)
    )
    assert {name: ours[name] for name in peer if name not in ("estimator", "thresholds")} == {
        name: value for name, value in peer.items() if name not in ("estimator", "thresholds")
    }


@pytest.mark.parametrize("response_method", ["auto", "decision_function", "predict_proba"])
def test_a_tuned_threshold_beats_the_default_and_a_grid_is_stored_whole(response_method):
    X, y = imbalanced_cancer()
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    tuner = ThresholdTuner(
        plain, response_method=response_method, thresholds=100, store_cv_results=True, random_state=0
    )
    assert balanced_accuracy_score(y, tuner.fit(X, y).predict(X)) > balanced_accuracy_score(y, plain.predict(X))
    assert tuner.cv_results_["thresholds"].shape == (100,)
    assert tuner.cv_results_["scores"].shape == (100,)


def test_parameters_of_a_scorer_count():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    thresholds = [
        ThresholdTuner(model, scoring=scoring).fit(X, y).best_threshold_
        for scoring in ("f1", make_scorer(f1_score), make_scorer(fbeta_score, beta=1), make_scorer(fbeta_score, beta=2))
    ]
    assert thresholds[0] == thresholds[1] == thresholds[2] != thresholds[3]


@pytest.mark.parametrize("response_method", ["auto", "decision_function", "predict_proba"])
@pytest.mark.parametrize("scoring", ["balanced_accuracy", make_scorer(f1_score, pos_label="cancer")])
def test_string_labels(scoring, response_method):
    X, y = load_breast_cancer(return_X_y=True)
    names = np.array(["cancer", "healthy"], dtype=object)[y]
    tuner = ThresholdTuner(make_pipeline(StandardScaler(), LogisticRegression()), scoring=scoring, random_state=0)
    tuner.set_params(response_method=response_method).fit(X, names)
    assert tuner.classes_.tolist() == ["cancer", "healthy"]
    assert (tuner.predict(X) == names).mean() > 0.95
    assert np.array_equal(tuner.predict(X) == "healthy", tuner.decision_function(X) > 0)


@pytest.mark.parametrize("pos_label", ["no", "yes"])
def test_either_class_can_be_the_positive_one(pos_label):
    X, y = make_classification(400, weights=[0.8], flip_y=0.1, random_state=0)
    names = np.array(["no", "yes"])[y]
    tuner = ThresholdTuner(LogisticRegression(), scoring="f1", pos_label=pos_label, random_state=0).fit(X, names)
    swapped = ThresholdTuner(LogisticRegression(), scoring="f1", random_state=0).fit(
        X, (names == pos_label).astype(int)
    )
    assert tuner.best_threshold_ == pytest.approx(swapped.best_threshold_, rel=1e-6)
    assert np.array_equal(tuner.predict(X) == pos_label, swapped.predict(X) == 1)


def test_the_cost_matrix_is_in_the_order_of_the_classes():
    X, y = make_classification(400, weights=[0.7], flip_y=0.1, random_state=0)
    alerts = [
        (
            ThresholdTuner(LogisticRegression(), cost_matrix=cost, pos_label=p, random_state=0).fit(X, y).predict(X)
            == 1
        ).mean()
        for cost, p in (([[0, 1], [20, 0]], None), ([[0, 1], [20, 0]], 0), ([[0, 20], [1, 0]], None))
    ]
    assert alerts[0] > 0.5 > alerts[2]
    assert alerts[1] == pytest.approx(alerts[0], abs=0.1)


def test_refit_prefit_and_a_single_split():
    X, y = make_classification(120, random_state=0)
    fitted = LogisticRegression().fit(X, y)
    tuner = ThresholdTuner(LogisticRegression()).fit(X, y)
    assert tuner.estimator_ is not tuner.estimator
    assert np.allclose(tuner.estimator_.coef_, fitted.coef_)
    coef = fitted.coef_.copy()
    prefit = ThresholdTuner(fitted, cv="prefit", refit=False).fit(X, y)
    assert prefit.estimator_ is fitted
    assert np.array_equal(fitted.coef_, coef)
    one = ThresholdTuner(LogisticRegression(), cv=[(np.arange(60), np.arange(60, 120))], refit=False).fit(X, y)
    assert np.allclose(one.estimator_.coef_, LogisticRegression().fit(X[:60], y[:60]).coef_)
    frozen = ThresholdTuner(FrozenEstimator(fitted), random_state=0).fit(X, y)
    assert np.allclose(frozen.predict_proba(X), fitted.predict_proba(X))


def test_float_cv_tunes_on_the_rows_it_did_not_fit():
    X, y = make_classification(200, flip_y=0.2, random_state=0)
    # No random state: a second split would be another one.
    tuner = ThresholdTuner(LogisticRegression(), scoring="f1", cv=0.3, refit=False, store_cv_results=True).fit(X, y)
    assert len(tuner.cv_results_["thresholds"]) == 61
    whole = ThresholdTuner(LogisticRegression(), cv=0.3, random_state=0).fit(X, y)
    assert np.allclose(whole.estimator_.coef_, LogisticRegression().fit(X, y).coef_)
    part = ThresholdTuner(LogisticRegression(), cv=0.3, refit=False, random_state=0).fit(X, y)
    train, _ = next(StratifiedShuffleSplit(1, test_size=0.3, random_state=0).split(X, y))
    assert np.allclose(part.estimator_.coef_, LogisticRegression().fit(X[train], y[train]).coef_)


def test_given_thresholds_are_the_only_candidates_in_any_order(rare):
    X, y = rare
    grid = np.linspace(0, 1, 11)
    tuner = ThresholdTuner(LogisticRegression(), thresholds=grid, store_cv_results=True, random_state=0).fit(X, y)
    shuffled = clone(tuner).set_params(thresholds=grid[[3, 9, 0, 10, 2, 1, 5, 4, 8, 7, 6]].tolist()).fit(X, y)
    assert np.array_equal(tuner.cv_results_["thresholds"], grid)
    assert tuner.best_threshold_ == shuffled.best_threshold_
    assert tuner.best_threshold_ in grid
    assert clone(tuner).set_params(thresholds=[0.5]).fit(X, y).best_threshold_ == 0.5


def test_cv_results_only_when_stored(rare):
    assert not hasattr(ThresholdTuner(LogisticRegression()).fit(*rare), "cv_results_")


def test_stored_scores_are_the_metric_at_each_threshold(rare):
    X, y = rare
    proba = cross_val_predict(LogisticRegression(), X, y, cv=StratifiedKFold(5), method="predict_proba")[:, 1]
    tuner = ThresholdTuner(LogisticRegression(), scoring="f1", store_cv_results=True).fit(X, y)
    thresholds, scores = tuner.cv_results_["thresholds"], tuner.cv_results_["scores"]
    assert len(thresholds) == len(np.unique(proba)) + 1
    assert (np.diff(thresholds) > 0).all()
    for place in range(0, len(thresholds), 50):
        assert scores[place] == pytest.approx(f1_score(y, proba >= thresholds[place]))


@pytest.mark.parametrize("estimator", [LogisticRegression(), SVC(), GradientBoostingClassifier(n_estimators=4)])
def test_methods_are_those_of_the_estimator_and_a_margin(estimator):
    X, y = make_classification(100, random_state=0)
    tuner = ThresholdTuner(estimator)
    for method in ("predict_proba", "predict_log_proba"):
        assert hasattr(tuner, method) == hasattr(estimator, method)
    tuner.fit(X, y)
    for method in ("predict_proba", "predict_log_proba"):
        assert hasattr(tuner, method) == hasattr(estimator, method)
        if hasattr(tuner, method):
            assert np.array_equal(getattr(tuner, method)(X), getattr(tuner.estimator_, method)(X))
    margin = tuner.decision_function(X)
    assert np.array_equal(tuner.predict(X), (margin >= 0).astype(int))


class Recorder(LogisticRegression):
    """Logistic regression that remembers the fit arguments."""

    def fit(self, X, y, sample_weight=None, note=None):
        self.weight_, self.note_ = sample_weight, note
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("weighted", [True, False])
def test_metadata_routing(weighted, rare):
    X, y = rare
    weight = np.random.default_rng(0).random(len(y)) if weighted else None
    with config_context(enable_metadata_routing=True):
        model = Recorder().set_fit_request(sample_weight=True, note=True)
        scoring = get_scorer("f1").set_score_request(sample_weight=True)
        tuner = ThresholdTuner(model, scoring=scoring, random_state=0).fit(X, y, sample_weight=weight, note=list(y))
        unweighted = ThresholdTuner(model, scoring="f1", random_state=0)
        if weighted:
            assert np.array_equal(tuner.estimator_.weight_, weight)
            if SKLEARN >= (1, 9):  # before, weights that a scorer did not ask for were no error
                with pytest.raises(ValueError, match="sample_weight"):
                    unweighted.fit(X, y, sample_weight=weight)
        assert tuner.estimator_.note_ == list(y)
        by_cost = ThresholdTuner(model, cost_matrix=[[0, 1], [9, 0]], random_state=0)
        assert by_cost.fit(X, y, sample_weight=weight).best_threshold_ < 0.5
    plain = ThresholdTuner(Recorder(), scoring="f1", random_state=0).fit(X, y, sample_weight=weight)
    assert plain.best_threshold_ == tuner.best_threshold_


def test_weights_reach_a_pipeline_and_the_threshold(rare):
    X, y = rare
    weight = np.where(y == 1, 5.0, 1.0)
    tuner = ThresholdTuner(make_pipeline(StandardScaler(), LogisticRegression()), scoring="f1", random_state=0)
    expected = LogisticRegression().fit(StandardScaler().fit_transform(X), y, sample_weight=weight).coef_
    assert np.allclose(tuner.fit(X, y, sample_weight=weight).estimator_[-1].coef_, expected)
    with pytest.warns(UserWarning, match="takes no sample_weight"):
        ThresholdTuner(KNeighborsClassifier()).fit(X, y, sample_weight=weight)


def test_rows_of_weight_zero_are_as_if_absent():
    X, y = load_iris(return_X_y=True)
    X, y = StandardScaler().fit_transform(X[:100]), y[:100]
    weight = np.tile([1.0, 0.0], 50)
    for params in (
        {},
        {"scoring": "f1"},
        {"scoring": make_scorer(lambda y, p, sample_weight=None: (p == y) @ sample_weight)},
    ):
        tuner = ThresholdTuner(LogisticRegression(), cv=[(np.arange(100), np.arange(100))], random_state=0, **params)
        with_zeros = tuner.fit(X, y, sample_weight=weight).best_threshold_
        absent = tuner.set_params(cv=[(np.arange(50), np.arange(50))]).fit(X[::2], y[::2], sample_weight=np.ones(50))
        assert with_zeros == pytest.approx(absent.best_threshold_, rel=1e-4)


def test_grid_search_over_the_inner_estimator(rare):
    X, y = rare
    tuner = ThresholdTuner(make_pipeline(StandardScaler(), LogisticRegression()), scoring="f1", cv=3, random_state=0)
    search = GridSearchCV(tuner, {"estimator__logisticregression__C": [1e-3, 1.0]}, scoring="f1", cv=3).fit(X, y)
    assert search.best_params_ == {"estimator__logisticregression__C": 1.0}
    assert search.best_estimator_.estimator_[-1].C == 1.0


def test_same_random_state_same_threshold_pickle_and_clone(rare):
    X, y = rare
    tuner = ThresholdTuner(LogisticRegression(), scoring="f1", random_state=3).fit(X, y)
    assert clone(tuner).fit(X, y).best_threshold_ == tuner.best_threshold_
    loaded = pickle.loads(pickle.dumps(tuner))
    assert np.array_equal(loaded.decision_function(X), tuner.decision_function(X))


def test_frames_and_sparse_matrices(rare):
    X, y = rare
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    tuner = ThresholdTuner(LogisticRegression(), random_state=0).fit(frame, pd.Series(y))
    assert tuner.feature_names_in_.tolist() == frame.columns.tolist()
    assert tuner.n_features_in_ == X.shape[1]
    sparse = ThresholdTuner(LogisticRegression(), random_state=0).fit(csr_matrix(X), y)
    assert sparse.best_threshold_ == pytest.approx(tuner.best_threshold_, abs=1e-3)


# Labels and classes.


@pytest.mark.parametrize("estimator", [
    MultiOutputClassifier(LogisticRegression()), RandomForestClassifier(20, random_state=0), KNeighborsClassifier(),
    ClassifierChain(LogisticRegression()), RidgeClassifier(),
])
@pytest.mark.parametrize("scoring", ["f1_macro", "f1_micro", "f1_samples", "accuracy", "balanced_accuracy"])
def test_multilabel_classifiers_of_either_layout(estimator, scoring, labels):
    X, Y = labels
    tuner = ThresholdTuner(estimator, scoring=scoring, n_bootstraps=5, n_restarts=2, cv=3, random_state=0).fit(X, Y)
    assert tuner.thresholds_.shape == tuner.threshold_std_.shape == (4,)
    margin = tuner.decision_function(X)
    assert margin.shape == Y.shape
    assert np.array_equal(tuner.predict(X), (margin >= 0).astype(int))


def test_a_fold_that_holds_one_value_of_a_label():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 3)), rng.integers(0, 2, (60, 2))
    Y[20:, 1] = 0
    # The second training part has no row of label 1: its forest gives one column for it.
    cv = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    tuner = ThresholdTuner(RandomForestClassifier(5, random_state=0), scoring="f1_macro", cv=cv, random_state=0).fit(
        X, Y
    )
    assert np.isfinite(tuner.thresholds_).all()


def test_rare_labels_share_a_threshold(labels):
    X, Y = labels
    Y = Y.copy()
    Y[:, 1] = 0
    Y[::50, 1] = 1
    tuner = ThresholdTuner(MultiOutputClassifier(LogisticRegression()), scoring="f1_macro", cv=2, random_state=0)
    with pytest.warns(UserWarning, match=r"Labels \[1\] have fewer than min_positives=5"):
        tuner.fit(X, Y)
    shared = clone(tuner).set_params(scoring="f1_micro", strategy="global", min_positives=0).fit(X, Y)
    assert tuner.thresholds_[1] == pytest.approx(shared.thresholds_[1], abs=0.1)
    assert tuner.thresholds_[0] != tuner.thresholds_[1]


def test_a_global_threshold_is_one_threshold(labels):
    tuner = ThresholdTuner(
        MultiOutputClassifier(LogisticRegression()), scoring="f1_macro", strategy="global", random_state=0
    )
    assert len(set(tuner.fit(*labels).thresholds_)) == 1


def test_constraint_of_each_label(labels):
    X, Y = labels
    tuner = ThresholdTuner(
        RandomForestClassifier(50, random_state=0), scoring="f1_macro", constraint=("alert_rate", "<=", 0.2), cv=3,
        random_state=0, store_cv_results=True,
    ).fit(X, Y)
    oof = cross_val_predict(RandomForestClassifier(50, random_state=0), X, Y, cv=3, method="predict_proba")
    alerts = [(proba[:, 1] >= threshold).mean() for proba, threshold in zip(oof, tuner.thresholds_, strict=True)]
    assert max(alerts) <= 0.2


@pytest.mark.parametrize("scoring", ["f1_macro", "balanced_accuracy", "matthews_corrcoef", "cohen_kappa"])
@pytest.mark.parametrize("aggregate", ["bagged", "pooled", "fold_mean", "expected"])
def test_multiclass(scoring, aggregate):
    X, y = make_classification(400, n_classes=3, n_informative=5, weights=[0.75, 0.2], flip_y=0.02, random_state=0)
    names = np.array(["a", "b", "c"])[y]
    tuner = ThresholdTuner(
        LogisticRegression(), scoring=scoring, aggregate=aggregate, n_bootstraps=10, n_restarts=3, random_state=0
    ).fit(X, names)
    assert tuner.class_bias_.shape == (3,)
    assert tuner.class_bias_.sum() == pytest.approx(0, abs=1e-9)
    margin = tuner.decision_function(X)
    assert np.allclose(margin, tuner.predict_log_proba(X) + tuner.class_bias_)
    assert np.array_equal(tuner.predict(X), tuner.classes_[margin.argmax(1)])


def test_a_classifier_that_misses_a_class_in_a_fold():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.repeat([0, 1, 2], [28, 28, 4])
    cv = [(np.arange(56), np.arange(56, 60)), (np.arange(0, 60, 2), np.arange(1, 60, 2))]
    tuner = ThresholdTuner(LogisticRegression(), scoring="f1_macro", cv=cv, n_bootstraps=5, random_state=0).fit(X, y)
    assert np.isfinite(tuner.class_bias_).all()


# Any other scorer.


def gain(y, predicted):
    return float((predicted[y == 1]).sum() - 0.3 * (predicted[y == 0]).sum())


def plain_scorer(estimator, X, y):
    return gain(y, estimator.predict(X))


@pytest.mark.parametrize("scoring", [make_scorer(gain), plain_scorer])
@pytest.mark.parametrize("aggregate", ["bagged", "pooled", "fold_mean"])
def test_any_scorer_on_a_grid(scoring, aggregate, rare):
    X, y = rare
    tuner = ThresholdTuner(
        LogisticRegression(),
        scoring=scoring,
        aggregate=aggregate,
        n_bootstraps=3,
        store_cv_results=True,
        random_state=0,
    ).fit(X, y)
    same = ThresholdTuner(LogisticRegression(), cost_matrix=[[0, 0.3], [0, -1]], aggregate=aggregate, random_state=0)
    assert tuner.solver_ == "grid"
    assert tuner.cv_results_["thresholds"].shape == tuner.cv_results_["scores"].shape
    assert len(tuner.cv_results_["scores"]) <= 200
    assert plain_scorer(tuner, X, y) == pytest.approx(plain_scorer(same.fit(X, y), X, y), abs=8)


def test_any_scorer_of_labels_and_classes(labels):
    X, Y = labels

    def worst(y, predicted):
        """The smallest Jaccard index of a label, or of a class."""
        y, p = (codes if codes.ndim == 2 else np.eye(3)[codes] for codes in (y, predicted))
        return ((y * p).sum(0) / np.maximum(y, p).sum(0).clip(1)).min()

    X_3, y_3 = make_classification(150, n_classes=3, n_informative=5, weights=[0.75, 0.2], random_state=0)
    X, Y = X[:80], Y[:80]
    labelled = MultiOutputClassifier(LogisticRegression(C=0.01)).fit(X, Y), X, Y
    for strategy, (model, A, b) in (
        ("per_label", labelled),
        ("global", labelled),
        ("per_label", (LogisticRegression(C=0.01).fit(X_3, y_3), X_3, y_3)),
    ):
        tuner = ThresholdTuner(
            model,
            scoring=make_scorer(worst),
            strategy=strategy,
            aggregate="pooled",
            cv="prefit",
            refit=False,
            random_state=0,
        ).fit(A, b)
        assert tuner.solver_ == "grid"
        assert worst(b, tuner.predict(A)) > worst(b, model.predict(A))


# Out-of-fold probabilities that the estimator leaves behind.


class Leaver(ClassifierMixin, BaseEstimator):
    """Leaves probabilities of half the size behind: thresholds tuned on them are half of those it would predict with."""

    def __init__(self, store_oof=False):
        self.store_oof = store_oof

    def fit(self, X, y):
        self.echo_ = Echo().fit(X, y)
        self.classes_ = self.echo_.classes_
        if self.store_oof:
            self.oof_proba_ = self.echo_.predict_proba(X / 2)
        return self

    def predict_proba(self, X):
        return self.echo_.predict_proba(X)


def test_oof_tunes_on_what_the_estimator_left_behind():
    rng = np.random.default_rng(0)
    X = rng.random((300, 1))
    y = (X[:, 0] + 0.2 * rng.normal(size=300) > 0.8).astype(int)
    for wrap in (lambda e: e, lambda e: make_pipeline("passthrough", make_pipeline("passthrough", e))):
        model = wrap(Leaver())
        tuner = ThresholdTuner(model, scoring="f1", cv="oof", aggregate="pooled", random_state=0).fit(X, y)
        ordinary = ThresholdTuner(Leaver().fit(X, y), scoring="f1", cv="prefit", refit=False, aggregate="pooled").fit(
            X, y
        )
        assert tuner.best_threshold_ == pytest.approx(ordinary.best_threshold_ / 2)
        assert not any(value for name, value in model.get_params().items() if name.endswith("store_oof"))


def test_oof_of_labels_and_of_classes():
    rng = np.random.default_rng(0)
    P = rng.random((100, 3))
    Y = (P + 0.3 * rng.normal(size=P.shape) > 0.5).astype(int)
    assert ThresholdTuner(Echo(), scoring="f1_micro", cv="oof", random_state=0).fit(P, Y).thresholds_.shape == (3,)
    P = P / P.sum(1, keepdims=True)
    assert ThresholdTuner(Echo(), scoring="f1_macro", cv="oof", random_state=0).fit(
        P, P.argmax(1)
    ).class_bias_.shape == (3,)


def test_one_fit_with_oof():
    rng = np.random.default_rng(0)
    tuner = ThresholdTuner(Echo(), cv="oof", random_state=0).fit(rng.random((50, 1)), np.tile([0, 1], 25))
    assert tuner.estimator_.n_fits_ == 1


def test_bagging_keeps_the_own_decision_where_tuning_is_noise():
    kept = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        margin = rng.normal(size=400)
        y = (rng.random(400) < 1 / (1 + np.exp(-2 * margin))).astype(int)
        tuner = ThresholdTuner(EchoMargin(), scoring="accuracy", random_state=0).fit(margin[:, None], y)
        kept += tuner.best_threshold_ == 0
        assert tuner.set_params(aggregate="pooled").fit(margin[:, None], y).best_threshold_ != 0
        # Where zero is far from the best threshold it goes.
        assert tuner.set_params(aggregate="bagged").fit(margin[:, None] + 2, y).best_threshold_ > 1
        # Nor is it kept for metrics of which it never was the best.
        assert tuner.set_params(scoring="matthews_corrcoef").fit(margin[:, None], y).best_threshold_ != 0
    assert kept >= 5


def test_folds_in_two_processes(rare):
    X, y = rare
    thresholds = [ThresholdTuner(LogisticRegression(), scoring="f1", n_jobs=n).fit(X, y).best_threshold_ for n in (1, 2)]
    assert thresholds[0] == thresholds[1]
