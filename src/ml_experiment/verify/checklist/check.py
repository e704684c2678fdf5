"""Check a project: every look at it, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.checklist import (
    concurrency,
    data,
    devices,
    evaluation,
    ordering,
    paths,
    randomness,
    settings,
    software,
    splits,
)
from ml_experiment.verify.checklist.levels import MEANINGS, NAMES, Reached, reached
from ml_experiment.verify.checklist.project import Project
from ml_experiment.verify.checklist.rules import ASPECTS, Severity
from ml_experiment.verify.checklist.silenced import Silencer


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.rules import Finding
    from ml_experiment.verify.checklist.targets import Target

SCHEMA = "ml-experiment/check/1"
MODULE_CHECKS: tuple[Callable[[Module, Project], Iterator[Finding]], ...] = (
    *paths.CHECKS,
    *data.CHECKS,
    *splits.CHECKS,
    *evaluation.MODULE_CHECKS,
    *randomness.CHECKS,
    *concurrency.CHECKS,
    *ordering.CHECKS,
    *devices.CHECKS,
)
"""Looks at one module."""
PROJECT_CHECKS: tuple[Callable[[Project], Iterator[Finding]], ...] = (
    *settings.CHECKS,
    *evaluation.PROJECT_CHECKS,
    *software.CHECKS,
)
"""Looks at the project as a whole."""


@dataclass(frozen=True)
class Checked:
    """What a check has found.

    Attributes:
        root: Top folder of the project.
        jobs: What was checked: config files, and scripts that have none.
        findings: What is to be mended, in the order of the aspects.
        silenced: How many findings a comment keeps quiet about.
        reached: The level that a run would reach.
    """

    root: Path
    jobs: tuple[Path, ...]
    findings: tuple[Finding, ...]
    silenced: int
    reached: Reached

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        following = self.reached.next
        return {
            "schema": SCHEMA,
            "root": str(self.root),
            "jobs": [str(path) for path in self.jobs],
            "findings": [_document(each) for each in self.findings],
            "silenced": self.silenced,
            "level": {
                "name": NAMES[self.reached.level],
                "number": int(self.reached.level),
                "meaning": MEANINGS[self.reached.level],
                "next": None if following is None else NAMES[following],
                "missing_for_next": list(self.reached.missing),
            },
        }


def check(targets: Sequence[Target]) -> Checked:
    """Look at the project of some jobs. Nothing of it is run, and nothing is written.

    Args:
        targets: The jobs, as ``find_targets`` returns them.
    """
    project = Project(targets)
    silencer = Silencer(
        [*(each.path for each in project.config_texts), *project.scripts]
    )
    found = list(dict.fromkeys(_findings(project)))
    shown = [each for each in found if not silencer.is_silenced(each)]
    shown.sort(key=_rank)
    return Checked(
        root=project.root,
        jobs=tuple(
            path
            for each in targets
            for path in ([each.config_file] if each.config_file else each.scripts)
        ),
        findings=tuple(shown),
        silenced=len(found) - len(shown),
        reached=reached(project, shown),
    )


def _findings(project: Project) -> Iterator[Finding]:
    for module in project.modules:
        for look in MODULE_CHECKS:
            try:
                yield from list(look(module, project))
            except RecursionError:
                continue  # an expression of a thousand terms: nothing can be told of it
    for look_at in PROJECT_CHECKS:
        yield from look_at(project)


def _rank(finding: Finding) -> tuple[int, int, str, int]:
    severities = list(Severity)
    return (
        ASPECTS.index(finding.rule.aspect),
        severities.index(finding.severity),
        str(finding.file or ""),
        finding.line or 0,
    )


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.rule.code,
        "aspect": finding.rule.aspect,
        "severity": finding.severity.value,
        "file": None if finding.file is None else str(finding.file),
        "line": finding.line,
        "message": finding.message,
        "fix": finding.fix,
    }
