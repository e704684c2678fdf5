"""See which data files the user's code reads, from inside its process.

Python tells an audit hook of every file that it opens: ``open``, ``os.open``, and all that
is built on them (NumPy, pandas, gzip, ...). The hook is called for every audited event of
the interpreter and cannot be taken out again, so it does next to nothing for the rest, and
it never raises: an exception in it would break the user's ``open``.

What native readers open by themselves (pyarrow, HDF5) is told by ``native_files``.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from ml_experiment.capture.data_paths import PathFilter


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LIMIT = 1_000_000
_WRITES_ONLY = os.O_WRONLY
_ACCESS_MODE = os.O_WRONLY | os.O_RDWR
_STARTS_EMPTY = os.O_TRUNC | os.O_EXCL
# The kernel's times of files lag behind the clock by up to a tick.
_COARSE_NS = 10_000_000

_Key = tuple[str, int, int]


class EventSink(Protocol):
    """Where the events go: a journal, or something that stands for one."""

    def write(self, event: str, **fields: Any) -> None:
        """Write one event."""


class _Memory:
    """What was seen in a stretch of time, which begins now."""

    def __init__(self, seen: Iterable[_Key] = (), written: Iterable[str] = ()) -> None:
        self.seen: set[_Key] = set(seen)
        self.written: set[str] = set(written)
        # What was not only added to: others who write the same file spoil it.
        self.made: set[str] = set()
        self.used: set[str] = set()
        self.began_ns = time.time_ns() - _COARSE_NS


class DataWatch:
    """Writes an ``opened`` event for each data file that this process reads.

    A file is reported once a run for each state (size, time) in which it was read. What
    the run has itself written before is not its input, and is not reported.

    Args:
        journal: Takes the events.
        ignore: Folders and files that are none of the user's data.
    """

    def __init__(self, journal: EventSink, ignore: Iterable[Path] = ()) -> None:
        self._journal = journal
        self._filter = PathFilter(ignore)
        self._memory = _Memory()
        self._before_first_run: _Memory | None = None
        self._active = False
        self._installed = False
        self._since_ns = time.time_ns()
        self._busy: set[int] = set()

    def start(self) -> None:
        """Watch from now on."""
        self._active = True
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._make_hook())

    def ignore(self, folder: Path) -> None:
        """Report nothing in a folder from now on: it is a run's own."""
        self._filter.ignore(folder)

    def stop(self) -> None:
        """Stop watching; the hook stays, as a call that returns at once."""
        self._active = False

    def renew(self) -> None:
        """A new run begins: report again what an earlier run of this process read.

        What was read before the first run belongs to all of them, and stays reported.
        """
        before = self._before_first_run
        if before is None:
            before = self._before_first_run = self._memory
        self._memory = _Memory(before.seen, before.written)

    @property
    def made(self) -> frozenset[str]:
        """Files that this run has written by a name that another run would use, too.

        Those that it only appended to are not among them: they are shared on purpose.
        """
        return frozenset(
            name for name in self._memory.made if not self._filter.is_scratch(name)
        )

    @property
    def used(self) -> frozenset[str]:
        """Files that this run has read or kept, and that were written while it ran.

        Whoever writes one of them at the same time changes what this run does.
        """
        return frozenset(self._memory.used)

    def read(self, path: str) -> None:
        """Native code is about to read a file, of which the interpreter is not told."""
        name = os.path.abspath(path)  # noqa: PTH100
        if self._active and not self._filter.is_uninteresting(name):
            self._read(name)

    def wrote(self, path: str, *, added_to: bool = False) -> None:
        """Native code has written a file.

        Args:
            path: Its path.
            added_to: There was something in it already that is still there.
        """
        if self._active:
            self._remember_written(os.path.abspath(path), added_to=added_to)  # noqa: PTH100

    def keep(self, path: Path) -> None:
        """The run keeps a file or folder: it counts as used if it was written meanwhile."""
        name = os.path.abspath(path)  # noqa: PTH100
        if self._is_shared(name) and self._has_changed(name):
            self._memory.used.add(name)

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
                os.stat(each).st_ctime_ns >= self._memory.began_ns  # noqa: PTH116
                for each in (name, *inside)
            )
        except OSError:
            return True  # it is gone already: somebody else is at work there

    def _is_shared(self, name: str) -> bool:
        """Return whether another run would write a file by the same name."""
        return (
            self._filter.is_data(name)
            and not self._filter.is_download(name)
            and not self._filter.is_scratch(name)
        )

    def _make_hook(self) -> Any:
        # A closure: locals are the cheapest names there are, and this is called often.
        watch = self
        busy = self._busy
        thread = threading.get_ident
        is_uninteresting = self._filter.is_uninteresting

        def hook(event: str, args: tuple[Any, ...]) -> None:
            if event != "open":
                if event in _OTHER_EVENTS and watch._active:
                    watch._other(event, args)
                return
            if not watch._active:
                return
            path = args[0]
            if path.__class__ is str and is_uninteresting(path):
                return
            me = thread()
            if me in busy:
                return
            busy.add(me)
            try:
                watch._opened(path, args[2])
            except Exception:  # noqa: BLE001, S110 - the user's open() must go on
                pass
            finally:
                busy.discard(me)

        return hook

    def _opened(self, path: Any, flags: int) -> None:
        if isinstance(path, int):
            return
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - Path is ten times slower
        if (flags & _ACCESS_MODE) == _WRITES_ONLY or flags & _STARTS_EMPTY:
            self._remember_written(name, added_to=bool(flags & os.O_APPEND))
        else:
            self._read(name, alone=not flags & os.O_RDWR)
            if flags & os.O_RDWR:
                self._remember_written(name, added_to=True)

    def _remember_written(self, name: str, *, added_to: bool = False) -> None:
        memory = self._memory
        if len(memory.written) < _LIMIT:
            memory.written.add(name)
            if not added_to:
                memory.made.add(name)

    def _read(self, name: str, *, alone: bool = True) -> None:
        """Take note of a file that is read.

        Args:
            name: Its absolute path.
            alone: It is not written by the same opening: locks and databases are, which
                are made for several processes.
        """
        memory = self._memory
        if name in memory.written and not self._filter.is_download(name):
            if alone and name in memory.made and self._is_shared(name):
                memory.used.add(name)
            return
        if not self._filter.is_data(name):
            return
        try:
            status = os.stat(name)  # noqa: PTH116 - as above
        except OSError:
            return
        if not stat.S_ISREG(status.st_mode):
            return
        if status.st_mtime_ns > self._since_ns and self._filter.is_scratch(name):
            return  # a child process has written it for this one
        if alone and status.st_mtime_ns >= memory.began_ns and self._is_shared(name):
            memory.used.add(name)
        key = (name, status.st_size, status.st_mtime_ns)
        if key in memory.seen or len(memory.seen) >= _LIMIT:
            return
        memory.seen.add(key)
        self._journal.write(
            "opened", path=name, size=status.st_size, mtime_ns=status.st_mtime_ns
        )

    def _other(self, event: str, args: tuple[Any, ...]) -> None:
        me = threading.get_ident()
        if me in self._busy:
            return
        self._busy.add(me)
        try:
            if event == "os.rename":
                self._renamed(args[0], args[1])
            else:
                self._connected(args[0])
        except Exception:  # noqa: BLE001, S110 - the user's call must go on
            pass
        finally:
            self._busy.discard(me)

    def _renamed(self, source: Any, target: Any) -> None:
        # Written under a temporary name and renamed: still the run's own file.
        old, new = (os.path.abspath(os.fsdecode(p)) for p in (source, target))  # noqa: PTH100
        for names in (self._memory.written, self._memory.made):
            if old in names:
                names.add(new)
            else:
                names.discard(new)

    def _connected(self, database: Any) -> None:
        name = os.fsdecode(database)
        if name.startswith("file:"):
            from urllib.parse import unquote, urlsplit

            name = unquote(urlsplit(name).path)
        if not name or name.startswith(":"):
            return
        name = os.path.abspath(name)  # noqa: PTH100
        if not os.path.exists(name):  # noqa: PTH110
            self._remember_written(name, added_to=True)  # SQLite makes it now
        elif not self._filter.is_uninteresting(name):
            self._read(name, alone=False)


_OTHER_EVENTS = frozenset({"os.rename", "sqlite3.connect"})


def watch_files(journal: EventSink, *, ignore: Iterable[Path] = ()) -> DataWatch:
    """Report the data files that this process reads, from now on.

    Args:
        journal: Takes an ``opened`` event for each file.
        ignore: Folders and files that are not data: the run directory.

    Returns:
        The watch: ``stop()`` ends it, ``renew()`` begins it afresh for another run.
    """
    watch = DataWatch(journal, ignore)
    watch.start()
    return watch
