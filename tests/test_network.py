"""The core's Network: value, gradient and epochs against finite differences, against NumPy, and against torch where it is."""
import threading

import numpy as np
import pytest
from oracles import SGD, Adam, NumpyNetwork
from scipy import sparse
from sklearn_heads._core.epochs import Epochs
from sklearn_heads._core.layers import ACTIVATIONS
from sklearn_heads._core.network import KERNELS, Network
from sklearn_heads._core.optimizer import Optimizer
from sklearn_heads._core.rows import RowEncoding, Rows

N, D = 23, 5
DEPTHS = [(), (7,), (6, 4), (5, 6, 3)]


class Problem:
    """A random network, random rows with targets, and the same network in NumPy."""

    def __init__(self, loss, hidden=(7,), activation="tanh", dtype=np.float64, k=3, weighted=False, labelled=False, seed=0):
        random = np.random.RandomState(seed)
        self.network = Network((D, *hidden, k), activation, loss, dtype)
        self.network.parameters[:] = random.normal(scale=0.6, size=self.network.parameters.size)
        self.X = random.normal(size=(N, D)) * (random.uniform(size=(N, D)) < 0.6)
        self.order = np.arange(N)
        self.weights = random.uniform(0.2, 2, N) if weighted else None
        self.label_weights = random.uniform(0.2, 2, (2, k)) if labelled else None
        ids = random.randint(k, size=N)
        labels = random.randint(2, size=(N, k))
        self.targets = np.eye(k)[ids] if loss == "softmax" else labels
        self.target_arrays = {"ids": ids.astype(np.int32)} if loss == "softmax" else {"labels": labels.astype(np.uint8)}
        self.oracle = NumpyNetwork(self.network.coefs, self.network.intercepts, activation, loss)

    def rows(self, X=None, **scaling):
        """The rows as the core reads them."""
        dtype = self.network.dtype
        given = {name: None if v is None else v.astype(dtype)
                 for name, v in {"weights": self.weights, "label_weights": self.label_weights}.items()}
        return rows_of(self.X if X is None else X, dtype, scaling, **self.target_arrays, **given)

    def expected(self, smoothing=0.0):
        loss, coefs, intercepts = self.oracle.loss_and_gradient(
            self.X, self.targets, self.weights, self.label_weights, smoothing
        )
        return loss, flat(coefs, intercepts)


def rows_of(X, dtype, scaling=None, **targets):
    """Rows as they are, or scaled."""
    return Rows(X, RowEncoding(X.shape[1], X.dtype, dtype, is_sparse=sparse.issparse(X), **scaling or {}), **targets)


def flat(coefs, intercepts):
    """All weights first, then all biases: the order of Network.parameters."""
    return np.concatenate([a.ravel() for a in [*coefs, *intercepts]])


def problems():
    """Every activation at one depth, every depth for one activation, both losses, with everything that multiplies."""
    for loss in KERNELS:
        for activation in ACTIVATIONS:
            yield {"loss": loss, "activation": activation, "hidden": (6, 4)}
        for hidden in DEPTHS:
            yield {"loss": loss, "hidden": hidden}
        yield {"loss": loss, "weighted": True}
        yield {"loss": loss, "k": 1 if loss == "logistic" else 2}
    yield {"loss": "logistic", "labelled": True}
    yield {"loss": "logistic", "weighted": True, "labelled": True, "hidden": ()}


PROBLEMS = list(problems())


@pytest.mark.parametrize("wish", PROBLEMS, ids=str)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gradient_is_the_derivative_of_the_loss(wish, smoothing):
    problem = Problem(**wish)
    network, rows, order = problem.network, problem.rows(), problem.order
    gradient = network.loss_and_gradient(rows, order, smoothing=smoothing)[1].copy()
    slope, step = np.empty_like(gradient), 1e-6
    for i, start in enumerate(network.parameters.copy()):
        network.parameters[i] = start + step
        above = network.loss_and_gradient(rows, order, smoothing=smoothing)[0]
        network.parameters[i] = start - step
        below = network.loss_and_gradient(rows, order, smoothing=smoothing)[0]
        network.parameters[i] = start
        slope[i] = (above - below) / (2 * step)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("wish", PROBLEMS, ids=str)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("layout", ["dense", "csr"])
