"""scikit-learn's own tests of TunedThresholdClassifierCV, as installed, with ThresholdTuner in its place."""

import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from sklearn_heads import ThresholdTuner

theirs = pytest.importorskip(
    "sklearn.model_selection.tests.test_classification_threshold",
    reason="this scikit-learn was installed without its tests",
)

# Of what begins so, everything runs but the named. The other tests of the module are of FixedThresholdClassifier and of a
# private function, apart from the one at the end, which is of two classes.
PREFIX = "test_tuned_threshold_classifier_"
NOT_OURS = {"no_binary": "wants an error for several classes and for labels, which the tuner takes"}

tests = {name: test for name, test in vars(theirs).items() if name.startswith(PREFIX)}
globals().update({name: test for name, test in tests.items() if name.removeprefix(PREFIX) not in NOT_OURS})


@pytest.fixture(autouse=True)
def swapped(monkeypatch):
    monkeypatch.setattr(theirs, "TunedThresholdClassifierCV", ThresholdTuner)


@pytest.fixture
def global_random_seed():
    """scikit-learn's conftest has it."""
    return 42


def test_the_exceptions_exist_and_most_tests_run():
    assert {PREFIX + name for name in NOT_OURS} < set(tests)
    assert len(tests) - len(NOT_OURS) >= 11


# Not decision_function, which they want to be the estimator's own: here it is the margin over the threshold, so that predict is
# its sign, as everywhere in scikit-learn.
@pytest.mark.parametrize("response_method", ["predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("estimator", [LogisticRegression(), SVC(), GradientBoostingClassifier(n_estimators=4)])
def test_response_methods(estimator, response_method):
    theirs.test_threshold_classifier_estimator_response_methods(ThresholdTuner, estimator, response_method)
