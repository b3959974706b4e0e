"""Ctrl-C during a long fit is felt within a second or two, warns, and leaves an estimator that predicts."""
import os
import subprocess
import sys

import pytest

INTERRUPTED = """
import signal, sys, threading, time, warnings, os
import numpy as np
from sklearn_heads import MLPBinary
options = eval(sys.argv[1])
X = np.random.RandomState(0).normal(size=(4000, 60))
y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
clf = MLPBinary(hidden_layer_sizes=(600, 600), n_iter_no_change=None, max_iter=100_000, tol=0.0, random_state=0, **options)
sent = []
threading.Timer(1.0, lambda: (sent.append(time.monotonic()), os.kill(os.getpid(), signal.SIGINT))).start()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    clf.fit(X, y)
late = time.monotonic() - sent[0]
assert any("interrupted" in str(w.message) for w in caught), [str(w.message) for w in caught]
assert clf.predict(X[:10]).shape == (10,) and np.isfinite(clf.predict_proba(X)).all()
assert late < 2, late
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
@pytest.mark.parametrize(
    "options",
    [
        {"n_members": 1},
        {"n_members": 1, "batch_size": 4000, "early_stopping": False},
        {"n_members": 3},
        {"n_members": 3, "n_jobs": 2},
        {"solver": "lbfgs", "n_members": 1, "early_stopping": False, "max_fun": 10**9},
    ],
    ids=str,
)
def test_an_interrupt_is_felt_and_leaves_a_usable_estimator(options):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, repr(options)], timeout=60, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
