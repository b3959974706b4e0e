"""Labels in any container: read column by column, the same labels give the same bits, and predictions come in NumPy's types."""
import numpy as np
import pandas as pd
import pytest
from data import HEADS, SMALL, data
from scipy import sparse
from sklearn.model_selection import GridSearchCV

from sklearn_heads import MLPBinary, MLPMultiLabel
from sklearn_heads._sklearn.labels import UNKNOWN, as_labels, indicator_codes, label_names

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PYARROW = {"reason": "needs the extra 'ecosystem'"}

X, Y = data("multilabel", 60)
NAMES = ["red", "round", "sweet"]


def frame(dtype=None):
    return pd.DataFrame(Y, columns=NAMES).astype(dtype or int)


def polars_frame(values):
    return pytest.importorskip("polars", **PYARROW).DataFrame(dict(zip(NAMES, values.T.tolist())))


def arrow_table(values):
    return pytest.importorskip("pyarrow", **PYARROW).table(dict(zip(NAMES, values.T.tolist())))


def pyarrow_frame():
    pytest.importorskip("pyarrow", **PYARROW)
    return frame(bool).astype("bool[pyarrow]")


MATRICES = {
    "boolean": lambda: frame("bool").astype("boolean"),
    "Int64": lambda: frame("Int64"),
    "float32": lambda: frame("float32"),
    "objects in a frame": lambda: frame(bool).astype(object),
    "booleans beside integers": lambda: frame().assign(red=Y[:, 0] == 1),
    "categories": lambda: frame().assign(red=pd.Categorical(Y[:, 0])),
    "array of objects": lambda: (Y == 1).astype(object),
    "pyarrow": pyarrow_frame,
    "polars": lambda: polars_frame(Y == 1),
    "arrow table": lambda: arrow_table(Y),
    "csr": lambda: sparse.csr_matrix(Y),
    "csc": lambda: sparse.csc_array(Y.astype(float)),
    "coo": lambda: sparse.coo_matrix(Y == 1),
    "lists": lambda: Y.tolist(),
}


@pytest.mark.parametrize("form", MATRICES)
def test_a_label_matrix_in_any_container_gives_the_same_bits(form):
    labels = MATRICES[form]()
    expected = HEADS["multilabel"](**SMALL).fit(X, Y)
    clf = HEADS["multilabel"](**SMALL).fit(X, labels)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert clf.score(X, labels) == expected.score(X, Y)
    clf.fit(X, labels, X_val=X[::-1], y_val=labels)
    expected.fit(X, Y, X_val=X[::-1], y_val=Y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    clf.partial_fit(X, labels)
    expected.partial_fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("form", ["boolean", "Int64", "array of objects", "csr"])
def test_a_search_scores_them(form):
    search = GridSearchCV(MLPMultiLabel(**SMALL), {"alpha": [0.0]}, cv=2, error_score="raise")
    expected = search.fit(X, Y).best_score_
    assert search.fit(X, MATRICES[form]()).best_score_ == expected


VECTORS = {
    "boolean": (lambda y: pd.Series(y == 1).astype("boolean"), np.bool_),
    "Int64": (lambda y: pd.Series(y).astype("Int64"), np.int64),
    "objects": (lambda y: (y == 1).astype(object), np.bool_),
    "frame": (lambda y: pd.Series(y, dtype=object), np.int64),
    "categories": (lambda y: pd.Series(np.array(["no", "yes"])[y]).astype("category"), object),
    "polars": (lambda y: pytest.importorskip("polars", **PYARROW).Series(y == 1), np.bool_),
    "pyarrow": (lambda y: pytest.importorskip("pyarrow", **PYARROW).array(y == 1), np.bool_),
}


@pytest.mark.parametrize("form", VECTORS)
def test_a_vector_of_labels_in_any_container(form):
    y = data("binary", 60)[1]
    labels, kind = VECTORS[form][0](y), VECTORS[form][1]
    clf = MLPBinary(**SMALL).fit(X, labels)
    expected = MLPBinary(**SMALL).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert clf.predict(X).dtype == kind
    assert clf.score(X, labels) == expected.score(X, y)


# ---- reading, by itself --------------------------------------------------------------------------------------------------

GAPS = np.array([[1, 0, np.nan], [np.nan, 1, 0]])
WITH_GAPS = {
    "array": lambda: GAPS,
    "objects": lambda: np.array([[True, False, None], [pd.NA, 1, 0.0]], dtype=object),
    "nullable": lambda: pd.DataFrame(
        {"red": pd.array([1, None], "Int64"), "round": [0, 1], "sweet": pd.array([None, False], "boolean")}
    ),
    "polars": lambda: polars_frame(np.where(np.isnan(GAPS), None, GAPS == 1)),
    "arrow table": lambda: arrow_table(np.where(np.isnan(GAPS), None, GAPS.astype(object))),
    "csr": lambda: sparse.csr_matrix(GAPS),
    "masked": lambda: np.ma.masked_equal([[1, 0, 7], [7, 1, 0]], 7),
}


@pytest.mark.parametrize("form", WITH_GAPS)
def test_gaps_are_not_known_in_every_container(form):
    np.testing.assert_array_equal(indicator_codes(WITH_GAPS[form]()), np.where(np.isnan(GAPS), UNKNOWN, GAPS == 1))
    np.testing.assert_array_equal(as_labels(WITH_GAPS[form]()), GAPS)


@pytest.mark.parametrize(
    "values", [[[2, 0]], [[-1, 1]], [["a", "b"]], [[0.5, 1.0]], [[np.inf, 1.0]], [0, 1, 1], np.array([[256, 1]], dtype=np.uint16)]
)
def test_what_is_no_label_matrix_has_no_codes(values):
    assert indicator_codes(values) is None
    if not isinstance(values[0], (list, np.ndarray)) or isinstance(values[0][0], str):
        return
    assert indicator_codes(sparse.csr_matrix(values)) is None
    assert indicator_codes(pd.DataFrame(values)) is None


def test_entries_given_twice_are_summed_and_the_user_s_matrix_stays_as_it_was():
    twice = sparse.csr_matrix((np.ones(3), np.array([0, 0, 1]), np.array([0, 2, 3])), shape=(2, 2))
    assert indicator_codes(twice) is None
    assert twice.nnz == 3


def test_only_a_frame_of_strings_has_names():
    assert label_names(frame()).tolist() == NAMES
    assert label_names(arrow_table(Y)).tolist() == label_names(polars_frame(Y)).tolist() == NAMES
    assert label_names(pd.DataFrame(Y)) is None
    assert label_names(Y) is None
    assert label_names(sparse.csr_matrix(Y)) is None
