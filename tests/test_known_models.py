"""Networks that must be a known model: nothing hidden is logistic regression, and one sigmoid node is two softmax nodes."""
import numpy as np
import pytest
from checks import SKLEARN
from data import data, still, uneven
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel

# ---- nothing hidden -------------------------------------------------------------------------------------------------------

LINEAR = {"hidden_layer_sizes": (), "solver": "lbfgs", "tol": 1e-8, "max_iter": 5000, "n_members": 1,
          "early_stopping": False, "random_state": 0}
# Both stop when the loss hardly moves; from there to the minimum is about this far in a logit.
NEAR = {"rtol": 0, "atol": 2e-3}
WEIGHTED = {
    "plain": {},
    "sample_weight": {"sample_weight": np.random.RandomState(0).randint(1, 5, 120).astype(float)},
    "balanced": {"class_weight": "balanced"},
    "both": {"class_weight": "balanced", "sample_weight": np.random.RandomState(1).uniform(0.1, 3, 120)},
}
if SKLEARN < (1, 7):  # there "balanced" counted rows, not their weights
    del WEIGHTED["both"]


def split_up(options):
    options = dict(options)
    return options.pop("sample_weight", None), options


@pytest.mark.parametrize("weighting", WEIGHTED)
@pytest.mark.parametrize("alpha", [0.1, 3.0])
def test_binary_without_hidden_layers_is_logistic_regression(weighting, alpha):
    X, y = data("binary", 120)
    weights, options = split_up(WEIGHTED[weighting])
    ours = MLPBinary(alpha=alpha, input_encoding=None, dtype="float64", **LINEAR, **options).fit(X, y, weights)
    theirs = LogisticRegression(C=1 / alpha, tol=1e-10, max_iter=10_000, **options).fit(X, y, weights)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), **NEAR)
    np.testing.assert_allclose(ours.coefs_[0].T, theirs.coef_, **NEAR)
    np.testing.assert_allclose(ours.intercepts_[0], theirs.intercept_, **NEAR)


@pytest.mark.parametrize("weighting", WEIGHTED)
@pytest.mark.parametrize("alpha", [0.1, 3.0])
def test_multiclass_without_hidden_layers_is_logistic_regression(weighting, alpha):
    X, y = data("multiclass", 120)
    weights, options = split_up(WEIGHTED[weighting])
    ours = MLPMulticlass(alpha=alpha, input_encoding=None, dtype="float64", **LINEAR, **options).fit(X, y, weights)
    theirs = LogisticRegression(C=1 / alpha, tol=1e-10, max_iter=10_000, **options).fit(X, y, weights)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), **NEAR)
    np.testing.assert_allclose(ours.coefs_[0].T, theirs.coef_, **NEAR)


@pytest.mark.parametrize("weighting", WEIGHTED)
@pytest.mark.parametrize("alpha", [0.1, 3.0])
def test_multilabel_without_hidden_layers_is_a_logistic_regression_a_label(weighting, alpha):
    X, Y = data("multilabel", 120)
    weights, options = split_up(WEIGHTED[weighting])
    ours = MLPMultiLabel(alpha=alpha, input_encoding=None, dtype="float64", **LINEAR, **options).fit(X, Y, weights)
    for label, y in enumerate(Y.T):
        theirs = LogisticRegression(C=1 / alpha, tol=1e-10, max_iter=10_000, **options).fit(X, y, weights)
        np.testing.assert_allclose(ours.decision_function(X)[:, label], theirs.decision_function(X), **NEAR)


def test_one_against_the_rest_without_hidden_layers_is_a_logistic_regression_a_class():
    X, y = data("multiclass", 120)
    ours = MLPMulticlass(head="sigmoid", alpha=0.5, input_encoding=None, dtype="float64", **LINEAR).fit(X, y)
    p = np.column_stack([
        LogisticRegression(C=2, tol=1e-10, max_iter=10_000).fit(X, y == c).predict_proba(X)[:, 1] for c in range(3)
    ])
    np.testing.assert_allclose(ours.predict_proba(X), p / p.sum(axis=1, keepdims=True), **NEAR)


