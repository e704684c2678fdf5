"""What is looked for: every kind of finding, by its code, and the finding itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path

ASPECTS = (
    "data_set",
    "preprocessing",
    "split",
    "fitting",
    "evaluation",
    "stochasticity",
    "software",
    "hardware",
)


class Severity(StrEnum):
    """How bad it is: the job cannot run; its result may differ; it is good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Level(IntEnum):
    """How far a study can be repeated; each level includes those before it."""

    NONE = 0
    REVIEWABLE = 1
    REPLICABLE = 2
    CONFIRMABLE = 3
    AUDITABLE = 4
    OPEN = 5


@dataclass(frozen=True)
class Rule:
    """A kind of finding.

    Attributes:
        code: Its name, also in comments that silence it.
        aspect: Which of the eight aspects of a record it weakens.
        severity: How bad it usually is.
        blocks: The lowest level that a project with such a finding does not reach;
            ``None`` if it stands in the way of none.
    """

    code: str
    aspect: str
    severity: Severity
    blocks: Level | None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is to be mended.

    Attributes:
        rule: What kind of finding it is.
        message: What was found, as one sentence.
        fix: What to type or change.
        file: Where; ``None`` for the project as a whole.
        line: Line in the file, from 1.
        last_line: Last line of the statement that it is about.
        severity: How bad it is.
    """

    rule: Rule
    message: str
    fix: str
    severity: Severity
    file: Path | None = None
    line: int | None = None
    last_line: int | None = None


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
_REVIEW, _REPLICATE, _CONFIRM, _AUDIT = (
    Level.REVIEWABLE,
    Level.REPLICABLE,
    Level.CONFIRMABLE,
    Level.AUDITABLE,
)
_TABLE: tuple[tuple[str, str, Severity, Level | None], ...] = (
    ("absolute-path", "data_set", _W, _REPLICATE),
    ("data-glob-empty", "data_set", _W, _AUDIT),
    ("data-missing", "data_set", _W, _REPLICATE),
    ("data-outside-project", "data_set", _W, _AUDIT),
    ("data-unhashable", "data_set", _W, _AUDIT),
    ("data-unseen", "data_set", _W, _AUDIT),
    ("dataset-download", "data_set", _N, None),
    ("download", "data_set", _W, _REPLICATE),
    ("fit-before-split", "preprocessing", _W, _CONFIRM),
    ("no-split-seed", "split", _W, _CONFIRM),
    ("lightgbm-layout", "fitting", _N, None),
    ("racing-training", "fitting", _W, _REPLICATE),
    ("metric-on-test-set", "evaluation", _W, _CONFIRM),
    ("no-baseline", "evaluation", _N, _CONFIRM),
    ("no-direction", "evaluation", _W, _CONFIRM),
    ("test-set-stops-training", "evaluation", _W, _CONFIRM),
    ("completion-order", "stochasticity", _W, _REPLICATE),
    ("dataloader-workers", "stochasticity", _W, _REPLICATE),
    ("determinism-off", "stochasticity", _W, _REPLICATE),
    ("file-order", "stochasticity", _W, _REPLICATE),
    ("gpu-op", "stochasticity", _W, _REPLICATE),
    ("hash-seed", "stochasticity", _W, _REPLICATE),
    ("lookahead-none", "stochasticity", _W, _REPLICATE),
    ("os-entropy", "stochasticity", _W, _REPLICATE),
    ("other-program", "stochasticity", _N, None),
    ("set-order", "stochasticity", _N, None),
    ("thread-random", "stochasticity", _W, _REPLICATE),
    ("time-limit", "stochasticity", _N, None),
    ("time-seed", "stochasticity", _W, _REPLICATE),
    ("unseeded-library", "stochasticity", _W, _REPLICATE),
    ("dirty-tree", "software", _W, _AUDIT),
    ("local-package", "software", _W, _AUDIT),
    ("no-commit", "software", _W, _AUDIT),
    ("no-git", "software", _W, _AUDIT),
    ("no-job", "software", _E, _REPLICATE),
    ("no-requirements", "software", _W, _REPLICATE),
    ("not-installed", "software", _E, _REPLICATE),
    ("syntax-error", "software", _E, _REVIEW),
    ("undeclared-package", "software", _N, _AUDIT),
    ("unpinned-package", "software", _W, _AUDIT),
    ("unreadable-requirements", "software", _W, _AUDIT),
    ("untracked-code", "software", _W, _AUDIT),
    ("wrong-version", "software", _W, _AUDIT),
    ("machine-threads", "hardware", _N, None),
)
RULES = {row[0]: Rule(*row) for row in _TABLE}
"""Every kind of finding, by its code."""


def finding(
    code: str,
    message: str,
    fix: str,
    *,
    file: Path | None = None,
    line: int | None = None,
    last_line: int | None = None,
    severity: Severity | None = None,
) -> Finding:
    """Return a finding.

    Args:
        code: Which rule it is about.
        message: What was found.
        fix: What to type or change.
        file: Where.
        line: Line in the file, from 1.
        last_line: Last line of what it is about; ``line`` if ``None``.
        severity: Another one than the rule's.
    """
    rule = RULES[code]
    return Finding(
        rule=rule,
        message=message,
        fix=fix,
        severity=rule.severity if severity is None else severity,
        file=file,
        line=line,
        last_line=line if last_line is None else last_line,
    )
