"""Ctrl-C during a long fit is felt within a second or two, warns, and leaves an estimator that predicts."""
import json
import os

import pytest
from aside import written

INTERRUPTED = """
import json, os, signal, sys, threading, time, warnings
import numpy as np
from sklearn_heads import MLPBinary
X = np.random.RandomState(0).normal(size=(4000, 60))
y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
for options in map(json.loads, sys.argv[1:]):
    clf = MLPBinary(hidden_layer_sizes=(600, 600), n_iter_no_change=None, max_iter=100_000, tol=0.0, random_state=0, **options)
    sent = []
    threading.Timer(0.5, lambda: (sent.append(time.monotonic()), os.kill(os.getpid(), signal.SIGINT))).start()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf.fit(X, y)
        late = time.monotonic() - sent[0]
        usable = clf.predict(X[:10]).shape == (10,) and bool(np.isfinite(clf.predict_proba(X)).all())
        said = {"late": late, "usable": usable, "warnings": [str(w.message) for w in caught]}
    except BaseException as error:
        said = {"raised": repr(error)}
    print(json.dumps(said), flush=True)
"""
RUNS = [
    {"n_members": 1},
    {"n_members": 1, "batch_size": 4000, "early_stopping": False},
    {"n_members": 3},
    {"n_members": 3, "n_jobs": 2},
    {"solver": "lbfgs", "n_members": 1, "early_stopping": False, "max_fun": 10**9},
]


@pytest.fixture(scope="module")
def aside_interrupted(aside):
    return aside("-c", INTERRUPTED, *map(json.dumps, RUNS))


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.parametrize("nth", range(len(RUNS)), ids=lambda nth: str(RUNS[nth]))
def test_an_interrupt_is_felt_and_leaves_a_usable_estimator(nth, aside_interrupted):
    said = json.loads(written(aside_interrupted.result()).splitlines()[nth])
    assert said.keys() == {"late", "usable", "warnings"}, said
    assert any("interrupted" in text for text in said["warnings"]), said
    assert said["usable"]
    assert said["late"] < 2, said
