"""The trial that is running."""

from __future__ import annotations

import threading

import optuna
import pytest

from ml_experiment.errors import NoCurrentTrialError
from ml_experiment.search.order import FixedOrder
from ml_experiment.search.replica import Replica
from ml_experiment.testing.searches import describe
from ml_experiment.trial import Trial, current_trial


def running() -> tuple[Replica, optuna.Trial]:
    """Return a replica, and the trial of its first task."""
    order = FixedOrder(describe("tpe"), num_trials=2, lookahead=2)
    asked = order.next_task()
    assert asked is not None
    replica = Replica(order.description)
    return replica, replica.trial_for(asked.task(run_path="", params={}, told=()))


def test_the_current_trial_is_optunas_own() -> None:
    """Inside of a trial it is a real one, outside there is an error that helps."""
    _, trial = running()
    with current_trial(trial):
        assert Trial.get_current() is trial
        assert isinstance(Trial.get_current(), optuna.Trial)
    with pytest.raises(NoCurrentTrialError, match="kind: group"):
        Trial.get_current()


def test_a_trial_is_made_when_it_is_asked_for() -> None:
    """A job that never asks never pays; one that asks twice gets the same one."""
    made = []

    def make() -> optuna.Trial:
        made.append(running()[1])
        return made[-1]

    with current_trial(make):
        pass
    assert made == []
    with current_trial(make):
        assert Trial.get_current() is Trial.get_current()
    assert len(made) == 1


def test_the_users_threads_see_the_trial() -> None:
    """A callback that runs in another thread reports to the same trial."""
    _, trial = running()
    seen = []
    with current_trial(trial):
        thread = threading.Thread(target=lambda: seen.append(Trial.get_current()))
        thread.start()
        thread.join()
    assert seen == [trial]


def test_a_trial_may_not_change_the_others() -> None:
    """Adding trials or ending them is the driver's, and is refused with a reason."""
    _, trial = running()
    with pytest.raises(RuntimeError, match="change only itself"):
        trial.study.enqueue_trial({"x": 1})


def test_what_a_trial_kept_comes_back() -> None:
    """Attributes, reports and parameters of its own are in its result."""
    replica, trial = running()
    trial.suggest_float("own", 0, 1)
    trial.set_user_attr("note", "good")
    trial.report(0.5, 3)
    result = replica.result_of(trial, "complete", (0.5,), seconds=2.0)
    assert "own" in result.params
    assert result.distributions["own"].startswith('{"name": "FloatDistribution"')
    assert result.user_attrs == {"note": "good"}
    assert result.intermediate_values == {3: 0.5}
    assert result.seconds == 2.0
