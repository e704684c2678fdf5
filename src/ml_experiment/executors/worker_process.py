"""One worker process, as its driver sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from ml_experiment.executors.channel import BufferedChannel
from ml_experiment.executors.orphans import kill_group


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.search.messages import TrialTask

MODULE = "ml_experiment.executors.local_worker"
_GRACE_S = 2.0
_LOG_TAIL_BYTES = 8000
# https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the place after the name.
_FLAGS = 6
_PF_EXITING = 0x4


class WorkerProcess:
    """A worker: its process, its pipes, and what it is doing.

    Attributes:
        channel: Messages to and from it.
        end: Descriptor that becomes readable when the process ends; ``None`` where the
            system has no such thing.
        ready: It has imported the script and waits for trials.
        task: The trial that it executes.
        seen: How many told trials it has been sent.
        timed_out: Its trial is being stopped at its limit.
        cut_off: It has closed its pipe, and is killed for it.
    """

    def __init__(self, environment: Mapping[str, str], log: Path, cwd: str) -> None:
        self.ready = False
        self.task: TrialTask | None = None
        self.seen = 0
        self.timed_out = False
        self.cut_off = False
        self.log = log
        self._began = 0.0
        self._kill_at: float | None = None
        self._family: list[psutil.Process] = []
        self._exit_code: int | None = None
        self.channel, self._process = self._start(environment, cwd)
        self.end: int | None = None
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self.end = os.pidfd_open(self._process.pid)

    def _start(
        self, environment: Mapping[str, str], cwd: str
    ) -> tuple[BufferedChannel, subprocess.Popen[bytes]]:
        its_reading, writing = os.pipe()
        reading, its_writing = os.pipe()
        words = [str(each) for each in (its_reading, its_writing, os.getpid())]
        try:
            with self.log.open("ab") as log:
                self._log_start = log.tell()
                process = subprocess.Popen(
                    [sys.executable, "-X", "faulthandler", "-P", "-m", MODULE, *words],
                    cwd=cwd,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(its_reading, its_writing),
                    process_group=0,
                )
        finally:
            os.close(its_reading)
            os.close(its_writing)
        return BufferedChannel(reading, writing), process

    @property
    def pid(self) -> int:
        """Its process id, and that of its process group."""
        return self._process.pid

    def begin(self, task: TrialTask, message: object) -> None:
        """Send it a trial; the time counts from now, or from when it is ready."""
        self.task = task
        self.channel.send(message)
        self._began = time.monotonic()

    def became_ready(self) -> None:
        """It has told that it waits for trials."""
        self.ready = True
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long its trial has run."""
        return time.monotonic() - self._began if self.task is not None else 0.0

    @property
    def due(self) -> float | None:
        """When something is to be done about it (monotonic clock); ``None`` for never."""
        if self._kill_at is not None:
            return self._kill_at
        if self.ready and self.task is not None and self.task.timeout_s is not None:
            return self._began + self.task.timeout_s
        return None

    def act(self) -> None:
        """Do what is due: ask it to end first, then kill it."""
        if self._kill_at is None:
            self.timed_out = True
            self.terminate()
        else:
            self.kill()

    def terminate(self) -> None:
        """Ask it and all that it has started to end; ``due`` is when to kill them."""
        self._family = self._descendants()
        self._kill_at = time.monotonic() + _GRACE_S
        kill_group(self.pid, signal.SIGTERM)
        for member in self._family:
            with contextlib.suppress(psutil.Error):
                member.terminate()

    def kill(self) -> None:
        """Kill it and all that it has started."""
        family = {member.pid: member for member in self._family}
        family |= {member.pid: member for member in self._descendants()}
        self._kill_at = None
        if self._exit_code is None:
            kill_group(self.pid)
        for member in family.values():
            with contextlib.suppress(psutil.Error):
                member.kill()

    def _descendants(self) -> list[psutil.Process]:
        try:
            return list(psutil.Process(self.pid).children(recursive=True))
        except psutil.Error:
            return []

    def has_ended(self) -> bool:
        """Return whether the process has ended; it is not forgotten by the system yet."""
        if self._exit_code is not None:
            return True
        if hasattr(os, "waitid"):
            options = os.WEXITED | os.WNOHANG | os.WNOWAIT
            try:
                return os.waitid(os.P_PID, self.pid, options) is not None
            except ChildProcessError:  # somebody else has waited for it
                return True
        return self._process.poll() is not None

    def pipe_ended(self) -> None:
        """Kill it: without its pipe it is of no use.

        The pipe of a process that is killed ends as well, and that is not its own doing.
        """
        self.cut_off = not self._is_ending()
        self.kill()

    def _is_ending(self) -> bool:
        """Return whether the process ends, or has ended, by itself or by a signal."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(errors="replace")
        except OSError:  # no Linux: what ends needs a moment to do so
            return self.wait_for_end(_GRACE_S)
        # The kernel says so before it closes what the process had open.
        flags = int(stat.rpartition(")")[2].split()[_FLAGS])
        return bool(flags & _PF_EXITING)

    def bury(self) -> int:
        """End what an ended worker has left behind, and return its exit code."""
        if self._exit_code is None:
            # Its process id is nobody else's until it has been waited for.
            kill_group(self.pid)
            self._exit_code = self._process.wait()
            for member in self._family:
                with contextlib.suppress(psutil.Error):
                    member.kill()
            self.channel.close()
            if self.end is not None:
                os.close(self.end)
        return self._exit_code

    def wait_for_end(self, timeout_s: float) -> bool:
        """Wait for the end of a process that was told to end."""
        if self.end is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
            return self._process.returncode is not None
        import select

        select.select([self.end], [], [], timeout_s)
        return self.has_ended()

    def last_words(self) -> str:
        """Return the end of what it printed outside of trials."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._log_start, size - _LOG_TAIL_BYTES))
                return file.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""


def message_of(value: Any) -> tuple[str, Any]:
    """Return a message of a worker as its kind and its content."""
    if isinstance(value, tuple) and len(value) == 2:  # noqa: PLR2004 - a pair
        return value
    return "unreadable", value
