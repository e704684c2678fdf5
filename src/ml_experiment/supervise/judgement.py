"""Decide how a run ended, from what its process left behind."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from ml_experiment.record.outcome import Outcome, Status


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.record.journal import Event

# Ended by somebody else; every other signal is the process' own fault.
_FROM_OUTSIDE = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGKILL,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGXCPU,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGPIPE,
}
_SHELL_SIGNAL_BASE = 128
_TRACEBACK_HEAD = "Traceback (most recent call last):"
_CRASH_HEAD = "Fatal Python error:"
_STACK_HEAD = "Stack (most recent call first):"  # faulthandler's, at SIGTERM
_LAST_WORDS = (_TRACEBACK_HEAD, _CRASH_HEAD, _STACK_HEAD)


def judge(
    events: Sequence[Event],
    exit_code: int | None,
    *,
    out_of_memory: bool = False,
    stderr: str = "",
) -> Outcome:
    """Return how the run ended.

    Args:
        events: Its journal.
        exit_code: As ``subprocess`` gives it: negative for a signal; ``None`` where the
            process was not seen ending.
        out_of_memory: The kernel killed a process for want of memory meanwhile.
        stderr: The end of its standard error, where Python's last words may be.
    """
    ended = _last_end(events)
    if exit_code is not None and exit_code < 0:
        return _by_signal(-exit_code, out_of_memory=out_of_memory, stderr=stderr)
    if ended is not None and ended["status"] != "FINISHED":
        exception = ended.get("exception") or {}
        return _outcome(
            ended["status"],
            ended["reason"],
            exit_code,
            traceback=exception.get("traceback"),
        )
    if ended is None:
        return _without_a_word(
            events, exit_code, out_of_memory=out_of_memory, stderr=stderr
        )
    if exit_code:
        last = _traceback(stderr)
        reason = f"the script failed after main had finished (exit status {exit_code})"
        if last:
            reason += f": {last.strip().splitlines()[-1]}"
        return _outcome("FAILED", reason, exit_code, traceback=last)
    return _outcome("FINISHED", "", exit_code)


def _last_end(events: Sequence[Event]) -> Event | None:
    """Return how the run's last start ended; a group may have been resumed."""
    for event in reversed(events):
        if event["event"] == "started":
            return None
        if event["event"] == "ended":
            return event
    return None


def _outcome(
    status: Status,
    reason: str,
    exit_code: int | None,
    *,
    traceback: str | None = None,
    name: str | None = None,
) -> Outcome:
    return Outcome(
        status=status,
        reason=reason,
        ended=time.time(),
        exit_code=exit_code,
        signal=name,
        traceback=traceback,
    )


def _by_signal(number: int, *, out_of_memory: bool, stderr: str) -> Outcome:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    reason = f"ended by {name}"
    status: Status = "KILLED" if number in _FROM_OUTSIDE else "FAILED"
    if number == signal.SIGKILL and out_of_memory:
        reason = "killed by the kernel: out of memory (SIGKILL)"
        status = "FAILED"
    elif number == signal.SIGINT:
        reason = "interrupted from the keyboard (SIGINT)"
    elif number == signal.SIGKILL:
        reason += ": by a user, a scheduler, or the kernel if memory ran out"
    return _outcome(
        status,
        reason,
        _SHELL_SIGNAL_BASE + number,
        traceback=_traceback(stderr),
        name=name,
    )


def _without_a_word(
    events: Sequence[Event],
    exit_code: int | None,
    *,
    out_of_memory: bool,
    stderr: str,
) -> Outcome:
    """Judge a run that left no ``ended`` event."""
    last = _traceback(stderr)
    if exit_code is None:
        if last and last.startswith(_CRASH_HEAD):
            return _outcome("FAILED", last.splitlines()[0], None, traceback=last)
        if out_of_memory:
            reason = "its process was killed by the kernel: out of memory"
            return _outcome("FAILED", reason, None, name="SIGKILL")
        reason = "its process ended without a word: killed, or the machine went down"
        return _outcome("KILLED", reason, None)
    if last and not last.startswith(_STACK_HEAD):
        reason = last.strip().splitlines()[-1]
        return _outcome("FAILED", reason, exit_code, traceback=last)
    started = any(event["event"] == "started" for event in events)
    where = "in main" if started else "before main was called"
    return _outcome("FAILED", f"the process left {where}", exit_code or 1)


def _traceback(stderr: str) -> str | None:
    """Return Python's last words, if standard error ends with any."""
    start = max(stderr.rfind(head) for head in _LAST_WORDS)
    return stderr[start:] if start >= 0 else None
