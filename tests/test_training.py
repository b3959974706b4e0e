"""What happens between epochs: validation and stopping, going on, weights of classes, verbose lines."""
import re

import numpy as np
import pytest
from data import HEADS, SMALL, STILL, data, still, uneven
from sklearn.metrics import log_loss

from sklearn_heads import MLPBinary, MLPMulticlass
from sklearn_heads._mlp import ensemble
from sklearn_heads._mlp.recipe import FEW_ROWS
from sklearn_heads._mlp.training import initial_network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ONE = {"n_members": 1, "random_state": 0, "hidden_layer_sizes": (8,)}


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


def mean_log_loss(clf, X, y, weights=None):
    """Nats a row, labels summed, from the public probabilities; for one-vs-rest from its logits, which it trains."""
    if isinstance(clf, MLPMulticlass) and clf.head == "sigmoid":
        z, one_hot = clf.decision_function(X).astype(float), np.eye(3)[y]
        rows = (one_hot * np.logaddexp(0, -z) + (1 - one_hot) * np.logaddexp(0, z)).sum(axis=1)
        return np.average(rows, weights=weights)
    p = clf.predict_proba(X).astype(float)
    if y.ndim == 2:
        return sum(log_loss(y[:, j], p[:, j], sample_weight=weights) for j in range(y.shape[1]))
    return log_loss(y, p / p.sum(axis=1, keepdims=True), sample_weight=weights)


# ---- validation and stopping --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_the_best_epoch_is_kept_and_its_loss_is_the_log_loss_of_the_given_rows(name, weighted):
    X, y = data(name, 200)
    weights = np.random.RandomState(0).uniform(0.1, 3, 80) if weighted else None
    clf = HEADS[name](**ONE, learning_rate_init=0.1, max_iter=100, dtype="float64", dropout=0.0)
    clf.fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:], sample_weight_val=weights)
    curve = clf.validation_loss_curve_
    assert clf.best_iter_ == np.argmin(curve) + 1
    assert len(curve) == len(clf.loss_curve_) == clf.n_iter_
    assert clf.best_iter_ < clf.n_iter_, "the task is meant to overfit"
    assert mean_log_loss(clf, X[120:], y[120:], weights) == pytest.approx(min(curve), rel=1e-9)
    assert clf.loss_ == clf.loss_curve_[-1]


def test_training_stops_after_its_patience(name):
    X, y = data(name, 200)
    options = {**ONE, "learning_rate": "constant", "learning_rate_init": 0.03, "n_iter_no_change": 4, "max_iter": 200}
    clf = HEADS[name](**options).fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    assert clf.n_iter_ < 200
    best, unlucky, stops = np.inf, 0, None
    for epoch, loss in enumerate(clf.validation_loss_curve_, start=1):
        unlucky = unlucky + 1 if loss > best else 0
        best = min(best, loss)
        stops = stops or (epoch if unlucky > 4 else None)
    assert stops == clf.n_iter_


def test_no_patience_means_no_stopping():
    X, y = data("binary", 120)
    clf = MLPBinary(**ONE, n_iter_no_change=None, max_iter=70, learning_rate_init=0.1, tol=10.0).fit(X, y)
    assert clf.n_iter_ == 70


@pytest.mark.parametrize("early_stopping", [True, False])
def test_given_validation_rows_take_no_rows_of_x(early_stopping):
    X, y = data("binary", 200)
    options = {**ONE, "max_iter": 5, "early_stopping": early_stopping}
    clf = MLPBinary(**options).fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    assert clf.t_ == 5 * 120
    assert len(clf.validation_loss_curve_) == 5


