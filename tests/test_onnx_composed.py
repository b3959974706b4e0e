"""The law of test_onnx, for every classifier of scikit-learn that is built around ours: the graph predicts as it does."""
from functools import lru_cache

import numpy as np
import pytest
from data import HEADS, data
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, RandomizedSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from sklearn_heads import MLPBinary, MLPMulticlass, ThresholdTuner
from sklearn_heads.onnx import register_converters

skl2onnx = pytest.importorskip("skl2onnx", reason="needs the onnx extra")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the onnx extra")
TOLERANCE = 1e-5
TINY = {"hidden_layer_sizes": (4,), "max_iter": 2, "n_members": 2, "random_state": 0}
QUICK = {"cv": 2, "n_bootstraps": 2, "random_state": 0}
COST = [[0, 1], [9, 0]]


@pytest.fixture(scope="module", autouse=True)
def _registered():
    register_converters()


INNER = {name: (lambda make=make: make(**TINY)) for name, make in HEADS.items()}
INNER |= {
    "tuner over binary": lambda: ThresholdTuner(MLPBinary(**TINY), cost_matrix=COST, **QUICK),
    "tuner over multiclass": lambda: ThresholdTuner(MLPMulticlass(head="sigmoid", **TINY), scoring="f1_macro", **QUICK),
    "tuner over multilabel": lambda: ThresholdTuner(HEADS["multilabel"](**TINY), scoring="f1_macro", **QUICK),
    "tuner over logistic, binary": lambda: ThresholdTuner(LogisticRegression(), cost_matrix=COST, **QUICK),
    "tuner over ridge, binary": lambda: ThresholdTuner(RidgeClassifier(), cost_matrix=COST, **QUICK),
    "tuner over svc, multiclass": lambda: ThresholdTuner(LinearSVC(), scoring="f1_macro", **QUICK),
}
OUTER = {
    "alone": lambda e: e,
    "pipeline": lambda e: make_pipeline(StandardScaler(), e),
    "grid search": lambda e: GridSearchCV(e, {}, cv=2),
    "random search": lambda e: RandomizedSearchCV(e, {}, cv=2, n_iter=1),
    "sigmoid": lambda e: CalibratedClassifierCV(e, cv=2),
    "sigmoid of one": lambda e: CalibratedClassifierCV(e, cv=2, ensemble=False),
    "isotonic": lambda e: CalibratedClassifierCV(e, cv=2, method="isotonic"),
    "temperature": lambda e: CalibratedClassifierCV(e, cv=2, method="temperature"),
    "sigmoid of a pipeline": lambda e: CalibratedClassifierCV(make_pipeline(StandardScaler(), e), cv=2),
    "sigmoid of a search": lambda e: CalibratedClassifierCV(GridSearchCV(e, {}, cv=2), cv=2),
    "stacking": lambda e: StackingClassifier([("a", e), ("b", GaussianNB())], cv=2),
    "stacking decisions": lambda e: StackingClassifier([("a", e)], cv=2, stack_method="decision_function", passthrough=True),
    "stacking on": lambda e: StackingClassifier([("a", GaussianNB())], e, cv=2),
    "soft vote": lambda e: VotingClassifier([("a", e), ("b", GaussianNB())], voting="soft", weights=[3, 1]),
    "hard vote": lambda e: VotingClassifier([("a", e), ("b", GaussianNB()), ("c", GaussianNB(var_smoothing=1))]),
    "bagging": lambda e: BaggingClassifier(e, n_estimators=2, max_features=3, random_state=0),
    "sigmoid of bagging": lambda e: CalibratedClassifierCV(BaggingClassifier(e, n_estimators=2, random_state=0), cv=2),
    "tuner": lambda e: ThresholdTuner(e, scoring="f1_macro", **QUICK),
}
FOR_TWO = {  # these fit classifiers of two classes
    "one vs rest": (lambda e: OneVsRestClassifier(e), "multiclass"),
    "one vs rest of a pipeline": (lambda e: OneVsRestClassifier(make_pipeline(StandardScaler(), e)), "multiclass"),
    "one vs rest, labels": (lambda e: OneVsRestClassifier(e), "multilabel"),
    "one vs rest, binary": (lambda e: OneVsRestClassifier(e), "binary"),
    "one vs one": (lambda e: OneVsOneClassifier(e), "multiclass"),
    "one vs one, binary": (lambda e: OneVsOneClassifier(e), "binary"),
    "multi-output": (lambda e: MultiOutputClassifier(e), "multilabel"),
    "tuned by scikit-learn": (lambda e: TunedThresholdClassifierCV(e, scoring="f1", thresholds=5, cv=2), "binary"),
    "fixed": (lambda e: FixedThresholdClassifier(e, threshold=0.3, response_method="predict_proba"), "binary"),
    "sigmoid of one vs rest": (lambda e: CalibratedClassifierCV(OneVsRestClassifier(e), cv=2), "multiclass"),
}
TAKES_LABELS = {"alone", "pipeline", "grid search", "random search", "tuner"}
NEEDS_PROBA = {"soft vote", "fixed"}


