"""What the end of a worker says about the trial that it was executing."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from ml_experiment.executors.base import MOST_STARTS, Broken


if TYPE_CHECKING:
    from ml_experiment.search.messages import TrialResult, TrialTask

CUT_OFF = (
    "it closed the connection to its driver: "
    "close only those descriptors that your own code has opened"
)

# A process that does something impossible, or set itself a timer, gets these; all others come
# from somebody else.
_NAMES = {
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "arithmetic error in native code",
    signal.SIGILL: "illegal instruction",
    signal.SIGSYS: "forbidden system call",
    signal.SIGTRAP: "trap",
    signal.SIGALRM: "alarm clock",
    signal.SIGVTALRM: "alarm clock of CPU time",
    signal.SIGPROF: "profiling timer",
    signal.SIGXCPU: "CPU time limit exceeded",
    signal.SIGXFSZ: "file size limit exceeded",
}


def describe_exit(exit_code: int) -> str:
    """Return in words how a process ended: ``segmentation fault (SIGSEGV)``.

    Args:
        exit_code: As ``subprocess`` gives it: negative for a signal.
    """
    if exit_code >= 0:
        return f"the process left with exit status {exit_code}"
    try:
        number = signal.Signals(-exit_code)
    except ValueError:
        return f"ended by signal {-exit_code}"
    name = _NAMES.get(number)
    return f"{name} ({number.name})" if name else f"killed ({number.name})"


def from_outside(exit_code: int) -> bool:
    """Return whether somebody else has ended the process."""
    if exit_code >= 0:
        return False
    return -exit_code not in {number.value for number in _NAMES}


def judge_death(
    task: TrialTask, exit_code: int, *, seconds: float, out_of_memory: bool
) -> TrialResult | Broken:
    """Return how a trial ended whose worker has died.

    Args:
        task: The trial.
        exit_code: As ``subprocess`` gives it.
        seconds: How long it ran.
        out_of_memory: The kernel has meanwhile killed a process for want of memory.
    """
    if exit_code == -signal.SIGKILL and out_of_memory:
        return failed(
            task,
            reason="killed by the kernel: out of memory (SIGKILL)",
            cause="memory",
            seconds=seconds,
            depends_on_time=True,
        )
    reason = describe_exit(exit_code)
    if from_outside(exit_code):
        return Broken(number=task.number, reason=reason, seconds=seconds)
    return failed(task, reason=reason, cause="crash", seconds=seconds)


def timed_out(task: TrialTask, *, seconds: float) -> TrialResult:
    """Return the result of a trial that was stopped at its limit."""
    return failed(
        task,
        reason=f"stopped after {task.timeout_s:g} s (timeout_per_trial)",
        cause="timeout",
        seconds=seconds,
        depends_on_time=True,
    )


def cut_off(task: TrialTask, *, seconds: float) -> TrialResult:
    """Return the result of a trial that has left its worker without a connection."""
    return failed(task, reason=CUT_OFF, cause="crash", seconds=seconds)


def killed_each_time(task: TrialTask, last: Broken) -> TrialResult:
    """Return the result of a trial that was killed ``MOST_STARTS`` times.

    Args:
        task: The trial.
        last: How it ended the last time.
    """
    return failed(
        task,
        reason=f"{last.reason} each of the {MOST_STARTS} times that it ran",
        cause="crash",
        seconds=last.seconds,
        depends_on_time=True,
    )


def failed(
    task: TrialTask,
    *,
    reason: str,
    cause: str,
    seconds: float,
    depends_on_time: bool = False,
) -> TrialResult:
    """Return the result of a trial that could not return one itself."""
    from ml_experiment.search.replica import result_of

    return result_of(
        task.trial,
        task,
        state="failed",
        reason=reason,
        cause=cause,
        seconds=seconds,
        depends_on_time=depends_on_time,
    )
