"""What the documents say of versions is what the package asks for."""
import re
import runpy
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
HEADER, _, *ROWS = ([cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.count("|") == 8)
TABLE = {row[0]: dict(zip(HEADER, row)) for row in ROWS}
MATRIX = ROOT / ".ci" / "matrix"


def starts_with(version, bound):
    """Whether 1.6 is a beginning of 1.6.0, and 1.6.1 none."""
    return (version + ".0").startswith(bound + ".") and set(version[len(bound):]) <= set(".0")


def test_the_lower_bounds_are_the_oldest_versions_that_were_tested():
    bounds = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups() for requirement in PROJECT["dependencies"])
    for package in ("scikit-learn", "numpy", "scipy"):
        assert starts_with(TABLE["oldest"][package], bounds[package])
    assert TABLE["oldest"]["Python"].startswith(PROJECT["requires-python"].removeprefix(">=") + ".")


def test_every_row_passed():
    assert len(TABLE) == 4
    for row in TABLE.values():
        assert re.fullmatch(r"\d{4,} passed(, \d+ skipped)?(, \d+ warnings)?", row["result"]), row


@pytest.mark.skipif(not MATRIX.exists(), reason="needs the source tree")
def test_the_table_is_that_of_the_command():
    rows = runpy.run_path(str(MATRIX), run_name="matrix")["ROWS"]
    assert list(rows) == list(TABLE)
    for name, (python, requirements) in rows.items():
        assert TABLE[name]["Python"].startswith(python + ".")
        pinned = dict(requirement.split("==") for requirement in requirements if "==" in requirement)
        assert {package: version for package, version in pinned.items() if package in HEADER}.items() <= TABLE[name].items()
