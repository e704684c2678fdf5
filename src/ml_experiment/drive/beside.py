"""Notice when trials that run at the same time get at one another's files.

All trials of a group work in one folder. Two that run side by side and save their model to
one name overwrite each other's: what the slower one keeps may be the model of the faster,
and what it reads back as well. Which of them, the clock decides, so such a trial does not
count: it runs again, by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from ml_experiment.executors.base import Broken
from ml_experiment.record.file_use import NOTHING_USED, FileUse


if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_experiment.search.messages import TrialResult

# So often trials are let run side by side again; then they stay apart.
_MOST_TRIES = 2


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
    beside: list[_Stretch] = field(default_factory=list)

    @property
    def files(self) -> FileUse:
        """What it has done to files, as far as it could say."""
        if self.ended is None or isinstance(self.ended, Broken):
            return NOTHING_USED
        return self.ended.files

    @property
    def may_hide(self) -> bool:
        """Whether it may have written what is not known: it did not come to its end."""
        return isinstance(self.ended, Broken) or (
            self.ended is not None and self.ended.state != "complete"
        )

    @property
    def has_failed(self) -> bool:
        """Whether it has failed, which may be for what another one did."""
        ended = self.ended
        return not (ended is None or isinstance(ended, Broken)) and (
            ended.state == "failed"
        )

    @property
    def at_stake(self) -> frozenset[str]:
        """The files by which others may have changed how it ended."""
        return self.files.used | self.files.sought


class SideBySide:
    """Watches over which trials run at the same time, and what files they use.

    Args:
        slots: How many trials may run at the same time.
        shared: Files that are known to be shared, from before an interruption.

    Attributes:
        alone: Trials are to run one at a time: they use the same files.
    """

    def __init__(self, slots: int, shared: Iterable[str] = ()) -> None:
        self._slots = slots
        self._shared = set(shared)
        self.alone = slots > 1 and bool(self._shared)
        self._on: dict[int, _Stretch] = {}
        self._held: list[_Stretch] = []
        self._first_user: dict[str, int] = {}
        self._patterns: dict[frozenset[str] | None, set[int]] = {}
        self._again: set[int] = set()
        self._news: list[str] = []
        self._tries = 0

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
            they ended. One that used files waits for all that ran beside it, unless their
            names are plainly its own.
        """
        stretch = self._on.pop(ended.number)
        stretch.ended = ended
        for name in sorted(stretch.files.used):
            if self._first_user.setdefault(name, stretch.number) != stretch.number:
                self._share(name)
        pattern = _pattern(stretch)
        if pattern is not None:
            self._patterns.setdefault(pattern, set()).add(stretch.number)
        self._held.append(stretch)
        ready = [each for each in self._held if self._is_ripe(each)]
        self._held = [each for each in self._held if each not in ready]
        judged = [self._judge(each) for each in ready]
        for each in ready:
            each.beside = []  # or all that have ever run would be kept
        return judged

    def news(self) -> list[str]:
        """Return the files that were found since the last call to be shared by trials."""
        news, self._news = self._news, []
        return news

    def _is_ripe(self, stretch: _Stretch) -> bool:
        """Return whether nothing more can come to light about a trial that has ended."""
        if all(each.ended is not None for each in stretch.beside):
            return True
        if stretch.has_failed:
            return False
        return not stretch.at_stake or self._has_own_names(stretch)

    def _has_own_names(self, stretch: _Stretch) -> bool:
        """Return whether another trial has used the same names, but for the numbers.

        Where trial 3 has used ``model-3`` and trial 5 ``model-5``, no other will come and
        use ``model-3``.
        """
        others = self._patterns.get(_pattern(stretch), set()) - {stretch.number}
        return bool(others) and not stretch.at_stake & self._shared

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

    def _common(self, stretch: _Stretch, other: _Stretch) -> set[str]:
        """Return the files that one has used and the other may have written."""
        common = _meeting(stretch.at_stake, other.files.used | other.files.made)
        if stretch.has_failed:
            # What it was about to read it cannot say, least of all if it has crashed.
            common |= _meeting(stretch.files.made, other.files.used)
            common |= other.files.used & self._shared
        if other.may_hide:
            common |= stretch.files.used & self._shared
        return common

    def _go_on(self, stretch: _Stretch) -> None:
        """Let trials run side by side again, when what they share is there for all.

        A file that the first of them writes and all others read is a cache, for example.
        """
        self._again.discard(stretch.number)
        over = not (self._again or stretch.beside or stretch.files.used & self._shared)
        if self.alone and over and not stretch.may_hide and self._tries < _MOST_TRIES:
            self._tries += 1
            self.alone = False


def _pattern(stretch: _Stretch) -> frozenset[str] | None:
    """Return the names of the files that a trial used, without the trial's own number.

    ``None`` if one is without it: that may be any other trial's as well.
    """
    own = re.compile(rf"(?<!\d)0*{stretch.number}(?!\d)")
    found = {own.sub("#", name) for name in stretch.at_stake}
    return None if found & stretch.at_stake else frozenset(found)


def _meeting(mine: Iterable[str], theirs: Iterable[str]) -> set[str]:
    """Return those of my files that are theirs as well, or lie in, or around, theirs."""
    whole = set(theirs)
    around = {str(folder) for name in whole for folder in PurePath(name).parents}
    return {
        name
        for name in mine
        if name in whole
        or name in around
        or any(str(folder) in whole for folder in PurePath(name).parents)
    }
