"""Which level of reproducibility a run of the project reaches, and why not the next.

The levels are those of "Setting the Default to Reproducible" (Stodden, Bailey, Borwein et
al., 2013): each asks for more than the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.rules import Level, Severity


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

NAMES = {
    Level.NONE: "none",
    Level.REVIEWABLE: "reviewable",
    Level.REPLICABLE: "replicable",
    Level.CONFIRMABLE: "confirmable",
    Level.AUDITABLE: "auditable",
    Level.OPEN: "open or reproducible",
}
MEANINGS = {
    Level.NONE: "the code cannot even be read",
    Level.REVIEWABLE: "others can read what was done, and judge it",
    Level.REPLICABLE: "others can run it and get the same result",
    Level.CONFIRMABLE: "others can reach the conclusions with software of their own",
    Level.AUDITABLE: "code, data and environment are recorded whole: it can be defended",
    Level.OPEN: "auditable, and open to everybody",
}
_LICENCES = ("LICENSE*", "LICENCE*", "COPYING*", "license*", "licence*")
_DESCRIPTIONS = ("README*", "readme*", "Readme*")


@dataclass(frozen=True)
class Reached:
    """The level that a project reaches.

    Attributes:
        level: The level.
        missing: Why not the next one; empty at the top.
    """

    level: Level
    missing: tuple[str, ...]

    @property
    def next(self) -> Level | None:
        """The level after it; ``None`` at the top."""
        return None if self.level is Level.OPEN else Level(self.level + 1)


def reached(project: Project, findings: Sequence[Finding]) -> Reached:
    """Return the level that a run of the project would reach."""
    level = Level.NONE
    for candidate in list(Level)[1:]:
        missing = _missing(candidate, project, findings)
        if missing:
            return Reached(level, tuple(missing))
        level = candidate
    return Reached(level, ())


def _missing(level: Level, project: Project, findings: Iterable[Finding]) -> list[str]:
    found = [
        each.rule.code
        for each in findings
        if each.rule.blocks is level and _counts(each)
    ]
    missing = list(dict.fromkeys(found))
    if level is Level.OPEN:
        missing += _not_open(project)
    return missing


def _counts(finding: Finding) -> bool:
    """Return whether a finding is in the way: a mild case of a grave kind is not."""
    milder = finding.rule.severity is not Severity.NOTE
    return not (milder and finding.severity is Severity.NOTE)


def _not_open(project: Project) -> list[str]:
    root = project.root
    missing = []
    if not project.repository.remote:
        missing.append("no remote repository (git remote add origin URL)")
    if not _has(root, _LICENCES):
        missing.append("no licence (a file LICENSE)")
    if not _has(root, _DESCRIPTIONS):
        missing.append("no description (a file README)")
    return missing


def _has(folder: Path, patterns: Iterable[str]) -> bool:
    return any(path.is_file() for pattern in patterns for path in folder.glob(pattern))
