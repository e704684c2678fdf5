"""``diff``: how two runs that exist compare, and what lines changed between them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from ml_experiment.cli.lookup import find_run, sound
from ml_experiment.errors import ConfigError, RunNotFoundError


if TYPE_CHECKING:
    from rich.console import Console

    from ml_experiment.record.directory import RunDirectory

EXIT_DIFFERENT = 6
EXIT_NOT_COMPARABLE = 7

_TRIAL = re.compile(r"(.+?)(?:/trials/|:)0*(\d+)/?")
_MOST_LINES = 200


def diff_runs(first: str, second: str, *, rtol: float, as_json: bool) -> int:
    """Print how two runs compare.

    Args:
        first: A run as ``find_run`` takes it; ``GROUP:K`` is trial K of a group.
        second: Likewise.
        rtol: Relative difference of numbers to tolerate.
        as_json: Print a JSON document.

    Returns:
        The exit status: 0 if the results are the same, 6 if not, 7 if nobody can say.

    Raises:
        ConfigError: The tolerance is out of range.
        RunNotFoundError: There is no such run.
        RecordError: One is damaged.
    """
    from ml_experiment.verify.compare import Verdict, compare_runs

    if not 0 <= rtol < 1:
        raise ConfigError(
            f"got {rtol}; from 0 to less than 1 is allowed", source="--rtol"
        )
    old, new = (sound(find_run_or_trial(name)) for name in (first, second))
    comparison = compare_runs(old, new, rtol=rtol)
    if as_json:
        document = comparison.to_document() | {"changes": _changes(old, new)}
        print(json.dumps(document, indent=2, ensure_ascii=False, default=str))
    else:
        from rich.console import Console

        from ml_experiment.cli.comparison import print_comparison

        console = Console(highlight=False, soft_wrap=False)
        print_comparison(comparison, console)
        _print_changes(old, new, console)
    statuses = {
        Verdict.DIFFERENT: EXIT_DIFFERENT,
        Verdict.NOT_COMPARABLE: EXIT_NOT_COMPARABLE,
    }
    return statuses.get(comparison.verdict, 0)


def find_run_or_trial(name: str) -> RunDirectory:
    """Return the run, or the trial of a group, that somebody means.

    Raises:
        RunNotFoundError: There is none.
    """
    try:
        return find_run(name)
    except RunNotFoundError:
        reference = _TRIAL.fullmatch(name)
        if reference is None:
            raise
    trial = find_run(reference[1]).trial(int(reference[2]))
    if not trial.manifest.is_file():
        raise RunNotFoundError(f"{reference[1]} has no trial {reference[2]}")
    return trial


def _changes(old: RunDirectory, new: RunDirectory) -> dict[str, list[str]]:
    from ml_experiment.verify.compare.changes import changes

    return dict(changes(old, new))


def _print_changes(old: RunDirectory, new: RunDirectory, console: Console) -> None:
    from rich.text import Text

    left = _MOST_LINES
    for heading, lines in _changes(old, new).items():
        if left <= 0:
            console.print("more has changed; `--json` has it all")
            return
        console.print()
        console.print(Text(heading, style="bold"))
        for line in lines[:left]:
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            console.print(Text(line, style=style), soft_wrap=True)
        left -= len(lines)
