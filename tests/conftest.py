"""Settings of the whole suite.

Hypothesis draws the same examples in every run, so that a red test is red for everybody; to hunt for new ones:
``pytest --hypothesis-profile=search``.
"""
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from aside import run_python
from hypothesis import settings
from threadpoolctl import threadpool_limits

settings.register_profile("suite", max_examples=60, deadline=None, derandomize=True, database=None)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread():
    """On tasks this small the threads of BLAS spin for each other: several times the work, the more so on a busy machine.

    Tests that are about these threads ask for several.
    """
    with threadpool_limits(1, "blas"):
        yield


@pytest.fixture(scope="module")
def aside():
    """``aside("-c", code)`` runs Python in a process of its own, beside the tests of the module: a Future of what it did."""
    with ThreadPoolExecutor(2) as pool:
        yield partial(pool.submit, run_python)


@pytest.fixture(scope="module", autouse=True)
def _processes_first(request):
    """Fixtures named aside_... that a selected test asks for start before the first test of their module."""
    asked = {name for item in request.session.items if item.path == request.path for name in item.fixturenames}
    for name in sorted(asked):
        if name.startswith("aside_"):
            request.getfixturevalue(name)
