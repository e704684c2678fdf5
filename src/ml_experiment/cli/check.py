"""``check``: what a project lacks to be reproducible, before anything is run."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from ml_experiment.cli.signature import check_against_script
from ml_experiment.record.wording import counted
from ml_experiment.verify.checklist.check import check
from ml_experiment.verify.checklist.levels import MEANINGS, NAMES
from ml_experiment.verify.checklist.rules import ASPECTS, Severity
from ml_experiment.verify.checklist.targets import find_targets


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from ml_experiment.verify.checklist.check import Checked
    from ml_experiment.verify.checklist.rules import Finding

_STYLES = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
}
_MISSING_SHOWN = 4


def check_project(given: str | None, *, strict: bool, as_json: bool) -> int:
    """Print what is found, and return the exit status.

    Args:
        given: A config file, a script, or a folder; ``None`` for the current folder.
        strict: Let every finding count as a failure, not errors only.
        as_json: Print one JSON document.

    Raises:
        ConfigError: There is no job there, or a config is wrong.
    """
    targets = find_targets(given)
    for target in targets:
        if target.config_file is not None:
            for script in target.scripts:
                check_against_script(target.loaded, script)
    checked = check(targets)
    if as_json:
        print(json.dumps(checked.to_document(), indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _print_for_people(checked)
    else:
        _print_lines(checked)
    severities = {each.severity for each in checked.findings}
    failed = bool(severities) if strict else Severity.ERROR in severities
    return int(failed)


def _print_lines(checked: Checked) -> None:
    """Print a line a finding, as compilers do: for ``grep`` and for editors."""
    for each in checked.findings:
        place = _place(each)
        start = f"{place}: " if place else ""
        print(f"{start}{each.severity.value}: {each.message} [{each.rule.code}]")
        print(f"    {each.fix}")
    for line in _summary(checked):
        print(line)


def _print_for_people(checked: Checked) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=False)
    for aspect in ASPECTS:
        found = [each for each in checked.findings if each.rule.aspect == aspect]
        if found:
            console.print(Text(aspect.replace("_", " "), style="bold"))
            _print_aspect(found, console)
    for line in _summary(checked):
        console.print(Text(line))


def _print_aspect(found: Sequence[Finding], console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    for each in found:
        line = Text()
        line.append(each.severity.value, style=_STYLES[each.severity])
        place = _place(each)
        line.append(f"  {place}" if place else "", style="bold")
        line.append(f"  {each.message} ")
        line.append(f"[{each.rule.code}]", style="dim")
        console.print(Padding(line, (0, 0, 0, 2)))
        console.print(Padding(Text(each.fix, style="green"), (0, 0, 0, 6)))
    console.print()


def _place(finding: Finding) -> str:
    if finding.file is None:
        return ""
    shown = _near(finding.file)
    return shown if finding.line is None else f"{shown}:{finding.line}"


def _near(path: Path) -> str:
    """Return a path from here, if it is not far up."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.path.join("..", "..")) else relative  # noqa: PTH118


def _summary(checked: Checked) -> list[str]:
    counts = Counter(each.severity for each in checked.findings)
    told = [counted(counts[each], each.value) for each in Severity if counts[each]]
    line = ", ".join(told) if told else "no findings"
    if checked.silenced:
        line += f" ({checked.silenced} silenced by comments)"
    level = checked.reached.level
    lines = [line, f"level: {NAMES[level]} ({MEANINGS[level]})"]
    following = checked.reached.next
    if following is not None:
        missing = checked.reached.missing
        shown = ", ".join(missing[:_MISSING_SHOWN])
        more = len(missing) - _MISSING_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        lines.append(f"not {NAMES[following]}: {shown}{rest}")
    return lines
