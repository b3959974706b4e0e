"""scikit-learn's own checks, run in full."""
import sklearn
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
# Runs only where SCIPY_ARRAY_API=1 was set before scipy was imported.
ARRAY_API = {"check_array_api_input"}
# scikit-learn 1.6 draws three classes and then makes two of them: the first row's, and the others. It does so for the weighted
# rows and for the repeated ones apart, whose first rows are of different classes: the two fits are given different labels.
# 1.7 takes the smallest class in place of the first row's.
LABELS_THAT_DIFFER = {"check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"}


def expected_failures(estimator):
    only_two_classes = not get_tags(estimator).classifier_tags.multi_class
    return LABELS_THAT_DIFFER if SKLEARN < (1, 7) and only_two_classes else set()


def all_pass(estimator):
    """Every check of this version passes, but for those that are named above."""
    results = check_estimator(estimator, on_fail=None)
    failed = {r["check_name"]: repr(r["exception"]) for r in results if r["status"] == "failed"}
    assert failed.keys() == expected_failures(estimator), failed
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= ARRAY_API, results
    assert not [r["check_name"] for r in results if r["expected_to_fail"]]
    assert {r["status"] for r in results} <= {"passed", "skipped", "failed"}
    assert len(results) == len(list(estimator_checks_generator(estimator)))
    assert len(results) > 40
