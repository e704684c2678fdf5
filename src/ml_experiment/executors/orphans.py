"""See to it that no worker outlives its driver, however the driver ended.

Each worker leads a process group of its own. The kernel kills the worker when its driver
is gone (Linux), native code that hangs included. What the worker has started is in its
group, and is killed by a shell that does nothing but wait for the driver's end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Each line is the list of groups that live just now; the end of input is the driver's.
_WAIT_AND_KILL = """\
groups=
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
"""


def end_with_driver(driver: int) -> None:
    """Have this process killed when the thread that started it is gone.

    Args:
        driver: Process id of the driver.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != driver:  # it died before the line above
        os._exit(1)


def kill_group(leader: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to all processes of a group, if there are any left."""
    # macOS refuses where only a zombie is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


class Reaper:
    """Kills process groups when this process has ended without saying so."""

    def __init__(self) -> None:
        self._shell: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; where there is no shell, the kernel's help has to do."""
        with contextlib.suppress(OSError):
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _WAIT_AND_KILL],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C and a kill of the driver's group pass it by
            )

    def watch(self, groups: Iterable[int]) -> None:
        """Say which groups there are now."""
        if self._shell is None or self._shell.stdin is None:
            return
        line = " ".join(str(group) for group in groups)
        with contextlib.suppress(OSError):
            self._shell.stdin.write(f"{line}\n".encode())
            self._shell.stdin.flush()

    def stop(self) -> None:
        """End it; nothing is killed."""
        if self._shell is None:
            return
        self.watch(())
        with contextlib.suppress(OSError):
            if self._shell.stdin is not None:
                self._shell.stdin.close()
        self._shell.wait()
        self._shell = None
