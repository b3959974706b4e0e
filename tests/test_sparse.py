"""Sparse X is the same X: what most rows do not have costs nothing, and changes nothing."""
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn_heads._core.optimizer import Optimizer

from sklearn_heads import MLPBinary, MLPMultiLabel
from sklearn_heads._mlp import encoding


def thin_data(n=300, d=60, seed=0):
    """Words of different frequencies, some in every third row and many in a few: counts, flags and weights."""
    rng = np.random.default_rng(seed)
    present = rng.random((n, d)) < 0.5 / np.arange(1, d + 1)
    flags, counts, weights = np.ones((n, d)), rng.integers(1, 9, (n, d)), rng.exponential(1, (n, d))
    X = np.where(present, np.choose(np.arange(d) % 3, [flags, counts, weights]), 0.0)
    y = (X[:, :9].sum(axis=1) + rng.normal(size=n) > np.median(X[:, :9].sum(axis=1))).astype(int)
    return X, y


@pytest.mark.parametrize("kind", ["piecewise", "standard", None])
@pytest.mark.parametrize("parameters", [
    {}, {"alpha": 0.1}, {"solver": "sgd", "learning_rate_init": 0.01}, {"beta_1": 0.0}, {"beta_1": 0.97, "beta_2": 0.9},
    {"batch_size": 7, "activation": "tanh"}, {"weight_decay": 5.0},
    {"learning_rate": "adaptive", "n_iter_no_change": 2},
], ids=str)
def test_training_on_sparse_rows_is_training_on_dense_ones(kind, parameters):
    X, y = thin_data()
    model = MLPBinary(random_state=0, dtype="float64", max_iter=10, input_encoding=kind, **parameters)
    dense, thin = clone(model).fit(X, y), clone(model).fit(sparse.csr_matrix(X), y)
    expected = dense.decision_function(X)
    for got in (thin.decision_function(X), thin.decision_function(sparse.csr_matrix(X)),
                dense.decision_function(sparse.csc_matrix(X))):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_streams_of_sparse_portions():
    X, y = thin_data()
    dense, thin = (MLPBinary(random_state=0, dtype="float64") for _ in range(2))
    for _ in range(3):
        for rows in np.array_split(np.arange(len(y)), 3):
            dense.partial_fit(X[rows], y[rows], classes=[0, 1])
            thin.partial_fit(sparse.csr_array(X[rows]), y[rows], classes=[0, 1])
    np.testing.assert_allclose(thin.decision_function(X), dense.decision_function(X), rtol=1e-5, atol=1e-6)


def test_labels_weights_and_empty_rows():
    X, y = thin_data()
    X[::5] = 0
    labels, weights = np.column_stack([y, X[:, 0] > 0]).astype(int), np.random.default_rng(1).integers(0, 3, len(y))
    model = MLPMultiLabel(random_state=0, dtype="float64", max_iter=5)
    dense, thin = clone(model).fit(X, labels, weights), clone(model).fit(sparse.coo_array(X), labels, weights)
    np.testing.assert_allclose(thin.predict_proba(X), dense.predict_proba(X), rtol=1e-6)
    assert np.isfinite(thin.predict_proba(sparse.csr_matrix((2, X.shape[1])))).all()


def test_of_very_many_columns_standard_only_scales(monkeypatch):
    X, y = thin_data()
    monkeypatch.setattr(encoding, "MOST_CENTRED", 50)
    model = MLPBinary(random_state=0, max_iter=3, input_encoding="standard").fit(sparse.csr_matrix(X), y)
    assert (model.input_encoding_.mean_ == 0).all()
    np.testing.assert_allclose(model.decision_function(X), model.decision_function(sparse.csr_matrix(X)), rtol=1e-4, atol=1e-5)


def test_gaps_among_the_entries_are_an_error():
    X, y = thin_data()
    thin = sparse.csr_matrix(X)
    thin.data[3] = np.nan
    with pytest.raises(ValueError, match="NaN among the stored entries"):
        MLPBinary().fit(thin, y)
    with pytest.raises(TypeError, match="sparse X has no categorical columns"):
        MLPBinary(categorical_features=[0]).fit(sparse.csr_matrix(X), y)


def test_only_adam_without_l2_puts_steps_off():
    assert Optimizer("adam", 1, np.float64, 0.1).lazy
    assert not Optimizer("adam", 1, np.float64, 0.1, l2=0.1).lazy
    assert not Optimizer("sgd", 1, np.float64, 0.1).lazy