def test_value_and_gradient_are_those_of_numpy(wish, smoothing, layout):
    problem = Problem(**wish)
    rows = problem.rows(sparse.csr_matrix(problem.X) if layout == "csr" else None)
    loss, gradient = problem.network.loss_and_gradient(rows, problem.order, smoothing=smoothing)
    expected_loss, expected_gradient = problem.expected(smoothing)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-13)
    logits = problem.network.logits(rows, problem.order)
    np.testing.assert_allclose(logits, problem.oracle.logits(problem.X), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", KERNELS)
def test_float32_is_near_float64(loss, activation):
    wish = {"loss": loss, "activation": activation, "hidden": (6, 4), "weighted": True}
    narrow, wide = Problem(dtype=np.float32, **wish), Problem(**wish)
    value, gradient = narrow.network.loss_and_gradient(narrow.rows(), narrow.order)
    expected_value, expected_gradient = wide.network.loss_and_gradient(wide.rows(), wide.order)
    assert gradient.dtype == np.float32
    assert value == pytest.approx(expected_value, rel=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "identity"])
def test_activations_are_right_far_from_zero(activation):
    # A network of one hidden unit with unit weights is the activation itself; 36 is beyond where float64 sees a difference.
    network = Network((1, 1, 1), activation, "logistic", np.float64, np.array([1.0, 1.0, 0.0, 0.0]))
    x = np.array([-1e3, -36.0, -8.0, -1e-9, 0.0, 1e-9, 8.0, 36.0, 1e3])[:, None]
    oracle = NumpyNetwork(network.coefs, network.intercepts, activation, "logistic")
    got = network.logits(rows_of(x, np.float64), np.arange(len(x)))
    np.testing.assert_allclose(got, oracle.logits(x), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("loss", KERNELS)
@pytest.mark.parametrize("block", [1, 4, N, 1000])
def test_the_block_of_rows_does_not_matter(loss, block):
    problem = Problem(loss, weighted=True)
    loss_value, gradient = problem.network.loss_and_gradient(problem.rows(), problem.order, block=block)
    expected = problem.expected()
    assert loss_value == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(
        problem.network.logits(problem.rows(), problem.order, block=block), problem.oracle.logits(problem.X), rtol=1e-12
    )


@pytest.mark.parametrize("loss", KERNELS)
def test_any_number_of_validation_rows(loss):
    problem = Problem(loss, weighted=True)
    unmoved = Optimizer("sgd", problem.network.parameters.size, np.float64, 0.0)
    for repeats in (1, 30):  # one block of rows, and several
        given, weight = (problem.rows(), np.tile(problem.order, repeats)), repeats * problem.weights.sum()
        epochs = Epochs(problem.network, unmoved, problem.rows(), problem.order, 6, validation=given, validation_weight=weight)
        epochs.run(1)
        assert epochs.history[0][1] == pytest.approx(N * problem.expected()[0] / problem.weights.sum(), rel=1e-12)


@pytest.mark.parametrize("source", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["dense", "csr"])
def test_rows_are_picked_converted_and_scaled_on_their_way_in(source, dtype, layout):
    problem = Problem("softmax", dtype=dtype)
    X = problem.X.astype(source)
    mean = np.zeros(D) if layout == "csr" else np.linspace(-1, 1, D)
    factor, order = np.linspace(0.5, 2, D), np.array([4, 4, 0, 22, 7])
    wide = np.result_type(source, dtype)
    rows = problem.rows(sparse.csr_matrix(X) if layout == "csr" else X, mean=mean.astype(wide), factor=factor.astype(wide))
    expected = problem.oracle.logits(((X - mean) * factor)[order])
    tolerance = 1e-12 if dtype == source == np.float64 else 2e-5
    np.testing.assert_allclose(problem.network.logits(rows, order), expected, rtol=tolerance, atol=tolerance)


RULES = {
    "adam": (lambda decay: Adam(0.01, weight_decay=decay), {"kind": "adam"}),
    "sgd": (lambda decay: SGD(0.01, momentum=0.0, nesterov=False, weight_decay=decay),
            {"kind": "sgd", "momentum": 0.0, "nesterov": False}),
    "momentum": (lambda decay: SGD(0.01, nesterov=False, weight_decay=decay), {"kind": "sgd", "nesterov": False}),
    "nesterov": (lambda decay: SGD(0.01, weight_decay=decay), {"kind": "sgd", "nesterov": True}),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", KERNELS)
@pytest.mark.parametrize(("decay", "l2"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (0.3, 0.5)])
@pytest.mark.parametrize("layout", ["dense", "csr"])
def test_epochs_are_those_of_numpy(rule, loss, decay, l2, layout):
    problem = Problem(loss, hidden=(6, 4), weighted=True)
    network, oracle = problem.network, problem.oracle
    build, options = RULES[rule]
    slow = build(decay)
    fast = Optimizer(options["kind"], network.parameters.size, np.float64, 0.01, weight_decay=decay, l2=l2,
                     **{name: value for name, value in options.items() if name != "kind"})
    rows = problem.rows(sparse.csr_matrix(problem.X) if layout == "csr" else None)
    for epoch in range(3):  # 23 rows in batches of 6: the last one is smaller
        order = np.random.RandomState(epoch).permutation(N)
        epochs = Epochs(network, fast, rows, order, 6, smoothing=0.1)
        epochs.run(1)
        [(got, _)] = epochs.history
        expected = oracle.epoch(slow, problem.X, problem.targets, problem.weights, order, 6, l2=l2, smoothing=0.1)
        assert got == pytest.approx(expected, rel=1e-10)
        np.testing.assert_allclose(network.parameters, flat(oracle.coefs, oracle.intercepts), rtol=1e-8, atol=1e-10)


def epochs_of(loss, seed=0, **options):
    """Epochs over 23 rows, of which 8 are validation rows, in batches of 6, with everything that draws numbers."""
    problem = Problem(loss, hidden=(6, 4))
    rule = Optimizer("adam", problem.network.parameters.size, np.float64, 0.05)
    rows, random = problem.rows(), np.random.RandomState(seed)
    validation = {"validation": (rows, np.arange(8)), "validation_weight": 8.0}
    return problem, Epochs(problem.network, rule, rows, np.arange(N), 6, dropout=0.3, **validation, **options), random


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("loss", KERNELS)
def test_a_stretch_of_epochs_is_one_epoch_after_another(loss, averaged):
    first, in_one_stretch, random = epochs_of(loss, averaged=averaged)
    in_one_stretch.run(7, random=random, key=5)
    second, one_by_one, random = epochs_of(loss, averaged=averaged)
    for epoch in range(7):
        one_by_one.run(1, random=random, key=5 + epoch * N)
    assert in_one_stretch.history == one_by_one.history
    assert len(in_one_stretch.history) == 7
    np.testing.assert_array_equal(first.network.parameters, second.network.parameters)
    np.testing.assert_array_equal(in_one_stretch.best_parameters, one_by_one.best_parameters)


def test_the_best_parameters_are_those_of_the_best_epoch():
    problem, epochs, random = epochs_of("softmax")
    seen = []
    for _ in range(30):
        epochs.run(1, random=random)
        seen.append(problem.network.parameters.copy())
        expected = problem.network.loss_and_gradient(problem.rows(), np.arange(8))[0]
        assert epochs.history[-1][1] == pytest.approx(expected, rel=1e-12)
    best = np.argmin([loss for _, loss in epochs.history])
    assert best < 29, "the validation loss still falls: the test needs more epochs"
    np.testing.assert_array_equal(epochs.best_parameters, seen[best])


@pytest.mark.parametrize("batch_size", [1, 6, N])
def test_the_average_takes_in_the_weights_eight_times_per_epoch_and_fades_by_half(batch_size):
    def optimizer(problem):
        return Optimizer("adam", problem.network.parameters.size, np.float64, 0.05)

    problem, step_by_step = Problem("softmax", hidden=(6, 4)), Problem("softmax", hidden=(6, 4))
    validation = {"validation": (problem.rows(), np.arange(8)), "validation_weight": 8.0}
    epochs = Epochs(problem.network, optimizer(problem), problem.rows(), np.arange(N), batch_size, averaged=True, **validation)
    rule, rows, average, n_samples, averages = optimizer(step_by_step), step_by_step.rows(), 0.0, 0, []
    for epoch in range(12):
        if epoch == 9:
            epochs.restart_average()
            n_samples = 0
        for start in range(0, N, batch_size):
            batch = np.arange(start, min(start + batch_size, N))
            Epochs(step_by_step.network, rule, rows, batch, batch_size).run(1)
            if 8 * (batch[-1] + 1) // N > 8 * start // N:
                n_samples += 1
                average += max(1 - 0.5 ** (1 / 8), 1 / n_samples) * (step_by_step.network.parameters - average)
        averages.append(np.array(average))
        epochs.run(1)
        np.testing.assert_allclose(epochs.validated.parameters, average, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(problem.network.parameters, step_by_step.network.parameters, rtol=1e-9, atol=1e-12)
        expected = epochs.validated.loss_and_gradient(problem.rows(), np.arange(8))[0]
        assert epochs.history[-1][1] == pytest.approx(expected, rel=1e-12)
    best = np.argmin([loss for _, loss in epochs.history])
    np.testing.assert_allclose(epochs.best_parameters, averages[best], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("generator", [np.random.MT19937, np.random.PCG64])
@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 34, 64, 65, 1000, 70_000])
def test_rows_are_shuffled_as_numpy_would(generator, n):
    network = Network((1, 1), "identity", "logistic", np.float32)
    rows = rows_of(np.zeros((n, 1), dtype=np.float32), np.float32, labels=np.zeros((n, 1), dtype=np.uint8))
    epochs = Epochs(network, Optimizer("sgd", 2, np.float32, 0.1), rows, np.arange(n), n)
    ours, numpy = (np.random.RandomState(generator(3)) for _ in range(2))
    expected = np.arange(n)
    for _ in range(2):
        epochs.run(1, random=ours)
        numpy.shuffle(expected)
        np.testing.assert_array_equal(epochs.order, expected)
    assert ours.randint(2**31) == numpy.randint(2**31)


def test_an_interrupted_stretch_keeps_the_epochs_it_finished():
    _, epochs, random = epochs_of("logistic")
    stop = threading.Event()
    epochs.run(2, random=random, stop=stop)
    stop.set()
    with pytest.raises(KeyboardInterrupt):  # these are too short to look for it on the way
        epochs.run(3, random=random, stop=stop)
    assert len(epochs.history) == 5
    epochs.run(1, random=random)  # the lock of the random stream is free again
    assert len(epochs.history) == 6


class Looks:
    """An event that is never set, and counts who asks."""

    count = 0

    def is_set(self):
        self.count += 1
        return False


def test_a_tiny_network_is_interrupted_within_a_stretch():
    n, stop = 300_000, Looks()
    network = Network((1, 1), "identity", "logistic", np.float32)
    rows = rows_of(np.zeros((n, 1), dtype=np.float32), np.float32, labels=np.zeros((n, 1), dtype=np.uint8))
    Epochs(network, Optimizer("sgd", 2, np.float32, 0.1), rows, np.arange(n), 1).run(1, stop=stop)
    assert stop.count > 2  # one is at the end; a batch of one row takes half a microsecond, nearly none of it in its products


def test_rows_may_be_numbered_by_any_integers():
    expected = epochs_of("softmax")[1]
    problem = Problem("softmax", hidden=(6, 4))
    rows, rule = problem.rows(), Optimizer("adam", problem.network.parameters.size, np.float64, 0.05)
    validation = {"validation": (rows, np.arange(8, dtype=np.int32)), "validation_weight": 8.0}
    found = Epochs(problem.network, rule, rows, np.arange(N, dtype=np.int32), 6, dropout=0.3, **validation)
    for epochs in (expected, found):
        epochs.run(3, random=np.random.RandomState(0))
    assert found.history == expected.history


def test_a_loss_that_is_not_finite_ends_the_stretch():
    network = Network((1, 1), "identity", "logistic", np.float64)
    rows = rows_of(np.full((4, 1), 1e200), np.float64, labels=np.zeros((4, 1), dtype=np.uint8))
    epochs = Epochs(network, Optimizer("sgd", 2, np.float64, 1e200, momentum=0.0, nesterov=False), rows, np.arange(4), 4)
    with np.errstate(all="ignore"):
        epochs.run(10)
    assert len(epochs.history) < 10
    assert not np.isfinite(epochs.history[-1][0])
    assert all(np.isfinite(loss) for loss, _ in epochs.history[:-1])


# ---- dropout -----------------------------------------------------------------------------------------------------------


def one_sgd_step(hidden, rate, seed, batch=64, learning_rate=1.0):
    """What one step of plain SGD does to the output layer of a net whose hidden units are all one: minus its gradient."""
    network = Network((1, hidden, 1), "identity", "logistic", np.float64)
    network.coefs[0][:] = 1.0
    X, labels = np.ones((batch, 1)), np.zeros((batch, 1), dtype=np.uint8)
    rule = Optimizer("sgd", network.parameters.size, np.float64, learning_rate, momentum=0.0, nesterov=False)
    Epochs(network, rule, rows_of(X, np.float64, labels=labels), np.arange(batch), batch, dropout=rate).run(1, key=seed)
    return -network.coefs[1][:, 0] / 0.5  # the mean of each unit over the batch, for a gradient of 1/2 a row


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_keeps_the_mean_and_leaves_out_its_share(rate):
    means = one_sgd_step(400, rate, seed=1)
    n = means.size * 64
    spread = np.sqrt(rate / (1 - rate))  # of one unit in one row: 0, or 1 / (1 - rate)
    assert abs(means.mean() - 1) < 5 * spread / np.sqrt(n)
    assert 0.8 < means.std() / (spread / np.sqrt(64)) < 1.2  # units and rows are dropped independently
    single = one_sgd_step(2000, rate, seed=2, batch=1)
    assert set(np.round(np.unique(single), 9)) == {0.0, round(1 / (1 - rate), 9)}


def test_dropout_is_a_function_of_its_seed():
    first = one_sgd_step(50, 0.5, seed=7)
    np.testing.assert_array_equal(first, one_sgd_step(50, 0.5, seed=7))
    assert (first != one_sgd_step(50, 0.5, seed=8)).any()


def test_dropout_draws_anew_in_each_batch_and_in_each_layer():
    network = Network((1, 64, 64, 1), "identity", "logistic", np.float64)
    network.coefs[0][:], network.coefs[1][:] = 1.0, np.eye(64)
    rule = Optimizer("sgd", network.parameters.size, np.float64, 1.0, momentum=0.0, nesterov=False)
    X, labels = np.ones((1, 1)), np.zeros((1, 1), dtype=np.uint8)
    Epochs(network, rule, rows_of(X, np.float64, labels=labels), np.arange(1), 1, dropout=0.5).run(1, key=3)
    share = (network.coefs[2] != 0).mean()  # a unit comes through if neither layer drops it
    assert 0.1 < share < 0.4


# ---- one flat vector ---------------------------------------------------------------------------------------------------


def test_weights_are_views_of_one_vector():
    network = Network((3, 4, 2), "relu", "softmax", np.float32)
    assert network.parameters.size == 3 * 4 + 4 * 2 + 4 + 2
    network.parameters[:] = np.arange(network.parameters.size)
    np.testing.assert_array_equal(flat(network.coefs, network.intercepts), network.parameters)
    assert all(np.shares_memory(part, network.parameters) for part in [*network.coefs, *network.intercepts])


# ---- torch -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", KERNELS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_is_that_of_torch(loss, activation):
    torch = pytest.importorskip("torch", reason="needs the extra `peers`")
    functional = torch.nn.functional
    forms = {"identity": lambda x: x, "logistic": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu,
             "leaky_relu": functional.leaky_relu, "gelu": functional.gelu, "silu": functional.silu, "selu": functional.selu}
    problem = Problem(loss, hidden=(6, 4), activation=activation, weighted=True)
    value, gradient = problem.network.loss_and_gradient(problem.rows(), problem.order)
    parts = [torch.tensor(a, requires_grad=True) for a in [*problem.network.coefs, *problem.network.intercepts]]
    coefs, intercepts = parts[:3], parts[3:]
    z = torch.tensor(problem.X)
    for nth in range(3):
        z = z @ coefs[nth] + intercepts[nth]
        z = forms[activation](z) if nth < 2 else z
    targets, weights = torch.tensor(problem.targets, dtype=torch.float64), torch.tensor(problem.weights)
    if loss == "softmax":
        losses = -(targets * torch.log_softmax(z, 1)).sum(1)
    else:
        losses = functional.binary_cross_entropy_with_logits(z, targets, reduction="none").sum(1)
    mean = (losses * weights).mean()
    mean.backward()
    assert value == pytest.approx(mean.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, flat(*[[p.grad.numpy() for p in g] for g in (coefs, intercepts)]), rtol=1e-9, atol=1e-13)
