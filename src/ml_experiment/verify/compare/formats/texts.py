"""Texts: the first line that differs; and tables and JSON, value by value."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.compare.finding import (
    Comparer,
    Finding,
    Sameness,
    different,
    judged,
    same_but,
)
from ml_experiment.verify.compare.formats.pickles import compare_symbols
from ml_experiment.verify.compare.measured import looks_volatile
from ml_experiment.verify.compare.metrics import relative_difference
from ml_experiment.verify.compare.plain import without_volatile


if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
# A line of one key and one value: what else is in a line counts.
_KEY = re.compile(
    r"\s*(?:- )?[\"']?([\w .-]{1,200}?)[\"']?\s*[:=]\s*"
    r"(?:\"[^\"]*\"|'[^']*'|<\w+>|[^\s,;=\"'<>]+)[,;]?\s*"
)
# What MLflow writes into the folder of a model, of the run and not of the model.
_OF_MLFLOW = frozenset(
    {
        *("model_id", "artifact_path", "model_uuid", "run_id"),
        *("mlflow_version", "model_size_bytes"),
    }
)
_DELIMITERS = ",;\t|"
_SHOWN = 60


def compare_texts(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare two texts.

    Args:
        name: Of the file; its ending says what kind of text it is.
        old: Content of the first.
        new: Content of the second.
        rtol: Relative difference that is tolerated of numbers.
        compare: Compares what is found inside.

    Returns:
        What differs; ``None`` if it is no text.
    """
    try:
        texts = [each.decode("utf-8-sig") for each in (old, new)]
    except UnicodeDecodeError:
        return None
    if any("\0" in text for text in texts):
        return None
    before, after = ("\n".join(text.splitlines()) for text in texts)
    if before == after:
        return same_but("the ends of lines")
    ending = name.rpartition(".")[2].lower()
    if ending in {"json", "jsonl", "ndjson", "ipynb"}:
        found = _json(before, after, rtol, compare)
        if found is not None:
            return found
    if ending in {"csv", "tsv"}:
        head = before.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=head.count)
        return _table(before, after, rtol, delimiter, same_inputs=compare.same_inputs)
    return _lines(
        before.split("\n"), after.split("\n"), rtol, same_inputs=compare.same_inputs
    )


def _json(old: str, new: str, rtol: float, compare: Comparer) -> Finding | None:
    def parse(text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return [json.loads(line) for line in text.split("\n") if line.strip()]

    try:
        before, after = parse(old), parse(new)
        found = compare_symbols(before, after, rtol, compare)
    except (ValueError, RecursionError):
        return None
    return found if found.sameness else same_but("its layout")


def _lines(
    old: Sequence[str], new: Sequence[str], rtol: float, *, same_inputs: bool
) -> Finding:
    pairs = list(zip(old, new, strict=False))
    differing = [
        (number, one, other)
        for number, (one, other) in enumerate(pairs, start=1)
        if one != other
    ]
    if len(old) == len(new):
        volatile = _volatile_only(differing, same_inputs=same_inputs)
        if volatile is not None:
            return volatile
        worst = max(_apart(one, other) for _, one, other in differing)
        if worst <= rtol:
            return Finding(
                Sameness.CLOSE,
                f"{len(differing)} of {len(old)} lines differ, by at most {worst:.2g} "
                "relative",
            )
    elif not differing:
        return different(f"{len(old)} and {len(new)} lines")
    number, one, other = differing[0]
    lines = f"{len(differing)} of {len(old)} lines differ"
    if len(old) != len(new):
        lines = f"{len(old)} and {len(new)} lines"
    return different(f"{lines}, first line {number}: {_near(one, other)}")


def _volatile_only(
    differing: Sequence[tuple[int, str, str]], *, same_inputs: bool
) -> Finding | None:
    """Return that texts say the same, if their lines differ in times and the like only."""
    keys = set()
    for _, one, other in differing:
        plain = [
            without_volatile(line, same_inputs=same_inputs) for line in (one, other)
        ]
        if plain[0] == plain[1]:
            keys.add("times or places")
            continue
        matches = [_KEY.fullmatch(line) for line in plain]
        names = {match and match[1].strip() for match in matches}
        name = names.pop()
        if names or not name:
            return None
        if name not in _OF_MLFLOW and not looks_volatile(name, same_inputs=same_inputs):
            return None
        keys.add(name)
    return same_but(", ".join(sorted(keys)))


def _apart(old: str, new: str) -> float:
    """Return how far the numbers of two lines are apart; infinite if words differ."""
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        return float("inf")
    pairs = zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=True)
    return max((_between(one, other) for one, other in pairs), default=0.0)


