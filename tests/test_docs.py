"""The documents are true: their examples run, their links lead somewhere, their lists are complete."""
import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from sklearn.neural_network import MLPClassifier

import sklearn_heads

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SOURCE = ROOT / "sklearn_heads"
MODULES = ["sklearn_heads", *(m.name for m in pkgutil.walk_packages(sklearn_heads.__path__, "sklearn_heads."))]
needs_source = pytest.mark.skipif(not SOURCE.exists(), reason="needs the source tree")
GALLERY = sorted((ROOT / "examples").glob("plot_*.py"))
ESTIMATORS = [sklearn_heads.MLPBinary, sklearn_heads.MLPMulticlass, sklearn_heads.MLPMultiLabel]


def defaults(estimator):
    parameters = inspect.signature(estimator).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def table_rows(text):
    """First cell, stripped of its backquotes, to the cells after it."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


# What the examples of a page need beyond the package: modules, and where they come from.
NEEDS = {
    "deployment.md": [(module, "needs the extras `onnx` and `test`") for module in ("skl2onnx", "onnxruntime", "skops")],
    "progress.md": [("sklearn.callback", "callbacks came with scikit-learn 1.9")],
    "scaling.md": [("distributed", "needs the extra `dask`")],
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_pages_run(page, tmp_path, monkeypatch):
    for module, reason in NEEDS.get(page.name, ()):
        pytest.importorskip(module, reason=reason)
    monkeypatch.chdir(tmp_path)  # for the files that examples write
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name):
    if "._onnx" in name:
        pytest.importorskip("skl2onnx", reason="needs the onnx extra")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_has_an_example(estimator):
    assert ">>> " in estimator.__doc__


@needs_source
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@needs_source
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_fits_the_column_of_the_site(page):
    blocks = re.findall(r"^```pycon\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    assert [line for block in blocks for line in block.splitlines() if len(line) > 88] == []


@needs_source
@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("plot_*.py")), ids=lambda example: example.stem)
def test_titles_of_the_gallery_name_their_topic(example):
    title, underline = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))).splitlines()[:2]
    assert re.fullmatch(r"[A-Z][\w ]+: [^:]+\?", title)
    assert underline == "=" * len(title)


@needs_source
def test_architecture_lists_every_source_file():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    first_cells = "".join(line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `"))
    listed = {name for name in re.findall(r"`([\w/.]+)`", first_cells) if not name.endswith("/")}  # rooms have a table, too
    kinds = {".py", ".pyx", ".pxd", ".h", ".typed"}
    present = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.suffix in kinds}
    assert listed == present


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_defaults_page_lists_what_differs(estimator):
    rows = table_rows((ROOT / "docs" / "defaults.md").read_text(encoding="utf-8"))
    theirs, ours = defaults(MLPClassifier), defaults(estimator)
    assert theirs.keys() <= ours.keys()
    for name, default in ours.items():
        said = rows.get(name)
        if name in theirs and theirs[name] == default:
            assert said is None, f"{name} is listed, but does not differ"
        else:
            assert said, f"{name} is not listed"
            shown = said[1] if name in theirs else said[0]
            wanted = str(default) if name == "head" else f"`{default!r}`".replace("'", '"')
            assert wanted in shown, f"{name}: the page says {shown}"
            if name in theirs:
                assert f"`{theirs[name]!r}`".replace("'", '"') in said[0], f"{name}: the page says {said[0]} of MLPClassifier"


@pytest.mark.parametrize("example", GALLERY, ids=lambda example: example.stem)
def test_an_example_is_one_short_question_with_a_place_in_the_gallery(example):
    text = example.read_text(encoding="utf-8")
    assert text.splitlines()[1].endswith("?")
    assert len(text.splitlines()) < 100
    assert f'"{example.name}"' in (ROOT / "docs" / "gallery_order.py").read_text(encoding="utf-8")


def test_api_page_lists_every_public_name():
    listed = set(re.findall(r"^   (\w+)$", (ROOT / "docs" / "api.rst").read_text(encoding="utf-8"), re.M))
    assert listed == {*sklearn_heads.__all__, *sklearn_heads.losses.__all__, "register_converters"} - {"losses"}


def test_migrating_page_answers_for_every_attribute_of_mlpclassifier():
    peer = MLPClassifier(max_iter=1000, early_stopping=True, random_state=0).fit([[0.0], [1.0]] * 10, [0, 1] * 10)
    page = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
    attributes = {name for name in vars(peer) if name.endswith("_") and not name.startswith("_")}
    assert {name for name in attributes if f"`{name}`" not in page} == set()
