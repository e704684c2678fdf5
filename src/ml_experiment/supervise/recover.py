"""Close runs whose supervisor died before it could."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ml_experiment.record.journal import read_journal
from ml_experiment.record.locks import hold, is_free_within, is_held
from ml_experiment.supervise.console import rebuild_console
from ml_experiment.supervise.judgement import judge
from ml_experiment.supervise.session import close_run, stderr_tail


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory

_CAPTURE_LIMIT_S = 60.0

Found = Literal["closed before", "running", "closed now"]


def recover(run: RunDirectory) -> Found:
    """Close a run that nobody looks after any more.

    A run that is alive (its supervisor or its driver holds a lock) is left alone. One that
    was just killed is still being described: the process that does so is waited for, as
    the source may be what it is at.
    """
    if run.outcome.exists():
        return "closed before"
    lock = hold(run.owner_lock)
    if lock is None:
        return "running"
    try:
        if is_held(run.driver_lock):
            return "running"
        if not is_free_within(run.capture_lock, _CAPTURE_LIMIT_S):
            return "running"
        if run.outcome.exists():
            return "closed before"
        rebuild_console(run)
        close_run(run, judge(read_journal(run.journal), None, stderr=stderr_tail(run)))
    finally:
        lock.release()
    return "closed now"
