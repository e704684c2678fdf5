"""Findings that the user has looked at and keeps: ``# ml-experiment: ignore[code]``.

Behind a line the comment is about that line. On a line of its own it is about the whole
file and, in a config or a script, about the project.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ml_experiment.verify.checklist.rules import Finding

_COMMENT = re.compile(
    r"#\s*ml-experiment:\s*ignore(?:\[(?P<codes>[^\]]*)\])?", re.IGNORECASE
)
_ALL = "*"


@dataclass
class _Silence:
    lines: dict[int, set[str]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)


class Silencer:
    """Knows what is to be kept quiet about.

    Args:
        project_files: Files in which a comment on a line of its own is also about the
            project.
    """

    def __init__(self, project_files: Iterable[Path]) -> None:
        self._files: dict[Path, _Silence] = {}
        self._project: set[str] = set()
        for path in project_files:
            self._project |= self._of(path).whole

    def is_silenced(self, finding: Finding) -> bool:
        """Return whether a finding is not to be shown."""
        code = finding.rule.code
        if finding.file is None:
            return code in self._project
        silence = self._of(finding.file)
        if code in silence.whole:
            return True
        first = finding.line or 1
        for line in range(first, (finding.last_line or first) + 1):
            if silence.lines.get(line, set()) & {code, _ALL}:
                return True
        return False

    def _of(self, path: Path) -> _Silence:
        if path not in self._files:
            self._files[path] = _read(path)
        return self._files[path]


def _read(path: Path) -> _Silence:
    found = _Silence()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return found
    if "ml-experiment:" not in text:
        return found
    for number, line in enumerate(text.splitlines(), start=1):
        match = _COMMENT.search(line)
        if match is None:
            continue
        given = match["codes"]
        codes = {each.strip() for each in given.split(",")} if given else {_ALL}
        if line.lstrip().startswith("#"):
            found.whole |= codes - {_ALL}
        else:
            found.lines[number] = codes
    return found
