"""One trial of an earlier search, asked for without searching."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution  # noqa: TID253 - for groups only
from optuna.trial import FixedTrial, FrozenTrial, TrialState  # noqa: TID253

from ml_experiment.search.asked import Asked
from ml_experiment.search.results import distributions_of
from ml_experiment.search.space import draw, names_and_values, read_space


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.search.messages import StudyDescription, TrialResult


def asked_again(
    study: StudyDescription,
    result: TrialResult,
    drawn: Mapping[str, object],
    seed: int,
) -> Asked:
    """Return a trial as its search had asked for it.

    Args:
        study: What was searched.
        result: How the trial ended.
        drawn: Its drawn parameters.
        seed: Its seed.
    """
    space = read_space(study.space)
    named: dict[str, Any] = names_and_values(space, drawn)
    known = distributions_of(result)
    trial = FrozenTrial(
        number=result.number,
        trial_id=result.number,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=dt.datetime.now(),  # noqa: DTZ005 - as Optuna does it
        datetime_complete=None,
        params=named,
        distributions={
            name: known.get(name) or CategoricalDistribution((value,))
            for name, value in named.items()
        },
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )
    return Asked(
        number=result.number,
        attempt=result.attempt,
        seed=seed,
        params=draw(FixedTrial(named), space),
        told_count=0,
        between=(),
        trial=trial,
        relative=({}, {}),
    )
