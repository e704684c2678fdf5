"""Properties of the sources that no linter looks at."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import ml_experiment


ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "ml_experiment"
LARGEST_MODULE = 300  # lines, without empty ones and docstrings
MODULES = sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def _docstring_lines(text: str) -> int:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return sum(
        sum(1 for line in (ast.get_docstring(node) or "").splitlines() if line.strip())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented)
    )


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_no_module_grows_beyond_one_idea(module: Path) -> None:
    """A module that needs more lines than this holds two ideas."""
    text = module.read_text(encoding="utf-8")

    code = [line for line in text.splitlines() if line.strip()]

    assert len(code) - _docstring_lines(text) <= LARGEST_MODULE


def test_only_the_command_line_prints() -> None:
    """Nothing is printed in a user's process that they did not ask for."""
    printing = [
        _name(path)
        for path in MODULES
        if path.relative_to(PACKAGE).parts[0] != "cli"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]

    assert printing == []


def test_every_package_says_what_it_is() -> None:
    """Each room of the house has a sentence at its door."""
    silent = [
        _name(path)
        for path in MODULES
        if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]

    assert silent == []


def test_the_version_is_the_same_everywhere() -> None:
    """A release changes the version in all of its places."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()

    assert project["version"] == ml_experiment.__version__
    assert f"\nversion: {ml_experiment.__version__}\n" in citation


def test_the_workflow_uses_make_targets_only() -> None:
    """What the service runs, anyone can run: every step is a target of the Makefile."""
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    makefile = (ROOT / "Makefile").read_text()

    steps = re.findall(r"- run: (.*)", workflow)

    assert steps
    for step in steps:
        command, *words = step.split()
        assert command == "make"
        for target in (word for word in words if "=" not in word):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), step
