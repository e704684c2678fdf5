"""Which files a run has written and used by names that another run would use, too.

Trials of a group run side by side in one folder. What they do to each other's files is
found out from what each of them has noted here.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from ml_experiment.record.file_use import FileUse


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.capture.data_paths import PathFilter

_LIMIT = 10_000
# The kernel's times of files lag behind the clock by up to a tick.
_COARSE_NS = 10_000_000
# They are made for several processes.
_LOCKS = (".lock", ".lck", ".pid")


class SharedUse:
    """Notes what a run does to files.

    Args:
        filter_: Tells what are files of the user's.
    """

    def __init__(self, filter_: PathFilter) -> None:
        self._filter = filter_
        self.renew()

    def renew(self) -> None:
        """A new run begins."""
        self._made: set[str] = set()
        self._used: set[str] = set()
        self._sought: set[str] = set()
        self._removed: set[str] = set()
        self._began_ns = time.time_ns() - _COARSE_NS

    @property
    def seen(self) -> FileUse:
        """What was noted since the run began."""
        return FileUse(
            used=frozenset(self._used),
            made=frozenset(self._made),
            sought=frozenset(self._sought),
        )

    def wrote(self, name: str, *, added_to: bool = False, reads: bool = False) -> None:
        """A file was opened to be written.

        Args:
            name: Its path.
            added_to: What was in it stays. Such a file is shared on purpose, unless the
                run has removed it before.
            reads: It can be read by the same opening.
        """
        if added_to and name not in self._removed:
            return
        if len(self._made) < _LIMIT and not self._is_tempfile(name):
            self._made.add(name)
            if reads and not name.endswith(_LOCKS):
                self._use(name)

    def read(self, name: str, mtime_ns: int | None = None) -> None:
        """A file was opened to be read.

        Args:
            name: Its path.
            mtime_ns: When it was written; ``None`` if that does not matter.
        """
        meanwhile = mtime_ns is not None and mtime_ns >= self._began_ns
        if meanwhile or name in self._made:
            self._use(name)

    def moved(self, old: str, new: str) -> None:
        """A file has got another name."""
        if old in self._made:
            self._made.add(new)

    def removed(self, name: str) -> None:
        """A file or folder was removed."""
        if len(self._made) < _LIMIT and not self._is_tempfile(name):
            self._removed.add(name)
            self._made.add(name)

    def started_process(self) -> None:
        """What another program reads is not seen: it may be all that was written by now."""
        for name in self._made:
            self._use(name)

    def keep(self, path: Path) -> None:
        """The run keeps a file or folder, such as an artifact, that was written meanwhile."""
        for name in {os.path.abspath(path), os.path.realpath(path)}:  # noqa: PTH100
            if not self._is_tempfile(name) and self._has_changed(name):
                self._used.add(name)

    def seek(self, path: str | os.PathLike[str]) -> None:
        """The run has failed over a file that it did not find as it should be."""
        self._sought.add(os.path.abspath(path))  # noqa: PTH100

    def seek_made(self) -> None:
        """The run has failed over one of the files that it has written."""
        self._sought |= self._made

    def _use(self, name: str) -> None:
        if self._is_tempfile(name) or len(self._used) >= _LIMIT:
            return
        if self._filter.is_data(name) and not self._filter.is_download(name):
            self._used.add(name)

    def _is_tempfile(self, name: str) -> bool:
        """Return whether ``tempfile`` has made the name up: no other run will have it."""
        return self._filter.is_scratch(name)

    def _has_changed(self, name: str) -> bool:
        """Return whether a file, or one in a folder, was written since the run began."""
        inside = (
            os.path.join(folder, each)  # noqa: PTH118
            for folder, _, names in os.walk(name)
            for each in names
        )
        try:
            # A copy may keep the time of its content, but not this one.
            return any(
                os.stat(each).st_ctime_ns >= self._began_ns  # noqa: PTH116
                for each in (name, *inside)
            )
        except OSError:
            return True  # it is gone already: somebody else is at work there
