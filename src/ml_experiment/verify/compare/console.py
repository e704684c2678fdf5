"""What two runs said, without what is another at every run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ml_experiment.verify.compare.answer import Row, State


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.verify.compare.evidence import Evidence

_MOST_BYTES = 5_000_000
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_NUMBER = r"[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?"
_UNIT = r"(?:ns|us|µs|ms|s|sec|secs|seconds?|min|minutes?|hours?|h)"
_WORK = r"(?:it|samples?|rows?|batch(?:es)?|step|B|kB|MB|GB)"
_CLOCK = r"(?:time|took|elapsed|duration|eta)"
_DAY = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?(Z|[+-]\d\d:?\d\d)?"
_PATH = r"(?<![\w.])(?:~|/[\w.@+\-]+)(?:/[\w.@+ \-]*[\w.@+\-])+"
_VOLATILE = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (_DAY, "<date>"),
        (r"\b\d?\d:\d\d(:\d\d)?([.,]\d+)?\b", "<time>"),
        (rf"{_NUMBER}\s?{_WORK}/s", "<rate>"),
        (rf"{_NUMBER}\s?{_UNIT}/\w+", "<rate>"),
        (rf"{_NUMBER}\s?{_UNIT}\b", "<time>"),
        (rf"({_CLOCK}\w*\s*[:=]?\s*(?:in\s+)?){_NUMBER}", r"\1<time>"),
        (r"0x[0-9a-f]{4,}", "<address>"),
        (r"\b(pid|process|thread)\b\W{0,3}\d+", r"\1 <n>"),
        (_PATH, "<path>"),
        (r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b", "<id>"),
    )
)
_LONGEST = 100


def compare_console(old: Evidence, new: Evidence) -> Row:
    """Compare the consoles of two runs, line by line.

    Times, rates, addresses, process numbers and absolute paths do not count, nor do the
    states of a progress bar before its last.
    """
    details = []
    count = 0
    for name in ("stdout", "stderr"):
        paths = [getattr(side.run, name) for side in (old, new)]
        if not all(path.exists() for path in paths):
            continue
        before, after = (_lines(path) for path in paths)
        count += len(before)
        difference = _first_difference(before, after)
        if difference is not None:
            details.append(f"{name}: {difference}")
    state = State.CHANGED if details else State.SAME
    summary = (
        details[0] if details else f"{count} line{'s' if count != 1 else ''}, the same"
    )
    return Row(name="console", state=state, summary=summary, details=tuple(details))


def _lines(path: Path) -> list[str]:
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    lines = []
    for line in _ESCAPES.sub("", text).split("\n"):
        shown = line.rstrip("\r").rpartition("\r")[2].strip()
        for pattern, word in _VOLATILE:
            shown = pattern.sub(word, shown)
        if shown:
            lines.append(shown)
    return lines


def _first_difference(before: list[str], after: list[str]) -> str | None:
    for number, (one, other) in enumerate(zip(before, after, strict=False), start=1):
        if one != other:
            return f"line {number}: {_cut(one)!r} and {_cut(other)!r}"
    if len(before) != len(after):
        return f"{len(before)} and {len(after)} lines"
    return None


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
