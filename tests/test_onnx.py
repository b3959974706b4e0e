"""The law: onnxruntime gives the labels and the probabilities that predict and predict_proba give."""
import sys

import numpy as np
import pytest
from data import HEADS, data, uneven
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_heads._core.layers import ACTIVATIONS

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner
from sklearn_heads.onnx import register_converters

skl2onnx = pytest.importorskip("skl2onnx", reason="needs the onnx extra")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the onnx extra")
TOLERANCE = 1e-5


@pytest.fixture(scope="module", autouse=True)
def _registered():
    register_converters()


def run(model, X, **options):
    """Labels and probabilities by onnxruntime, in one thread."""
    graph = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False, **options})
    alone = onnxruntime.SessionOptions()
    alone.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), alone, providers=["CPUExecutionProvider"])
    results = session.run(None, {session.get_inputs()[0].name: X})
    assert len(graph.graph.output[0].type.tensor_type.shape.dim) == results[0].ndim
    return results


def assert_agrees(model, X, **options):
    """Probabilities everywhere; labels wherever they do not hang by the tolerance."""
    labels, proba = run(model, X, **options)
    wanted, decision = model.predict_proba(X), model.decision_function(X)
    np.testing.assert_allclose(proba, wanted, rtol=0, atol=TOLERANCE)
    assert proba.dtype == (np.float64 if X.dtype == np.float64 else np.float32)
    if decision.ndim == 2 and wanted.ndim == 2 and model.predict(X).ndim == 1:
        ranked = np.sort(decision, axis=1)
        clear = ranked[:, -1] - ranked[:, -2] > 10 * TOLERANCE
    else:
        clear = np.abs(decision) > 10 * TOLERANCE
    assert labels.shape == model.predict(X).shape
    assert clear.mean() > 0.9
    assert (labels == model.predict(X))[clear].all()


def fitted(name, X, y, **options):
    return HEADS[name](**{"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0, **options}).fit(X, y)


@pytest.mark.parametrize("encoding", ["piecewise", "standard", None])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", HEADS)
def test_onnxruntime_agrees_for_every_head_activation_and_encoding(name, activation, encoding):
    X, y = data(name, n=120)
    X = X if encoding is None else uneven(X)
    for n_members, dtype in [(1, "float64"), (2, "float32")]:
        model = fitted(name, X, y, activation=activation, input_encoding=encoding, n_members=n_members, dtype=dtype)
        assert_agrees(model, X.astype(np.float32))
    assert_agrees(model, X)


@settings(max_examples=25)
@given(
    name=st.sampled_from(sorted(HEADS)),
    hidden=st.lists(st.integers(1, 9), max_size=3),
    dtype=st.sampled_from(["float32", "float64"]),
    n_members=st.integers(1, 4),
    far=st.sampled_from([0.0, 1e2, 1e20, 1e37]),
    source=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 10**6),
)
def test_onnxruntime_agrees_on_columns_of_every_kind(name, hidden, dtype, n_members, far, source, seed):
    """Constant and two-valued columns beside numeric ones, any depth, and values far from all that fit has seen."""
    random = np.random.default_rng(seed)
    X, y = data(name, n=120)
    X = np.column_stack([uneven(X), np.full(120, 7.0), random.integers(0, 2, 120)])
    model = fitted(name, X, y, hidden_layer_sizes=hidden, dtype=dtype, n_members=n_members)
    assert_agrees(model, (X + far * random.normal(size=X.shape)).astype(source))


@pytest.mark.filterwarnings("ignore:.*constant|.*one value:UserWarning")
@pytest.mark.parametrize("n_members", [1, 3])
def test_labels_that_are_constant_in_the_training_rows(n_members):
    """All over, and in the rows of one member."""
    X, y = data("multilabel", n=120)
    y = np.column_stack([np.ones(120), y[:, :2], np.zeros(120), np.arange(120) == 7, y[:, 2]]).astype(int)
    model = fitted("multilabel", X, y, n_members=n_members)
    labels, proba = run(model, X)
    assert (labels == model.predict(X)).all()
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=0, atol=TOLERANCE)


def test_a_mean_that_dwarfs_the_spread_is_subtracted_in_the_precision_of_the_column():
    X, y = data("binary", n=120)
    assert_agrees(fitted("binary-sigmoid", X + 1e8, y, dtype="float32"), X + 1e8)


@pytest.mark.parametrize("name", HEADS)
def test_pipelines_searches_and_networks_fitted_on_sparse_rows(name):
    X, y = data(name, n=120)
    pipeline = make_pipeline(StandardScaler(), fitted(name, X, y)).fit(uneven(X), y)
    assert_agrees(pipeline, uneven(X).astype(np.float32))
    search = GridSearchCV(HEADS[name](max_iter=2, n_members=1, random_state=0), {"alpha": [0.0, 0.1]}, cv=2).fit(X, y)
    assert_agrees(search, X.astype(np.float32))
    thin = fitted(name, sparse.csr_matrix(np.where(np.abs(X) < 0.5, 0, X)), y)
    assert_agrees(thin, X.astype(np.float32))


