"""States and arrays that do not fit together: an error that says so, or an answer, and never a crash."""
import copy
from pathlib import Path

import numpy as np
import pytest
from aside import written
from data import HEADS, data
from scipy import sparse
from sklearn_heads._core.epochs import Epochs
from sklearn_heads._core.network import Network, logits_of
from sklearn_heads._core.optimizer import Optimizer
from sklearn_heads._core.rows import RowEncoding, Rows

from sklearn_heads import MLPBinary

FUZZ = Path(__file__).parent / "fuzz"


@pytest.fixture(scope="module")
def aside_damage(aside):
    return aside(FUZZ / "damage.py", "--cases", 120)


def test_damaged_files_never_crash(aside_damage):
    n_damaged, n_answered, n_raised = (int(part.split()[0]) for part in written(aside_damage.result()).split(", "))
    assert n_damaged > 60
    assert n_answered > 100
    assert n_raised > 100


@pytest.fixture
def clf():
    """A fitted network with bins, one column left out."""
    X, y = data("binary", 120)
    X = np.column_stack([np.ones(len(X)), X])
    return HEADS["binary-sigmoid"](n_members=2, max_iter=2, hidden_layer_sizes=(4,), random_state=0).fit(X, y)


def spoiled(clf, **attributes):
    """A copy whose encoding has these attributes."""
    spoiled = copy.deepcopy(clf)
    vars(spoiled.members_[0].encoding).update(attributes)
    return spoiled


def test_an_encoding_that_does_not_fit_is_an_error(clf):
    encoding, X = clf.members_[0].encoding, np.zeros((3, clf.n_features_in_))
    for attributes, words in [
        ({"columns_": encoding.columns_ + 10**9}, "uses column 100000000"),
        ({"columns_": -encoding.columns_}, "uses column -"),
        ({"columns_": encoding.columns_.astype(np.int64)}, "holds .* of int64 where"),
        ({"columns_": encoding.columns_[:-1]}, r"belong|index|broadcast"),
        ({"mean_": encoding.mean_[:-1]}, r"mean holds|index|broadcast"),
        ({"scale_": np.tile(encoding.scale_, 2)}, r"scale holds|index|broadcast"),
        ({"ramps_": encoding.ramps_[:-1]}, r"encoded values for a network of|index|broadcast"),
        ({"gaps_": np.array([99], dtype=np.int32)}, r"marks gaps of column 99|gaps holds|index|broadcast|same shape"),
        ({"numeric_": encoding.numeric_[:3]}, r"for an encoding of 3|uses column"),
    ]:
        with pytest.raises((ValueError, IndexError), match=words):
            spoiled(clf, **attributes).predict(X)


def test_members_of_unequal_shapes_are_an_error(clf):
    X = np.zeros((3, clf.n_features_in_))
    d = clf.members_[1].network.layer_units[0]
    for units, message in [((d, 4, 7), "one number of outputs"), ((d + 1, 4, 1), "encoded values for a network of")]:
        other = copy.deepcopy(clf)
        other.members_[1].network = Network(units, "relu", "logistic", "float32")
        with pytest.raises(ValueError, match=message):
            other.predict(X)
    for units, dtype in [((d, 400, 1), "float32"), ((d, 4, 1), "float64")]:  # hidden layers and precision may differ
        other = copy.deepcopy(clf)
        other.members_[1].network = Network(units, "relu", "logistic", dtype)
        assert len(other.predict(X)) == len(X)
    with pytest.raises(ValueError, match="of one shape and precision"):
        logits_of([clf.members_[0].network, None], clf.members_[0].encoding.rows(X, np.float32), np.arange(3))


def some_rows(n=5, d=3, k=2, **targets):
    """Rows of a small network, with labels unless others are given."""
    targets = targets or {"labels": np.zeros((n, k), dtype=np.uint8)}
    return Rows(np.zeros((n, d)), RowEncoding(d, np.float64, np.float64), **targets)


def test_moments_of_another_network_are_an_error():
    network, order = Network((3, 2), "relu", "logistic", np.float64), np.arange(5)
    for optimizer in (Optimizer("adam", 7, np.float64, 0.1), Optimizer("adam", 8, np.float32, 0.1)):
        with pytest.raises(ValueError, match="it belongs to another network"):
            Epochs(network, optimizer, some_rows(), order, 2)
    for moments in ({"first": np.zeros(7)}, {"second": np.zeros(7)}, {"second": np.zeros(0)}, {"n_steps": -1}):
        with pytest.raises(ValueError, match=r"moments holds|after -1 steps"):
            Optimizer("adam", 8, np.float64, 0.1, **moments)
    with pytest.raises(ValueError, match="no such optimizer"):
        Optimizer("lion", 8, np.float64, 0.1)


@pytest.mark.parametrize("order", [[0, 5], [-1], [2**62], [-(2**63)]], ids=str)
def test_rows_that_do_not_exist_are_an_error(order):
    network, rows, order = Network((3, 2), "relu", "logistic", np.float64), some_rows(), np.array(order)
    optimizer = Optimizer("sgd", 8, np.float64, 0.1)
    for use in (
        lambda: network.logits(rows, order),
        lambda: network.loss_and_gradient(rows, order),
        lambda: Epochs(network, optimizer, rows, order, 2),
        lambda: Epochs(network, optimizer, rows, np.arange(5), 2, validation=(rows, order), validation_weight=1.0),
    ):
        with pytest.raises(ValueError, match="rows are numbered that do not exist: there are 5"):
            use()
    with pytest.raises(ValueError, match="read-only"):
        Epochs(network, optimizer, rows, np.arange(5), 2).order[0] = 9


