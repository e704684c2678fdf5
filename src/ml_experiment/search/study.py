"""The driver's study: in memory, quiet, and with a new sampler and pruner for every trial."""

from __future__ import annotations

import copy
import dataclasses
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.storages import InMemoryStorage  # noqa: TID253 - for groups only
from optuna.study import Study, StudyDirection  # noqa: TID253
from optuna.trial import FrozenTrial, Trial, TrialState  # noqa: TID253

from ml_experiment.config.seeding import derive_seed
from ml_experiment.errors import MlExperimentError
from ml_experiment.search.pruners import make_pruner, pruner_request, warm_up
from ml_experiment.search.results import distributions_of
from ml_experiment.search.samplers import make_sampler, sampler_request
from ml_experiment.search.space import check_not_empty, draw


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ml_experiment.search.messages import StudyDescription, TrialResult

STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from telling the user about studies that are none of theirs."""
    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


class DrawingError(MlExperimentError):
    """A sampler or a pruner failed when a trial was to be drawn."""


@contextmanager
def _named_if_it_fails(what: str, number: int) -> Iterator[None]:
    """Say which trial it was, instead of where Optuna stumbled over an option."""
    try:
        yield
    except MlExperimentError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        fault = type(error).__name__ + (f": {text}" if text else "")
        raise DrawingError(f"{what} trial {number} ({fault})") from error


class _Stoppable(Study):
    """A study that exhaustive samplers may stop outside of ``optimize``."""

    stopped = False

    def stop(self) -> None:
        """Remember that there is nothing more to try."""
        self.stopped = True


@dataclass(frozen=True)
class Drawn:
    """A trial that was asked for.

    Attributes:
        params: Its parameters: what the job's function is called with.
        trial: The trial as it was then.
        relative: What the sampler foresaw for it: values, and their distributions.
    """

    params: Mapping[str, object]
    trial: FrozenTrial
    relative: tuple[Mapping[str, Any], Mapping[str, Any]]


class DriverStudy:
    """Asks and tells; the order is the caller's.

    Args:
        description: What the study is.

    Raises:
        ConfigError: The space is empty, or sampler and pruner do not fit it.
        MissingExtraError: A library that they need is not installed.
    """

    def __init__(self, description: StudyDescription) -> None:
        self._seed = description.seed
        self._sampler = sampler_request(description, 0)
        self._pruner = pruner_request(description)
        check_not_empty(self._sampler.space)
        sampler = make_sampler(self._sampler)
        self.most_trials: int | None = getattr(sampler, "most_trials", None)
        storage = InMemoryStorage()
        directions = [StudyDirection[each.upper()] for each in description.directions]
        with quiet():
            storage.create_new_study(directions, description.name)
            self._study = _Stoppable(
                description.name, storage, sampler, make_pruner(self._pruner)
            )
        self._open: dict[int, Trial] = {}

    @property
    def exhausted(self) -> bool:
        """Whether the sampler has tried all that there is."""
        return self._study.stopped

    def ask(self, number: int, known: Mapping[str, Any] | None = None) -> Drawn:
        """Draw trial ``number``, the next one.

        Args:
            number: Its number.
            known: Its parameters, by Optuna's names, where they are known already.

        Raises:
            DrawingError: The sampler or the pruner fails.
        """
        study = self._study
        seed = derive_seed(self._seed, "sampler", number)
        study.sampler = make_sampler(dataclasses.replace(self._sampler, seed=seed))
        study.pruner = make_pruner(self._pruner)
        with _named_if_it_fails(
            f"pruner {self._pruner.name} could not prepare", number
        ):
            warm_up(study.pruner, study)
        with (
            quiet(),
            _named_if_it_fails(f"sampler {self._sampler.name} could not draw", number),
        ):
            if known is not None:
                study.enqueue_trial(dict(known))
            trial = study.ask()
            params = draw(trial, self._sampler.space)
            relative = dict(trial.relative_params)
        self._open[number] = trial
        return Drawn(
            params,
            copy.copy(self.trials()[number]),
            (relative, dict(trial.relative_search_space or {})),
        )

    def tell(self, result: TrialResult) -> None:
        """Tell how a trial ended: all that it suggested, reported and kept as well.

        A parameter of its own is left out if another trial has one of the same name that
        is drawn from something else: Optuna cannot have both in a study.
        """
        trial = self._open.pop(result.number)
        storage, identity = trial.storage, trial._trial_id  # noqa: SLF001 - no other way
        for name, each in distributions_of(result).items():
            if name in trial.distributions:
                continue
            try:
                value = each.to_internal_repr(result.params[name])
                storage.set_trial_param(identity, name, value, each)
            except ValueError:
                continue
        for step, reported in result.intermediate_values.items():
            storage.set_trial_intermediate_value(identity, step, reported)
        for key, attribute in result.user_attrs.items():
            storage.set_trial_user_attr(identity, key, attribute)
        # Successive halving keeps its rungs there; without them it never prunes.
        for key, attribute in result.system_attrs.items():
            storage.set_trial_system_attr(identity, key, attribute)
        values = list(result.values or ()) if result.state == "complete" else None
        with quiet():
            self._study.tell(trial, values, state=STATES[result.state])

    def trials(self) -> list[FrozenTrial]:
        """Return all trials, as they are now, by number."""
        return self._study.get_trials(deepcopy=False)

    def best_numbers(self) -> list[int]:
        """Return the number of the best trial; of several metrics, of all that are not beaten."""
        if len(self._study.directions) > 1:
            return [trial.number for trial in self._study.best_trials]
        try:
            return [self._study.best_trial.number]
        except ValueError:  # none is complete
            return []
