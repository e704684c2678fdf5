"""Notice when trials that run at the same time get at one another's files.

All trials of a group work in one folder. Two that run side by side and save their model to
one name overwrite each other's: what the slower one keeps may be the model of the faster,
and what it reads back as well. Which of them, the clock decides, so such a trial does not
count: it runs again, by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ml_experiment.executors.base import Broken


if TYPE_CHECKING:
    from ml_experiment.search.messages import TrialResult


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How a trial ended, when it is known whether that counts.

    Attributes:
        ended: What the executor has said of it.
        clash: The file that another trial had its hands on as well; ``None``: it counts.
        others: Numbers of the trials that ran beside it and used that file, too.
    """

    ended: TrialResult | Broken
    clash: str | None = None
    others: tuple[int, ...] = ()


@dataclass(eq=False)
class _Stretch:
    """One execution of a trial, and those that ran at some moment of it."""

    number: int
    ended: TrialResult | Broken | None = None
    used: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()
    beside: list[_Stretch] = field(default_factory=list)

    @property
    def may_hide(self) -> bool:
        """Whether it may have written what is not known: it did not come to its end."""
        return isinstance(self.ended, Broken) or (
            self.ended is not None and self.ended.state != "complete"
        )


class SideBySide:
    """Watches over which trials run at the same time, and what files they use.

    Args:
        slots: How many trials may run at the same time.

    Attributes:
        alone: Trials are to run one at a time: they use the same files.
    """

    def __init__(self, slots: int) -> None:
        self.alone = False
        self._slots = slots
        self._news: list[str] = []
        self._on: dict[int, _Stretch] = {}
        self._held: list[_Stretch] = []
        self._first_user: dict[str, int] = {}
        self._shared: set[str] = set()
        self._again: set[int] = set()

    @property
    def may_begin(self) -> bool:
        """Whether another trial may begin now."""
        return not (self.alone and self._on)

    def begin(self, number: int) -> None:
        """A trial begins."""
        stretch = _Stretch(number, beside=list(self._on.values()))
        for other in self._on.values():
            other.beside.append(stretch)
        self._on[number] = stretch

    def end(self, ended: TrialResult | Broken) -> list[Judged]:
        """A trial has ended.

        Returns:
            The trials of which it is known now whether they count, in the order in which
            they ended. One that used files waits for all that ran beside it.
        """
        stretch = self._on.pop(ended.number)
        stretch.ended = ended
        if not isinstance(ended, Broken):
            stretch.used, stretch.made = ended.used, ended.made
        for name in sorted(stretch.used):
            if self._first_user.setdefault(name, stretch.number) != stretch.number:
                self._share(name)
        self._held.append(stretch)
        ready = [each for each in self._held if _is_ripe(each)]
        self._held = [each for each in self._held if not _is_ripe(each)]
        judged = [self._judge(each) for each in ready]
        for each in ready:
            each.beside = []  # or all that have ever run would be kept
        return judged

    def news(self) -> list[str]:
        """Return the files that were found since the last call to be shared by trials."""
        news, self._news = self._news, []
        return news

    def _share(self, name: str) -> None:
        """Let no two trials run at the same time that use this file."""
        if self._slots > 1:
            self.alone = True
            if name not in self._shared:
                self._news.append(name)
        self._shared.add(name)

    def _judge(self, stretch: _Stretch) -> Judged:
        assert stretch.ended is not None  # noqa: S101 - it is ripe
        clashes = {
            other.number: files
            for other in stretch.beside
            if (files := self._common(stretch, other))
        }
        if not clashes:
            self._go_on(stretch)
            return Judged(ended=stretch.ended)
        self._again.add(stretch.number)
        clash = min(min(files) for files in clashes.values())
        self._share(clash)
        others = (number for number, files in clashes.items() if clash in files)
        return Judged(ended=stretch.ended, clash=clash, others=tuple(sorted(others)))

    def _common(self, stretch: _Stretch, other: _Stretch) -> frozenset[str]:
        """Return the files that one has used and the other may have written."""
        common = stretch.used & (other.used | other.made)
        return common | (stretch.used & self._shared) if other.may_hide else common

    def _go_on(self, stretch: _Stretch) -> None:
        """Let trials run side by side again, when what they share is there for all.

        A file that the first of them writes and all others read is a cache, for example.
        """
        self._again.discard(stretch.number)
        over = not (self._again or stretch.beside or stretch.used & self._shared)
        if self.alone and over and not stretch.may_hide:
            self.alone = False


def _is_ripe(stretch: _Stretch) -> bool:
    """Return whether nothing more can come to light about a trial that has ended."""
    return not stretch.used or all(each.ended is not None for each in stretch.beside)