@pytest.mark.parametrize("fraction", [0.1, 0.25])
def test_a_split_takes_its_share_and_keeps_the_classes_balanced(fraction, monkeypatch):
    seen = []
    split = ensemble.validation_split
    monkeypatch.setattr(ensemble, "validation_split", lambda *a: seen.append(split(*a)) or seen[-1])
    y = np.repeat([0, 1, 2], [20, 80, 100])
    X = np.random.RandomState(0).normal(size=(200, 5))
    clf = MLPMulticlass(**ONE, max_iter=2, validation_fraction=fraction).fit(X, y)
    inside, watched = (part.order for part in seen[0])
    assert sorted([*inside, *watched]) == list(range(200))
    np.testing.assert_array_equal(np.bincount(y[watched]), fraction * np.array([20, 80, 100]))
    assert clf.t_ == 2 * len(inside) == 2 * 200 * (1 - fraction)


def test_validation_loss_ignores_smoothing_and_penalties():
    X, y = data("binary", 200)
    clf = MLPBinary(**ONE, label_smoothing=0.3, alpha=5.0, max_iter=10, dtype="float64")
    clf.fit(X[:120], y[:120], X_val=X[120:], y_val=y[120:])
    assert mean_log_loss(clf, X[120:], y[120:]) == pytest.approx(min(clf.validation_loss_curve_), rel=1e-9)


def test_loss_curve_is_the_loss_of_the_training_rows(name):
    X, y = data(name)
    one_step = still(name, max_iter=1, solver="sgd", learning_rate_init=1e-12, weight_decay=0.0).fit(X, y)
    assert one_step.loss_ == pytest.approx(mean_log_loss(one_step, X, y), rel=1e-9)


# ---- going on -----------------------------------------------------------------------------------------------------------


def test_partial_fit_is_an_epoch_of_fit(name):
    X, y = data(name, 150)
    options = {**ONE, "early_stopping": False, "batch_size": 16, "dropout": 0.0}
    once = HEADS[name](**options, max_iter=1).fit(X, y)
    np.testing.assert_array_equal(HEADS[name](**options).partial_fit(X, y).predict_proba(X), once.predict_proba(X))


def test_three_calls_of_partial_fit_are_three_epochs_of_fit(name):
    X, y = data(name)
    portions = still(name)
    for _ in range(3):
        portions.partial_fit(X, y)
    assert portions.n_iter_ == len(portions.loss_curve_) == 3
    assert portions.t_ == 180
    np.testing.assert_allclose(portions.predict_proba(X), still(name, max_iter=3).fit(X, y).predict_proba(X), rtol=1e-9)


def test_partial_fit_knows_classes_that_come_later(name):
    if name.startswith("multilabel"):
        X, y = data(name)
        first, later = HEADS[name](**SMALL), np.flatnonzero(y[:, 0] == 0)
        first.partial_fit(X[later], y[later])  # the first label is absent from all rows of this portion
        assert first.partial_fit(X, y).predict_proba(X).shape == (60, 3)
        return
    X, y = data(name)
    early = y < y.max()
    clf = HEADS[name](**SMALL).partial_fit(X[early], y[early], classes=np.unique(y)) if y.max() > 1 else HEADS[name](
        **SMALL).partial_fit(X[:1], y[:1], classes=[0, 1])
    np.testing.assert_array_equal(clf.classes_, np.unique(y))
    for _ in range(200):
        clf.partial_fit(X, y)
    assert set(clf.predict(X)) == set(np.unique(y))
    with pytest.raises(ValueError, match="not among the classes"):
        clf.partial_fit(X, y + 5)
    with pytest.raises(ValueError, match="classes differ from those of the first call"):
        clf.partial_fit(X, y, classes=[0, 1, 7])


def test_a_new_class_later_says_to_name_it_first():
    X, y = data("multiclass")
    clf = MLPMulticlass(**SMALL).partial_fit(X[y < 2], y[y < 2])
    with pytest.raises(ValueError, match=r"not among the classes \[0, 1\]: \[2\].*partial_fit\(..., classes=...\)"):
        clf.partial_fit(X, y)


def test_partial_fit_goes_on_after_fit_with_all_members():
    X, y = data("multiclass", 150)
    clf = MLPMulticlass(**SMALL, n_members=3).fit(X, y)
    before = clf.members_
    clf.partial_fit(X, y)
    assert len(clf.members_) == 3
    for old, new in zip(before, clf.members_):
        assert (old.network.parameters != new.network.parameters).any()


