"""On every instruction set, those below the processor's best included: losses within the bound, products to the bit."""
import numpy as np
import pytest
from aside import written
from oracles import relative_error, true_binary, true_cross_entropy, true_pooled_log_odds
from test_losses_accuracy import BOUND, DTYPES, margins, margins_of_five, rows_of_margins

LEVELS = ["blas", "baseline", "avx2", "avx512"]
# Each level in a process of its own: it is chosen at the first import.
ONE_LEVEL = """
import sys
import conftest
import numpy as np
from test_products import test_products_are_those_of_numpy as check_products
from sklearn_heads import losses
from sklearn_heads._core import kernels
from sklearn_heads._core.kernels import SIMD_LEVEL
given, results = np.load(sys.argv[1]), {"level": SIMD_LEVEL}
for name in ("float64", "float32"):
    z = given["z"].astype(name)
    half = given["rows"].astype(name)
    results[name + "_loss"], results[name + "_gradient"] = losses.binary_cross_entropy_loss_gradient(z, given["t"])
    results[name + "_pool"] = np.empty(given["members"].shape[1], name)
    kernels.pool_log_odds(given["members"].astype(name).ravel(), results[name + "_pool"])
    results[name + "_row_loss"], results[name + "_row_gradient"] = losses.cross_entropy_loss_gradient(half, given["ids"])
np.savez(sys.argv[2], **results)
for dtype in (np.float32, np.float64):
    check_products(dtype=dtype)
print("products are right")
"""


@pytest.fixture(scope="module")
def given():
    """Numbers that are exact in both precisions."""
    z, rows = (values.astype(np.float64) for values in (margins(np.float32), rows_of_margins(np.float32, 5)))
    members = margins_of_five(np.float32).astype(np.float64)
    return {"z": z, "t": np.arange(len(z)) % 2, "rows": rows, "ids": np.arange(len(rows)) % 5, "members": members}


@pytest.fixture(scope="module")
def truth(given):
    binary, rows = true_binary(given["z"], given["t"]), true_cross_entropy(given["rows"], given["ids"])
    names = ["loss", "gradient", "row_loss", "row_gradient", "pool"]
    return dict(zip(names, [*binary, *rows, true_pooled_log_odds(given["members"])]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("levels")


@pytest.fixture(scope="module")
def aside_levels(aside, given, folder):
    np.savez(folder / "given.npz", **given)
    code = "-W", "ignore", "-c", ONE_LEVEL, folder / "given.npz"
    return {level: aside(*code, folder / f"{level}.npz", SKLEARN_HEADS_SIMD=level) for level in LEVELS}


@pytest.mark.parametrize("level", LEVELS)
def test_losses_keep_the_bound(level, aside_levels, truth, folder):
    aside_levels[level].result()
    got = np.load(folder / f"{level}.npz")
    assert LEVELS.index(str(got["level"])) <= LEVELS.index(level)  # the processor may not reach the wish
    for dtype in DTYPES:
        name = np.dtype(dtype).name
        for result in ("loss", "gradient", "row_loss", "row_gradient"):
            assert relative_error(got[f"{name}_{result}"], truth[result]) <= BOUND[dtype], (dtype, result)
        error = np.abs(got[f"{name}_pool"] - truth["pool"]) / np.maximum(np.abs(truth["pool"]), 1)
        assert error.max() <= BOUND[dtype], dtype


@pytest.mark.parametrize("level", LEVELS)
def test_products_are_those_of_numpy(level, aside_levels):
    assert written(aside_levels[level].result()).splitlines() == ["products are right"]
