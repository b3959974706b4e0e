"""Ctrl-C, failures and forks at any moment: the estimator is as before or usable, and no thread or lock is left."""
import os
import signal
import threading
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from aside import written
from data import HEADS, SMALL, data
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_heads._mlp.ensemble as ensemble
from sklearn_heads import MLPBinary, MLPMultiLabel
from sklearn_heads._mlp import blas, training
from sklearn_heads._mlp.threads import in_threads

needs_signals = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here that send signals")
quiet = pytest.mark.filterwarnings("ignore:Training interrupted", "ignore::sklearn.exceptions.ConvergenceWarning")


def interrupted(call, seconds):
    """Whether KeyboardInterrupt came out of a call that Ctrl-C, or what is the same, hits so many seconds after its start."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        # And again every second: Python drops an exception that comes while it clears a weak reference, as where a thread ends.
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        try:
            call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    finally:
        signal.signal(signal.SIGALRM, before)
    return False


RUNS = {
    "one network": {"n_members": 1},
    "members": {"n_members": 3},
    "threads": {"n_members": 3, "n_jobs": 2},
    "lbfgs": {"solver": "lbfgs", "n_members": 2, "max_fun": 10**6, "tol": 0.0},
    "lbfgs in threads": {"solver": "lbfgs", "n_members": 3, "n_jobs": 3, "max_fun": 10**6, "tol": 0.0},
}


@needs_signals
@quiet
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("run", RUNS)
def test_an_interrupt_at_any_moment(run, method):
    options = {"hidden_layer_sizes": (8,), "n_iter_no_change": None, "random_state": 0, **RUNS[run]}
    if method == "partial_fit" and "solver" in options:
        return
    X, y = data("binary", 300)
    clf = MLPBinary(**options, max_iter=2).fit(X, y)
    threads, outcomes = threading.active_count(), set()
    clf.set_params(max_iter=10**6)
    for seconds in [*np.random.default_rng(0).uniform(1e-4, 0.03, 8), 0.3]:
        before, state = clf.predict_proba(X), dict(vars(clf))
        call = getattr(clf, method)
        outcome = interrupted(lambda: [call(X, y) for _ in range(1 if method == "fit" else 10**6)], seconds)  # noqa: B023
        outcomes.add(outcome)
        if outcome and method == "fit":
            assert vars(clf) == state
            np.testing.assert_array_equal(clf.predict_proba(X), before)
        assert np.isfinite(clf.predict_proba(X)).all()
        end = time.monotonic() + 5  # a thread that Ctrl-C met at its start finds nothing to do, and ends
        while threading.active_count() > threads and time.monotonic() < end:
            time.sleep(1e-3)
        assert threading.active_count() == threads
        assert not blas._holders
        assert not blas._lock.locked()
    assert method == "partial_fit" or False in outcomes, "some interrupts come while the network trains"
    fresh = MLPBinary(**options, max_iter=2)
    np.testing.assert_array_equal(fresh.fit(X, y).predict_proba(X), clf.set_params(max_iter=2).fit(X, y).predict_proba(X))


@needs_signals
@quiet
@pytest.mark.parametrize("several", [
    lambda clf, X, y: GridSearchCV(clf, {"alpha": [0, 1]}, cv=2, error_score="raise").fit(X, y),
    lambda clf, X, y: cross_val_score(clf, X, y, cv=2, error_score="raise"),
    lambda clf, X, y: cross_val_score(make_pipeline(StandardScaler(), clf), X, y, cv=2, error_score="raise"),
])
def test_an_interrupt_ends_all_of_several_fits(several):
    X, y = data("binary", 300)
    clf = MLPBinary(max_iter=10**6, n_iter_no_change=None, n_members=1)
    assert interrupted(lambda: several(clf, X, y), 0.3)
    assert not interrupted(lambda: make_pipeline(StandardScaler(), clf).fit(X, y), 0.3)


# ---- failures -------------------------------------------------------------------------------------------------------------


def test_the_first_call_that_failed_is_told_and_no_other_begins():
    begun, stopped = [], threading.Event()

    def call(nth):
        begun.append(nth)
        if nth in (1, 2):
            raise ValueError(f"call {nth}")
        stopped.wait(10)

    with pytest.raises(ValueError, match=r"call [12]"):
        in_threads(call, 100, 3, stopped.set)
    assert len(begun) <= 4
    assert in_threads(lambda nth: nth**2, 7, 3) == [0, 1, 4, 9, 16, 25, 36]
    assert in_threads(lambda nth: nth, 0, 3) == []


def test_a_failure_weighs_more_than_an_interrupt(monkeypatch):
    """After one member has failed, Ctrl-C must not let it replace a good model."""
    X, y = data("binary", 120)
    clf = MLPBinary(**SMALL, n_members=3, n_jobs=2).fit(X, y)
    before, train = clf.predict_proba(X), training.Member.train
    failed = threading.Event()

    def fail(self, settings, examples, validation, stop, name, *rest):
        if name.startswith("network 2"):
            failed.set()
            raise ValueError("diverged")
        failed.wait(10)
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return train(self, settings, examples, validation, stop, name, *rest)

    monkeypatch.setattr(training.Member, "train", fail)
    with pytest.raises(ValueError, match="diverged"):
        clf.fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


@pytest.mark.parametrize("started", [0, 1])
def test_where_no_thread_can_start_fewer_do_the_work(started, monkeypatch):
    X, y = data("binary", 120)
    expected = MLPBinary(**SMALL, n_members=3).fit(X, y).predict_proba(X)
    start, left = threading.Thread.start, [started]

    def refuse(self):
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    np.testing.assert_array_equal(MLPBinary(**SMALL, n_members=3, n_jobs=3).fit(X, y).predict_proba(X), expected)


# ---- predicting meanwhile ---------------------------------------------------------------------------------------------------


def test_a_fit_is_seen_all_at_once(monkeypatch):
    X, y = data("binary", 120)
    frame = pd.DataFrame(X, columns=list("abcde"))
    swapped, train, seen = frame[list("edcba")], ensemble.train, []
    clf = MLPBinary(**SMALL, n_members=2, store_oof=True).fit(frame, y)
    before, state = clf.predict_proba(frame), dict(vars(clf))

    def look(*args):
        result = train(*args)
        seen.append(vars(clf) == state)
        np.testing.assert_array_equal(clf.predict_proba(frame), before)
        with pytest.raises(ValueError, match="feature names"):
            clf.predict_proba(swapped)
        return result

    monkeypatch.setattr(ensemble, "train", look)
    clf.fit(swapped, y)
    monkeypatch.undo()
    assert seen == [True]
    np.testing.assert_array_equal(clf.feature_names_in_, swapped.columns)
    clf.set_params(store_oof=False).fit(X[:, :3], y)
    assert not {"feature_names_in_", "oof_proba_", "oof_loss_"} & set(vars(clf))
    assert clf.n_features_in_ == 3


@quiet
def test_predictions_beside_refits_are_of_one_fit_or_another():
    X, y = data("binary", 200)
    wide, narrow = X, np.ascontiguousarray(X[:, ::-1][:, :3])
    clf, wanted = MLPBinary(hidden_layer_sizes=(4,), n_members=1, max_iter=3, random_state=0), {}
    for Z in (wide, narrow):
        wanted[Z.shape[1]] = clf.fit(Z, y).predict_proba(Z)
    done = threading.Event()

    def refit():
        for _ in range(25):
            for Z in (wide, narrow):
                clf.fit(Z, y)
        done.set()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread = threading.Thread(target=refit)
        thread.start()
        while not done.is_set():
            for Z in (wide, narrow):
                try:
                    np.testing.assert_array_equal(clf.predict_proba(Z), wanted[Z.shape[1]])
                except ValueError as error:
                    if "features" not in str(error):  # those of the other fit
                        raise
        thread.join()


# ---- warnings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    {"n_members": 1}, {"n_members": 3, "n_jobs": 2}, {"n_members": 3, "solver": "lbfgs"},
], ids=str)
@pytest.mark.parametrize("wrap", [lambda clf: clf, lambda clf: make_pipeline(StandardScaler(), clf)], ids=["alone", "pipeline"])
def test_a_fit_that_did_not_converge_says_so_once_at_the_line_of_the_user(options, wrap):
    X, y = data("binary", 120)
    clf = wrap(MLPBinary(hidden_layer_sizes=(6,), early_stopping=False, max_iter=2, **options))
    with pytest.warns(ConvergenceWarning, match="max_iter=2") as caught:
        clf.fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    assert str(caught[0].message).startswith("3 of 3 networks ") == (options["n_members"] == 3)


# ---- forks ----------------------------------------------------------------------------------------------------------------

FORKS = """
import os, select, threading, time
import numpy as np
from threadpoolctl import threadpool_info
from sklearn_heads import MLPBinary
from sklearn_heads._mlp.blas import one_blas_thread
def limits(): return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
def child(call):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try: os.write(w, repr(call()).encode())
        finally: os._exit(0)
    os.close(w)
    said = os.read(r, 1000).decode() if select.select([r], [], [], 20)[0] else "hangs"
    os.kill(pid, 9), os.waitpid(pid, 0), os.close(r)
    return said
