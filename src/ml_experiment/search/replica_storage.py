"""A storage of Optuna's for one trial: the past is there to be read, the trial to be written.

It is made for every trial, over a list of trials that grows from one to the next: nothing is
copied, whatever the number of trials.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NoReturn

from optuna.distributions import (  # noqa: TID253 - for groups only
    BaseDistribution,
    check_distribution_compatibility,
)
from optuna.storages import BaseStorage  # noqa: TID253
from optuna.study import StudyDirection  # noqa: TID253


if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial, TrialState

_STUDY = 0


class ReplicaStorage(BaseStorage):
    """The told prefix, the trials between, and one that is running.

    Args:
        name: Of the study.
        directions: ``minimize`` or ``maximize``, one a metric.
        others: All other trials that are to be seen, by number.
        known: The distributions of parameters that those trials have.
        current: The trial that is running; it is changed.
    """

    def __init__(
        self,
        name: str,
        directions: Sequence[str],
        others: list[FrozenTrial],
        known: Mapping[str, BaseDistribution],
        current: FrozenTrial,
    ) -> None:
        self._name = name
        self._directions = [StudyDirection[each.upper()] for each in directions]
        self._others = others
        self._known = known
        self._current = current
        self._attrs: dict[str, Any] = {}
        self._user_attrs: dict[str, Any] = {}

    # The trial that is running

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Keep a parameter that the trial was given."""
        trial = self._changed(trial_id)
        if param_name in self._known:
            check_distribution_compatibility(self._known[param_name], distribution)
        value = distribution.to_external_repr(param_value_internal)
        trial.params = trial.params | {param_name: value}
        trial.distributions = trial.distributions | {param_name: distribution}
        self._current = trial

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Keep a value that the trial reported."""
        trial = self._changed(trial_id)
        trial.intermediate_values = trial.intermediate_values | {
            step: intermediate_value
        }
        self._current = trial

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep an attribute that the user's code gave the trial."""
        trial = self._changed(trial_id)
        trial.user_attrs = trial.user_attrs | {key: value}
        self._current = trial

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep an attribute that a sampler or a pruner gave the trial."""
        trial = self._changed(trial_id)
        trial.system_attrs = trial.system_attrs | {key: value}
        self._current = trial

    def set_trial_state_values(
        self,
        trial_id: int,  # noqa: ARG002 - Optuna's interface
        state: TrialState,  # noqa: ARG002
        values: Sequence[float] | None = None,  # noqa: ARG002
    ) -> bool:
        """Refuse: the driver ends trials, in their order."""
        _refuse()

    # What can be read

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial."""
        if trial_id == self._current._trial_id:  # noqa: SLF001 - Optuna's storages do so
            return self._current
        for trial in self._others:
            if trial._trial_id == trial_id:  # noqa: SLF001
                return trial
        raise KeyError(f"no trial has the id {trial_id}")

    def get_all_trials(
        self,
        study_id: int,  # noqa: ARG002
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - Optuna's interface
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return all trials that are to be seen, in the order of their numbers."""
        trials = [*self._others, self._current]
        if states is not None:
            trials = [each for each in trials if each.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of the only study."""
        if study_name != self._name:
            raise KeyError(f"no study is called {study_name}")
        return _STUDY

    def get_study_name_from_id(self, study_id: int) -> str:  # noqa: ARG002
        """Return the name of the only study."""
        return self._name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:  # noqa: ARG002
        """Return which values of each metric are good."""
        return self._directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:  # noqa: ARG002
        """Return what the user's code said of the study in this trial."""
        return self._user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:  # noqa: ARG002
        """Return what a sampler said of the study in this trial."""
        return self._attrs

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ARG002
        """Keep an attribute of the study until the trial ends."""
        self._user_attrs[key] = value

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ARG002
        """Keep an attribute of the study until the trial ends."""
        self._attrs[key] = value

    def get_all_studies(self) -> list[FrozenStudy]:
        """Refuse: there is but one."""
        _refuse()

    # What only the driver does

    def create_new_study(
        self,
        directions: Sequence[StudyDirection],  # noqa: ARG002
        study_name: str | None = None,  # noqa: ARG002
    ) -> int:
        """Refuse."""
        _refuse()

    def delete_study(self, study_id: int) -> None:  # noqa: ARG002
        """Refuse."""
        _refuse()

    def create_new_trial(
        self,
        study_id: int,  # noqa: ARG002
        template_trial: FrozenTrial | None = None,  # noqa: ARG002
    ) -> int:
        """Refuse."""
        _refuse()

    def _changed(self, trial_id: int) -> FrozenTrial:
        """Return a copy of the running trial, to be changed and put in its place."""
        if trial_id != self._current._trial_id:  # noqa: SLF001
            _refuse()
        return copy.copy(self._current)


def _refuse() -> NoReturn:
    raise RuntimeError(
        "a trial may read the other trials of its group, but change only itself"
    )
