"""Locks that the operating system drops when their holder dies.

A run is alive while somebody holds ``owner.lock`` (its supervisor) or ``driver.lock`` (the
process that runs the user's code). No clock, no heartbeat: a lock cannot be held by a
process that was killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from filelock import FileLock, Timeout


if TYPE_CHECKING:
    from pathlib import Path


def hold(path: Path) -> FileLock | None:
    """Take the lock until this process ends or releases it; ``None`` if it is taken."""
    lock = FileLock(path, is_singleton=False, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


def is_held(path: Path) -> bool:
    """Return whether some process holds the lock just now."""
    if not path.exists():
        return False
    lock = hold(path)
    if lock is None:
        return True
    lock.release()
    return False