def _between(old: str, new: str) -> float:
    apart = relative_difference(float(old), float(new))
    whole = all(each.lstrip("+-").isdigit() for each in (old, new))
    long = apart == 0 and whole and int(old) != int(new)
    return float("inf") if long else apart  # an identifier, not a quantity


def _near(old: str, new: str) -> str:
    """Return two lines from shortly before where they differ."""
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    start = max(0, same - _SHOWN // 2)
    dots = "..." if start else ""
    return " and ".join(
        f"'{dots}{line[start : start + _SHOWN]}"
        f"{'...' if len(line) > start + _SHOWN else ''}'"
        for line in (old, new)
    )


def _table(
    old: str, new: str, rtol: float, delimiter: str, *, same_inputs: bool
) -> Finding:
    try:
        before, after = (
            list(csv.reader(io.StringIO(text), delimiter=delimiter))
            for text in (old, new)
        )
    except csv.Error:
        return _lines(old.split("\n"), new.split("\n"), rtol, same_inputs=same_inputs)
    if len(before) != len(after):
        return different(f"{len(before)} and {len(after)} rows")
    if before[0] != after[0] or any(
        len(one) != len(other) for one, other in zip(before, after, strict=True)
    ):
        return _lines(old.split("\n"), new.split("\n"), rtol, same_inputs=same_inputs)
    worst: dict[str, tuple[int, float]] = {}
    for one, other in zip(before[1:], after[1:], strict=True):
        for column, (cell, value) in enumerate(zip(one, other, strict=True)):
            if cell != value:
                title = before[0][column] if column < len(before[0]) else str(column)
                count, apart = worst.get(title, (0, 0.0))
                worst[title] = count + 1, max(apart, _apart(cell, value))
    return _judge_columns(worst, len(before) - 1, rtol, same_inputs=same_inputs)


def _judge_columns(
    worst: dict[str, tuple[int, float]], rows: int, rtol: float, *, same_inputs: bool
) -> Finding:
    volatile = [
        title for title in worst if looks_volatile(title, same_inputs=same_inputs)
    ]
    real = {title: each for title, each in worst.items() if title not in volatile}
    if not worst:
        return same_but("its layout")
    if not real:
        return same_but(f"the column{'s' * (len(volatile) > 1)} {', '.join(volatile)}")
    title, (count, apart) = max(real.items(), key=lambda item: item[1][1])
    sameness = Sameness.CLOSE if apart <= rtol else Sameness.DIFFERENT
    far = (
        "in other words"
        if apart == float("inf")
        else f"by at most {apart:.2g} relative"
    )
    others = f" (and {len(real) - 1} other columns)" if len(real) > 1 else ""
    return Finding(
        sameness, f"column {title!r}{others} differs in {count} of {rows} rows, {far}"
    )


def compare_markup(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare two SVG or HTML files, whatever they call their parts.

    Drawing libraries give parts of a drawing random names, and note when they drew.
    """
    try:
        before, after = (_unnamed(each.decode("utf-8")) for each in (old, new))
    except UnicodeDecodeError:
        return None
    del name
    found = judged(before.encode(), after.encode(), "dates and the names of its parts")
    return found or _lines(
        before.split("\n"), after.split("\n"), rtol, same_inputs=compare.same_inputs
    )


_DATED = re.compile(
    r"<dc:date>.*?</dc:date>|<dc:title>Matplotlib.*?</dc:title>|<!-- Created with .*?-->",
    re.DOTALL,
)
_RANDOM_NAME = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|"
    r"(?<=id=\")[\w.-]*(?=[0-9a-f]*\d)[0-9a-f]{8,}(?=\")",
    re.IGNORECASE,
)


def _unnamed(text: str) -> str:
    """Return a drawing with its random names counted instead."""
    text = _DATED.sub("", text)
    names = list(dict.fromkeys(match[0] for match in _RANDOM_NAME.finditer(text)))
    if not names:
        return text
    numbers = {name: f"part-{number}" for number, name in enumerate(names)}
    pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    return pattern.sub(lambda match: numbers[match[0]], text)
