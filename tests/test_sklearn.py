"""The estimators go anywhere scikit-learn goes: its own checks in full, and its composite estimators over all heads."""
import numpy as np
import pandas as pd
import pytest
from aside import written
from checks import all_pass
from data import HEADS, data
from joblib import parallel_config
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 30, "learning_rate_init": 0.03, "random_state": 0}
CHECKED = [MLPBinary(), MLPBinary(head="softmax"), MLPMulticlass(), MLPMulticlass(head="sigmoid"), MLPMultiLabel()]


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


# ---- scikit-learn's checks ----------------------------------------------------------------------------------------------

@pytest.mark.filterwarnings("default", "ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("estimator", CHECKED, ids=repr)
def test_scikit_learns_checks_pass_in_full(estimator):
    all_pass(estimator)


RUN_ARRAY_API = """
import sys
from checks import SKLEARN
from sklearn.utils.estimator_checks import estimator_checks_generator
import sklearn_heads
for form in sys.argv[1:]:
    estimator = eval(form, vars(sklearn_heads))
    named = [check for _, check in estimator_checks_generator(estimator) if check.func.__name__ == "check_array_api_input"]
    assert len(named) == (SKLEARN >= (1, 9)), named  # versions before 1.9 have no such check
    for check in named:
        check(estimator)
    print(form)
"""


@pytest.fixture(scope="module")
def aside_array_api(aside):
    return aside("-c", RUN_ARRAY_API, *map(repr, CHECKED), SCIPY_ARRAY_API="1")


def test_the_check_that_needs_array_api_passes_where_it_is_on(aside_array_api):
    assert written(aside_array_api.result()).splitlines() == [repr(estimator) for estimator in CHECKED]


@pytest.mark.parametrize("estimator", CHECKED, ids=repr)
def test_tags_say_what_the_estimator_takes(estimator):
    tags = get_tags(estimator)
    assert is_classifier(estimator)
    assert tags.input_tags.sparse
    assert tags.classifier_tags.multi_class == isinstance(estimator, MLPMulticlass)
    assert tags.classifier_tags.multi_label == isinstance(estimator, MLPMultiLabel)


# ---- composites -----------------------------------------------------------------------------------------------------------


def test_pipeline_and_column_transformer(name):
    X, y = data(name, 150)
    table = pd.DataFrame(X, columns=list("abcde")).assign(kind=np.array(["x", "y", "z"])[np.arange(150) % 3])
    columns = ColumnTransformer([("n", StandardScaler(), list("abcde")), ("k", OneHotEncoder(sparse_output=False), ["kind"])])
    for output in ("default", "pandas"):
        model = make_pipeline(clone(columns).set_output(transform=output), HEADS[name](**QUICK)).fit(table, y)
        assert model.predict(table).shape == y.shape
        assert model[-1].n_features_in_ == 8
        assert hasattr(model[-1], "feature_names_in_") == (output == "pandas")
        assert model.score(table, y) > 1 / 3


@pytest.mark.parametrize(("estimator", "task"), [(MLPBinary, "binary"), (MLPMulticlass, "multiclass")])
def test_grid_search_over_heads_and_network_parameters(estimator, task):
    X, y = data(task, 120)
    grid = {"head": ["sigmoid", "softmax"], "hidden_layer_sizes": [(), (4,), (4, 3)], "activation": ["relu", "gelu"],
            "input_encoding": ["standard", None]}
    search = GridSearchCV(estimator(max_iter=3, n_members=1, random_state=0), grid, cv=2, scoring="neg_log_loss",
                          error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 24
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict_proba(X).shape == (120, len(np.unique(y)))


def test_grid_search_for_labels():
    X, y = data("multilabel", 120)
    search = GridSearchCV(MLPMultiLabel(**QUICK), {"class_weight": [None, "balanced"], "dropout": [0.0, 0.5]}, cv=2,
                          scoring="f1_macro", error_score="raise").fit(X, y)
    assert search.best_score_ > 0.3


SCORERS = {
    "binary": ["accuracy", "balanced_accuracy", "f1", "neg_log_loss", "neg_brier_score", "roc_auc", "average_precision"],
    "multiclass": ["accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr", "roc_auc_ovo", "matthews_corrcoef"],
    "multilabel": ["accuracy", "f1_samples", "f1_micro", "jaccard_macro", "roc_auc", "average_precision"],
}


def test_scorers(name):
    X, y = data(name, 150)
    scores = cross_validate(HEADS[name](**QUICK), X, y, cv=3, scoring=SCORERS[name.split("-")[0]], error_score="raise")
    for metric, values in scores.items():
        assert np.isfinite(values).all(), metric
    good = "test_roc_auc_ovr" if name.startswith("multiclass") else "test_roc_auc"
    assert scores[good].mean() > 0.6


# Not average_precision of a single column: scikit-learn takes that for a binary problem and looks for the label 1 among
# classes_, which numbers the columns. A single label goes in as a vector.
@pytest.mark.parametrize(("scoring", "n_labels"), [
    ("roc_auc", 1), ("f1_macro", 1), ("accuracy", 1), *((scoring, n_labels) for n_labels in (2, 3)
    for scoring in ("roc_auc", "average_precision", "f1_macro", "accuracy")),
])
def test_multilabel_scorers_for_any_number_of_labels(n_labels, scoring):
    X, y = data("multilabel", 150)
    scores = cross_val_score(MLPMultiLabel(**QUICK), X, y[:, :n_labels], cv=3, scoring=scoring, error_score="raise")
    assert np.isfinite(scores).all()
    proba = cross_val_predict(MLPMultiLabel(**QUICK), X, y[:, :n_labels], cv=3, method="predict_proba")
    assert proba.shape == (150, n_labels)


@pytest.mark.parametrize("head", [head for head in HEADS if head != "multilabel"])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(head, method):
    X, y = data(head, 150)
    model = CalibratedClassifierCV(HEADS[head](**QUICK), method=method, cv=3).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("head", [head for head in HEADS if head != "multilabel"])
def test_voting(head):
    X, y = data(head, 150)
    members = [("a", HEADS[head](**QUICK)), ("b", LogisticRegression())]
    model = VotingClassifier(members, voting="soft").fit(X, np.array(["u", "v", "w"])[y])
    expected = sum(m.predict_proba(X).astype(float) for m in model.estimators_) / 2
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-6)
    assert set(model.predict(X)) <= {"u", "v", "w"}


def test_parallel_cross_validation_with_threads_and_processes(name):
    X, y = data(name, 150)
    alone = cross_val_score(HEADS[name](**QUICK), X, y, cv=3)
    with parallel_config(backend="threading"):
        np.testing.assert_array_equal(cross_val_score(HEADS[name](**QUICK), X, y, cv=3, n_jobs=3), alone)


# ---- metadata routing -----------------------------------------------------------------------------------------------------


def test_weights_are_routed(name):
    X, y = data(name, 150)
    weights = np.random.RandomState(0).uniform(0.1, 3, 150)
    expected = HEADS[name](**QUICK, n_members=1, input_encoding=None).fit(StandardScaler().fit_transform(X), y, weights)
    with config_context(enable_metadata_routing=True):
        clf = HEADS[name](**QUICK, n_members=1, input_encoding=None).set_fit_request(sample_weight=True)
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clf).fit(X, y, sample_weight=weights)
        np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(StandardScaler().fit_transform(X)))
        scores = cross_val_score(clf.set_score_request(sample_weight=True), X, y, params={"sample_weight": weights}, cv=3)
    assert np.isfinite(scores).all()


