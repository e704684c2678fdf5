"""The files into which the shell writes what the commands of this run print.

``ml-experiment train.py > out.log`` makes ``out.log`` before the run begins; it is no
source of it all the same.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


_STREAMS = (1, 2)
_GENERATIONS = 20


def console_files(proc: Path = Path("/proc")) -> frozenset[tuple[int, int]]:
    """Return device and inode of the files that are standard output or error.

    Of this process and of those that started it, as far as the system tells: where there
    is no ``/proc``, of this process alone.

    Args:
        proc: Where the system tells of its processes.
    """
    found = {_identity(number) for number in _STREAMS}
    process = os.getppid()
    for _ in range(_GENERATIONS):
        if process <= 1:
            break
        folder = proc / str(process)
        found |= {_identity(folder / "fd" / str(number)) for number in _STREAMS}
        process = _parent(folder)
    return frozenset(each for each in found if each is not None)


def _identity(stream: int | Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = os.stat(stream)  # noqa: PTH116 - also of a descriptor
        if stat.S_ISREG(status.st_mode):
            return status.st_dev, status.st_ino
    return None


def _parent(folder: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in (folder / "status").read_text(errors="replace").splitlines():
            if line.startswith("PPid:"):
                return int(line.partition(":")[2])
    return 0
