"""The verdict over a run follows from what its process left behind."""

from __future__ import annotations

import signal

import pytest

from ml_experiment.supervise.judgement import judge


FINISHED = {"event": "ended", "status": "FINISHED", "reason": "", "exception": None}
RAISED = {
    "event": "ended",
    "status": "FAILED",
    "reason": "ValueError: no",
    "exception": {"type": "ValueError", "message": "no", "traceback": "Traceback ..."},
}
TRACEBACK = "Traceback (most recent call last):\n  File ...\nKeyError: 'x'\n"


def test_clean_end_is_finished() -> None:
    """Exit status 0 and an end event mean success."""
    outcome = judge([FINISHED], 0)

    assert (outcome.status, outcome.reason) == ("FINISHED", "")
    assert outcome.succeeded


def test_exception_in_main_keeps_its_traceback() -> None:
    """What main raised is the reason, and its traceback is kept."""
    outcome = judge([RAISED], 1)

    assert (outcome.status, outcome.reason) == ("FAILED", "ValueError: no")
    assert outcome.traceback == "Traceback ..."


def test_swallowed_exception_is_still_a_failure() -> None:
    """A script that catches the job's exception and exits 0 has failed all the same."""
    assert judge([RAISED], 0).status == "FAILED"


def test_failure_after_main_is_a_failure() -> None:
    """A script that fails after main does not count as success."""
    outcome = judge([FINISHED], 1, stderr=TRACEBACK)

    assert outcome.status == "FAILED"
    assert "after main had finished" in outcome.reason
    assert "KeyError: 'x'" in outcome.reason


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGTERM, "KILLED", id="SIGTERM"),
        pytest.param(signal.SIGKILL, "KILLED", id="SIGKILL"),
        pytest.param(signal.SIGINT, "KILLED", id="SIGINT"),
        pytest.param(signal.SIGSEGV, "FAILED", id="SIGSEGV"),
        pytest.param(signal.SIGABRT, "FAILED", id="SIGABRT"),
    ],
)
def test_signal_is_named(number: signal.Signals, status: str) -> None:
    """Killed from outside is KILLED, crashed is FAILED; the signal is named."""
    outcome = judge([FINISHED], -number)

    assert outcome.status == status
    assert outcome.signal == number.name
    assert number.name in outcome.reason
    assert outcome.exit_code == 128 + number


def test_kernel_out_of_memory_is_the_jobs_own_fault() -> None:
    """SIGKILL by the kernel for want of memory says so."""
    outcome = judge([], -signal.SIGKILL, out_of_memory=True)

    assert outcome.status == "FAILED"
    assert "out of memory" in outcome.reason


def test_nothing_heard_is_killed() -> None:
    """No exit status and no end event: somebody pulled the plug."""
    outcome = judge([{"event": "started", "params": {}}], None)

    assert outcome.status == "KILLED"
    assert "without a word" in outcome.reason


def test_end_event_is_believed_without_an_exit_status() -> None:
    """A run that ended before its supervisor died is judged by its own word."""
    assert judge([FINISHED], None).status == "FINISHED"


def test_script_that_fails_before_main_is_explained_by_its_traceback() -> None:
    """An error at import is the reason, though no run had begun."""
    outcome = judge([], 1, stderr=f"warming up\n{TRACEBACK}")

    assert (outcome.status, outcome.reason) == ("FAILED", "KeyError: 'x'")
    assert outcome.traceback == TRACEBACK


def test_leaving_without_calling_main_is_a_failure() -> None:
    """A script that exits with status 0 before main was called did nothing."""
    outcome = judge([], 0)

    assert outcome.status == "FAILED"
    assert outcome.exit_code == 1