def task_of(inner):
    return next(task for task in ("multiclass", "multilabel", "binary") if task in inner)


NESTED = {"random search", "sigmoid of one", "sigmoid of a pipeline", "sigmoid of a search", "sigmoid of bagging",
          "sigmoid of one vs rest", "stacking decisions"}  # over some of the classifiers: each part is met elsewhere


def is_possible(outer, inner):
    if outer in NESTED and inner not in {"binary-softmax", "multiclass-sigmoid", "tuner over binary"}:
        return False
    if task_of(inner) == "multilabel" and outer not in TAKES_LABELS:
        return False
    return not (outer in NEEDS_PROBA and ("ridge" in inner or "svc" in inner))


BINARY = [inner for inner in INNER if task_of(inner) == "binary"]
PRODUCT = [
    *[(outer, inner, task_of(inner)) for outer in OUTER for inner in INNER if is_possible(outer, inner)],
    *[(outer, inner, FOR_TWO[outer][1]) for outer in FOR_TWO for inner in BINARY if is_possible(outer, inner)],
    *[("boosting", inner, task_of(inner)) for inner in HEADS if inner != "multilabel"],  # with weights: not for tuners
]
BUILD = {**OUTER, **{outer: build for outer, (build, _) in FOR_TWO.items()}}
BUILD["boosting"] = lambda e: AdaBoostClassifier(e.set_params(max_iter=60), n_estimators=2, random_state=0)


@lru_cache
def rows(task):
    X, y = data(task, n=120)
    return X.astype(np.float32), y


def session_of(model, **options):
    graph = skl2onnx.to_onnx(model, rows("binary")[0][:1], options={"zipmap": False, **options})
    alone = onnxruntime.SessionOptions()
    alone.intra_op_num_threads, alone.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(graph.SerializeToString(), alone, providers=["CPUExecutionProvider"])


def steepness(model):
    """How much an isotonic calibrator multiplies a rounding error of what comes in."""
    steps = [
        np.abs(np.diff(one.y_thresholds_) / np.diff(one.X_thresholds_)).max(initial=0)
        for part in getattr(model, "calibrated_classifiers_", []) for one in part.calibrators if hasattr(one, "X_thresholds_")
    ]
    return max(steps, default=0)


def assert_agrees(model, X):
    labels, scores = session_of(model).run(None, {"X": X})
    wanted, tolerance = model.predict(X), TOLERANCE + 1e-6 * steepness(model)
    same = labels.reshape(wanted.shape) == wanted
    if hasattr(model, "predict_proba"):
        proba = model.predict_proba(X)
        np.testing.assert_allclose(scores, proba, rtol=0, atol=tolerance)
        if tolerance > TOLERANCE:  # halves are common there, and each way right
            same |= np.sort(proba, axis=1)[:, -2:]@ [-1, 1] < tolerance
    assert same.all()


@pytest.mark.parametrize(("outer", "inner", "task"), PRODUCT, ids=map(", ".join, PRODUCT))
def test_the_graph_predicts_as_the_classifier_does(outer, inner, task):
    X, y = rows(task)
    model = BUILD[outer](INNER[inner]()).fit(X, y)
    assert_agrees(model, X)


def test_decision_values_decide_and_not_probabilities():
    """So that the test above cannot pass on probabilities alone: here the two disagree."""
    X, y = rows("multiclass")
    model = OneVsRestClassifier(ThresholdTuner(LogisticRegression(), cost_matrix=COST, **QUICK)).fit(X, y)
    assert (model.classes_[model.predict_proba(X).argmax(axis=1)] != model.predict(X)).any()


