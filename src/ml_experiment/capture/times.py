"""What the time of a file says of a run: whether the file was written while it went on."""

from __future__ import annotations

import math
import time


_NANOSECONDS = 1_000_000_000
_SKEW_S = 1.0


def written_since(mtime_ns: int, began: float, until: float | None = None) -> bool:
    """Return whether a file was written after a run began.

    File systems round times down, so a file that was there just before is never taken for
    a later one. A time that lies in the future is one of another clock, and says nothing.

    Args:
        mtime_ns: When the file was written.
        began: When the run began, in seconds since the epoch; infinity if nobody knows.
        until: What counts as the present; now if ``None``.
    """
    if math.isinf(began):
        return False
    latest = (time.time() if until is None else until) + _SKEW_S
    return int(began * _NANOSECONDS) < mtime_ns <= int(latest * _NANOSECONDS)
