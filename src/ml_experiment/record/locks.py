"""Locks that the operating system drops when their holder dies.

A run is alive while somebody holds ``owner.lock`` (its supervisor) or ``driver.lock`` (the
process that runs the user's code). Its description is complete when nobody holds
``capture.lock``. No clock, no heartbeat: a lock cannot be held by a process that was
killed.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path

    from filelock import FileLock


_LOOK_EVERY_S = 0.02


def hold(path: Path) -> FileLock | None:
    """Take the lock until this process ends or releases it; ``None`` if it is taken."""
    # Here, as `hold_open` needs none of it: a run is to start at once.
    from filelock import FileLock, Timeout

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


def is_free_within(path: Path, timeout_s: float) -> bool:
    """Wait until no process holds the lock; return whether that came to pass."""
    limit = time.monotonic() + timeout_s
    while is_held(path):
        if time.monotonic() > limit:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True


def hold_open(path: Path, timeout_s: float = 0.0) -> int | None:
    """Take the lock by nothing but an open file.

    It is dropped when the last process that has the descriptor has closed it, or is gone:
    so it can be handed to a process that is about to be started.

    Args:
        path: The lock file.
        timeout_s: How long to wait for another holder.

    Returns:
        A file descriptor; ``None`` if the lock is taken, or the file system knows no such
        locks.
    """
    limit = time.monotonic() + timeout_s
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < limit:
                time.sleep(_LOOK_EVERY_S)
                continue
        except OSError:
            pass
        else:
            return descriptor
        os.close(descriptor)
        return None
