"""What a comparison says: plain values, and their form as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any


SCHEMA = "ml-experiment/comparison/1"

# Of a metric by name and step: between which values runs of one machine lie.
Noise = Mapping[tuple[str, int | None], tuple[float, float]]


class Verdict(StrEnum):
    """Whether two runs gave the same."""

    IDENTICAL = "identical"
    WITHIN_TOLERANCE = "within tolerance"
    DIFFERENT = "different"
    NOT_COMPARABLE = "not comparable"


class State(StrEnum):
    """How one aspect of two runs compares."""

    SAME = "same"
    CLOSE = "close"
    CHANGED = "changed"
    UNKNOWN = "not recorded"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One aspect.

    Attributes:
        name: ``metrics``, ``artifacts``, ``code``, ``data set``, ``software``, ...
        state: How it compares.
        summary: One sentence for people.
        details: One line for each difference, the most important first.
        is_result: It came out of the run, and so counts for the verdict; what went in
            explains it.
    """

    name: str
    state: State
    summary: str
    details: tuple[str, ...] = ()
    is_result: bool = False


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What may have made the difference.

    Attributes:
        rank: 1 for the likeliest.
        aspect: The row that it belongs to.
        sentence: What is another than before, from what to what.
        hint: Where to look, or what to type.
        weight: How likely it is, compared with others.
    """

    rank: int = 0
    aspect: str
    sentence: str
    hint: str = ""
    weight: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One trial of two groups.

    Attributes:
        number: Its number.
        verdict: Of the two trials.
        summary: What differs; empty if nothing does.
    """

    number: int
    verdict: Verdict
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The answer.

    Attributes:
        verdict: Whether the results are the same.
        reason: The verdict in one sentence.
        old: Identifier of the first run.
        new: Identifier of the second run.
        rows: The aspects, results first.
        causes: What may have made the difference, the likeliest first; empty if there is
            none.
        trials: Of groups, trial by trial.
        warnings: What to know before relying on the verdict.
    """

    verdict: Verdict
    reason: str
    old: str
    new: str
    rows: tuple[Row, ...] = ()
    causes: tuple[Cause, ...] = ()
    trials: tuple[TrialRow, ...] = ()
    warnings: tuple[str, ...] = ()
    schema: str = field(default=SCHEMA)

    def row(self, name: str) -> Row | None:
        """Return the row of that name."""
        return next((row for row in self.rows if row.name == name), None)

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        document = asdict(self)
        return {"schema": document.pop("schema")} | document


def as_unseen(cause: Cause) -> Cause:
    """Say of a file that native code, ``exec`` or a program may have read it all the same."""
    return replace(cause, sentence=f"{cause.sentence}; it was not seen being read")


def first_of(details: Sequence[str]) -> str:
    """Return the first of some details, and how many there are besides."""
    return details[0] + (f" (and {len(details) - 1} more)" if len(details) > 1 else "")