def test_labels_of_every_type_come_back():
    X, y = data("multiclass", n=120)
    X = X.astype(np.float32)
    trees = np.array(["ash", "birch", "oak"])
    for classes in (trees, trees.astype(object), np.array([3.0, 5.0, -1.0])):
        model = MLPMulticlass(max_iter=2, random_state=0).fit(X, classes[y])
        assert (run(model, X)[0] == model.predict(X)).all()
    truth = MLPBinary(max_iter=2, random_state=0).fit(X, y == 1)
    assert (run(truth, X)[0].astype(bool) == truth.predict(X)).all()
    positions = run(model, X, nocl=True)[0]
    assert (model.classes_[positions] == model.predict(X)).all()
    whole = np.round(X * 3).astype(np.int64)
    model = fitted("binary-sigmoid", whole, y == 1)
    np.testing.assert_allclose(run(model, whole)[1], model.predict_proba(whole), atol=TOLERANCE)


def test_zipmap_names_the_classes():
    X, y = data("multiclass", n=120)
    model = MLPMulticlass(max_iter=2, random_state=0).fit(X, np.array(["ash", "birch", "oak"])[y])
    rows = run(model, X.astype(np.float32), zipmap=True)[1]
    np.testing.assert_allclose([row["birch"] for row in rows], model.predict_proba(X)[:, 1], atol=TOLERANCE)
    X, y = data("multilabel", n=120)
    model = MLPMultiLabel(max_iter=2, random_state=0).fit(X, y)
    rows = run(model, X.astype(np.float32), zipmap=True)[1]
    np.testing.assert_allclose([[row[0], row[2]] for row in rows], model.predict_proba(X)[:, [0, 2]], atol=TOLERANCE)


@settings(max_examples=15)
@given(
    name=st.sampled_from(sorted(HEADS)),
    inner=st.sampled_from(["head", "pipeline", "logistic"]),
    words=st.booleans(),
    positive=st.integers(0, 1),
    seed=st.integers(0, 10**6),
)
def test_tuned_thresholds_agree(name, inner, words, positive, seed):
    """One threshold, one per label, a bias per class; over our classifiers, pipelines of them, and scikit-learn's."""
    X, y = data(name, n=120)
    classifier = HEADS[name](max_iter=3, n_members=2, random_state=seed)
    if words and not name.startswith("multilabel"):
        y = np.array(["ash", "birch", "oak"])[y]
    if inner == "pipeline":
        classifier = make_pipeline(StandardScaler(), classifier)
    if inner == "logistic" and not name.startswith("multilabel"):
        classifier = LogisticRegression()
    options = {"scoring": "f1_macro"}
    if not name.startswith("multilabel"):
        cost = np.random.default_rng(seed).uniform(1, 9, size=(len(np.unique(y)),) * 2)
        options = {"cost_matrix": cost - np.diag(np.diag(cost))}
    if name.startswith("binary"):
        options["pos_label"] = np.unique(y)[positive]
    tuner = ThresholdTuner(classifier, cv=2, n_bootstraps=3, random_state=0, **options).fit(X, y)
    assert_agrees(tuner, X)
    assert_agrees(make_pipeline(StandardScaler(), tuner).fit(X, y), X.astype(np.float32))


def test_a_tuned_threshold_is_not_the_classifiers_own():
    """So that the test above cannot pass on labels that no threshold changes."""
    X, y = data("binary", n=120)
    tuner = ThresholdTuner(LogisticRegression(), cost_matrix=[[0, 1], [20, 0]], cv=2, random_state=0).fit(X, y)
    assert (run(tuner, X)[0] != tuner.estimator_.predict(X)).any()


def test_what_has_no_graph_says_so():
    X, y = data("multilabel", n=120)
    tuner = ThresholdTuner(MultiOutputClassifier(LogisticRegression()), scoring="f1_macro", cv=2).fit(X, y)
    with pytest.raises(ValueError, match="one array of probabilities per label"):
        run(tuner, X)


@pytest.mark.parametrize("name", HEADS)
def test_raw_scores_are_the_decision_function(name):
    """Two-sided where it is one number per row, as skl2onnx's own classifiers give it."""
    X, y = data(name, n=120)
    for n_members in (1, 3):
        model = fitted(name, X, y, n_members=n_members)
        decision = model.decision_function(X)
        scores = run(model, X, raw_scores=True)[1]
        wanted = np.column_stack([-decision, decision]) if decision.ndim == 1 else decision
        np.testing.assert_allclose(scores, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 15, 18, 21])
def test_an_operator_set_is_supported_or_refused(opset):
    X, y = data("multiclass", n=120)
    model = fitted("multiclass-sigmoid", X, y, n_members=2)
    target = {"": opset, "ai.onnx.ml": 2 if opset < 15 else 3}
    if opset < 12:
        with pytest.raises(ValueError, match=f"target_opset={opset} lacks .* lowest that works is 12"):
            skl2onnx.to_onnx(model, X[:1], target_opset=target)
        return
    graph = skl2onnx.to_onnx(model, X[:1], target_opset=target, options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"X": X})[1], model.predict_proba(X), atol=TOLERANCE)


def test_without_skl2onnx_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"sklearn-heads\[onnx\]"):
        register_converters()


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("name", HEADS)
def test_ties_go_where_predict_sends_them(name, n_members):
    X, y = data(name, n=120)
    model = fitted(name, X, y, n_members=n_members)
    for member in model.members_:
        member.network.parameters[:] = 0
    assert (run(model, X)[0] == model.predict(X)).all()


def test_one_vs_rest_decides_by_logits_where_all_sigmoids_are_one():
    X, y = data("multiclass", n=120)
    model = fitted("multiclass-sigmoid", X, y, n_members=1, dtype="float64")
    model.members_[0].network.parameters[-3:] += [50, 60, 55]
    assert (model.predict(X) == 1).all()
    assert (run(model, X)[0] == 1).all()
