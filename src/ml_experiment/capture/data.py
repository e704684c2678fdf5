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
from ml_experiment.capture.shared_use import SharedUse


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LIMIT = 1_000_000
_WRITES_ONLY = os.O_WRONLY
_ACCESS_MODE = os.O_WRONLY | os.O_RDWR
_STARTS_EMPTY = os.O_TRUNC | os.O_EXCL

_Key = tuple[str, int, int]


class EventSink(Protocol):
    """Where the events go: a journal, or something that stands for one."""

    def write(self, event: str, **fields: Any) -> None:
        """Write one event."""


class _Memory:
    """What was seen in a stretch of time."""

    def __init__(self, seen: Iterable[_Key] = (), written: Iterable[str] = ()) -> None:
        self.seen: set[_Key] = set(seen)
        self.written: set[str] = set(written)


class DataWatch:
    """Writes an ``opened`` event for each data file that this process reads.

    A file is reported once a run for each state (size, time) in which it was read. What
    the run has itself written before is not its input, and is not reported.

    Args:
        journal: Takes the events.
        ignore: Folders and files that are none of the user's data.

    Attributes:
        shared: What runs beside this one may do to its files, and it to theirs.
    """

    def __init__(self, journal: EventSink, ignore: Iterable[Path] = ()) -> None:
        self._journal = journal
        self._filter = PathFilter(ignore)
        self.shared = SharedUse(self._filter)
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
        self.shared.renew()

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
            self._remember_written(
                name,
                added_to=bool(flags & os.O_APPEND),
                reads=bool(flags & os.O_RDWR),
            )
        else:
            self._read(name, alone=not flags & os.O_RDWR)
            if flags & os.O_RDWR:
                self._remember_written(name, added_to=True)

    def _remember_written(
        self, name: str, *, added_to: bool = False, reads: bool = False
    ) -> None:
        if len(self._memory.written) < _LIMIT:
            self._memory.written.add(name)
        self.shared.wrote(name, added_to=added_to, reads=reads)

    def _read(self, name: str, *, alone: bool = True) -> None:
        """Take note of a file that is read.

        Args:
            name: Its absolute path.
            alone: It is not written by the same opening: locks and databases are, which
                are made for several processes.
        """
        memory = self._memory
        if name in memory.written and not self._filter.is_download(name):
            if alone:
                self.shared.read(name)
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
        if alone:
            self.shared.read(name, status.st_mtime_ns)
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
            elif event == "sqlite3.connect":
                self._connected(args[0])
            elif event in _REMOVALS:
                self._removed(*args)
            else:
                self.shared.started_process()
        except Exception:  # noqa: BLE001, S110 - the user's call must go on
            pass
        finally:
            self._busy.discard(me)

    def _renamed(self, source: Any, target: Any) -> None:
        # Written under a temporary name and renamed: still the run's own file.
        old, new = (os.path.abspath(os.fsdecode(p)) for p in (source, target))  # noqa: PTH100
        written = self._memory.written
        if old in written:
            written.add(new)
        else:
            written.discard(new)
        self.shared.moved(old, new)

    def _removed(self, path: Any, folder: int | None = None) -> None:
        if folder in {None, -1}:  # else its path is told by the removal of the folder
            self.shared.removed(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100

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


_REMOVALS = frozenset({"os.remove", "shutil.rmtree"})
_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"})
_OTHER_EVENTS = _REMOVALS | _STARTS | {"os.rename", "sqlite3.connect"}


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
