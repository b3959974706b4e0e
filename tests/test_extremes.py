"""Weights and values of any magnitude are right, or an error that names the cause."""
import json

import numpy as np
import pytest
from data import HEADS, SMALL, data, still
from scipy import sparse
from sklearn import config_context

from sklearn_heads import MLPBinary

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


@pytest.mark.parametrize("largest", [1e308, 1e-300, 1e-320])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_weights_of_any_magnitude(name, largest, class_weight):
    X, y = data(name)
    options = {"max_iter": 5, "class_weight": class_weight}
    ones = still(name, **options).fit(X, y)
    scaled = still(name, **options).fit(X, y, sample_weight=np.full(60, largest))
    np.testing.assert_allclose(scaled.predict_proba(X), ones.predict_proba(X), rtol=1e-9)


def test_alpha_beside_tiny_weights_says_so():
    X, y = data("binary")
    for call in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=r"alpha=1 beside sample weights of mean 1e-300 .* scale the weights"):
            getattr(MLPBinary(alpha=1), call)(X, y, sample_weight=np.full(60, 1e-300))


@pytest.mark.parametrize("scale", [1e-40, 1e-160, 1e-200, 1e-300, 1e150])
@pytest.mark.parametrize("encoding", ["piecewise", "standard"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
def test_columns_of_any_magnitude_are_scaled(scale, encoding, form):
    X, y = data("binary")
    weights = np.random.default_rng(0).uniform(0.5, 2, 60)
    plain = still("binary-sigmoid", input_encoding=encoding).fit(form(X), y, sample_weight=weights)
    scaled = still("binary-sigmoid", input_encoding=encoding).fit(form(X * scale), y, sample_weight=weights)
    np.testing.assert_allclose(scaled.predict_proba(form(X * scale)), plain.predict_proba(form(X)), rtol=1e-6)


def test_a_network_beyond_any_memory_is_refused():
    X, y = data("binary")
    with pytest.raises(ValueError, match="which no memory holds: lower hidden_layer_sizes"):
        MLPBinary(hidden_layer_sizes=10**18).fit(X, y)


@pytest.mark.parametrize("encoding", ["standard", None])
def test_infinity_is_an_error_whatever_scikit_learn_may_assume(encoding):
    X, y = data("binary")
    clf = MLPBinary(**SMALL, input_encoding=encoding).fit(X, y)
    X[3, 1] = np.inf
    with config_context(assume_finite=True):
        for call in (clf.predict_proba, clf.decision_function, clf.predict, lambda X: clf.fit(X, y)):
            with pytest.raises(ValueError, match="infinity"):
                call(X)


@pytest.mark.parametrize("encoding", ["piecewise", "standard", None])
def test_a_gap_is_never_answered_by_a_label_at_one_half(encoding):
    """With or without scikit-learn's checks the same: an error, or an answer of a network that knows what a gap is."""
    X, y = data("binary")
    clf, gap = MLPBinary(**SMALL, input_encoding=encoding).fit(X, y), X.copy()
    gap[3, 1] = np.nan

    def answer():
        try:
            return clf.predict_proba(gap)
        except ValueError as error:
            return str(error)

    checked = answer()
    with config_context(assume_finite=True):
        unchecked = answer()
    if isinstance(checked, str):
        assert "NaN" in checked
        assert unchecked == checked
    else:
        np.testing.assert_array_equal(unchecked, checked)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_answers_have_the_precision_of_x(name, dtype, n_members):
    X, y = data(name, 80)
    clf = HEADS[name](**SMALL, dtype=dtype, n_members=n_members, store_oof=n_members > 1).fit(X, y)
    for form in (np.asarray, sparse.csr_matrix):
        for precision in (np.float64, np.float32):
            for call in (clf.predict_proba, clf.predict_log_proba, clf.decision_function):
                assert call(form(X.astype(precision))).dtype == precision
    assert clf.predict_proba(X[:3].tolist()).dtype == np.float64
    if n_members > 1:
        assert clf.oof_proba_.dtype == np.float64
    proba = clf.predict_proba(X)
    json.dumps({"p": proba[0, 0]})  # a float64 is a Python float
    if y.ndim == 1:
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-15)