def test_partial_fit_takes_weights_after_a_fit_of_few_rows(name):
    # Few rows are trained in float64 whatever the precision asked for; what comes later has to fit that network.
    X, y = data(name, FEW_ROWS - 1)
    weighted, plain = (HEADS[name](**SMALL).fit(X, y) for _ in range(2))
    weighted.partial_fit(X, y, sample_weight=np.ones(len(X)))
    np.testing.assert_allclose(weighted.predict_proba(X), plain.partial_fit(X, y).predict_proba(X), rtol=1e-6)


def test_warm_start_takes_weights_after_a_fit_of_few_rows(name):
    # The first fit is in float64 because its rows are few; the second asks for float32, and brings weights.
    X, y = data(name, 150)
    few = np.r_[0 : FEW_ROWS - 1]
    weighted, plain = (
        HEADS[name](**SMALL, warm_start=True).fit(X[few], y[few]).set_params(n_members=1, max_iter=2) for _ in range(2)
    )
    weighted.fit(X, y, np.ones(150))
    np.testing.assert_allclose(weighted.predict_proba(X), plain.fit(X, y).predict_proba(X), rtol=1e-6)


def test_warm_start_goes_on_where_fit_ended(name):
    X, y = data(name)
    cold = still(name, max_iter=5).fit(X, y)
    warm = still(name, max_iter=5, warm_start=True).fit(X, y)
    np.testing.assert_array_equal(warm.predict_proba(X), cold.predict_proba(X))
    warm.fit(X, y)
    assert len(warm.loss_curve_) == 10
    assert warm.n_iter_ == 5
    assert warm.loss_curve_[:5] == cold.loss_curve_
    assert warm.loss_curve_[5] < warm.loss_curve_[4]
    cold.fit(X, y)
    assert len(cold.loss_curve_) == 5


def test_warm_start_keeps_scaling_and_classes():
    X, y = data("multiclass")
    clf = still("multiclass-softmax", warm_start=True).fit(uneven(X), y)
    before = clf.decision_function(uneven(X))
    clf.set_params(max_iter=1, learning_rate_init=1e-12, weight_decay=0.0).fit(uneven(X[:30]) + 100.0, y[:30])
    np.testing.assert_allclose(clf.decision_function(uneven(X)), before, rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match=r"warm_start.*hidden_layer_sizes"):
        clf.set_params(hidden_layer_sizes=(9,)).fit(X, y)
    with pytest.raises(ValueError, match=r"warm_start.*n_members was 1"):
        clf.set_params(hidden_layer_sizes=(6,), n_members=3).fit(X, y)


@pytest.mark.parametrize(
    ("parameter", "value"), [("activation", "tanh"), ("dtype", "float32"), ("head", "sigmoid"), ("input_encoding", None)]
)
def test_warm_start_does_not_ignore_a_parameter_that_changed(parameter, value):
    """Never a silent wrong answer: what cannot be changed in a trained network is refused, as the widths are."""
    X, y = data("multiclass")
    clf = still("multiclass-softmax", warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=f"warm_start.*{parameter}"):
        clf.set_params(**{parameter: value}).fit(X, y)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("warm_start", [False, True])
def test_after_a_failure_the_earlier_fit_predicts(name, method, warm_start):
    X, y = data(name)
    clf = HEADS[name](**SMALL, input_encoding="standard", warm_start=warm_start).fit(X, y)
    before = clf.predict_proba(X)
    clf.set_params(learning_rate_init=1e30, solver="sgd")
    for bad_X, bad_y in ((X[:, :3], y), (X * 1e300, y), (X, y[:-1]), (X * np.inf, y)):
        with pytest.raises(ValueError, match=r"features|diverged|not finite|inconsistent|NaN|infinity|too large"):
            getattr(clf, method)(bad_X, bad_y)
        np.testing.assert_array_equal(clf.predict_proba(X), before)
        assert clf.n_features_in_ == 5


