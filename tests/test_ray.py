"""joblib's ray backend runs a search too, and finds what one process finds."""
import pytest
from aside import run_python, written

pytest.importorskip("ray", reason="needs the extra `ray`")

# A process of its own: ray leaves threads, settings and warnings behind. Nothing here listens to other machines.
SEARCH = """
import numpy as np, ray
from data import data
from joblib import parallel_config
from ray.util.joblib import register_ray
from sklearn.model_selection import GridSearchCV
from sklearn_heads import MLPMulticlass

X, y = data("multiclass", 120)
grid = {"dropout": [0.0, 0.5], "head": ["softmax", "sigmoid"]}
searches = [GridSearchCV(MLPMulticlass(max_iter=4, random_state=0), grid, cv=2, error_score="raise") for _ in range(2)]
ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1")
register_ray()
with parallel_config(backend="ray"):
    searches[0].fit(X, y)
nodes = ray.nodes()
ray.shutdown()
searches[1].fit(X, y)
assert len(nodes) == 1
np.testing.assert_array_equal(*(search.cv_results_["mean_test_score"] for search in searches))
np.testing.assert_array_equal(*(search.predict_proba(X) for search in searches))
print("the same")
"""


def test_a_search_on_ray_finds_what_one_process_finds(tmp_path):
    done = run_python("-c", SEARCH, HOME=str(tmp_path), RAY_USAGE_STATS_ENABLED="0")
    assert written(done).splitlines()[-1] == "the same"