def test_class_weights_by_name_are_those_of_logistic_regression():
    X, y = data("multiclass", 120)
    names = np.array(["a", "b", "c"])[y]
    options = {"class_weight": {"a": 3.0, "c": 0.5}}
    ours = MLPMulticlass(alpha=1.0, input_encoding=None, dtype="float64", **LINEAR, **options).fit(X, names)
    theirs = LogisticRegression(C=1, tol=1e-10, max_iter=10_000, **options).fit(X, names)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), **NEAR)


def test_the_weight_of_a_labels_presence_is_that_of_logistic_regression():
    X, Y = data("multilabel", 120)
    ours = MLPMultiLabel(alpha=1.0, class_weight=[2.0, 0.5, 1.0], input_encoding=None, dtype="float64", **LINEAR).fit(X, Y)
    for label, weight in enumerate([2.0, 0.5, 1.0]):
        theirs = LogisticRegression(C=1, tol=1e-10, max_iter=10_000, class_weight={1: weight}).fit(X, Y[:, label])
        # alpha is divided by the mean weight of rows, and weights a label are not weights of rows: the same balance here
        np.testing.assert_allclose(ours.decision_function(X)[:, label], theirs.decision_function(X), **NEAR)


@pytest.mark.parametrize("estimator", [MLPBinary, MLPMulticlass, MLPMultiLabel])
def test_scaled_inside_and_in_float32_it_is_still_logistic_regression(estimator):
    X, y = data({MLPBinary: "binary", MLPMulticlass: "multiclass", MLPMultiLabel: "multilabel"}[estimator], 120)
    X = uneven(X)
    scaled = StandardScaler().fit_transform(X)
    ours = estimator(alpha=1.0, **{**LINEAR, "tol": 1e-5, "input_encoding": "standard"}).fit(X, y)
    columns = y.T if y.ndim == 2 else [y]
    expected = [LogisticRegression(tol=1e-10, max_iter=10_000).fit(scaled, c).decision_function(scaled) for c in columns]
    expected = np.column_stack(expected) if y.ndim == 2 else expected[0]
    got = ours.decision_function(X)
    if estimator is MLPMulticlass:  # a constant added to all logits of a row means nothing
        got, expected = (z - z.mean(axis=1, keepdims=True) for z in (got, expected))
    np.testing.assert_allclose(got, expected, **NEAR)


@pytest.mark.parametrize("weighting", WEIGHTED)
@pytest.mark.parametrize("estimator", [MLPBinary, MLPMulticlass, MLPMultiLabel])
def test_precision_does_not_matter_to_lbfgs(estimator, weighting):
    X, y = data({MLPBinary: "binary", MLPMulticlass: "multiclass", MLPMultiLabel: "multilabel"}[estimator], 120)
    weights, options = split_up(WEIGHTED[weighting])
    narrow, wide = (estimator(alpha=1.0, dtype=t, **LINEAR, **options).fit(X, y, weights) for t in ("float32", "float64"))
    np.testing.assert_allclose(narrow.decision_function(X), wide.decision_function(X), **NEAR)


@pytest.mark.parametrize("n_members", [1, "auto"])
def test_lbfgs_trains_on_all_rows_whatever_early_stopping_says(n_members):
    # It does not watch validation rows, so none may be kept from it.
    X, y = data("binary", 120)
    options = {**LINEAR, "n_members": n_members, "dtype": "float64", "alpha": 1.0}
    expected = MLPBinary(**options).fit(X, y).decision_function(X)
    got = MLPBinary(**{**options, "early_stopping": True}).fit(X, y).decision_function(X)
    np.testing.assert_allclose(got, expected, **NEAR)


def test_trained_by_steps_it_comes_to_the_same_place():
    X, y = data("binary", 120)
    theirs = LogisticRegression(C=1, tol=1e-10).fit(X, y)
    ours = still("binary-sigmoid", hidden_layer_sizes=(), alpha=1.0, weight_decay=0, learning_rate_init=0.05, max_iter=3000,
                 n_iter_no_change=None, input_encoding=None)
    with pytest.warns(match="stopped at max_iter"):
        ours.fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)