def test_validation_rows_are_routed_and_transformed(name):
    X, y = data(name, 200)
    (X, X_val), (y, y_val) = np.split(X * 50 + 7, [140]), np.split(y, [140])
    weights = np.random.RandomState(0).uniform(0.1, 3, 60)
    scaler = StandardScaler().fit(X)
    by_hand = HEADS[name](**QUICK, n_members=1, input_encoding=None).fit(
        scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val, sample_weight_val=weights
    )
    with config_context(enable_metadata_routing=True):
        clf = HEADS[name](**QUICK, n_members=1, input_encoding=None)
        clf.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        model = make_pipeline(StandardScaler(), clf, transform_input=["X_val"])
        model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weights)
        assert model[-1].validation_loss_curve_ == by_hand.validation_loss_curve_


def test_parameters_go_round(name):
    clf = HEADS[name]()
    for parameter, value in clf.get_params().items():
        assert clf.set_params(**{parameter: value}).get_params()[parameter] is value
    assert clone(clf).get_params() == clf.get_params()
    X, y = data(name, 120)
    fresh = HEADS[name](**QUICK, n_members=1).fit(X, y).predict_proba(X)
    refitted = HEADS[name](**QUICK, n_members=3).fit(X, y).set_params(n_members=1).fit(X, y)
    np.testing.assert_array_equal(refitted.predict_proba(X), fresh)
