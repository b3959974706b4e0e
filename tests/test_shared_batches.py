"""One network, several threads: the bits do not depend on how many share its batches, nor on which of them does what."""
import threading

import numpy as np
import pytest
from data import HEADS, data
from scipy import sparse

from sklearn_heads import MLPBinary, MLPMulticlass
from sklearn_heads._mlp import threads, training
from sklearn_heads._mlp.threads import Spare

# Batches of 100 rows are three parts of forward and backward passes; 40 x 500 weights more than one strip.
SETTINGS = {"hidden_layer_sizes": (500, 40), "batch_size": 100, "max_iter": 3, "n_members": 1, "random_state": 0}


@pytest.fixture(autouse=True)
def every_batch_is_worth_sharing(monkeypatch):
    monkeypatch.setattr(training, "WORTH_SHARING", 0)


@pytest.fixture
def lent(monkeypatch):
    """How many helpers each stretch of epochs had."""
    numbers, helped = [], training.helped
    monkeypatch.setattr(training, "helped", lambda epochs, n: numbers.append(n) or helped(epochs, n))
    return numbers


def parameters(clf):
    return [member.network.parameters.tobytes() for member in clf.members_]


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("options", [{}, {"activation": "gelu", "dropout": 0.0, "solver": "sgd"}], ids=["relu", "gelu"])
def test_the_bits_do_not_depend_on_the_threads(name, options, lent):
    X, y = data(name, 350)
    alone, shared = (HEADS[name](**{**SETTINGS, **options, "n_jobs": n_jobs}).fit(X, y) for n_jobs in (1, 3))
    assert max(lent) == 2
    assert parameters(alone) == parameters(shared)
    assert alone.validation_loss_curve_ == shared.validation_loss_curve_


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparse_rows_are_shared_too(dtype):
    X, y = data("binary-sigmoid", 300)
    X = sparse.csr_matrix(np.where(X > 0.5, X, 0))
    alone, shared = (MLPBinary(**SETTINGS, dtype=dtype, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))
    assert parameters(alone) == parameters(shared)


def test_members_and_rows_share_the_threads(lent):
    """Two members, five threads: one for each member, and three that help."""
    X, y = data("binary-sigmoid", 300)
    settings = {**SETTINGS, "n_members": 2}
    alone, shared = (MLPBinary(**settings, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 5))
    assert max(lent) >= 1
    assert parameters(alone) == parameters(shared)


def test_no_more_threads_are_lent_than_there_are():
    spare = Spare(5)
    with spare.training(), spare.training(), spare.lent() as first, spare.lent() as second, spare.lent() as third:
        assert (first, second, third) == (2, 1, 0)
    with spare.training(), spare.lent() as all_others:
        assert all_others == 4


def test_where_the_system_has_no_threads_one_does_the_work(monkeypatch):
    class Refused(threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    X, y = data("binary-sigmoid", 300)
    alone = MLPBinary(**SETTINGS).fit(X, y)
    monkeypatch.setattr(threads.threading, "Thread", Refused)
    assert parameters(MLPBinary(**SETTINGS, n_jobs=3).fit(X, y)) == parameters(alone)


def test_no_thread_stays_behind_after_a_failure(lent):
    X, y = data("multiclass-softmax", 300)
    before = threading.active_count()
    with pytest.raises(ValueError, match="diverged"):
        MLPMulticlass(**{**SETTINGS, "n_jobs": 3, "learning_rate_init": 1e30, "max_iter": 50, "dropout": 0}).fit(X, y)
    assert max(lent) == 2
    assert threading.active_count() == before
