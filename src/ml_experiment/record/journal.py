"""The journal: what happened during a run, one JSON object a line, append only.

The driver is its only writer. Every line is written with one ``write`` to a file opened
for appending, so a reader that comes at any moment, or after a kill, sees whole lines and
at most one torn last line, which it leaves for later.

Each event has ``event`` (its kind, below) and ``time`` (seconds since the epoch). Numbers
are exact: finite floats as their shortest JSON form, the others as ``"NaN"``,
``"Infinity"`` and ``"-Infinity"``.

| event | further fields |
| --- | --- |
| ``started`` | ``params`` (name to JSON value), ``pid`` |
| ``seeded`` | ``library``, ``call``, ``value``, ``where`` (``file:line``): the user's own seed |
| ``opened`` | ``path``, ``size`` (bytes), ``mtime_ns``: a data file was opened for reading |
| ``modules`` | ``modules`` (name to path): local modules imported since the last such event |
| ``split`` | how a data set was split, see ``capture.splits`` |
| ``metrics`` | ``step`` (from 0, or ``null`` for a plain return), ``metrics`` (name to number) |
| ``artifact`` | ``name``, ``path`` (below the run directory), ``files``, ``bytes``, ``sha256`` |
| ``loaded`` | of ``load_data``: ``path``, ``kind``, ``shape``, ``dtype``, ``digest``, ``bytes`` |
| ``group`` | ``num_trials``, ``metrics``, ``directions``, ``sampler``, ``pruner``, ``lookahead`` |
| ``trial_started`` | ``number``, ``run_id``, ``path``, ``params``, ``seed``, ``attempt`` |
| ``trial_ended`` | ``number``, ``state``, ``values``, ``reason``, ``cause``, ``seconds`` |
| ``best`` | the best trial so far: ``number``, ``values``, ``params`` |
| ``note`` | ``text``: something that a reader of the record should know |
| ``ended`` | ``status``, ``reason``, ``exception`` (``type``, ``message``, ``traceback``) |
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import RecordError


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Event = dict[str, Any]

_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_number(value: float) -> float | str:
    """Return ``value`` as strict JSON can hold it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def decode_number(value: float | str) -> float:
    """Return the number that ``encode_number`` wrote."""
    return _SPECIAL[value] if isinstance(value, str) else float(value)


_open_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _unlock_after_fork() -> None:
    # Another thread may have held the lock at the fork; in the child nobody ever
    # would release it.
    for journal in _open_journals:
        journal.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_after_fork)


class Journal:
    """The writing end. Safe to use from several threads of one process.

    After a ``fork`` the child shares the open file, so its lines are whole, too.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._descriptor = os.open(path, flags, 0o644)
        self._lock = threading.Lock()
        _open_journals.add(self)

    def renew_lock(self) -> None:
        """Forget who held the lock: this is a new process."""
        self._lock = threading.Lock()

    def write(self, event: str, **fields: object) -> None:
        """Append one event; it survives the death of this process from here on."""
        record = {"event": event, "time": time.time(), **fields}
        # Escaped, as file names need not be valid Unicode.
        line = json.dumps(record, allow_nan=False, default=repr) + "\n"
        with self._lock:
            os.write(self._descriptor, line.encode("ascii"))

    def close(self) -> None:
        """Close the file; later writes fail."""
        os.close(self._descriptor)


class JournalReader:
    """The reading end: returns each event once, and remembers how far it came.

    Args:
        path: The journal; it may not exist yet.
        offset: Bytes already read, as ``offset`` said in an earlier process.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self.offset = offset

    def read(self) -> Iterator[Event]:
        """Yield the events that were completed since the last call.

        Raises:
            RecordError: There is something else than a file that can be read.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise RecordError(
                f"{self._path}: cannot be read: {error.strerror or error}"
            ) from error
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.splitlines(keepends=True):
            self.offset += len(line)
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue  # a line torn by a full disk; the ones after it still count
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                yield event


def read_journal(path: Path) -> list[Event]:
    """Return all whole events of a journal; empty where there is none."""
    return list(JournalReader(path).read())
