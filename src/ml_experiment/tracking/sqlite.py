"""MLflow's database as one SQLite file: made whole, shared well, closed properly."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from ml_experiment.errors import TrackingError


if TYPE_CHECKING:
    from collections.abc import Callable

_BUSY_S = 30.0
_MAKING_S = 120.0

_connections: list[sqlite3.Connection] = []
_listening = False


def prepare(uri: str, fill: Callable[[str], None]) -> None:
    """Make sure that the database exists, is whole, and is in WAL mode.

    MLflow makes its tables in many steps: a process that is killed in between, or a second
    one that does the same, leaves a database that no release can open. So a new one is made
    beside and copied in one transaction, by one process at a time.

    Args:
        uri: SQLAlchemy's address of the database.
        fill: Makes MLflow's tables in the database at the given address.

    Raises:
        TrackingError: The address leads to no file.
    """
    _listen()
    path = database_path(uri)
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if _is_empty(path):
        lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=_MAKING_S)
        with lock:
            if _is_empty(path):
                _make(path, fill)
            # Whoever waits for this very file finds the database made, and needs no lock.
            with contextlib.suppress(OSError):
                Path(lock.lock_file).unlink()
    else:
        _set_wal(path)


def database_path(uri: str) -> Path | None:
    """Return the database's file; ``None`` if SQLite itself is given an address.

    Raises:
        TrackingError: The database is in memory.
    """
    from sqlalchemy import make_url

    database = make_url(uri).database
    if not database or database == ":memory:":
        raise TrackingError(
            f"{uri}: a database in memory is gone when the publisher ends; name a file"
        )
    return None if database.startswith("file:") else Path(database).absolute()


def _is_empty(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return True
    with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_S)) as database:
        (count,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(count == 0)


def _make(path: Path, fill: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.db"
        before = len(_connections)
        fill(f"sqlite:///{draft}")
        close_connections(before)
        with (
            contextlib.closing(sqlite3.connect(draft)) as source,
            contextlib.closing(sqlite3.connect(path, timeout=_BUSY_S)) as target,
        ):
            source.execute("PRAGMA journal_mode=DELETE")
            source.backup(target)
    _set_wal(path)


def _set_wal(path: Path) -> None:
    """Let readers and the one writer not wait for each other; a property of the file.

    Where it is impossible, as on a network file system, the file stays as it is.
    """
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(path, timeout=1)) as database,
    ):
        (mode,) = database.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            database.execute("PRAGMA journal_mode=WAL")


def _listen() -> None:
    """Know of every connection that MLflow opens from now on."""
    global _listening  # noqa: PLW0603 - one process, one listener
    if _listening:
        return
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    event.listen(Pool, "connect", _opened)
    _listening = True


def _opened(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout={int(_BUSY_S * 1000)}")
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            # A commit need not wait for the disk: a power cut loses the last ones, never
            # the database, and the run directory has them all.
            connection.execute("PRAGMA synchronous=NORMAL")
        _connections.append(connection)


def close_connections(since: int = 0) -> None:
    """Close what MLflow has opened; the last one to close tidies the WAL up.

    Args:
        since: Leave this many of the oldest connections open.
    """
    while len(_connections) > since:
        _connections.pop().close()
