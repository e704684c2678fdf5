"""Declarations of packages, and which of them allow one version only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


if TYPE_CHECKING:
    from pathlib import Path

_FOR_DEVELOPERS = re.compile(r"dev|test|doc|lint|constraints", re.IGNORECASE)
_VCS = re.compile(r"@[0-9a-f]{7,40}(#.*)?$")


class Malformed(ValueError):  # noqa: N818 - it is about the file, not about us
    """A file declares packages in a way that no tool understands.

    Attributes:
        problem: What was found, and what is needed.
        line: Where, if it is known.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        self.problem = problem
        self.line = line
        super().__init__(problem)


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
        unreadable: Files that cannot be understood, each with the reason.
    """

    files: list[Path] = field(default_factory=list)
    pins: dict[str, list[Pin]] = field(default_factory=dict)
    locks: list[str] = field(default_factory=list)
    included: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, Malformed]] = field(default_factory=list)

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


def text_of(path: Path) -> str:
    """Return the text of a file that is to be UTF-8; what is not is replaced."""
    return path.read_text(encoding="utf-8-sig", errors="replace")


def declare(
    found: Requirements, text: str, file: Path, line: int | None = None
) -> None:
    """Add a declaration as ``pip`` understands it; what it does not is left out."""
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


def line_of(text: str, written: str) -> int | None:
    """Return the first line in which something is written, from 1."""
    for number, line in enumerate(text.splitlines(), start=1):
        if written in line:
            return number
    return None
