"""What the comparison of two files found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from collections.abc import Iterable


_BUT = "identical but for "


class Sameness(IntEnum):
    """How much two files are the same; the larger, the less."""

    SAME = 0
    SAME_CONTENT = 1
    CLOSE = 2
    DIFFERENT = 3


@dataclass(frozen=True)
class Finding:
    """How two files compare.

    Attributes:
        sameness: How much they are the same.
        summary: What differs, in one sentence; empty if nothing does.
    """

    sameness: Sameness
    summary: str = ""


SAME = Finding(Sameness.SAME)


class Comparer(Protocol):
    """Compares the contents of two files, and those of what is in them."""

    @property
    def same_inputs(self) -> bool:
        """Whether nothing but the clock can have made a difference.

        Only then is what may be a time or a date of the data taken for one of the run.
        """

    def __call__(self, name: str, old: bytes, new: bytes, rtol: float, /) -> Finding:
        """Return what was found of two files of that name."""


def different(summary: str) -> Finding:
    """Return that two files differ."""
    return Finding(Sameness.DIFFERENT, summary)


def same_but(what: str) -> Finding:
    """Return that two files say the same, and differ in ``what``."""
    return Finding(Sameness.SAME_CONTENT, f"{_BUT}{what}")


def judged(old: bytes, new: bytes, what: str) -> Finding | None:
    """Return that two contents are the same but for ``what``; ``None`` if they are not."""
    return same_but(what) if old == new else None


def combined(parts: Iterable[tuple[str, Finding]], *, shown: int = 3) -> Finding:
    """Return the finding on a whole, from those on its parts.

    Args:
        parts: Name of each part, and what was found.
        shown: How many of the parts that differ most are named.
    """
    differing = [(name, each) for name, each in parts if each.sameness > Sameness.SAME]
    if not differing:
        return SAME
    worst = max(each.sameness for _, each in differing)
    named = [
        f"{name}: {each.summary}" for name, each in differing if each.sameness == worst
    ]
    if worst is Sameness.SAME_CONTENT:
        whole = [each.summary.removeprefix(_BUT) for _, each in differing]
        return same_but(", ".join(list(dict.fromkeys(whole))[:shown]))
    more = len(named) - shown
    summary = "; ".join(named[:shown]) + (f"; and {more} more" if more > 0 else "")
    return Finding(worst, summary)


def named_parts(
    old: Iterable[str], new: Iterable[str]
) -> tuple[list[str], list[tuple[str, Finding]]]:
    """Match the parts of two wholes by name.

    Returns:
        The names of those in both, and what is to be said of the others.
    """
    before, after = list(dict.fromkeys(old)), list(dict.fromkeys(new))
    lost = [
        (name, different("only in the first")) for name in before if name not in after
    ]
    gained = [
        (name, different("only in the second")) for name in after if name not in before
    ]
    return [name for name in before if name in set(after)], [*lost, *gained]
