"""Supervise one run from its start to its close."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from ml_experiment.record.journal import JournalReader, read_journal
from ml_experiment.record.locks import hold, hold_open
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.memory import out_of_memory_kills
from ml_experiment.record.outcome import Outcome, write_outcome
from ml_experiment.supervise.console import ConsoleCopy
from ml_experiment.supervise.judgement import judge


if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.supervise.companions import Companions
    from ml_experiment.supervise.processes import Stoppable, Watched

_NEEDED_AT_THE_END = "ml_experiment.record.model"
_LOOK_EVERY_S = 0.02
_REPORT_FROM_S = 20.0
_REPORT_LIMIT_S = 120.0
_STDERR_TAIL = 64 * 1024


@dataclass(frozen=True)
class Closed:
    """A run that has been closed.

    Attributes:
        outcome: How it ended.
        pending: Why it is not wholly published; ``None`` if it is.
        interrupted: Somebody pressed Ctrl-C while the job ran, or before.
    """

    outcome: Outcome
    pending: str | None
    interrupted: bool = False


def stderr_tail(run: RunDirectory) -> str:
    """Return the end of the job's standard error."""
    try:
        with run.stderr.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _STDERR_TAIL))
            return file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


class Supervisor:
    """Watches one run.

    Args:
        run: A prepared run directory.
        companions: Its capture process and publisher, already started.
        stdout: File descriptor to show the job's standard output on, or ``None``.
        stderr: The same for standard error.
        goes_on: The run was begun before, and is resumed now.
    """

    def __init__(
        self,
        run: RunDirectory,
        companions: Companions,
        *,
        stdout: int | None,
        stderr: int | None,
        goes_on: bool = False,
    ) -> None:
        self._run = run
        self._companions = companions
        self._lock = _owned(run)
        self._kills_before = out_of_memory_kills()
        self._console = ConsoleCopy(run, stdout=stdout, stderr=stderr, goes_on=goes_on)

    def watch(
        self,
        process: Watched,
        *,
        until_end_event: bool = False,
        on_look: Callable[[], None] | None = None,
    ) -> None:
        """Copy the console until the process has ended.

        Args:
            process: The driver.
            on_look: Called now and then while it runs, at least every 20 ms.
            until_end_event: Be content with the journal's ``ended`` event: the process
                goes on with other things after this run.
        """
        import_module(_NEEDED_AT_THE_END)  # now, while the job is starting
        journal = JournalReader(self._run.journal)
        pause = 0.002  # short runs are not kept waiting; long ones do not burn a core
        while not process.wait_a_moment(pause):
            busy = self._console.copy()
            if on_look is not None:
                on_look()
            pause = 0.002 if busy else min(2 * pause, _LOOK_EVERY_S)
            if until_end_event and any(e["event"] == "ended" for e in journal.read()):
                break
        self._console.finish()

    def close(self, exit_code: int | None) -> Closed:
        """Finish the parts, judge, write record and outcome, and publish.

        Args:
            exit_code: Of the driver, as ``subprocess`` gives it; ``None`` if unknown.
        """
        outcome = judge(
            read_journal(self._run.journal),
            exit_code,
            out_of_memory=out_of_memory_kills() > self._kills_before,
            stderr=stderr_tail(self._run),
        )
        self._companions.finish_capture()
        write_group_report(self._run)
        close_run(self._run, outcome)
        pending = self._companions.finish_publishing()
        self._lock.close()
        return Closed(outcome, pending)


def _owned(run: RunDirectory) -> ExitStack:
    """Say that this process looks after a run, until what is returned is closed."""
    stack = ExitStack()
    descriptor = hold_open(run.owner_lock)
    if descriptor is not None:
        stack.callback(os.close, descriptor)
        return stack
    lock = hold(run.owner_lock)  # which also knows what to do where there are no locks
    if lock is not None:
        stack.callback(lock.release)
    return stack


def close_run(run: RunDirectory, outcome: Outcome) -> None:
    """Write the record, then the outcome: a run with an outcome is complete."""
    from ml_experiment.record.model import build_record, write_record

    run.order.unlink(missing_ok=True)
    write_record(run, build_record(run, outcome))
    write_outcome(run, outcome)


def write_group_report(run: RunDirectory) -> None:
    """Write the report of a group, if it ran long enough for that not to be noticed.

    ``ml-experiment report`` writes it for any group. It is drawn in a process of its own,
    as that takes libraries which nothing else here needs.
    """
    manifest = read_manifest(run)
    seconds = time.time() - manifest.created
    if manifest.kind != "group" or seconds < _REPORT_FROM_S:
        return
    command = [sys.executable, "-P", "-m", "ml_experiment.verify.report", str(run.path)]
    with (
        (run.path / "report.log").open("ab") as log,
        contextlib.suppress(subprocess.TimeoutExpired),
    ):
        subprocess.run(
            command, stdout=log, stderr=log, timeout=_REPORT_LIMIT_S, check=False
        )


class Signals:
    """Survives the signals that are meant for the job, so as to close the run.

    Ctrl-C reaches the job by itself, as it is in the same process group. A SIGTERM or
    SIGHUP to this process alone is passed on. Once the job has ended, Ctrl-C means not to
    wait for the rest. What was ignored before, as under ``nohup``, stays ignored.

    One that comes before the job is there is kept until it is.

    Attributes:
        interrupted: This process was sent a SIGINT: a job that ended by one did not just
            raise ``KeyboardInterrupt`` itself.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._job: Stoppable | None = None
        self._kept: int | None = None
        self._before: dict[int, Any] = {}
        self._job_ended = False

    def job_started(self, job: Stoppable, *, waited: bool = False) -> None:
        """From now on signals reach the job.

        Args:
            job: Stopped from a signal handler.
            waited: Its process was there before there was a run: a Ctrl-C up to here has
                reached it too, and a second one could break into what it does about it.
        """
        self._job = job
        if self._kept == signal.SIGTERM:
            job.terminate()
        elif self._kept == signal.SIGINT and not waited:
            job.interrupt()

    def job_ended(self) -> None:
        """From now on Ctrl-C interrupts this process."""
        self._job_ended = True

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        self.interrupted = True
        if self._job_ended:
            raise KeyboardInterrupt
        if self._job is None and self._kept is None:
            self._kept = signal.SIGINT

    def _forward(self, _number: int, _frame: FrameType | None) -> None:
        if self._job is None:
            self._kept = signal.SIGTERM
        elif not self._job_ended:
            self._job.terminate()

    def __enter__(self) -> Self:
        handlers = {
            signal.SIGINT: self._interrupted,
            signal.SIGTERM: self._forward,
            signal.SIGHUP: self._forward,
        }
        for number, handler in handlers.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
