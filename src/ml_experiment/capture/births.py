"""When a file or folder was made, where the system tells it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys


_AT_FDCWD = -100
_AT_SYMLINK_NOFOLLOW = 0x100
_STATX_BTIME = 0x800
_STATX_SIZE = 256
_BTIME = 80  # where `struct statx` of Linux has it: seconds, and nanoseconds
_NANOSECONDS = 1e9


def birth_of(path: str) -> float | None:
    """Return when a file or folder was made, in seconds since the epoch.

    Python itself says so on some systems only; of Linux, glibc is asked (see ``statx(2)``).

    Args:
        path: Of the file or folder; a link is not followed.

    Returns:
        ``None`` where nobody knows.

    Raises:
        OSError: There is no such file.
    """
    status = os.lstat(path)
    born = getattr(status, "st_birthtime", None)
    if born is not None:
        return float(born)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            return _ask_linux(path)
    return None


def _ask_linux(path: str) -> float | None:
    statx = ctypes.CDLL(None).statx
    buffer = ctypes.create_string_buffer(_STATX_SIZE)
    name = os.fsencode(path)
    if statx(_AT_FDCWD, name, _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, buffer) != 0:
        return None
    (mask,) = struct.unpack_from("=I", buffer)
    if not mask & _STATX_BTIME:
        return None
    seconds, nanoseconds = struct.unpack_from("=qI", buffer, _BTIME)
    return float(seconds + nanoseconds / _NANOSECONDS)
