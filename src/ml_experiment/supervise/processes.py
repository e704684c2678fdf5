"""Wait for a process, whether or not it is a child of this one."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    import psutil

_GRACE_S = 10.0


class Watched(Protocol):
    """A process whose end is waited for."""

    def wait_a_moment(self, timeout_s: float) -> bool:
        """Wait for the end, at most ``timeout_s``; return whether it has come."""

    @property
    def exit_code(self) -> int | None:
        """Exit code as ``subprocess`` gives it; ``None`` if it cannot be known."""


class Stoppable(Protocol):
    """A process that can be asked to end, also from a signal handler: neither waits."""

    def interrupt(self) -> None:
        """Ask as Ctrl-C does."""

    def terminate(self) -> None:
        """Ask, and see to it that it ends."""


class _EndOfProcess:
    """Becomes true when a process has ended; wakes at once where the system can."""

    def __init__(self, pid: int) -> None:
        import psutil  # here, where the job has been started already

        self._descriptor: int | None = None
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self._descriptor = os.pidfd_open(pid)
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def wait(self, timeout_s: float) -> bool:
        if self._descriptor is not None:
            ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
            return bool(ready)
        time.sleep(timeout_s)
        process = self._process
        return process is None or not process.is_running()


def wait_for_end(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Wait for the end of a child; return whether it has come.

    ``subprocess`` itself looks every now and then; this wakes at once where it can.
    """
    if process.poll() is not None:
        return True
    limit = time.monotonic() + timeout_s
    if not hasattr(os, "pidfd_open"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout_s)
        return process.returncode is not None
    descriptor = os.pidfd_open(process.pid)
    try:
        while process.poll() is None and (left := limit - time.monotonic()) > 0:
            select.select([descriptor], [], [], left)
    finally:
        os.close(descriptor)
    return process.returncode is not None


class Child:
    """A process that this one has started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._end = _EndOfProcess(process.pid)
        self._family: list[psutil.Process] = []
        self._kill_at: float | None = None

    def wait_a_moment(self, timeout_s: float) -> bool:
        """Wait for the end, at most ``timeout_s``; return whether it has come."""
        if self._process.poll() is None:
            self._end.wait(timeout_s)
        ended = self._process.poll() is not None
        if self._kill_at is not None and (ended or time.monotonic() > self._kill_at):
            self._kill_the_rest()
        return ended

    @property
    def exit_code(self) -> int | None:
        """Exit code as ``subprocess`` gives it."""
        return self._process.returncode

    def interrupt(self) -> None:
        """Send it a SIGINT; what comes of it is its own affair."""
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """Ask it and all that it has started to end.

        Those that have not ended ten seconds later, or when it has ended itself, are
        killed by ``wait_a_moment``: this is called from a signal handler, and must not
        wait.
        """
        import psutil

        try:
            parent = psutil.Process(self._process.pid)
            self._family = [*parent.children(recursive=True), parent]
        except psutil.NoSuchProcess:
            return
        self._kill_at = time.monotonic() + _GRACE_S
        for member in self._family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.terminate()

    def _kill_the_rest(self) -> None:
        import psutil

        self._kill_at = None
        for member in self._family:
            with contextlib.suppress(psutil.NoSuchProcess):
                if member.pid != self._process.pid or self._process.returncode is None:
                    member.kill()


class Stranger:
    """A process that somebody else has started: the script itself, started directly."""

    def __init__(self, pid: int) -> None:
        self._end = _EndOfProcess(pid)
        self.exit_code: int | None = None

    def wait_a_moment(self, timeout_s: float) -> bool:
        """Wait for the end, at most ``timeout_s``; return whether it has come."""
        return self._end.wait(timeout_s)
