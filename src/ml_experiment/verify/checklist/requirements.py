"""The packages that a project declares, and which of them at one version only."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_TEXT = (
    "requirements*.txt",
    "requirements*.in",
    "constraints*.txt",
    "requirements/*.txt",
)
_CONDA = ("environment*.yml", "environment*.yaml", "conda*.yml", "conda*.yaml")
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock*.toml")
_TEXT_LOCKS = ("pixi.lock", "conda-lock.yml")
_SILENT = ("setup.py",)  # declares packages, by a program that is not run here
_OPTION = re.compile(r"\s+(--hash|--config-settings|--global-option)\b.*")
_CONDA_SPEC = re.compile(r"([\w.-]+)\s*(={1,2}\s*[\w.!+*]+)?(.*)")
_FOR_DEVELOPERS = re.compile(r"dev|test|doc|lint|constraints", re.IGNORECASE)
_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)[\s=]+(\S+)")
_VCS = re.compile(r"@[0-9a-f]{7,40}(#.*)?$")


@dataclass(frozen=True)
class Pin:
    """One declaration of a package.

    Attributes:
        text: As it was written.
        version: The one version that is allowed; ``None`` if several are, or it is a
            commit.
        is_exact: Whether it can only mean one thing.
        file: Where it stands.
        line: Its line there; ``None`` in files that a program writes.
    """

    text: str
    version: str | None
    is_exact: bool
    file: Path
    line: int | None = None

    @property
    def is_listed(self) -> bool:
        """Whether it is in a list of what is to be installed for the project to run."""
        lists = self.file.suffix in {".txt", ".in", ".yml", ".yaml"}
        return lists and not _FOR_DEVELOPERS.search(self.file.name)


@dataclass
class Requirements:
    """What is declared.

    Attributes:
        files: The files that declare something.
        pins: Every declaration, by the normalised name of the package.
        locks: Text of lock files that only tools read.
        included: Files that others name.
    """

    files: list[Path] = field(default_factory=list)
    pins: dict[str, list[Pin]] = field(default_factory=dict)
    locks: list[str] = field(default_factory=list)
    included: list[Path] = field(default_factory=list)

    def add(self, name: str, pin: Pin) -> None:
        """Add a declaration."""
        self.pins.setdefault(canonicalize_name(name), []).append(pin)

    def of(self, name: str) -> list[Pin]:
        """Return the declarations of a package."""
        return self.pins.get(canonicalize_name(name), [])

    def is_in_text_lock(self, name: str) -> bool:
        """Return whether a lock file that is not taken apart names a package."""
        word = re.compile(rf"(?<![\w-]){re.escape(canonicalize_name(name))}(?![\w-])")
        return any(word.search(text.lower().replace("_", "-")) for text in self.locks)


def read_requirements(folders: Sequence[Path]) -> Requirements:
    """Return what the files in these folders, and between them, declare.

    Args:
        folders: The top of the project first; those of the scripts.
    """
    found = Requirements()
    root = folders[0]
    every = [root]
    for folder in folders[1:]:
        every += [
            each for each in (folder, *folder.parents) if each.is_relative_to(root)
        ]
    for folder in dict.fromkeys(every):
        for readers, names in (
            (_read_text, _TEXT),
            (_read_conda, _CONDA),
            (_read_lock, _LOCKS),
            (_read_pyproject, ("pyproject.toml",)),
            (_read_pipfile, ("Pipfile", "Pipfile.lock")),
            (_read_opaque, _TEXT_LOCKS),
            (_read_setup_cfg, ("setup.cfg",)),
            (_read_silent, _SILENT),
        ):
            for path in _matching(folder, names):
                try:
                    if readers(path, found):
                        found.files.append(path)
                except (OSError, ValueError, RecursionError):
                    found.files.append(path)  # it is there; what is wrong others tell
    return found


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    paths = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path for path in paths if path.is_file())


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _declare(
    found: Requirements, text: str, file: Path, line: int | None = None
) -> None:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return
    versions = [
        each.version
        for each in requirement.specifier
        if each.operator in {"==", "==="} and not each.version.endswith(".*")
    ]
    version = versions[0] if versions else None
    by_url = requirement.url is not None and (
        _VCS.search(requirement.url) is not None or "sha256=" in requirement.url
    )
    found.add(
        requirement.name, Pin(text, version, bool(versions) or by_url, file, line)
    )


def _read_text(path: Path, found: Requirements) -> bool:
    declared = False
    lines = _text(path).splitlines()
    for number, line in _joined(lines):
        stripped = re.sub(r"(^|\s)#.*", "", line).strip()
        if not stripped or stripped.startswith("-"):
            declared |= stripped.startswith(("-e", "--editable"))
            included = _INCLUDE.match(stripped)
            other = path.parent / included[2] if included else path
            if included and other.is_file() and other not in found.included:
                found.included.append(other)
                declared |= _read_text(other, found)
            continue
        declared = True
        _declare(found, _OPTION.sub("", stripped).strip(), path, number)
    return declared or bool(lines)


def _joined(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield logical lines with their numbers: a backslash joins two."""
    text, first = "", 1
    for number, line in enumerate(lines, start=1):
        first = first if text else number
        if line.rstrip().endswith("\\"):
            text += line.rstrip()[:-1]
            continue
        yield first, text + line
        text = ""
    if text:
        yield first, text


