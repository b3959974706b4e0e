"""Frames with gaps and categories, exported: one input per column, and the same answers."""
import pickle

import numpy as np
import pytest
from data import HEADS, data
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier

from sklearn_heads import MLPBinary, ThresholdTuner
from sklearn_heads.onnx import register_converters

pandas = pytest.importorskip("pandas", reason="needs the test extra")
skl2onnx = pytest.importorskip("skl2onnx", reason="needs the onnx extra")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the onnx extra")
from skl2onnx.common.data_types import (  # noqa: E402
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)

TINY = {"hidden_layer_sizes": (4,), "max_iter": 2, "n_members": 2, "random_state": 0}
SEASONS = ["spring", "summer", "autumn", "winter"]
TYPES = {"f4": FloatTensorType, "f8": DoubleTensorType, "i8": Int64TensorType, "b1": BooleanTensorType}


@pytest.fixture(scope="module", autouse=True)
def _registered():
    register_converters()


def frame_of(X, dtype=np.float32):
    """Numbers with and without gaps, words with gaps and rare ones, and whole numbers that are categories."""
    random = np.random.RandomState(0)
    table = pandas.DataFrame(X[:, :3].astype(dtype), columns=["a", "b", "c"])
    table.loc[random.uniform(size=len(X)) < 0.2, "b"] = np.nan
    table["season"] = np.array(SEASONS)[np.digitize(X[:, 3], [-1, 0, 1])]
    table.loc[random.uniform(size=len(X)) < 0.1, "season"] = None
    table.loc[:2, "season"] = "rare"
    table["count"] = random.randint(0, 5, len(X))
    table["code"] = pandas.Categorical(np.digitize(X[:, 4], [-0.5, 0.5]) * 10)
    return table


def later(table):
    """Rows of another day: unseen categories, and gaps in every column that can have one."""
    table = table.copy()
    table.loc[:5, "season"] = "monsoon"
    table.loc[6:9, "season"] = None
    table.loc[3:7, ["a", "c"]] = np.nan
    table["code"] = pandas.Categorical(np.where(np.arange(len(table)) % 9, table["code"].astype(int), 77))
    return table


def ask(model, table, **options):
    """Labels and scores by onnxruntime, each column by its name; a gap among words is the empty string."""
    plain = table.assign(code=table["code"].astype(np.int64)) if "code" in table else table
    words = [name for name in plain if plain[name].dtype.kind not in "fib"]
    types = [(name, (StringTensorType if name in words else TYPES[plain[name].dtype.str[1:]])([None, 1])) for name in plain]
    graph = skl2onnx.to_onnx(model, initial_types=types, options={"zipmap": False, **options})
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    filled = plain.assign(**{name: plain[name].astype(object).where(plain[name].notna(), "") for name in words})
    return session.run(None, {name: filled[[name]].to_numpy(object if name in words else plain[name].dtype) for name in plain})


def assert_agrees(model, table):
    labels, proba = ask(model, table)
    np.testing.assert_allclose(proba, model.predict_proba(table), rtol=0, atol=1e-5)
    assert (labels == model.predict(table)).all()


@pytest.mark.parametrize("encoding", ["piecewise", "standard", None])
@pytest.mark.parametrize("name", HEADS)
def test_every_head_and_encoding(name, encoding):
    X, y = data(name, n=120)
    table = frame_of(X)
    model = HEADS[name](input_encoding=encoding, **TINY).fit(table, y)
    assert model.is_categorical_.tolist() == [False, False, False, True, False, True]
    for rows in (table, later(table)):
        assert_agrees(model, rows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("source", [np.float32, np.float64])
def test_every_precision(dtype, source):
    X, y = data("binary", n=120)
    table = frame_of(X, source)
    model = MLPBinary(dtype=dtype, **TINY).fit(table, y)
    assert_agrees(model, later(table))


@pytest.mark.parametrize("columns", [["season"], ["season", "code"], ["a", "b", "c"], ["a", "code"]], ids=",".join)
def test_some_kinds_of_columns_alone(columns):
    X, y = data("binary", n=120)
    table = frame_of(X)
    model = MLPBinary(**TINY).fit(table[columns], y)
    assert_agrees(model, later(table)[columns])


@pytest.mark.parametrize("build", [
    lambda e: ThresholdTuner(e, cv=2, n_bootstraps=2, cost_matrix=[[0, 1], [9, 0]]),
    lambda e: CalibratedClassifierCV(e, cv=2),
    lambda e: OneVsRestClassifier(e),
    lambda e: VotingClassifier([("a", e)], voting="soft"),
    lambda e: GridSearchCV(e, {}, cv=2),
], ids=["tuner", "calibrated", "one vs rest", "vote", "search"])
def test_inside_others(build):
    X, y = data("binary", n=120)
    table = frame_of(X)
    model = build(MLPBinary(**TINY)).fit(table, y)
    assert_agrees(model, later(table))


def test_an_array_with_gaps_and_with_categories_by_number():
    X, y = data("binary", n=120)
    X = X.astype(np.float32)
    X[:, 4] = np.digitize(X[:, 4], [-0.5, 0.5])
    X[::7, 1] = X[::11, 4] = np.nan
    model = MLPBinary(categorical_features=[4], **TINY).fit(X, y)
    later = X.copy()
    later[::5, 4], later[::3, 0] = 9, np.nan
    graph = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for rows in (X, later):
        labels, proba = session.run(None, {"X": rows})
        np.testing.assert_allclose(proba, model.predict_proba(rows), rtol=0, atol=1e-5)
        assert (labels == model.predict(rows)).all()


def test_words_where_numbers_were_are_refused():
    X, y = data("binary", n=120)
    table = frame_of(X)
    model = MLPBinary(**TINY).fit(table, y)
    with pytest.raises(ValueError, match="season is a column of numbers, and the classifier was fitted on words there, such as"):
        ask(model, table.assign(season=0.0))
    with pytest.raises(ValueError, match="a is a column of words, and the classifier was fitted on numbers"):
        ask(model, table.assign(a="zero"))


@pytest.mark.parametrize("how", ["pickle", "skops"])
def test_what_is_saved_and_loaded_answers_as_before(how):
    X, y = data("binary", n=120)
    table = frame_of(X)
    model = ThresholdTuner(MLPBinary(**TINY), cv=2, n_bootstraps=2).fit(table, y)
    if how == "pickle":
        loaded = pickle.loads(pickle.dumps(model))
    else:
        skops = pytest.importorskip("skops.io", reason="needs the test extra")
        file = skops.dumps(model)
        unknown = skops.get_untrusted_types(data=file)
        assert all(name.startswith("sklearn_heads.") for name in unknown)
        loaded = skops.loads(file, trusted=unknown)
    np.testing.assert_array_equal(loaded.decision_function(later(table)), model.decision_function(later(table)))
    assert_agrees(loaded, later(table))
