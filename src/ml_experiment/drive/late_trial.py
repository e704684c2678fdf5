"""The ``optuna.Trial`` of a task, made when it is first asked for.

Most trials are never asked for: a function that takes its parameters and returns a metric
needs none. Its worker then does without Optuna, which takes longer to import than a short
trial takes to run.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from ml_experiment.drive.context import process_context
from ml_experiment.search.messages import TrialResult


if TYPE_CHECKING:
    import optuna

    from ml_experiment.search.messages import Recorded, StudyDescription, TrialTask
    from ml_experiment.search.replica import Replica

_NO_PRUNER = frozenset({"", "none", "nop"})
_ASKING = frozenset({"optuna", "ml_experiment.integrations"})
_FIXED = "fixed_params"  # where Optuna looks for what it must suggest


def _is_expected() -> bool:
    """Return whether the script has imported what asks for the trial."""
    package = sys.modules["ml_experiment"]
    return "Trial" in vars(package) or not sys.modules.keys().isdisjoint(_ASKING)


class LateTrial:
    """Gives each task of a worker its trial, if anybody asks for it.

    Args:
        study: Of the group.
    """

    def __init__(self, study: StudyDescription) -> None:
        self._study = study
        self._replica: Replica | None = None
        self._unread: list[TrialTask] = []
        self._task: TrialTask | None = None
        self._trial: optuna.Trial | None = None
        if study.pruner[0] not in _NO_PRUNER or _is_expected():
            # It will be asked for: the import is better not a part of the first trial.
            self._open()

    def begin(self, task: TrialTask) -> None:
        """Turn to the next task."""
        self._task = task if task.recorded is None else fixed(task)
        self._trial = None
        self._unread.append(self._task)

    def get(self) -> optuna.Trial:
        """Return the trial of the task: always the same one.

        Raises:
            RuntimeError: There is no task.
        """
        if self._task is None:
            raise RuntimeError("begin() comes before get()")
        if self._trial is None:
            # What Optuna seeds for us is none of the user's seeds.
            with process_context().control.observations.quiet():
                replica = self._open()
                for task in self._unread:
                    replica.learn(task)
                self._unread.clear()
                self._trial = replica.trial_for(self._task)
                if self._task.recorded is not None:
                    prune_as(self._trial, self._task.recorded)
        return self._trial

    def result(self, *, seconds: float, **ending: Any) -> TrialResult:
        """Return how the trial ended.

        Args:
            seconds: How long it ran.
            ending: State, values, reason and cause, as in ``TrialResult``.
        """
        assert self._task is not None  # noqa: S101 - a task has just ended
        if self._trial is not None and self._replica is not None:
            return self._replica.result_of(
                self._trial, task=self._task, seconds=seconds, **ending
            )
        return TrialResult(
            number=self._task.number,
            attempt=self._task.attempt,
            seconds=seconds,
            untouched=True,
            **ending,
        )

    def _open(self) -> Replica:
        if self._replica is None:
            with process_context().control.observations.quiet():
                from ml_experiment.search.replica import Replica

                self._replica = Replica(self._study)
        return self._replica


def fixed(task: TrialTask) -> TrialTask:
    """Return a task whose trial suggests what was recorded."""
    assert task.recorded is not None  # noqa: S101 - the caller has looked
    trial = copy.copy(task.trial)
    trial.system_attrs = {**trial.system_attrs, _FIXED: dict(task.recorded.params)}
    return dataclasses.replace(task, trial=trial)


def prune_as(trial: optuna.Trial, recorded: Recorded) -> None:
    """Let a trial be pruned where it was pruned before, and nowhere else."""

    def should_prune() -> bool:
        if recorded.pruned_at is None:
            return False
        seen = trial.storage.get_trial(trial._trial_id)  # noqa: SLF001 - no other way
        return seen.last_step is not None and seen.last_step >= recorded.pruned_at

    trial.should_prune = should_prune  # type: ignore[method-assign]
