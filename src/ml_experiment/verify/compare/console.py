"""What two runs said, without what is another at every run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ml_experiment.record.wording import counted
from ml_experiment.verify.compare.answer import Row, State
from ml_experiment.verify.compare.plain import plain_lines


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.verify.compare.evidence import Evidence

_MOST_BYTES = 5_000_000
_LONGEST = 100
_TRACEBACK = "Traceback (most recent call last):"


def compare_console(old: Evidence, new: Evidence) -> Row:
    """Compare the consoles of two runs, line by line.

    Times, rates, addresses, process numbers and absolute paths do not count, nor do
    progress bars, nor the order of lines, which threads may print in any. Nor does what
    Python says last of an exception: it is compared as the end of the run, and of a script
    that was started directly it comes when the run is over.
    """
    details = []
    count = 0
    for name in ("stdout", "stderr"):
        paths = [getattr(side.run, name) for side in (old, new)]
        if not all(path.exists() for path in paths):
            continue
        before, after = (_lines(path) for path in paths)
        if name == "stderr":
            before, after = _without_end(old, before), _without_end(new, after)
        count += len(before)
        if not old.is_whole:
            after = after[: len(before)]
            before = before if new.is_whole else before[: len(after)]
        difference = _first_difference(before, after)
        if difference is not None:
            details.append(f"{name}: {difference}")
    state = State.CHANGED if details else State.SAME
    summary = f"{counted(count, 'line')}, the same"
    if details:
        summary = details[0]
    elif not count:
        summary = "nothing was printed"
    return Row(name="console", state=state, summary=summary, details=tuple(details))


def _lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        return plain_lines(file.read(_MOST_BYTES).decode("utf-8", "replace"))


def _without_end(side: Evidence, lines: list[str]) -> list[str]:
    """Return the lines before the traceback, or the last words, of a run's exception."""
    if side.exception is None:
        return lines
    kind, message = side.exception
    if kind == "SystemExit":
        last_words = plain_lines(message)
        is_there = last_words and lines[-len(last_words) :] == last_words
        return lines[: -len(last_words)] if is_there else lines
    return lines[: lines.index(_TRACEBACK)] if _TRACEBACK in lines else lines


def _first_difference(before: list[str], after: list[str]) -> str | None:
    if Counter(before) == Counter(after):
        return None
    for number, (one, other) in enumerate(zip(before, after, strict=False), start=1):
        if one != other:
            return f"line {number}: {_cut(one)!r} and {_cut(other)!r}"
    return f"{len(before)} and {len(after)} lines"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