# ---- weights of classes, smoothing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [head for head in HEADS if head != "multilabel"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_class_weights_are_weights_of_rows(head, solver):
    X, y = data(head)
    options = {"input_encoding": None, "solver": solver, "alpha": 0.5}  # scaling inside looks at the weights of rows only
    by_class = still(head, class_weight={0: 3.0, 1: 0.5}, **options).fit(X, y)
    by_row = still(head, **options).fit(X, y, np.array([3.0, 0.5, 1.0])[y])
    np.testing.assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), rtol=1e-7)


def test_balanced_is_what_scikit_learn_computes(name):
    X, y = data(name)
    keep = np.r_[np.flatnonzero((y if y.ndim == 1 else y[:, 0]) == 0)[:10], np.flatnonzero((y if y.ndim == 1 else y[:, 0]) != 0)]
    X, y = X[keep], y[keep]
    balanced = still(name, class_weight="balanced").fit(X, y)
    if y.ndim == 2:
        prior = still(name, class_weight="balanced", hidden_layer_sizes=(), solver="lbfgs").fit(np.zeros_like(X), y)
        np.testing.assert_allclose(prior.predict_proba(X[:1] * 0), 0.5, atol=1e-3)
        return
    counts = np.bincount(y)
    wish = dict(enumerate(len(y) / (len(counts) * counts)))
    np.testing.assert_allclose(balanced.predict_proba(X), still(name, class_weight=wish).fit(X, y).predict_proba(X), rtol=1e-9)


def test_without_information_the_probabilities_are_the_frequencies(name):
    y = data(name, 90)[1][np.r_[0:90, 0:20]]
    X = np.zeros((110, 2))
    clf = still(name, solver="lbfgs", hidden_layer_sizes=()).fit(X, y)
    p, expected = clf.predict_proba(X[:1])[0], y.mean(axis=0) if y.ndim == 2 else np.bincount(y) / 110
    np.testing.assert_allclose(p, expected, atol=1e-3)


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_label_smoothing_bounds_the_probabilities(name, smoothing):
    """On separable rows the best probability of the true outcome is 1 - smoothing + its share of what is spread."""
    y = np.arange(60) % (2 if name.startswith("binary") else 3)
    X = np.eye(3)[y] * 4
    y = np.eye(3, dtype=int)[y] if name == "multilabel" else y
    clf = still(name, solver="lbfgs", hidden_layer_sizes=(), label_smoothing=smoothing, tol=1e-7, max_iter=500).fit(X, y)
    z = clf.decision_function(X)
    if name == "multiclass-softmax":
        np.testing.assert_allclose(clf.predict_proba(X).max(axis=1), 1 - smoothing + smoothing / 3, atol=1e-3)
    else:
        np.testing.assert_allclose(1 / (1 + np.exp(-np.abs(z))), 1 - smoothing / 2, atol=1e-3)


def test_initial_biases_are_the_log_odds_of_the_labels(name):
    """Before it has learned anything an estimator says what is frequent."""
    X, y = data(name, 90)
    X, y = X[np.r_[0:90, 0:30]], y[np.r_[0:90, 0:30]]
    clf = still(name, max_iter=1, solver="sgd", learning_rate_init=1e-12, weight_init="he_normal", input_encoding=None)
    p = clf.fit(X, y).predict_proba(X * 0)[0]
    expected = y.mean(axis=0) if y.ndim == 2 else np.bincount(y) / len(y)
    np.testing.assert_allclose(p / (1 if y.ndim == 2 else p.sum()), expected, atol=2e-3)


def test_initial_weights_are_he_s_and_smaller_for_many_inputs():
    """With a variance of 2 / fan_in, units vary as their inputs do; those of the first layer less, beyond 256 inputs."""
    stds = []
    for fan_in in (64, 256, 1024, 4096):
        random = np.random.RandomState(0)
        network = initial_network([fan_in, 400, 2], "relu", "softmax", "float64", "he_normal", np.zeros(2), random)
        stds.append(network.coefs[0].std() / np.sqrt(2 / fan_in))
        assert network.coefs[1].std() == pytest.approx(np.sqrt(1 / 400), rel=0.1)
    np.testing.assert_allclose(stds, [1, 1, 1 / 4, 1 / 16], rtol=0.02)


