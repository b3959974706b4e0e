"""What ThresholdTuner says when it cannot do what was asked: what it saw, why that is wrong, what to do."""

import numpy as np
import pytest
from echo import Echo, EchoMargin
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.metrics import f1_score, make_scorer, roc_auc_score
from sklearn.multioutput import MultiOutputClassifier

from sklearn_heads import ThresholdTuner

X, Y2 = make_classification(80, flip_y=0.1, random_state=0)
X3, Y3 = make_classification(120, n_classes=3, n_informative=4, random_state=0)
XL, YL = make_multilabel_classification(100, n_classes=3, random_state=0)
TWO, THREE, LABELS = (X, Y2), (X3, Y3), (XL, YL)


@pytest.mark.parametrize(("params", "data", "words"), [
    ({"scoring": "roc_auc"}, TWO, "same for every threshold"),
    ({"scoring": "neg_log_loss"}, TWO, "same for every threshold"),
    ({"scoring": "average_precision"}, LABELS, "same for every threshold"),
    ({"scoring": make_scorer(roc_auc_score, response_method="decision_function")}, TWO, "same for every threshold"),
    ({"scoring": "f_one"}, TWO, "'f_one' is not known"),
    ({"scoring": {"a": "f1"}}, TWO, "got dict"),
    ({"scoring": None}, TWO, "got NoneType"),
    ({"scoring": f1_score}, TWO, "make_scorer"),
    ({"scoring": "f1"}, THREE, "f1.*several classes.*_macro"),
    ({"scoring": "f1"}, LABELS, "f1.*several labels.*_macro"),
    ({"scoring": "geometric_mean"}, THREE, "y has more classes.*f1_macro"),
    ({"scoring": "f1"}, (X, np.array(["no", "yes"])[Y2]), r"pos_label='yes' \(or 'no'\)"),
    ({"scoring": "f1", "pos_label": "maybe"}, (X, np.array(["no", "yes"])[Y2]), r"'maybe' is not a class.*'no', 'yes'"),
    (
        {"scoring": make_scorer(f1_score, pos_label="no"), "pos_label": "yes"}, (X, np.array(["no", "yes"])[Y2]),
        "contradicts",
    ),
    ({"cost_matrix": [[0, 1]]}, TWO, r"shape \(2, 2\).*got \[\[0"),
    ({"cost_matrix": [[0, 1], [1, 0]]}, THREE, r"shape \(3, 3\).*got \[\[0"),
    ({"cost_matrix": [[0, np.nan], [1, 0]]}, TWO, "must be finite.*nan"),
    ({"cost_matrix": [[0, 1], [5, 0]], "scoring": "f1"}, TWO, "Both cost_matrix and scoring='f1'"),
    ({"constraint": ("precision", 0.9)}, TWO, r'triple such as \("precision", ">=", 0.9\)'),
    ({"constraint": ("precision", ">", 0.9)}, TWO, "operators: >=, <="),
    ({"constraint": ("auc", ">=", 0.9)}, TWO, "Known metrics: accuracy"),
    ({"constraint": ("precision", ">=", 0.9), "scoring": "f1_macro"}, THREE, "one at a time"),
    ({"constraint": ("precision", ">=", 0.9), "scoring": "f1_micro"}, LABELS, "one at a time"),
    ({"constraint": ("precision", ">=", 1.5)}, TWO, "No threshold reaches precision >= 1.5: the best reachable value is"),
    ({"constraint": ("alert_rate", "<=", -1)}, TWO, "No threshold keeps alert_rate <= -1: the best reachable value is 0"),
    (
        {"constraint": ("recall", ">=", 1.5), "scoring": "f1_macro"}, LABELS,
        "Label 0: No threshold reaches recall >= 1.5: the best reachable value is 1",
    ),
    ({"thresholds": []}, TWO, "thresholds is empty"),
    ({"thresholds": [0.2, np.nan]}, TWO, "thresholds contains NaN"),
    ({"thresholds": 0}, TWO, "no threshold to choose"),
    ({"thresholds": "some"}, TWO, "must be 'all', a number of thresholds or a 1-D array"),
    ({"thresholds": [[0.1]]}, TWO, "must be 'all', a number of thresholds or a 1-D array"),
    ({"thresholds": 10}, THREE, "decided by biases"),
    ({"aggregate": "mean"}, TWO, "'mean' is not known; use one of 'bagged'"),
    ({"strategy": "local"}, TWO, "'local' is not known; use one of 'per_label'"),
    ({"response_method": "predict"}, TWO, "'predict' is not known"),
    ({"n_bootstraps": 0}, TWO, "n_bootstraps must be an integer of at least 1"),
    ({"min_positives": 2.5}, TWO, "min_positives must be an integer of at least 0"),
    ({"cv": "prefit"}, TWO, "When cv='prefit', refit cannot be True"),
    ({"cv": 5, "refit": False}, TWO, "When cv has several folds, refit cannot be False"),
    ({"cv": 1.5}, TWO, "share of rows held out"),
    ({"cv": "oof"}, TWO, "LogisticRegression has no `store_oof`"),
    ({"aggregate": "expected", "response_method": "decision_function"}, TWO, "takes probabilities for labels"),
    ({"aggregate": "expected", "scoring": make_scorer(lambda y, p: 0.0)}, TWO, "computed exactly"),
    ({}, (X, np.zeros(80, int)), "one class"),
    ({}, (X, np.linspace(0, 1, 80)), "Unknown label type: continuous"),
    ({}, (XL, np.ones_like(YL)), "All labels are constant"),
])
def test_errors_name_the_fix(params, data, words):
    A, b = data
    estimator = LogisticRegression() if b.ndim == 1 else MultiOutputClassifier(LogisticRegression())
    with pytest.raises(ValueError, match=words):
        ThresholdTuner(estimator, random_state=0, **params).fit(A, b)


