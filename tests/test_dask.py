"""Beyond one machine: searches, training and prediction on a cluster of processes give what one process gives."""
import os
import signal
from itertools import chain

import numpy as np
import pytest
from data import HEADS, data
from joblib import parallel_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

dask = pytest.importorskip("dask", reason="needs the extra `dask`")
distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
da = pytest.importorskip("dask.array", reason="needs the extra `dask`")

SMALL = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0}


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="localhost:0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(params=HEADS)
def name(request):
    return request.param


def assert_same_results(search, expected):
    for key, values in expected.cv_results_.items():
        if "time" not in key:
            np.testing.assert_array_equal(search.cv_results_[key], values)


def test_a_search_on_the_cluster_finds_what_one_process_finds(name, client):
    X, y = data(name, 120)
    grid = {"dropout": [0.0, 0.5], "hidden_layer_sizes": [(), (4,)]}
    scoring = "f1_macro" if name == "multilabel" else "neg_log_loss"
    search, alone = (GridSearchCV(HEADS[name](**SMALL), grid, cv=2, scoring=scoring, error_score="raise") for _ in range(2))
    with parallel_config(backend="dask"):
        search.fit(X, y)
    assert_same_results(search, alone.fit(X, y))
    np.testing.assert_array_equal(search.predict_proba(X), alone.predict_proba(X))


class DiesOnce(TransformerMixin, BaseEstimator):
    """Kills the process it is fitted in, the first time."""

    def __init__(self, marker=None):
        self.marker = marker

    def fit(self, X, y=None):
        if self.marker is not None and not os.path.exists(self.marker):
            with open(self.marker, "x") as file:
                file.write(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    def transform(self, X):
        return X

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL there")
def test_a_worker_killed_in_mid_search_loses_no_result(client, tmp_path):
    X, y = data("binary", 600)
    splits = list(StratifiedKFold(2).split(X, y))
    marker = tmp_path / "marker"
    dropouts = [0.0, 0.1], [0.2, 0.3], [0.4, 0.5]
    grid = [{"mlpbinary__dropout": dropout} for dropout in dropouts]
    grid[1]["diesonce__marker"] = [str(marker)]
    search, alone = (GridSearchCV(make_pipeline(DiesOnce(), HEADS["binary-sigmoid"](**SMALL)), grid, cv=splits) for _ in range(2))
    workers = set(client.run(os.getpid).values())
    with parallel_config(backend="dask", scatter=[X, y, *chain.from_iterable(splits)]):
        search.fit(X, y)
    killed = int(marker.read_text())
    assert killed in workers
    client.wait_for_workers(2, timeout=60)
    assert killed not in client.run(os.getpid).values()
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert_same_results(search, alone.fit(X, y))  # the marker is there now: nobody dies


def test_training_over_blocks_is_training_over_their_arrays(name, client):
    X, y = data(name, 300)
    classes = None if name == "multilabel" else np.unique(y)
    blocks = da.from_array(X, chunks=(70, -1)), da.from_array(y, chunks=(70, *(-1,) * (y.ndim - 1)))
    clf, alone = (HEADS[name](**SMALL, dtype="float64") for _ in range(2))
    for block in range(blocks[0].numblocks[0]):
        clf.partial_fit(*dask.compute(*(array.blocks[block] for array in blocks)), classes=classes)
    for start in range(0, 300, 70):
        alone.partial_fit(X[start : start + 70], y[start : start + 70], classes=classes)
    np.testing.assert_array_equal(clf.predict_proba(X), alone.predict_proba(X))
    assert clf.n_iter_ == 5

    columns = clf.predict_proba(X).shape[1]
    proba = blocks[0].map_blocks(clf.predict_proba, dtype=float, chunks=(blocks[0].chunks[0], (columns,)))
    assert proba.shape == (300, columns)
    np.testing.assert_allclose(proba.compute(), clf.predict_proba(X), rtol=1e-12)
