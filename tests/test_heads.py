"""Heads: encoding, probabilities, decision and the pooling of members agree with each other for any logits."""
import numpy as np
import pytest
from data import HEADS, SMALL, data
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from scipy.special import expit

from sklearn_heads.heads import MultiSigmoid, OneVsRest, Sigmoid, Softmax

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TWO, THREE = np.array(["no", "yes"]), np.array([3, 5, 9])
ALL = {
    "sigmoid": Sigmoid(TWO),
    "softmax-2": Softmax(TWO),
    "softmax-3": Softmax(THREE),
    "one-vs-rest-2": OneVsRest(TWO),
    "one-vs-rest-3": OneVsRest(THREE),
    "labels-1": MultiSigmoid(1),
    "labels-4": MultiSigmoid(4),
}


@st.composite
def decisions(draw, n_members=1, largest=1e4):
    """A head, and public decision values of some rows by each of several members."""
    head = ALL[draw(st.sampled_from(sorted(ALL)))]
    n, dtype = draw(st.integers(1, 6)), np.dtype(draw(st.sampled_from([np.float32, np.float64])))
    shape = (n_members, n, head.n_outputs)
    logits = draw(hnp.arrays(dtype, shape, elements=st.floats(-largest, largest, width=32)))
    return head, head.decision(logits)


def by_hand(head, decision):
    """Probabilities in the plain formulas."""
    z = decision.astype(np.float64)
    if z.ndim == 1:
        return np.column_stack([expit(-z), expit(z)])
    if head.is_multilabel:
        return expit(z)
    with np.errstate(under="ignore"):
        scores = np.exp(z - z.max(axis=1, keepdims=True)) if isinstance(head, Softmax) else np.logaddexp(0, -z)
        if not isinstance(head, Softmax):
            scores = np.exp(scores.min(axis=1, keepdims=True) - scores)
        return scores / scores.sum(axis=1, keepdims=True)


def near(decision):
    return {"rtol": 1e-3 if decision.dtype == np.float32 else 1e-9, "atol": 2e-6 if decision.dtype == np.float32 else 1e-13}


@given(decisions())
def test_probabilities_are_those_of_the_formulas_and_their_logarithms_are_finite(drawn):
    head, (decision,) = drawn
    proba, logs = head.proba(decision), head.log_proba(decision)
    assert proba.dtype == logs.dtype == decision.dtype
    assert proba.shape == (len(decision), len(head.classes))
    np.testing.assert_allclose(proba, by_hand(head, decision), **near(decision))
    np.testing.assert_allclose(np.exp(logs.astype(float)), proba, **near(decision))
    assert np.isfinite(logs).all()
    if not head.is_multilabel:
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)


@given(decisions())
def test_the_decision_is_the_more_probable_outcome(drawn):
    head, (decision,) = drawn
    proba, labels = head.proba(decision), head.predict(decision)
    if head.is_multilabel:
        np.testing.assert_array_equal(labels, (proba >= 0.5).astype(int))
    else:
        chosen = np.searchsorted(head.classes, labels)
        np.testing.assert_array_equal(proba[np.arange(len(proba)), chosen], proba.max(axis=1))


@pytest.mark.parametrize("head", ["sigmoid", "softmax-2", "one-vs-rest-2", "labels-1"])
def test_one_half_counts_as_present(head):
    zero = ALL[head].decision(np.zeros((1, ALL[head].n_outputs)))
    assert ALL[head].predict(zero).ravel()[0] in ("yes", 1)


@given(decisions(n_members=3))
def test_pooling_gives_the_mean_probability(drawn):
    head, members = drawn
    pooled = head.pool(members)
    assert pooled.shape == members[0].shape
    assert pooled.dtype == members[0].dtype
    assert np.isfinite(pooled).all()
    mean = np.mean([by_hand(head, decision) for decision in members], axis=0)
    np.testing.assert_allclose(head.proba(pooled), mean, **near(pooled))


@given(decisions(largest=700))
def test_pooling_members_that_agree_changes_nothing(drawn):
    head, (decision,) = drawn
    pooled = head.pool(np.stack([decision, decision]))
    np.testing.assert_allclose(head.log_proba(pooled), head.log_proba(decision), **near(decision))


def test_a_sure_member_does_not_overflow_the_pool():
    for head in ALL.values():
        members = head.decision(np.full((2, 1, head.n_outputs), [[[-1e30]], [[1e30]]]))
        if members.ndim == 2 or head.is_multilabel:
            pooled = head.pool(members)
            assert np.isfinite(pooled).all()


@pytest.mark.parametrize("head", ["sigmoid", "softmax-2", "one-vs-rest-2"])
def test_two_classes_encode_as_ids_or_columns(head):
    encoded = ALL[head].encode(np.array(["yes", "no", "yes"]))
    assert encoded.tolist() == [1, 0, 1]
    (name, values), = ALL[head].kernel_targets(encoded).items()
    if name == "ids":
        assert values.tolist() == [1, 0, 1]
    else:
        assert values[:, -1].tolist() == [1, 0, 1]
        assert values.shape == (3, ALL[head].n_outputs)


# ---- the same over fitted estimators ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("name", HEADS)
def test_far_from_the_data_an_estimator_is_sure_but_never_infinitely(name, n_members):
    X, y = data(name, 120)
    clf = HEADS[name](**SMALL, input_encoding="standard", n_members=n_members).fit(X, y)  # "piecewise" bounds what is far
    far = X * 1e6
    proba, logs = clf.predict_proba(far), clf.predict_log_proba(far)
    assert np.isfinite(logs).all()
    assert logs.min() < -200  # beyond where a float32 probability is zero
    assert ((proba >= 0) & (proba <= 1)).all()
    if y.ndim == 2:
        np.testing.assert_array_equal(clf.predict(far), proba >= 0.5)
    else:  # where several round to the same probability, any of them
        np.testing.assert_array_equal(proba[np.arange(120), clf.predict(far)], proba.max(axis=1))


FORMS = {
    "bool": lambda y: y.astype(bool),
    "float": lambda y: y.astype(float),
    "int8": lambda y: y.astype(np.int8),
    "list": lambda y: y.tolist(),
    "csr": sparse.csr_matrix,
    "fortran": np.asfortranarray,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_label_matrix_comes_in_any_form(form):
    X, y = data("multilabel", 60)
    expected = HEADS["multilabel"](**SMALL).fit(X, y)
    clf = HEADS["multilabel"](**SMALL).fit(X, FORMS[form](y))
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    predicted = clf.predict(X)
    assert type(predicted) is (sparse.csr_matrix if form == "csr" else np.ndarray)
    assert predicted.dtype.kind == "i"
    assert abs(predicted - expected.predict(X)).max() == 0


@pytest.mark.parametrize("name", [name for name in HEADS if name != "multilabel"])
@pytest.mark.parametrize("form", ["bool", "float", "int8", "list"])
def test_class_labels_come_back_as_they_were_given(name, form):
    X, y = data(name, 60)
    given_labels = FORMS[form](y > 0 if form == "bool" else y)
    clf = HEADS[name](**SMALL).fit(X, given_labels)
    np.testing.assert_array_equal(clf.classes_, np.unique(given_labels))
    assert clf.predict(X).dtype == np.asarray(given_labels).dtype