X = np.random.RandomState(0).normal(size=(500, 5))
y = (X[:, 0] > 0).astype(int)
clf = MLPBinary((8,), n_members=1, n_iter_no_change=None, max_iter=10**6, random_state=np.random.mtrand._rand)
stop = threading.Event()
def fit():
    try: clf.fit(X, y)
    except BaseException: pass
threading.Thread(target=fit, daemon=True).start()
time.sleep(0.3)
for _ in range(3): assert float(child(np.random.rand)) >= 0
free, entered = limits(), threading.Event()
def hold():
    with one_blas_thread():
        entered.set(), stop.wait()
threading.Thread(target=hold, daemon=True).start()
entered.wait()
assert limits() == [1] * len(free), limits()
def in_child():
    before = limits()
    MLPBinary((3,), solver="lbfgs", max_iter=3).fit(X, y)
    return before, limits()
assert child(in_child) == repr((free, free)), (child(in_child), free)
os._exit(0)
"""


@pytest.fixture(scope="module")
def aside_forks(aside):
    return aside("-W", "ignore", "-c", FORKS, OPENBLAS_NUM_THREADS="2")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_finds_no_lock_held_and_no_limit_left(aside_forks):
    written(aside_forks.result())


@pytest.mark.parametrize("random_state", [None, np.random.mtrand._rand], ids=["None", "global"])
def test_the_global_stream_decides_but_is_not_held(random_state):
    X, y = data("binary")
    got = []
    for seed in (3, 3, 4):
        np.random.seed(seed)  # noqa: NPY002 (it is what this is about)
        got.append(MLPBinary(hidden_layer_sizes=(6,), random_state=random_state).fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(got[0], got[1])
    assert (got[0] != got[2]).any()


def test_no_jobs_is_refused_by_name_and_infinite_patience_is_taken():
    X, y = data("multilabel")
    with pytest.raises(ValueError, match="'n_jobs' parameter of MLPMultiLabel must be"):
        MLPMultiLabel(n_jobs=0).fit(X, y)
    for name, make in HEADS.items():
        X, y = data(name, 60)
        curves = []
        for patience in (None, np.inf):
            clf = make(hidden_layer_sizes=(3,), n_members=1, max_iter=20, tol=1e9, n_iter_no_change=patience, random_state=0)
            curves.append(clf.fit(X, y).loss_curve_)
        assert curves[0] == curves[1]
        assert len(curves[0]) == 20
