"""Signals to the command while it runs a job."""

from __future__ import annotations

import os
import signal

import pytest

from ml_experiment.supervise.session import Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_comes_before_the_job_ends_it_when_it_comes(number: int) -> None:
    """The run is there already, and has to be closed: nothing may end the command."""
    stopped: list[str] = []
    with Signals() as signals:
        os.kill(os.getpid(), number)
        signals.job_started(lambda: stopped.append("job"))

    assert stopped == ["job"]


def test_ctrl_c_reaches_the_job_by_itself() -> None:
    """A SIGTERM to the command alone is passed on; both change nothing afterwards."""
    stopped: list[str] = []
    with Signals() as signals:
        signals.job_started(lambda: stopped.append("job"))
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped == ["job"]
        signals.job_ended()
        os.kill(os.getpid(), signal.SIGTERM)

    assert stopped == ["job"]


def test_ctrl_c_after_the_job_is_not_to_wait_for_the_rest() -> None:
    """It is an interrupt again."""
    with Signals() as signals:
        signals.job_started(lambda: None)
        signals.job_ended()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_are_put_back() -> None:
    """Those that were there before."""
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before
