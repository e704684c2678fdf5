"""SHA-256 of files, never computed twice for the same state of a file.

The cache is a small SQLite file of the user's. It is a convenience: locked, broken or
unwritable, it is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping

# A file changed again within the clock's grain would keep its time: such young files are
# hashed each time (the same caution as git's with its index).
_RACY_NS = 2_000_000_000
_MAKE_TABLE = (
    "CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, size INTEGER, "
    "mtime_ns INTEGER, inode INTEGER, sha256 TEXT) WITHOUT ROWID"
)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def default_cache_path(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the user's digest cache lies (``XDG_CACHE_HOME``, else ``~/.cache``)."""
    variables = os.environ if environ is None else environ
    home = variables.get("XDG_CACHE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path("~/.cache").expanduser()
    return base / "ml-experiment" / "digests.sqlite"


class DigestCache:
    """Digests of files by path, size, time of change and inode.

    Args:
        path: The SQLite file; ``None`` to remember nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._tried = False

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a file, from the cache if the file is as it was.

        Raises:
            OSError: The file cannot be read.
        """
        status = path.stat()
        state = (str(path), status.st_size, status.st_mtime_ns, status.st_ino)
        known = self._look_up(state)
        if known is not None:
            return known
        digest = sha256_of(path)
        after = path.stat()
        unchanged = state[1:] == (after.st_size, after.st_mtime_ns, after.st_ino)
        if unchanged and time.time_ns() - status.st_mtime_ns > _RACY_NS:
            self._store(state, digest)
        return digest

    def close(self) -> None:
        """Write what is pending and close the file."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        if self._tried or self._path is None:
            return self._connection
        self._tried = True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._connect(self._path)
        except sqlite3.OperationalError:
            self._connection = None  # locked or not writable: it may be sound
        except sqlite3.DatabaseError:
            with contextlib.suppress(OSError, sqlite3.Error):
                self._path.unlink(missing_ok=True)  # broken: begin a new one
                self._connection = self._connect(self._path)
        except OSError:
            self._connection = None
        return self._connection

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=0.2, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=OFF")  # losing a digest costs a hash
            connection.execute(_MAKE_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection

    def _look_up(self, state: tuple[str, int, int, int]) -> str | None:
        connection = self._open()
        if connection is None:
            return None
        query = (
            "SELECT sha256 FROM digests "
            "WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = ?"
        )
        try:
            row = connection.execute(query, state).fetchone()
        except (sqlite3.Error, OverflowError, UnicodeEncodeError):
            self.close()  # somebody holds it: waiting again for each file helps nobody
            return None
        return None if row is None else str(row[0])

    def _store(self, state: tuple[str, int, int, int], digest: str) -> None:
        connection = self._open()
        if connection is None:
            return
        try:
            connection.execute(
                "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?)",
                (*state, digest),
            )
        except (sqlite3.Error, OverflowError):
            self.close()