@pytest.mark.parametrize("outer", ["sigmoid", "one vs one", "one vs rest", "hard vote", "stacking", "bagging", "tuner"])
def test_words_come_back(outer):
    X, y = rows("multiclass")
    words = np.array(["ash", "birch", "oak"])[y]
    inner = "binary-sigmoid" if outer in FOR_TWO else "tuner over multiclass"
    model = BUILD[outer](INNER[inner]()).fit(X, words)
    assert (session_of(model).run(None, {"X": X})[0] == model.predict(X)).all()


@pytest.mark.parametrize("build", [
    lambda pipe: pipe,
    lambda pipe: ThresholdTuner(pipe, **QUICK),
    lambda pipe: ThresholdTuner(GridSearchCV(pipe, {}, cv=2), **QUICK),
    lambda pipe: CalibratedClassifierCV(pipe, cv=2),
    lambda pipe: VotingClassifier([("a", pipe)], voting="soft"),
], ids=["pipeline", "tuner", "tuner of a search", "calibrated", "vote"])
def test_frames_come_in_column_by_column(build):
    pandas = pytest.importorskip("pandas", reason="needs the test extra")
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    X, y = rows("binary")
    frame = pandas.DataFrame(X, columns=list("abcde")).assign(word=np.where(X[:, 0] > 0, "much", "little"))
    numbers = make_column_transformer((StandardScaler(), list("abcde")), (OneHotEncoder(sparse_output=False), ["word"]))
    model = build(make_pipeline(numbers, MLPBinary(**TINY))).fit(frame, y)
    types = [(name, (StringTensorType if name == "word" else FloatTensorType)([None, 1])) for name in frame]
    graph = skl2onnx.to_onnx(model, initial_types=types, options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    columns = {name: frame[[name]].to_numpy(object if name == "word" else np.float32) for name in frame}
    labels, proba = session.run(None, columns)
    assert (labels == model.predict(frame)).all()
    np.testing.assert_allclose(proba, model.predict_proba(frame), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("build", [
    lambda e: make_pipeline(SimpleImputer(add_indicator=True), e),
    lambda e: make_pipeline(make_column_transformer((SimpleImputer(add_indicator=True), [0, 1]), remainder="passthrough"), e),
    lambda e: ThresholdTuner(make_pipeline(SimpleImputer(add_indicator=True), e), **QUICK),
], ids=["pipeline", "columns", "tuner"])
@pytest.mark.parametrize("inner", ["ours", "logistic"])
def test_columns_that_skl2onnx_drops_are_an_error_at_conversion(build, inner):
    X, y = rows("binary")
    X = np.where(np.arange(5) == 1, np.where(np.abs(X) > 1, np.nan, X), X)
    classifier = MLPBinary(**TINY) if inner == "ours" else ThresholdTuner(LogisticRegression(), **QUICK)
    model = build(classifier).fit(X, y)
    with pytest.raises(ValueError, match="was fitted on 6 columns, and the graph brings it 5"):
        session_of(model)


def test_what_skl2onnx_does_not_know_is_refused_by_name():
    X, y = rows("multilabel")
    with pytest.raises(Exception, match="ClassifierChain"):
        session_of(ClassifierChain(MLPBinary(**TINY)).fit(X, y))
    X, y = rows("binary")
    tuner = ThresholdTuner(CalibratedClassifierCV(MLPBinary(**TINY), cv=2), **QUICK).fit(X, y)
    with pytest.raises(ValueError, match="decision values of OneVsRestClassifier, which has none"):
        session_of(OneVsRestClassifier(CalibratedClassifierCV(MLPBinary(**TINY), cv=2)).fit(X, y), raw_scores=True)
    assert (session_of(tuner).run(None, {"X": X})[0] == tuner.predict(X)).all()


def test_frozen_estimators():
    X, y = rows("binary")
    model = CalibratedClassifierCV(FrozenEstimator(MLPBinary(**TINY).fit(X, y)), method="isotonic").fit(X, y)
    assert_agrees(model, X)


def test_models_without_ours_are_converted_as_before():
    X, y = rows("binary")
    model = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(X, y)
    before = [node.name for node in skl2onnx.to_onnx(model, X[:1]).graph.node]
    register_converters()
    assert [node.name for node in skl2onnx.to_onnx(model, X[:1]).graph.node] == before
    assert any(name.startswith("CaliAFE") for name in before)
