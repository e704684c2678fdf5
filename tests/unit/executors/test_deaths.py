"""What the end of a worker says about its trial."""

from __future__ import annotations

import signal

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from ml_experiment.errors import ConfigError
from ml_experiment.executors.base import Broken, executor_factory
from ml_experiment.executors.deaths import describe_exit, judge_death, killed_each_time
from ml_experiment.executors.processes import ProcessExecutor
from ml_experiment.search.messages import TrialResult, TrialTask


TASK = TrialTask(
    number=4,
    seed=1,
    run_path="/nowhere",
    params={"x": 1.0},
    told=(),
    told_count=0,
    between=(),
    trial=create_trial(
        state=TrialState.RUNNING,
        params={"x": 1.0},
        distributions={"x": FloatDistribution(0, 2)},
    ),
)


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (5, "the process left with exit status 5"),
        (-signal.SIGSEGV, "segmentation fault (SIGSEGV)"),
        (-signal.SIGKILL, "killed (SIGKILL)"),
        (-120, "ended by signal 120"),
    ],
    ids=str,
)
def test_an_exit_is_described(exit_code: int, words: str) -> None:
    """In words, with the signal's name."""
    assert describe_exit(exit_code) == words


def test_the_kernels_kill_for_memory_is_a_failure_that_depends_on_time() -> None:
    """What else was running then has mattered."""
    found = judge_death(TASK, -signal.SIGKILL, seconds=2.0, out_of_memory=True)

    assert isinstance(found, TrialResult)
    assert (found.state, found.cause, found.depends_on_time) == (
        "failed",
        "memory",
        True,
    )
    assert found.params == {"x": 1.0}
    assert "out of memory" in found.reason


def test_a_kill_without_such_a_sign_breaks_the_trial() -> None:
    """It was somebody else's doing: the trial is to be run again."""
    found = judge_death(TASK, -signal.SIGKILL, seconds=2.0, out_of_memory=False)

    assert found == Broken(number=4, reason="killed (SIGKILL)", seconds=2.0)


def test_a_crash_that_comes_of_itself_does_not_depend_on_time() -> None:
    """The same trial crashes again when it is repeated."""
    found = judge_death(TASK, -signal.SIGSEGV, seconds=2.0, out_of_memory=False)

    assert isinstance(found, TrialResult)
    assert (found.cause, found.depends_on_time) == ("crash", False)


def test_an_alarm_is_the_trials_own_doing() -> None:
    """It set the timer itself, and sets it again when it is repeated."""
    found = judge_death(TASK, -signal.SIGALRM, seconds=2.0, out_of_memory=False)

    assert isinstance(found, TrialResult)
    assert (found.cause, found.depends_on_time) == ("crash", False)


def test_a_trial_that_is_killed_each_time_has_failed() -> None:
    """Who kills by chance meets another trial; who kills this one may not next time."""
    last = Broken(number=4, reason="killed (SIGKILL)", seconds=2.0)

    found = killed_each_time(TASK, last)

    assert (found.state, found.cause, found.depends_on_time) == (
        "failed",
        "crash",
        True,
    )
    assert found.reason == "killed (SIGKILL) each of the 10 times that it ran"


def test_executors_are_found_by_name() -> None:
    """The built-in one goes through the same door as any that is installed."""
    assert executor_factory("processes") is ProcessExecutor
    with pytest.raises(ConfigError, match="did you mean 'processes'"):
        executor_factory("process")