@pytest.mark.parametrize("data", [TWO, THREE])
def test_a_scorer_that_gives_nothing(data):
    with pytest.raises(ValueError, match="nan for every threshold"):
        ThresholdTuner(LogisticRegression(), scoring=make_scorer(lambda y, p: np.nan), random_state=0).fit(*data)


def test_expected_samples_f1():
    with pytest.raises(ValueError, match="mean over rows"):
        ThresholdTuner(Echo(), scoring="f1_samples", aggregate="expected").fit(XL[:, :3] / 100, YL)


def test_prefit_must_be_fitted_and_know_the_classes():
    with pytest.raises(NotFittedError, match="`estimator` must be fitted"):
        ThresholdTuner(LogisticRegression(), cv="prefit", refit=False).fit(X, Y2)
    with pytest.raises(ValueError, match=r"y holds \[2\], which the fitted estimator has not seen"):
        ThresholdTuner(LogisticRegression().fit(X, Y2), cv="prefit", refit=False).fit(X, Y2 + 1)


def test_an_estimator_without_scores():
    with pytest.raises(ValueError, match="LinearRegression has no predict_proba or decision_function"):
        ThresholdTuner(LinearRegression()).fit(X, Y2)
    with pytest.raises(ValueError, match="Perceptron has no predict_proba"):
        ThresholdTuner(Perceptron(), response_method="predict_proba").fit(X, Y2)


def test_constant_predictions_but_not_small_ones():
    constant = ThresholdTuner(DummyClassifier(strategy="constant", constant=1), response_method="predict_proba")
    with pytest.raises(ValueError, match="The provided estimator makes constant predictions"):
        constant.fit(X, Y2)
    with pytest.raises(ValueError, match="The provided estimator makes constant predictions"):
        # Another constant in each fold is no more of a ranking.
        ThresholdTuner(DummyClassifier(strategy="prior"), cv=[np.split(np.arange(80), [n]) for n in (30, 47)]).fit(
            X, Y2
        )
    tiny = 1e-10 * (X[:, :1] + 5 * Y2[:, None])
    assert (ThresholdTuner(Echo(), random_state=0).fit(tiny, Y2).predict(tiny) == Y2).mean() > 0.9


def test_scores_that_are_not_finite():
    bad = X.copy()
    bad[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinite scores for held-out rows: 1 of 80 rows"):
        ThresholdTuner(EchoMargin()).fit(bad, Y2)
    with pytest.raises(
        ValueError, match=r"NaN or infinite scores for the rows to predict: 1 of 80 rows, the first at row 3"
    ):
        ThresholdTuner(EchoMargin()).fit(X, Y2).predict(bad)


@pytest.mark.parametrize(("weight", "words"), [
    (np.zeros(80), "zero for every row"),
    (-np.ones(80), "not negative"),
    (np.full(80, np.inf), "must be finite"),
    (np.ones(79), r"each of the 80 rows; got shape \(79,\)"),
    (Y2.astype(float), "zero for every class but 1"),
])
def test_weights_that_weigh_nothing(weight, words):
    with pytest.raises(ValueError, match=words):
        ThresholdTuner(LogisticRegression()).fit(X, Y2, sample_weight=weight)


def test_other_fit_arguments_need_routing():
    with pytest.raises(TypeError, match="enable_metadata_routing"):
        ThresholdTuner(LogisticRegression()).fit(X, Y2, groups=Y2)


def test_a_training_fold_of_one_class():
    order = np.argsort(Y2)
    halves = [(order[:30], order[30:])]
    with pytest.raises(ValueError, match=r"only class.*stratified"):
        ThresholdTuner(EchoMargin(), cv=halves).fit(X, Y2)


def test_an_estimator_that_leaves_nothing_behind():
    class Forgetful(Echo):
        def fit(self, X, y):
            super().fit(X, y)
            vars(self).pop("oof_proba_", None)
            return self

    with pytest.raises(ValueError, match="Forgetful has no `oof_proba_` with the 80 training rows"):
        ThresholdTuner(Forgetful(), cv="oof").fit(X[:, :1], Y2)


def test_a_tuner_whose_refit_fails_is_what_it_was():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = (X[:, 0] + rng.normal(size=300) > 1).astype(int)
    tuner = ThresholdTuner(LogisticRegression(), scoring="f1").fit(X, y)
    before = tuner.predict(X)
    tuner.set_params(scoring="recall", constraint=("precision", ">=", 1.01))
    with pytest.raises(ValueError, match="best reachable"):
        tuner.fit(-X, y)
    np.testing.assert_array_equal(tuner.predict(X), before)
