"""Fits and predictions in which an allocation fails, or Ctrl-C arrives, at a random moment.

    python tests/fuzz/faults.py signals --cases 200 --seed 0
    LD_PRELOAD=allocations.so python tests/fuzz/faults.py allocations --cases 200 --seed 0      (built from allocations.c)

Afterwards the estimator is as before the call, or complete; the same call without a fault gives the same bits as ever; no lock is
held and no thread is left.
"""
import argparse
import ctypes
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings

import numpy as np

from sklearn_heads import MLPBinary, MLPMulticlass, MLPMultiLabel, ThresholdTuner

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(200, 7)).astype(np.float32)
TASKS = {
    "binary": (MLPBinary, (X[:, 0] > 0).astype(int), {"n_members": 1}),
    "members": (MLPMulticlass, RANDOM.randint(3, size=len(X)), {"n_members": 3, "store_oof": True}),
    "threads": (MLPMulticlass, RANDOM.randint(3, size=len(X)), {"n_members": 3, "n_jobs": 2}),
    "labels": (MLPMultiLabel, RANDOM.randint(2, size=(len(X), 4)), {"n_members": 1, "early_stopping": True}),
    "lbfgs": (MLPBinary, (X[:, 1] > 0).astype(int), {"solver": "lbfgs"}),
    "tuner": (None, (X[:, 0] > 0).astype(int), {}),
}
OPTIONS = {"hidden_layer_sizes": (12,), "max_iter": 6, "random_state": 3}


def new(task):
    kind, _, options = TASKS[task]
    if kind is None:
        return ThresholdTuner(MLPBinary(n_members=2, **OPTIONS), cv="oof", n_bootstraps=5, random_state=0)
    return kind(**OPTIONS, **options)


def answer(estimator):
    """Everything that predictions show, as bytes; None of an estimator that is not fitted."""
    if not hasattr(estimator, "classes_"):
        return None
    return np.asarray(estimator.predict_proba(X[:50])).tobytes()


class Allocations:
    """The nth allocation by our compiled modules fails."""

    def __init__(self):
        self.fail = ctypes.CDLL(None).fail_allocation
        self.fail.argtypes = [ctypes.c_long]

    def __call__(self, random, call):
        self.fail(int(10 ** random.uniform(0, 2.3)))
        try:
            call()
        finally:
            self.fail(-1)


class Signals:
    """Ctrl-C after some milliseconds."""

    def __init__(self):
        signal.signal(signal.SIGALRM, signal.default_int_handler)

    def __call__(self, random, call):
        signal.setitimer(signal.ITIMER_REAL, 10 ** random.uniform(-4, -1.2))
        try:
            call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def one(number, fault, whole):
    """One call with a fault. Returns how it ended."""
    random = np.random.RandomState(number)
    task = list(TASKS)[number % len(TASKS)]
    _, y, _ = TASKS[task]
    estimator = new(task) if random.randint(2) else pickle.loads(pickle.dumps(whole[task]))
    before, n_threads, how = answer(estimator), threading.active_count(), "returned"
    call = (lambda: estimator.fit(X, y)) if random.randint(3) else (lambda: answer(estimator))
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fault(random, call)
        if any("interrupted" in str(warning.message) for warning in caught):
            how = "was interrupted"
    except (MemoryError, KeyboardInterrupt) as error:
        how = type(error).__name__
    if how == "returned":
        assert answer(estimator) in (before, answer(whole[task])), "an answer of its own"
    elif how != "was interrupted":
        assert answer(estimator) == before, "not as before"
    end = time.monotonic() + 5  # a thread that Ctrl-C met at its start finds nothing to do, and ends
    while threading.active_count() > n_threads and time.monotonic() < end:
        time.sleep(1e-3)
    assert threading.active_count() <= n_threads, "a thread is left"
    again = new(task)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert answer(again.fit(X, y)) == answer(whole[task]), "later fits have other bits"
        estimator.fit(X, y)
    assert answer(estimator) == answer(whole[task]), "this estimator's next fit has other bits"
    return how


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fault", choices=["signals", "allocations"])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    whole = {task: new(task).fit(X, y) for task, (_, y, _) in TASKS.items()}
    fault = Signals() if arguments.fault == "signals" else Allocations()
    counts, failed = {}, []
    for number in range(arguments.seed, arguments.seed + arguments.cases):
        print(f"case {number}", file=sys.stderr, flush=True)
        try:
            how = one(number, fault, whole)
            counts[how] = counts.get(how, 0) + 1
        except Exception:
            failed.append(number)
            print(f"case {number} failed:\n{traceback.format_exc()}", flush=True)
    print(f"{arguments.fault}: " + ", ".join(f"{how} {count}" for how, count in sorted(counts.items())))
    print(f"{arguments.cases} cases from {arguments.seed} on, failed: {failed or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
