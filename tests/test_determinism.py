"""The same random_state gives the same bits: in a row, beside other threads, in other processes, with any n_jobs."""
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from aside import written
from data import HEADS, data
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn_heads._core.network import logits_of
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_heads._mlp import members
from sklearn_heads.heads import MultiSigmoid

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CHANCE = {"hidden_layer_sizes": (6,), "max_iter": 6, "n_members": 3, "dropout": 0.3, "batch_size": 16, "store_oof": True}


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


def bits(name, **options):
    """Everything a fit computes, as bytes."""
    X, y = data(name, 150)
    clf = HEADS[name](**{**CHANCE, "random_state": 7, **options}).fit(X, y)
    parts = [np.concatenate([m.network.parameters, m.loss_curve_, m.validation_loss_curve_]) for m in clf.members_]
    return b"".join(part.tobytes() for part in [*parts, clf.predict_proba(X), clf.oof_proba_])


def test_same_seed_same_bits(name):
    assert bits(name) == bits(name)
    assert bits(name) != bits(name, random_state=8)


def test_the_random_state_may_be_an_object_and_is_drawn_from(name):
    assert bits(name, random_state=np.random.RandomState(7)) == bits(name)
    state = np.random.RandomState(7)
    assert bits(name, random_state=state) != bits(name, random_state=state)


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 8, -1])
def test_bits_do_not_depend_on_n_jobs(name, n_jobs):
    assert bits(name, n_jobs=n_jobs) == bits(name)


def test_bits_of_a_prediction_do_not_depend_on_n_jobs(name, monkeypatch):
    portions = []

    def watched(networks, rows, order):
        portions.append(len(order))
        return logits_of(networks, rows, order)

    monkeypatch.setattr(members, "logits_of", watched)
    monkeypatch.setattr(members, "WORTH_A_THREAD", 1)
    X, y = data(name, 1000)
    clf = HEADS[name](**CHANCE, random_state=7).fit(X, y)
    expected = clf.decision_function(X)
    encodings = len(portions)  # members that share one answer together
    assert portions == [1000] * encodings
    for n_jobs in (2, 3):
        portions.clear()
        np.testing.assert_array_equal(clf.set_params(n_jobs=n_jobs).decision_function(X), expected)
        assert len(portions) == n_jobs * encodings
        assert sum(portions) == 1000 * encodings


def test_bits_do_not_depend_on_the_joblib_context(name):
    with parallel_config(n_jobs=3, backend="threading"):
        assert bits(name) == bits(name, n_jobs=1)


def test_bits_do_not_depend_on_threads_beside(name):
    alone = bits(name)
    with ThreadPoolExecutor(4) as pool:
        assert all(beside == alone for beside in pool.map(lambda _: bits(name), range(8)))
    assert all(beside == alone for beside in Parallel(n_jobs=4, backend="threading")(delayed(bits)(name) for _ in range(6)))


def weighted_biases():
    """Where labels of many weighted rows are counted: long enough sums for BLAS to share them among threads."""
    head, found = MultiSigmoid(1), b""
    for seed in range(6):  # with weights @ y three of these differ
        random = np.random.RandomState(seed)
        y, weights = random.randint(2, size=(60_000, 1)).astype(np.uint8), random.uniform(size=60_000)
        found += head.initial_biases(head.weigh(y, weights, None)).tobytes()
        found += head.class_weights("balanced", y, weights).tobytes()
    return found


CALLS = ["bits('multiclass-softmax', solver='adam')", "bits('multiclass-softmax', solver='lbfgs')", "weighted_biases()"]
ANSWER = "from test_determinism import *; print(*[eval(call).hex() for call in CALLS], sep=chr(10))"


@pytest.fixture(scope="module")
def aside_with_blas_threads(aside):
    return [aside("-W", "ignore", "-c", ANSWER, OPENBLAS_NUM_THREADS=threads) for threads in ("1", "4")]


@pytest.mark.parametrize("call", CALLS)
def test_bits_do_not_depend_on_the_threads_of_blas(call, aside_with_blas_threads):
    one, four = (written(run.result()).splitlines()[CALLS.index(call)] for run in aside_with_blas_threads)
    assert len(one) > 100
    assert one == four


def test_blas_gets_its_threads_back():
    def threads():
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    with threadpool_limits(2, "blas"):
        before = threads()
        assert set(before) == {2}
        bits("binary-sigmoid", solver="lbfgs")
        assert threads() == before
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: bits("binary-sigmoid", solver="lbfgs"), range(8)))
        assert threads() == before


def test_predictions_of_many_threads_are_those_of_one(name):
    X, y = data(name, 150)
    clf = HEADS[name](**CHANCE, random_state=0).fit(X, y)
    alone = clf.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for beside in pool.map(lambda _: clf.predict_proba(X), range(16)):
            np.testing.assert_array_equal(beside, alone)


def test_a_row_gets_the_same_prediction_alone_and_among_others(name):
    X, y = data(name, 150)
    clf = HEADS[name](**CHANCE, random_state=0).fit(X, y)
    one_by_one = np.vstack([clf.predict_proba(row[None]) for row in X])
    np.testing.assert_allclose(one_by_one, clf.predict_proba(X), rtol=1e-5)
    np.testing.assert_array_equal(np.concatenate([clf.predict(row[None]) for row in X]), clf.predict(X))


def test_a_pickle_and_a_clone_carry_on(name):
    X, y = data(name, 150)
    clf = HEADS[name](**CHANCE, random_state=0).fit(X, y)
    thawed = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(thawed.decision_function(X), clf.decision_function(X))
    assert thawed.get_params() == clf.get_params()
    np.testing.assert_array_equal(clone(clf).fit(X, y).decision_function(X), clf.decision_function(X))
    np.testing.assert_array_equal(thawed.partial_fit(X, y).decision_function(X), clf.partial_fit(X, y).decision_function(X))


def test_fit_leaves_its_arguments_as_they_were(name):
    X, y = data(name, 150)
    weights = np.linspace(0, 2, 150)
    copies = X.copy(), y.copy(), weights.copy()
    HEADS[name](**CHANCE, class_weight="balanced").fit(X, y, weights)
    for got, copy in zip((X, y, weights), copies):
        np.testing.assert_array_equal(got, copy)


def test_processes_give_the_same_bits(name):
    X, y = data(name, 150)

    def proba(clf):
        warnings.simplefilter("ignore")
        return clf.fit(X, y).predict_proba(X)

    clf = HEADS[name](**CHANCE, random_state=3)
    here = proba(clone(clf))
    for there in Parallel(n_jobs=2, backend="loky")(delayed(proba)(clone(clf)) for _ in range(2)):
        np.testing.assert_array_equal(there, here)
