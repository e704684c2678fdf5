"""Signals to the command while it runs a job."""

from __future__ import annotations

import os
import signal

import pytest

from ml_experiment.supervise.session import Signals


class _Job:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def interrupt(self) -> None:
        self.asked.append("interrupt")

    def terminate(self) -> None:
        self.asked.append("terminate")


@pytest.mark.parametrize(
    ("number", "asked"),
    [
        (signal.SIGINT, ["interrupt"]),
        (signal.SIGTERM, ["terminate"]),
        (signal.SIGHUP, ["terminate"]),
    ],
)
def test_what_comes_before_the_job_ends_it_when_it_comes(
    number: int, asked: list[str]
) -> None:
    """The run is there already, and has to be closed: nothing may end the command."""
    job = _Job()
    with Signals() as signals:
        os.kill(os.getpid(), number)
        signals.job_started(job)

    assert job.asked == asked


@pytest.mark.parametrize(
    ("number", "asked"), [(signal.SIGINT, []), (signal.SIGTERM, ["terminate"])]
)
def test_ctrl_c_has_reached_a_job_that_waited(number: int, asked: list[str]) -> None:
    """It is interrupted once; a SIGTERM to the command alone is still passed on."""
    job = _Job()
    with Signals() as signals:
        os.kill(os.getpid(), number)
        signals.job_started(job, waited=True)

    assert job.asked == asked


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_before_the_job_a_termination_counts_more(first: int) -> None:
    """Whichever of the two came first."""
    job = _Job()
    with Signals() as signals:
        os.kill(os.getpid(), first)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        signals.job_started(job, waited=True)

    assert job.asked == ["terminate"]


def test_ctrl_c_reaches_the_job_by_itself() -> None:
    """A SIGTERM to the command alone is passed on; both change nothing afterwards."""
    job = _Job()
    with Signals() as signals:
        signals.job_started(job)
        os.kill(os.getpid(), signal.SIGINT)
        assert job.asked == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert job.asked == ["terminate"]
        signals.job_ended()
        os.kill(os.getpid(), signal.SIGTERM)

    assert job.asked == ["terminate"]


def test_ctrl_c_after_the_job_is_not_to_wait_for_the_rest() -> None:
    """It is an interrupt again."""
    with Signals() as signals:
        signals.job_started(_Job())
        signals.job_ended()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_are_put_back() -> None:
    """Those that were there before."""
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before


def test_what_nohup_has_ignored_stays_ignored() -> None:
    """The job goes on when the terminal is closed."""
    job = _Job()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            signals.job_started(job)
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert job.asked == []