@pytest.mark.parametrize(("kernel", "targets"), [
    ("logistic", {"labels": np.zeros((5, 3), dtype=np.uint8)}),
    ("logistic", {"ids": np.zeros(5, dtype=np.int32)}),
    ("softmax", {"ids": np.array([0, 1, 2, 0, 1], dtype=np.int32)}),
    ("softmax", {"labels": np.zeros((5, 2), dtype=np.uint8)}),
])
def test_targets_of_another_network_are_an_error(kernel, targets):
    network = Network((3, 2), "relu", kernel, np.float64)
    with pytest.raises(ValueError, match=f"without the targets of a {kernel} network of 2 outputs"):
        network.loss_and_gradient(some_rows(**targets), np.arange(5))


@pytest.mark.parametrize("targets", [
    {"ids": np.array([0, 1, 2, 0, -1], dtype=np.int32)},
    {"ids": np.zeros(4, dtype=np.int32)},
    {"ids": np.zeros(5)},
    {"labels": np.zeros((4, 2), dtype=np.uint8)},
    {"labels": np.zeros((5, 2), dtype=np.uint8), "weights": np.ones(4)},
    {"labels": np.zeros((5, 2), dtype=np.uint8), "weights": np.ones(5, dtype=np.float32)},
    {"labels": np.zeros((5, 2), dtype=np.uint8), "label_weights": np.ones((2, 1))},
    {"labels": np.zeros((2, 5), dtype=np.uint8).T},
    {"labels": "yes"},
], ids=str)
def test_targets_of_another_size_are_an_error(targets):
    with pytest.raises((ValueError, AttributeError)):
        some_rows(**targets)


@pytest.mark.parametrize("source", ["float32", "float64", "big-endian", "unaligned", "integers", "strided"])
def test_rows_are_read_as_what_they_are(source):
    encoding, X = RowEncoding(3, np.float64, np.float64), np.arange(6.0).reshape(2, 3)
    given = {
        "float32": X.astype(np.float32),
        "float64": X,
        "big-endian": X.astype(">f8"),
        "unaligned": np.frombuffer(b"." + X.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(2, 3),
        "integers": X.astype(np.int64),
        "strided": np.tile(X, 2)[:, ::2],
    }[source]
    if source == "float64":
        Rows(given, encoding)
        return
    with pytest.raises(ValueError, match=r"X (holds|is not an array)"):
        Rows(given, encoding)


def test_unaligned_rows_are_copied_on_their_way_in(clf):
    X = np.random.RandomState(0).normal(size=(4, clf.n_features_in_))
    unaligned = np.frombuffer(b"." + X.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(X.shape)
    assert not unaligned.flags.aligned
    np.testing.assert_array_equal(clf.predict_proba(unaligned), clf.predict_proba(X))


def csr(spoil, form=sparse.csr_matrix):
    """A CSR (or CSC) matrix of 40 rows and 5 columns, with something wrong about its indices."""
    X = form(sparse.random(40, 5, density=0.4, random_state=0, format="csr"))
    spoil(X)
    return X


SPOILS = {
    "a column beyond the last": lambda X: X.indices.__setitem__(3, 40),
    "a column before the first": lambda X: X.indices.__setitem__(3, -1),
    "a far column": lambda X: X.indices.__setitem__(3, 2**31 - 1),
    "indptr too short": lambda X: setattr(X, "indptr", X.indptr[:-2]),
    "indptr that falls": lambda X: X.indptr.__setitem__(3, X.indptr[4] + 1),
    "indptr beyond the entries": lambda X: X.indptr.__setitem__(-1, 10**6),
    "indptr that begins below": lambda X: X.indptr.__setitem__(0, -5),
}


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("spoil", SPOILS)
def test_indices_outside_of_a_sparse_matrix_are_an_error(spoil, form):
    X, y = sparse.random(40, 5, density=0.4, random_state=0, format="csr"), np.arange(40) % 2
    fit = MLPBinary(hidden_layer_sizes=(3,), n_members=1, max_iter=1, n_iter_no_change=None).fit(X, y)
    spoiled = csr(SPOILS[spoil], form)
    for use in (lambda: fit.predict(spoiled), lambda: MLPBinary().fit(spoiled, y)):
        with pytest.raises(ValueError, match=rf"X is no valid {spoiled.format.upper()} matrix"):
            use()


@pytest.mark.parametrize("spoil", SPOILS)
def test_the_core_checks_indices_too(spoil):
    with pytest.raises(ValueError, match=r"no valid CSR matrix|X.indptr"):
        Rows(csr(SPOILS[spoil]), RowEncoding(5, np.float64, np.float64, is_sparse=True))


@pytest.mark.parametrize("sizes", [10**18, (10**9, 10**9), (5, 2**63)], ids=str)
def test_layers_too_wide_to_address_are_named(sizes):
    X, y = data("binary", 60)
    with pytest.raises(ValueError, match="which no memory holds: lower hidden_layer_sizes"):
        MLPBinary(hidden_layer_sizes=sizes).fit(X, y)


def test_layers_too_wide_for_memory_are_a_memory_error():
    X, y = data("binary", 60)
    with pytest.raises(MemoryError):
        MLPBinary(hidden_layer_sizes=10**12, n_members=1).fit(X, y)
    network = Network((3, 2**20, 2), "relu", "logistic", np.float32)
    rows, order = Rows(np.zeros((2, 3)), RowEncoding(3, np.float64, np.float32)), np.zeros(2**22, dtype=np.intp)
    with pytest.raises(MemoryError, match="lower batch_size"):
        network.logits(rows, order, len(order))
