"""The packages of a recorded run: which of them matter, and how those here differ."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.verify.reproduce.facts import Facts

OWN = "ml-experiment"
_LISTED = 8


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A distribution that was installed.

    Attributes:
        name: Its name.
        version: Its version.
        origin: ``index``, ``conda``, ``system``, ``vcs``, ``archive``, ``local``,
            ``editable``.
        url: Where it was installed from, if that was no index.
        requirement: What to tell an installer; ``None`` if it cannot be had elsewhere.
        imported: The run imported it, as far as is known.
    """

    name: str
    version: str
    origin: str
    url: str | None
    requirement: str | None
    imported: bool


def normalized(name: str) -> str:
    """Return the name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def recorded_packages(facts: Facts) -> list[Recorded]:
    """Return the distributions of a run, this package's own left out."""
    requirements = _requirements(facts)
    return [
        Recorded(
            name=str(item["name"]),
            version=str(item["version"]),
            origin=str(item.get("origin")),
            url=item.get("url"),
            requirement=requirements.get(normalized(str(item["name"]))),
            imported=_is_imported(item, facts.imported),
        )
        for item in facts.software.get("packages") or []
        if normalized(str(item["name"])) != OWN
    ]


def _is_imported(item: dict[str, Any], imported: frozenset[str] | None) -> bool:
    if imported is None:
        return True
    names = item.get("imports") or [normalized(str(item["name"])).replace("-", "_")]
    return not imported.isdisjoint(names)


def _requirements(facts: Facts) -> dict[str, str]:
    """Return the lines that can be installed, by normalised name."""
    try:
        text = facts.run.requirements.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(==|@)", line)
        if match:
            found[normalized(match[1])] = line.strip()
    return found


def python_of(facts: Facts) -> str | None:
    """Return the version of Python, such as ``3.11.7``; ``None`` if it is not known."""
    version = (facts.software.get("python") or {}).get("version")
    return None if version is None else str(version)


def differences_here(facts: Facts) -> list[str]:
    """Return how this environment differs from the recorded one, a line each.

    Only what the run imported is looked at, and Python itself.
    """
    if not facts.software:
        return ["its packages were not recorded, so those here may be others"]
    lines = []
    python = python_of(facts)
    if python is not None and python != platform.python_version():
        lines.append(f"Python was {python} and is {platform.python_version()}")
    for package in recorded_packages(facts):
        if not package.imported:
            continue
        now = _version_here(package.name)
        if now is None:
            lines.append(f"{package.name} was {package.version} and is not installed")
        elif now != package.version:
            lines.append(f"{package.name} was {package.version} and is {now}")
    return _short(lines)


def _version_here(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _short(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _LISTED
    if more <= 0:
        return list(lines)
    return [
        *lines[:_LISTED],
        f"and {more} more; `--env venv` installs what was recorded",
    ]
