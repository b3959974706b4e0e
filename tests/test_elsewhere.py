"""Validation rows that missed a step of the pipeline are noticed, and ordinary ones are not."""
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_heads import MLPBinary
from sklearn_heads._mlp.elsewhere import warn_if_elsewhere

SETS = {load.__name__[5:]: load for load in (load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine)}


@pytest.fixture(params=SETS)
def X(request):
    X = SETS[request.param]().data
    return X if request.param != "diabetes" else 100 * X + [40, *range(9)]  # it comes scaled


def warned(X, X_val):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_elsewhere(X, X_val)
    return [str(warning.message) for warning in caught]


def cut(X, order):
    return X[order[: 2 * len(X) // 3]], X[order[2 * len(X) // 3 :]]


def test_no_split_of_ordinary_rows_is_blamed(X):
    random = np.random.default_rng(0)
    assert not warned(*cut(X, random.permutation(len(X))))
    for j in range(X.shape[1]):  # as if the column were the time
        order = np.argsort(X[:, j], kind="stable")
        assert not warned(*cut(X, order)), j
        assert not warned(*cut(X, order[::-1])), j


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler()])
def test_a_scaler_left_out_is_noticed(X, scaler):
    train, held = cut(X, np.random.default_rng(0).permutation(len(X)))
    train = scaler.fit_transform(train)
    if X.shape[1] > 4:  # two of four columns of iris: as many as leave the range where rows are sorted
        [message] = warned(train, held)
        assert "transform_input" in message
    assert not warned(train, scaler.transform(held))


def test_gaps_constant_columns_and_tiny_spreads_are_no_trouble():
    random = np.random.default_rng(0)
    X = random.normal(size=(100, 5))
    X[:, 0], X[:, 1], X[::3, 2], X[:, 3] = 7, np.nan, np.nan, 1e-300 * X[:, 3]
    other = X.copy()
    other[:, 0] = 1e9  # constant in training: nothing depends on it
    other[:, 2] = np.nan
    assert not warned(X, other)
    other[:, 2:4] = 50
    assert "the median of column 3 is 50" in warned(X, other)[0]
    assert not warned(sparse.csr_matrix(X), sparse.csr_matrix(other))


def test_the_warning_of_a_pipeline_points_at_the_line_of_the_user():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 4)) * 50 + 300
    y = (X[:, 0] > 300).astype(int)
    model = make_pipeline(StandardScaler(), MLPBinary((4,), n_members=1, max_iter=2, random_state=0))
    with pytest.warns(UserWarning, match=r"outside the range of X in 4 of 4 columns.*transform_input=\['X_val'\]") as caught:
        model.fit(X[:150], y[:150], mlpbinary__X_val=X[150:], mlpbinary__y_val=y[150:])
    assert caught[0].filename == __file__
