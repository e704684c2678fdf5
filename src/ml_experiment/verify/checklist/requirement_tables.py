"""Packages that are declared in tables: ``pyproject.toml``, Pipenv's files, lock files."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.checklist.pins import (
    Malformed,
    Pin,
    declare,
    line_of,
    text_of,
)
from ml_experiment.verify.checklist.shapes import a_list, a_table, a_text


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_experiment.verify.checklist.pins import Requirements


def read_lock(path: Path, found: Requirements) -> bool:
    """Read a lock file in TOML.

    Raises:
        Malformed: It cannot be understood.
    """
    document = _toml(text_of(path))
    key = "package" if "package" in document else "packages"
    for number, each in enumerate(a_list(document.get(key, []), key)):
        package = a_table(each, f"{key}[{number}]")
        name = a_text(package.get("name"), f"{key}[{number}].name")
        version = package.get("version")
        if version is not None:
            a_text(version, f"{key}[{number}].version")
        found.add(name, Pin(f"{name}=={version}", version, is_exact=True, file=path))
    return True


def read_pyproject(path: Path, found: Requirements) -> bool:
    """Read what a ``pyproject.toml`` declares; whether it declares anything.

    Raises:
        Malformed: It cannot be understood.
    """
    text = text_of(path)
    document = _toml(text)
    project = a_table(document.get("project", {}), "project")
    given = {"project.dependencies": project.get("dependencies", [])}
    for name, groups in (
        ("project.optional-dependencies", project.get("optional-dependencies", {})),
        ("dependency-groups", document.get("dependency-groups", {})),
    ):
        for key, group in a_table(groups, name).items():
            given[f"{name}.{key}"] = group
    listed = [each for name, group in given.items() for each in _texts(group, name)]
    for each in listed:
        declare(found, each, path, line_of(text, each))
    tables = list(_tables_of_poetry(document))
    for table in tables:
        for name, spec in table.items():
            _declare_table(found, name, spec, path, line_of(text, name))
    return bool(listed) or any(tables) or "dependencies" in project


def _texts(group: Any, name: str) -> Iterator[str]:
    for number, each in enumerate(a_list(group, name)):
        if not isinstance(each, dict):  # a table includes another group
            yield a_text(each, f"{name}[{number}]")


def _tables_of_poetry(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    tool = a_table(document.get("tool", {}), "tool")
    name = "tool.poetry"
    poetry = a_table(tool.get("poetry", {}), name)
    yield a_table(poetry.get("dependencies", {}), f"{name}.dependencies")
    for key, each in a_table(poetry.get("group", {}), f"{name}.group").items():
        group = a_table(each, f"{name}.group.{key}")
        inner = group.get("dependencies", {})
        yield a_table(inner, f"{name}.group.{key}.dependencies")


def _declare_table(
    found: Requirements, name: str, spec: Any, path: Path, line: int | None
) -> None:
    """Declare an entry of Poetry or Pipenv: ``name = "1.2"``, ``{version = "1.2"}``."""
    if name == "python":
        return
    text = spec.get("version", "") if isinstance(spec, dict) else spec
    commit = isinstance(spec, dict) and ("rev" in spec or "ref" in spec)
    written = str(text)
    bare = re.fullmatch(r"={0,3}\s*(\d[\w.!+]*)", written)
    version = bare[1] if bare else None
    exact = version is not None or commit
    found.add(name, Pin(f"{name} {written}".strip(), version, exact, path, line))


def read_pipfile(path: Path, found: Requirements) -> bool:
    """Read a file of Pipenv, or its lock file.

    Raises:
        Malformed: It cannot be understood.
    """
    if path.suffix == ".lock":
        _read_pipfile_lock(path, found)
        return True
    text = text_of(path)
    document = _toml(text)
    for section in ("packages", "dev-packages"):
        for name, spec in a_table(document.get(section, {}), section).items():
            _declare_table(found, name, spec, path, line_of(text, name))
    return True


def _read_pipfile_lock(path: Path, found: Requirements) -> None:
    try:
        value = json.loads(text_of(path))
    except json.JSONDecodeError as error:
        raise Malformed(f"this is no JSON: {error.msg}", error.lineno) from None
    except ValueError as error:  # an integer of too many digits
        raise Malformed(f"this is no JSON: {error}") from None
    document = a_table(value, "the file")
    for section in ("default", "develop"):
        for name, each in a_table(document.get(section, {}), section).items():
            entry = a_table(each, f"{section}.{name}")
            given = entry.get("version", "")
            version = a_text(given, f"{section}.{name}.version").lstrip("=") or None
            found.add(
                name, Pin(f"{name}=={version}", version, is_exact=True, file=path)
            )


def read_setup_cfg(path: Path, found: Requirements) -> bool:
    """Read what a ``setup.cfg`` declares; whether it declares anything.

    Raises:
        Malformed: It cannot be understood.
    """
    text = text_of(path)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text, source=path.name)
    except configparser.Error as error:
        errors = getattr(error, "errors", None)
        line = errors[0][0] if errors else getattr(error, "lineno", None)
        raise Malformed(error.message.replace("\n", " "), line) from None
    listed = parser.get("options", "install_requires", fallback="").splitlines()
    for each in filter(None, (line.strip() for line in listed)):
        declare(found, each, path, line_of(text, each))
    return bool(listed)


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # also an integer of too many digits
        raise Malformed(f"this is no TOML: {error}") from None
