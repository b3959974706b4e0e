"""What is saved: the weights once, the versions, and nothing that a careful loader would have to trust but our own classes."""
import copy
import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from data import HEADS, data
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.utils.validation import check_is_fitted

import sklearn_heads
from sklearn_heads import ThresholdTuner


@pytest.fixture(params=[*HEADS, "tuner"])
def saved(request):
    """A fitted estimator and its rows."""
    name = "binary-sigmoid" if request.param == "tuner" else request.param
    X, y = data(name, 120)
    estimator = HEADS[name](max_iter=2, random_state=0)
    if request.param == "tuner":
        estimator = ThresholdTuner(estimator, cv="oof", random_state=0)
    return estimator.fit(X, y), X


@pytest.mark.parametrize("options", [{"n_members": 1}, {"n_members": 3}, {"solver": "lbfgs", "n_members": 1}], ids=str)
@pytest.mark.filterwarnings("ignore:lbfgs stopped before")
def test_a_pickle_holds_the_weights_once(options):
    X, y = data("multiclass", 150)
    clf = HEADS["multiclass-softmax"](hidden_layer_sizes=(400, 100), max_iter=2, **options).fit(X, y)
    weights = sum(member.network.parameters.nbytes for member in clf.members_)
    size = len(pickle.dumps(clf))
    assert weights <= size < 1.05 * weights


def test_a_file_says_which_versions_made_it(saved):
    estimator, X = saved
    state = estimator.__getstate__()
    assert state.keys() - vars(estimator).keys() == {"_versions"}
    thawed = pickle.loads(pickle.dumps(estimator))  # without a warning
    assert vars(thawed).keys() == vars(estimator).keys()
    np.testing.assert_array_equal(copy.deepcopy(estimator).predict(X), thawed.predict(X))


@pytest.mark.parametrize("library", ["sklearn_heads", "scikit-learn"])
def test_other_versions_are_told(saved, library):
    estimator, X = saved
    state = estimator.__getstate__()
    state["_versions"] = {**state["_versions"], library: "0.0.7"}
    thawed = type(estimator).__new__(type(estimator))
    with pytest.warns(InconsistentVersionWarning, match=rf"{type(thawed).__name__} \({library}\) from version 0.0.7") as caught:
        thawed.__setstate__(state)
    assert len(caught) == 1
    np.testing.assert_array_equal(thawed.predict(X), estimator.predict(X))


def test_a_file_of_unknown_versions_is_told(saved):
    estimator, _ = saved
    with pytest.warns(InconsistentVersionWarning) as caught:
        copy.copy(estimator).__setstate__(vars(estimator))
    assert len(caught) == 2


def test_the_version_is_that_of_the_distribution():
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    assert f'version = "{sklearn_heads.__version__}"' in pyproject.read_text()


def test_fitted_and_unfitted_are_told_apart(saved):
    estimator, _ = saved
    check_is_fitted(pickle.loads(pickle.dumps(estimator)))
    with pytest.raises(NotFittedError):
        check_is_fitted(type(estimator)(**estimator.get_params(deep=False)))


def test_weights_mapped_read_only_still_predict(saved, tmp_path):  # as joblib hands them to its workers
    estimator, X = saved
    joblib.dump(estimator, tmp_path / "model.joblib")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict_proba(X), estimator.predict_proba(X))


@pytest.mark.parametrize("more", [False, True], ids=["fit", "partial_fit"])
def test_skops_has_to_trust_our_own_classes_only(saved, more):
    skops = pytest.importorskip("skops.io", reason="needs skops, of the test extra")
    estimator, X = saved
    if more and hasattr(estimator, "partial_fit"):
        estimator.partial_fit(X, estimator.predict(X))
    written = skops.dumps(estimator)
    foreign = [name for name in skops.get_untrusted_types(data=written) if not name.startswith("sklearn_heads.")]
    assert foreign == []
    read = skops.loads(written, trusted=skops.get_untrusted_types(data=written))
    np.testing.assert_array_equal(read.predict_proba(X), estimator.predict_proba(X))


def test_a_skops_file_holds_the_weights_once():
    skops = pytest.importorskip("skops.io", reason="needs skops, of the test extra")
    X, y = data("multiclass", 150)
    clf = HEADS["multiclass-softmax"](hidden_layer_sizes=(1000, 300), max_iter=2, n_members=1).fit(X, y)
    weights = clf.members_[0].network.parameters.nbytes
    assert weights <= len(skops.dumps(clf)) < 1.15 * weights  # the rest is its description, in JSON
