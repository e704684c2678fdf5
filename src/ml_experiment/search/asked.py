"""A trial that was asked for, and what came of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_experiment.search.messages import TrialTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from ml_experiment.search.messages import Recorded, TrialResult

_DRIVERS_OWN = "cma:"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A trial that is to be executed, by whichever worker is free.

    Attributes:
        number: Its number, from 0.
        attempt: How often it was tried before.
        seed: Its seed; another one at every attempt.
        params: Its drawn parameters.
        told_count: How many trials were told when it was asked for; it may see these.
        between: Trials asked for before it, and not told then.
        trial: The trial as it was asked for.
        relative: See ``TrialTask``.
    """

    number: int
    attempt: int
    seed: int
    params: Mapping[str, object]
    told_count: int
    between: tuple[FrozenTrial, ...]
    trial: FrozenTrial
    relative: tuple[Mapping[str, Any], Mapping[str, Any]]

    def task(
        self,
        *,
        run_path: str,
        params: Mapping[str, Any],
        told: Sequence[FrozenTrial],
        timeout_s: float | None = None,
        recorded: Recorded | None = None,
    ) -> TrialTask:
        """Return the message to a worker.

        Args:
            run_path: The run directory of the trial.
            params: All parameters to call the function with, those drawn included.
            told: ``FixedOrder.told_trials`` from where that worker has them.
            timeout_s: See ``TrialTask``.
            recorded: See ``TrialTask``.
        """
        return TrialTask(
            number=self.number,
            attempt=self.attempt,
            seed=self.seed,
            run_path=run_path,
            params=params,
            told=tuple(map(_slim, told)),
            told_count=self.told_count,
            between=tuple(map(_slim, self.between)),
            trial=_slim(self.trial),
            relative=self.relative,
            timeout_s=timeout_s,
            recorded=recorded,
        )


def _slim(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial without what CMA-ES keeps in it, kilobytes that no worker looks at."""
    if not any(key.startswith(_DRIVERS_OWN) for key in trial.system_attrs):
        return trial
    slim = copy.copy(trial)
    slim.system_attrs = {
        key: value
        for key, value in trial.system_attrs.items()
        if not key.startswith(_DRIVERS_OWN)
    }
    return slim


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What came of a result.

    Attributes:
        result: The result as it counts: with its attempt, and failed if its metrics were
            none.
        retried: The trial will be asked for once more; this result does not count.
        told: Results that are told by now, in order, from the first that no earlier
            answer had.
    """

    result: TrialResult
    retried: bool
    told: tuple[TrialResult, ...]
