"""The study as a worker sees it: what was told when its trial was asked for, and no more."""

from __future__ import annotations

import copy
import math
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from optuna.study import Study  # noqa: TID253 - for groups only
from optuna.trial import FrozenTrial, Trial  # noqa: TID253

from ml_experiment.config.seeding import derive_seed
from ml_experiment.search.messages import TrialResult
from ml_experiment.search.pruners import make_pruner, pruner_request, warm_up
from ml_experiment.search.replica_storage import ReplicaStorage
from ml_experiment.search.results import drawn_in
from ml_experiment.search.samplers import make_worker_sampler, sampler_request


if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from ml_experiment.search.messages import State, StudyDescription, TrialTask

_number = attrgetter("number")


class Replica:
    """Gives a worker a real ``optuna.Trial`` for each of its tasks.

    Args:
        description: Of the study, as the driver gave it.
    """

    def __init__(self, description: StudyDescription) -> None:
        self._description = description
        self._told: list[FrozenTrial] = []
        self._known: dict[str, BaseDistribution] = {}
        self._sampler = sampler_request(description, 0)
        self._pruner = pruner_request(description)
        self._task: TrialTask | None = None

    @property
    def told(self) -> int:
        """How many trials this worker was told of."""
        return len(self._told)

    def learn(self, task: TrialTask) -> None:
        """Take in the trials that were told; for a task whose trial may never be needed."""
        if task is self._task:
            return
        self._task = task
        for each in task.told:
            self._told.append(each)
            self._known |= each.distributions

    def trial_for(self, task: TrialTask) -> Trial:
        """Return the trial of a task, as if Optuna itself had just asked for it.

        Raises:
            ValueError: The task leaves out trials that were told before it.
        """
        self.learn(task)
        if len(self._told) < task.told_count:
            raise ValueError(
                f"trial {task.number} needs {task.told_count} trials that were told, "
                f"and this worker knows of {len(self._told)}"
            )
        storage = ReplicaStorage(
            self._description.name,
            self._description.directions,
            sorted((*self._told[: task.told_count], *task.between), key=_number),
            self._known_to(task),
            copy.copy(task.trial),
        )
        return self._trial(storage, task)

    def result_of(  # noqa: PLR0917 - the order of what is known of a trial's end
        self,
        trial: Trial | None,
        state: State,
        values: tuple[float, ...] | None = None,
        reason: str = "",
        cause: str = "",
        seconds: float = 0.0,
        *,
        task: TrialTask | None = None,
        depends_on_time: bool = False,
    ) -> TrialResult:
        """Return how a trial ended, with all that the driver must tell its study.

        Args:
            trial: What ``trial_for`` returned; ``None`` if it was never called.
            state: ``complete``, ``pruned`` or ``failed``.
            values: The metrics that are optimised, in the study's order.
            reason: Why it was pruned or failed.
            cause: See ``TrialResult``.
            seconds: How long it ran.
            task: The task; needed where ``trial`` is ``None``.
            depends_on_time: See ``TrialResult``.
        """
        task = task or self._task
        if task is None:
            raise ValueError("no task was given yet")
        seen = task.trial
        if trial is not None:
            seen = trial.storage.get_trial(trial._trial_id)  # noqa: SLF001 - no other way
        return result_of(
            seen,
            task,
            state=state,
            values=values,
            reason=reason,
            cause=cause,
            seconds=seconds,
            depends_on_time=depends_on_time,
        )

    def _trial(self, storage: ReplicaStorage, task: TrialTask) -> Trial:
        # Another seed than the driver's: what is drawn here must not repeat what was
        # drawn there.
        request = copy.copy(self._sampler)
        seed = derive_seed(self._description.seed, "sampler", task.number, "worker")
        object.__setattr__(request, "seed", seed)
        study = Study(
            self._description.name,
            storage,
            sampler=make_worker_sampler(request),
            pruner=make_pruner(self._pruner),
        )
        warm_up(study.pruner, study)
        trial = Trial(study, task.trial._trial_id)  # noqa: SLF001
        trial._relative_params = dict(task.relative[0])  # noqa: SLF001 - drawn by the driver
        trial.relative_search_space = dict(task.relative[1])
        return trial

    def _known_to(self, task: TrialTask) -> dict[str, BaseDistribution]:
        """Return the distributions of all parameters in the trials that a task may see."""
        if len(self._told) == task.told_count:
            return self._known
        known: dict[str, BaseDistribution] = {}
        for each in self._told[: task.told_count]:
            known |= each.distributions
        return known


def result_of(
    seen: FrozenTrial,
    task: TrialTask,
    *,
    state: State,
    values: tuple[float, ...] | None = None,
    reason: str = "",
    cause: Any = "",
    seconds: float = 0.0,
    depends_on_time: bool = False,
) -> TrialResult:
    """Return how a trial ended, from the trial as it was last seen.

    Values that are no numbers (NaN) make a trial fail: no sampler can use them.
    """
    if state == "complete" and any(math.isnan(value) for value in values or ()):
        state, values, cause = "failed", None, "result"
        reason = "a metric is not a number (NaN)"
    params, distributions = drawn_in(seen)
    return TrialResult(
        number=task.number,
        attempt=task.attempt,
        state=state,
        values=values if state == "complete" else None,
        reason=reason,
        cause=cause,
        depends_on_time=depends_on_time,
        params=params,
        distributions=distributions,
        intermediate_values=dict(seen.intermediate_values),
        user_attrs=dict(seen.user_attrs),
        system_attrs={
            key: value
            for key, value in seen.system_attrs.items()
            if key not in task.trial.system_attrs
            or task.trial.system_attrs[key] != value
        },
        seconds=seconds,
    )