# ---- one node and two -----------------------------------------------------------------------------------------------------


def begin(clf, X, y, coefs, intercepts):
    """An estimator that partial_fit has started, with these weights put in: where training goes on from."""
    clf.partial_fit(X, y)
    clf.coefs_, clf.intercepts_ = coefs, intercepts
    return clf


# Plain gradient descent on all rows at once.
DESCENT = {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False, "weight_decay": 0.0, "input_encoding": None}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_one_sigmoid_node_and_two_softmax_nodes_train_to_the_same_predictions(momentum):
    """Logits -u/2 and u/2 of two nodes say what u of one node says; each of the two moves as far as the one at the same rate, so
    their difference moves twice as far: one node at twice the rate.
    """
    X, y = data("binary", 80)
    random = np.random.RandomState(0)
    u, c = random.normal(size=(5, 1)), random.normal(size=1)
    options = {**DESCENT, "hidden_layer_sizes": (), "momentum": momentum}
    halves = [np.hstack([-u / 2, u / 2])], [np.concatenate([-c / 2, c / 2])]
    two = still("binary-softmax", **options, learning_rate_init=0.2)
    one = still("binary-sigmoid", **options, learning_rate_init=0.4)
    # The first step also fills the momentum: start it from nothing, in both.
    two, one = begin(two, X, y, *halves), begin(one, X, y, [u], [c])
    two.members_[0].optimizer = one.members_[0].optimizer = None
    np.testing.assert_allclose(one.decision_function(X), two.decision_function(X), rtol=1e-12)
    start = one.predict_proba(X)
    for _ in range(60):
        one.partial_fit(X, y)
        two.partial_fit(X, y)
    np.testing.assert_allclose(one.loss_curve_[1:], two.loss_curve_[1:], rtol=1e-10)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-8)
    assert np.abs(one.predict_proba(X) - start).max() > 0.1


def test_one_sigmoid_node_and_two_softmax_nodes_train_a_hidden_layer_alike():
    """The same over a hidden relu layer, whose own rate must not double.

    Relu is homogeneous: hidden weights times g and output weights over g are the same network, but at rate r the output moves
    as if at r g^2 and the hidden layer as if at r / g^2. With g^2 = r = sqrt(2) that is 2 and 1, what two nodes do at rate 1.
    Only the output bias has no factor to take up; its move, r, is stretched to 2 after each step by hand.
    """
    X, y = data("binary", 80)
    random, rate, r = np.random.RandomState(0), 0.1, np.sqrt(2)
    g = np.sqrt(r)
    W, b = random.normal(size=(5, 6)), random.normal(size=6)
    u, c = random.normal(size=(6, 1)), random.normal(size=1)
    options = {**DESCENT, "hidden_layer_sizes": (6,)}
    two = begin(still("binary-softmax", **options, learning_rate_init=rate), X, y,
                [W, np.hstack([-u / 2, u / 2])], [b, np.concatenate([-c / 2, c / 2])])
    one = begin(still("binary-sigmoid", **options, learning_rate_init=rate * r), X, y, [W * g, u / g], [b * g, c])
    np.testing.assert_allclose(one.decision_function(X), two.decision_function(X), rtol=1e-12)
    start = one.predict_proba(X)
    for _ in range(60):
        before = one.members_[0].network.intercepts[-1].copy()
        one.partial_fit(X, y)
        two.partial_fit(X, y)
        after = one.members_[0].network.intercepts[-1]
        after[:] = before + 2 / r * (after - before)
    np.testing.assert_allclose(one.loss_curve_[1:], two.loss_curve_[1:], rtol=1e-9)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-7)
    np.testing.assert_allclose(one.coefs_[0] / g, two.coefs_[0], rtol=1e-7)
    assert np.abs(one.predict_proba(X) - start).max() > 0.1
    assert np.abs(two.coefs_[0] - W).max() > 0.05
