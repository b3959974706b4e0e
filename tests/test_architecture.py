"""Imports only point down: the stairs are listed here, and every import of the package is held to them."""
import ast
import re
from pathlib import Path

import pytest

import sklearn_heads

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sklearn_heads"
pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="needs the source tree")

# From the ground up, room by room. A module may import what stands on lower steps, and nothing from its own step or above.
STAIRS = [
    {"_core.kernels", "displays", "_sklearn.labels"},  # a display asks what a fitted estimator shows, and imports none
    {"_core.rows", "_sklearn.versions", "_sklearn.notebook", "_sklearn.rollback", "_sklearn.parameters", "_sklearn.random",
     "_sklearn.callbacks", "_sklearn.frames"},
    {"_core.optimizer"},
    {"_core.entries"},
    {"_core.batch"},
    {"_core.layers"},
    {"_core.network"},
    {"_core.epochs"},
    {"losses", "_mlp.labels", "_mlp.targets", "_mlp.occurrence", "_mlp.pooling", "_mlp.blas", "_mlp.threads",
     "_mlp.tables", "_mlp.categories", "_mlp.blocks", "_mlp.stopping"},
    {"_mlp.bins", "_mlp.inputs", "_mlp.statistics", "_mlp.multilabel"},
    {"heads", "_mlp.stream", "_mlp.elsewhere", "_mlp.encoding", "_mlp.lbfgs", "_mlp.relevance"},
    {"_mlp.training"},
    {"_mlp.recipe"},
    {"_mlp.members"},
    {"_mlp.ensemble"},
    {"_mlp.fitted"},
    {"_mlp.base"},
    {"estimators"},
    # thresholds/ takes any classifier and imports no network: of what is above only `_sklearn`.
    {"thresholds._search.bootstrap", "thresholds._search.sorting", "thresholds._search.sweep"},
    {"thresholds._search.metrics", "thresholds._search.ranking", "thresholds._search.promises"},
    {"thresholds._scores", "thresholds._heldout"},
    {"thresholds._search.constraints"},
    {"thresholds._search.problem"},
    {"thresholds._search.binary"},
    {"thresholds._objective", "thresholds._routing", "thresholds._search.bagging"},
    {"thresholds._search.columns", "thresholds._search.averages", "thresholds._search.multiclass"},
    {"thresholds._search.multilabel", "thresholds._search.shared", "thresholds._search.grid"},
    {"thresholds._search.rowwise"},
    {"thresholds._search.searches"},
    {"thresholds._kinds"},
    {"thresholds._checks"},
    {"thresholds._tuner"},
    {"thresholds._display"},
    {"thresholds"},
    {""},  # the front door
    # onnx knows everybody, and nobody knows it.
    {"_onnx.graph", "_onnx.encoding"},
    {"_onnx.networks"},
    {"_onnx.written"},
    {"_onnx.thresholds", "_onnx.ensembles"},
    {"onnx"},
]
ROOMS = {"_core", "_mlp", "_onnx", "_sklearn", "thresholds._search"}  # folders whose __init__ holds a docstring
STEP = {module: step for step, modules in enumerate(STAIRS) for module in modules}
# What the core may know: no scikit-learn, no class labels, nothing but arrays.
CORE_MAY_IMPORT = {"numpy", "cpython", "libc", "cython", "scipy.linalg", "sklearn_heads._core"}

SOURCES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".pyx", ".pxd"})


def module_of(path):
    """"_core.network" for sklearn_heads/_core/network.pyx; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path):
    """Full names of everything a file imports or cimports; a name out of a package counts as a module where it is one."""
    found = []
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                found += [full_name(node.module, alias.name) for alias in node.names]
    else:
        text = re.sub(r"\\\n", " ", path.read_text())
        for module, names in re.findall(r"^\s*from\s+([\w.]+)\s+c?import\s+(\([^)]*\)|[^\n#]+)", text, re.M):
            found += [full_name(module, name.split(" as ")[0].strip()) for name in names.strip("()").split(",") if name.strip()]
        for names in re.findall(r"^\s*c?import\s+([^\n#]+)", text, re.M):
            found += [name.split(" as ")[0].strip() for name in names.split(",")]
    return found


def full_name(module, name):
    inside = PACKAGE.parent.joinpath(*module.split("."))
    is_module = any((inside / f"{name}{suffix}").exists() for suffix in (".py", ".pyx", ".pxd", ""))
    return f"{module}.{name}" if is_module else module


def ours(names):
    return {name.removeprefix("sklearn_heads").lstrip(".") for name in names if name.split(".")[0] == "sklearn_heads"}


def test_a_source_file_holds_one_idea():
    """The line rule of CONTRIBUTING.md: 400 lines, but for the docstrings that are written out three times."""
    sources = [*SOURCES, *PACKAGE.rglob("*.h")]
    assert len(sources) > 50
    lines = {path.name: len(path.read_text().splitlines()) for path in sources if path.name != "estimators.py"}
    assert not {name: count for name, count in lines.items() if count > 400}


def test_every_module_has_a_step():
    modules = {module_of(path) for path in SOURCES} - ROOMS
    assert modules == set(STEP)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    me = module_of(path)
    if me in ROOMS:
        assert not imports_of(path)
        return
    for other in ours(imports_of(path)) - {me}:
        assert STEP[other] < STEP[me], f"{me} imports {other}, which does not stand below it"


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent.name == "_core"], ids=lambda path: path.name)
def test_the_core_knows_arrays_only(path):
    for name in imports_of(path):
        assert any(name == allowed or name.startswith(allowed + ".") for allowed in CORE_MAY_IMPORT), name


def test_the_parser_sees_the_imports():
    """Known ones, so that the tests above cannot pass by seeing nothing."""
    assert {"_core.kernels"} <= ours(imports_of(PACKAGE / "losses.py"))
    assert {"_core.batch", "_core.kernels", "_core.optimizer"} <= ours(imports_of(PACKAGE / "_core/layers.pyx"))
    assert {"_core.batch", "_core.network", "_core.optimizer"} <= ours(imports_of(PACKAGE / "_core/epochs.pyx"))
    assert {"_core.kernels"} <= ours(imports_of(PACKAGE / "_core/optimizer.pxd"))
    assert "losses" in ours(imports_of(PACKAGE / "heads.py"))


def test_thresholds_and_networks_do_not_know_each_other():
    """Either may be read, and used, without the other."""
    for path in SOURCES:
        room = module_of(path).split(".")[0]
        others = {name.split(".")[0] for name in ours(imports_of(path))}
        if room == "thresholds":
            assert others <= {"thresholds", "_sklearn"}, path
        elif room not in {"", "onnx", "_onnx"}:
            assert "thresholds" not in others, path


def test_the_front_door_shows_what_it_promises():
    assert {"MLPBinary", "MLPMulticlass", "MLPMultiLabel", "LossCurveDisplay", "losses"} <= set(sklearn_heads.__all__)
    for name in sklearn_heads.__all__:
        assert getattr(sklearn_heads, name).__doc__