# ---- lines a person reads -----------------------------------------------------------------------------------------------


def test_verbose_prints_a_line_an_epoch(capsys):
    X, y = data("binary", 120)
    clf = MLPBinary(**ONE, verbose=2, max_iter=4).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for epoch, (line, loss, watched) in enumerate(zip(lines, clf.loss_curve_, clf.validation_loss_curve_), start=1):
        assert re.fullmatch(rf"epoch +{epoch} +loss {loss:.5f} +validation {watched:.5f} [* ] +\d+\.\d\d s", line)
    kept = f": 4 epochs, kept the weights of epoch {clf.best_iter_}, validation {min(clf.validation_loss_curve_):.5f}, "
    assert kept in lines[-1]


def test_verbose_one_is_a_line_per_network(capsys):
    X, y = data("binary", 120)
    MLPBinary(**ONE, verbose=True, max_iter=4).fit(X, y)
    assert re.fullmatch(r"\d+ inputs \(at most 3 bins per column, by quantiles\), hidden units 8: 4 epochs, kept .*\n",
                        capsys.readouterr().out)
    still("binary-sigmoid", max_iter=3, verbose=1).fit(X, y)
    assert re.fullmatch(r"20 inputs .*, hidden units 6: 3 epochs, loss \d\.\d{5}, \d+\.\d\d s\n", capsys.readouterr().out)


def test_verbose_names_the_network_and_lbfgs_its_iterations(capsys):
    X, y = data("binary", 120)
    MLPBinary(n_members=2, max_iter=2, verbose=2).fit(X, y)
    assert {line[:9] for line in capsys.readouterr().out.splitlines()} == {"network 1", "network 2"}
    still("binary-sigmoid", solver="lbfgs", max_iter=3, verbose=2).fit(X, y)
    assert re.fullmatch(
        r"(iteration +\d+ +loss \d\.\d{6}\n){3}20 inputs.*: 3 iterations, loss \d\.\d{6}\n", capsys.readouterr().out)
    still("binary-sigmoid", max_iter=3).fit(X, y)
    assert capsys.readouterr().out == ""


def test_verbose_lines_are_whole_when_members_train_beside_each_other(capsys):
    X, y = data("binary", 120)
    MLPBinary(n_members=4, max_iter=15, n_jobs=4, random_state=0, verbose=2).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    pattern = r"network [1-4]   (epoch +\d+   loss \S+   validation \S+ [* ] +\S+ s|.* epochs, kept the weights of epoch \d+, .+)"
    assert [line for line in lines if not re.fullmatch(pattern, line)] == []
    assert sum(line.endswith(" s") for line in lines) == 4 * (15 + 1)


def test_verbose_partial_fit_prints_a_line_a_pass(capsys):
    X, y = data("binary", 120)
    clf = MLPBinary(**ONE, verbose=True).partial_fit(X, y).partial_fit(X, y)
    assert capsys.readouterr().out == "".join(f"epoch {e:4d}   loss {clf.loss_curve_[e - 1]:.5f}\n" for e in (1, 2))
    clf = MLPBinary(n_members=2, max_iter=1).fit(X, y).set_params(verbose=True).partial_fit(X, y)
    assert [line[:9] for line in capsys.readouterr().out.splitlines()] == ["network 1", "network 2"]


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", [{"solver": "adam"}, {"solver": "sgd"}, {"solver": "lbfgs", "tol": 0.0}], ids=str)
def test_reaching_max_iter_is_a_warning_that_says_what_to_do(options):
    X, y = data("binary")
    with pytest.warns(match="(?s)max_iter=3.*(Raise|raise)"):
        MLPBinary(**{**STILL, "max_iter": 3, **options}).fit(X, y)