def _read_conda(path: Path, found: Requirements) -> bool:
    from ml_experiment.config.reading import read_file
    from ml_experiment.errors import ConfigError

    try:
        document = read_file(path)
    except ConfigError:
        return True
    value = document.value
    items = value.get("dependencies") if isinstance(value, dict) else None
    for number, item in enumerate(items if isinstance(items, list) else []):
        line = document.lines.get(("dependencies", number))
        if isinstance(item, str):
            _declare_conda(found, item, path, line)
        elif isinstance(item, dict) and isinstance(item.get("pip"), list):
            for inner, text in enumerate(item["pip"]):
                where = document.lines.get(("dependencies", number, "pip", inner))
                _declare(found, str(text), path, where)
    return items is not None


def _declare_conda(
    found: Requirements, item: str, file: Path, line: int | None
) -> None:
    spec = item.rpartition("::")[2].strip()
    match = _CONDA_SPEC.fullmatch(spec)
    if match is None:
        return
    name, equals, rest = match.groups()
    version = equals.lstrip("= ") if equals else None
    exact = version is not None and "*" not in version and not rest.startswith(",")
    found.add(name, Pin(item, version if exact else None, exact, file, line))


def _read_lock(path: Path, found: Requirements) -> bool:
    document = tomllib.loads(_text(path))
    for package in document.get("package") or document.get("packages") or []:
        if isinstance(package, dict) and isinstance(package.get("name"), str):
            version = package.get("version")
            text = f"{package['name']}=={version}"
            found.add(package["name"], Pin(text, version, is_exact=True, file=path))
    return True


def _read_pyproject(path: Path, found: Requirements) -> bool:
    text = _text(path)
    document = tomllib.loads(text)
    project = document.get("project", {})
    optional = project.get("optional-dependencies", {})
    groups = document.get("dependency-groups", {})
    listed = [
        *project.get("dependencies", []),
        *(each for group in (*optional.values(), *groups.values()) for each in group),
    ]
    for each in listed:
        if isinstance(each, str):
            _declare(found, each, path, _line_of(text, each))
    poetry = document.get("tool", {}).get("poetry", {})
    tables = [poetry.get("dependencies", {})]
    tables += [
        each.get("dependencies", {}) for each in poetry.get("group", {}).values()
    ]
    for table in tables:
        for name, spec in table.items():
            _declare_table(found, name, spec, path, _line_of(text, name))
    return bool(listed) or any(tables) or "dependencies" in project


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


def _read_pipfile(path: Path, found: Requirements) -> bool:
    if path.suffix == ".lock":
        document = json.loads(_text(path))
        for section in ("default", "develop"):
            for name, entry in document.get(section, {}).items():
                version = str(entry.get("version", "")).lstrip("=") or None
                found.add(name, Pin(f"{name}=={version}", version, True, path))  # noqa: FBT003
        return True
    document = tomllib.loads(_text(path))
    for section in ("packages", "dev-packages"):
        for name, spec in document.get(section, {}).items():
            _declare_table(found, name, spec, path, _line_of(_text(path), name))
    return True


def _read_opaque(path: Path, found: Requirements) -> bool:
    found.locks.append(_text(path))
    return True


def _read_setup_cfg(path: Path, found: Requirements) -> bool:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_text(path))
    except configparser.Error:
        return True
    listed = parser.get("options", "install_requires", fallback="").splitlines()
    for each in filter(None, (line.strip() for line in listed)):
        _declare(found, each, path, _line_of(_text(path), each))
    return bool(listed)


def _read_silent(path: Path, found: Requirements) -> bool:
    del found
    return "install_requires" in _text(path)


def _line_of(text: str, written: str) -> int | None:
    for number, line in enumerate(text.splitlines(), start=1):
        if written in line:
            return number
    return None
