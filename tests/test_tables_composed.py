"""Tables in what scikit-learn and others put around a classifier."""
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_tables import table

from sklearn_heads import MLPBinary, ThresholdTuner

QUICK = {"random_state": 0, "max_iter": 3, "n_members": 1, "hidden_layer_sizes": (8,)}


@pytest.fixture(scope="module")
def data():
    return table(300)


def test_searches_and_pipelines(data):
    X, y = data
    model = make_pipeline(FunctionTransformer(), MLPBinary(**QUICK))
    search = GridSearchCV(model, {"mlpbinary__categorical_features": ["from_dtype", ["city", "kind"]]}, cv=2).fit(X, y)
    assert np.ptp(search.cv_results_["mean_test_score"]) == 0, "the same columns, said in two ways"
    assert search.predict(X).shape == y.shape
    assert np.isfinite(cross_val_score(MLPBinary(**QUICK), X, y, cv=3)).all()


@pytest.mark.parametrize("cv", ["oof", 2])
def test_tuners(data, cv):
    X, y = data
    tuner = ThresholdTuner(MLPBinary(**{**QUICK, "n_members": 3}), scoring="f1", cv=cv).fit(X, y)
    assert tuner.predict(X).shape == y.shape


@pytest.mark.parametrize("meta", [CalibratedClassifierCV, BaggingClassifier, OneVsRestClassifier])
def test_meta_estimators_that_keep_frames(data, meta):
    X, y = data
    if meta is not CalibratedClassifierCV:  # they hand arrays on, in which columns are known by their numbers
        X = X.assign(city=X["city"].str[5:].astype(float), kind=X["kind"].map({"a": 1.0, "b": 2.0, "c": 3.0}))
        model = meta(MLPBinary(**QUICK, categorical_features=[3, 4]))
        X = X.to_numpy(dtype=float)
    else:
        model = meta(MLPBinary(**QUICK), cv=2)
    assert np.isfinite(model.fit(X, y).predict_proba(X)).all()


def test_inspection(data):
    X, y = data
    model = MLPBinary(**{**QUICK, "max_iter": 20}).fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean.shape == (5,)
    shown = partial_dependence(model, X, ["size"], grid_resolution=5)
    assert shown["average"].shape == (1, 5)
    shown = partial_dependence(model, X.assign(kind=X["kind"].fillna("none")), ["kind"], categorical_features=["kind"])
    assert shown["average"].shape[1] == 4


def test_weights_are_routed(data):
    X, y = data
    weights = np.random.default_rng(0).integers(0, 3, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPBinary(**QUICK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"dropout": [0.0]}, cv=2).fit(X, y, sample_weight=weights)
    assert np.isfinite(search.best_score_)


def test_skrub_takes_dates_and_the_rest_apart(data):
    skrub = pytest.importorskip("skrub", reason="needs the extra `ecosystem`")
    X, y = data
    dated = X.assign(when=np.datetime64("2024-01-01") + np.arange(len(X)).astype("timedelta64[D]"))
    with pytest.raises(ValueError, match="column 'when' holds dates"):
        MLPBinary(**QUICK).fit(dated, y)
    for model in (skrub.tabular_pipeline(MLPBinary(**QUICK)), make_pipeline(skrub.TableVectorizer(), MLPBinary(**QUICK))):
        assert np.isfinite(clone(model).fit(dated, y).predict_proba(dated)).all()
