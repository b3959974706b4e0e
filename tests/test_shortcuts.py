"""Checks that small fits skip, and what is looked up once: the answer is that of the long way."""
import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from data import HEADS, SMALL, data
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets

from sklearn_heads import MLPBinary, MLPMulticlass
from sklearn_heads._mlp.bins import quantiles
from sklearn_heads._mlp.labels import check_class_labels
from sklearn_heads._sklearn.random import random_stream

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Narrow(MLPBinary):
    """A subclass with parameters, and a default, of its own."""

    def __init__(self, alpha=-1.0, random_state=0, extra="any"):
        super().__init__(alpha=alpha, random_state=random_state)
        self.extra = extra


@pytest.mark.parametrize("cls", [MLPMulticlass, Narrow, MLPBinary])
def test_parameter_names_are_those_of_the_class(cls):
    assert cls._get_param_names() == BaseEstimator._get_param_names.__func__(cls)
    assert clone(cls()).get_params() == cls().get_params()


def test_a_default_that_the_constraints_refuse_is_refused():
    X, y = data("binary")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"'alpha' parameter of Narrow must be .* Got -1.0"):
            Narrow().fit(X, y)
    assert Narrow(alpha=0.5).fit(X, y).extra == "any"


def test_a_value_is_checked_again_when_it_changes():
    X, y = data("binary")
    clf = MLPBinary(**SMALL).fit(X, y)
    for name, bad in {"alpha": -1.0, "max_iter": 25.0, "shuffle": 1, "class_weight": {1}, "batch_size": [64]}.items():
        good = getattr(clf, name)
        with pytest.raises(ValueError, match=name):
            clf.set_params(**{name: bad}).fit(X, y)
        clf.set_params(**{name: good}).fit(X, y)


@pytest.mark.parametrize("name", HEADS)
def test_x_in_any_form_gives_the_same_fit(name):
    X, y = data(name)
    wide = np.repeat(X, 2, axis=1)
    expected = HEADS[name](**SMALL).fit(X, y).predict_proba(X)
    for form in (np.asfortranarray(X), wide[:, ::2], X.tolist(), pd.DataFrame(X)):
        clf = HEADS[name](**SMALL).fit(form, y)
        np.testing.assert_array_equal(clf.predict_proba(form), expected)


def test_what_is_known_of_columns_is_that_of_the_last_fit():
    X, y = data("binary")
    clf = MLPBinary(**SMALL).fit(pd.DataFrame(X, columns=list("abcde")), y)
    assert list(clf.feature_names_in_) == list("abcde")
    clf.fit(X[:, :3].copy(), y)
    assert clf.n_features_in_ == 3
    assert not hasattr(clf, "feature_names_in_")
    with pytest.raises(ValueError, match="X has 5 features"):
        clf.predict(X)


@pytest.mark.parametrize("shape", [(0, 5), (60, 0)])
def test_an_empty_x_is_refused(shape):
    with pytest.raises(ValueError, match=r"0 (sample|feature)"):
        MLPBinary().fit(np.empty(shape), data("binary")[1])


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int32, np.int64, np.float32, np.float64, str])
def test_labels_of_any_type_give_the_same_fit(dtype):
    X, y = data("binary")
    expected = MLPBinary(**SMALL).fit(X, y).predict_proba(X)
    labels = np.repeat(y.astype(dtype), 2)[::2]
    np.testing.assert_array_equal(MLPBinary(**SMALL).fit(X, labels).predict_proba(X), expected)


@pytest.mark.parametrize("n_rows", [2, 20, 21, 22, 60])
def test_numbers_that_hardly_come_back_are_doubted_as_scikit_learn_does(n_rows):
    for n_classes in range(1, n_rows + 1):
        y = np.arange(n_rows) % n_classes
        with warnings.catch_warnings(record=True) as wanted:
            warnings.simplefilter("always")
            check_classification_targets(y)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            check_class_labels(y, "MLPMulticlass")
        assert [str(w.message) for w in found] == [str(w.message) for w in wanted], n_classes


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float64, list])
def test_score_is_the_accuracy(name, dtype):
    X, y = data(name)
    clf, weights = HEADS[name](**SMALL).fit(X, y), np.random.RandomState(0).uniform(0, 2, len(y))
    truth = y[::-1].tolist() if dtype is list else y[::-1].astype(dtype)
    for w in (None, weights):
        score = clf.score(X, truth, w)
        assert type(score) is float
        assert score == accuracy_score(truth, clf.predict(X), sample_weight=w)


@pytest.mark.parametrize("name", HEADS)
def test_score_refuses_labels_of_another_form(name):
    X, y = data(name)
    clf = HEADS[name](**SMALL).fit(X, y)
    for bad in (y[:-1], np.linspace(0, 1, len(y))):
        with pytest.raises(ValueError, match=r"inconsistent numbers|metrics can't handle|label type: continuous"):
            clf.score(X, bad)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quantiles_of_many_columns_are_those_of_each(dtype):
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 100):
        X, weights = rng.integers(0, n, (n, 4)).astype(dtype), rng.uniform(0.1, 3, n)
        for w, mass in ((None, np.ones(n)), (weights, weights)):
            found = quantiles(X, 3, w)
            assert found.dtype == dtype
            for share, values in zip((0, 1 / 3, 2 / 3, 1), found):
                for column, value in zip(X.T, values):
                    wanted = share * mass.sum() * (1 - 1e-9)
                    assert value == min(v for v in column if mass[column <= v].sum() >= wanted)


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**32 - 1, np.int64(7), np.uint8(200)])
def test_random_streams_are_those_of_numpy(seed):
    ours, numpys = random_stream(seed), np.random.RandomState(seed)
    for random in (ours, pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        twin = pickle.loads(pickle.dumps(numpys))
        for draw in ("standard_normal", "random_sample", "permutation"):
            np.testing.assert_array_equal(getattr(random, draw)(1500), getattr(twin, draw)(1500))


def test_other_random_states_are_taken_as_scikit_learn_takes_them():
    random = np.random.RandomState(0)
    assert random_stream(random) is random
    own = random_stream(None)  # seeded by the global stream: a seed of that makes fits repeatable
    assert own is not check_random_state(None)
    globally = check_random_state(None)
    state = globally.get_state()
    first = random_stream(None).randint(2**31)
    globally.set_state(state)
    assert random_stream(None).randint(2**31) == first
    for seed in (-1, 2**32):
        with pytest.raises(ValueError, match="Seed must be between 0 and"):
            random_stream(seed)
