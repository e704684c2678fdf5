"""A sampler over scikit-optimize: a Gaussian process, or trees, and their expected gain.

It keeps nothing from one trial to the next: what it suggests is a function of its seed and
of the trials that are told.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from optuna.distributions import (  # noqa: TID253 - for groups only
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler  # noqa: TID253
from optuna.search_space import IntersectionSearchSpace  # noqa: TID253
from optuna.study import StudyDirection  # noqa: TID253
from optuna.trial import TrialState  # noqa: TID253


if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

DEFAULTS: dict[str, Any] = {
    "base_estimator": "GP",
    "acq_func": "gp_hedge",
    "acq_optimizer": "auto",
    "n_startup_trials": 10,
}
_CHOICES = {
    "base_estimator": ("GP", "RF", "ET", "GBRT"),
    "acq_func": ("gp_hedge", "EI", "LCB", "PI"),
    "acq_optimizer": ("auto", "sampling", "lbfgs"),
}


class SkoptSampler(BaseSampler):
    """Suggests by ``skopt.Optimizer``.

    Args:
        seed: Of the trial.
        independent_sampler: Draws the first trials, and what only some trials have.
        base_estimator: ``GP``, ``RF``, ``ET`` or ``GBRT``: what models the metric.
        acq_func: ``gp_hedge``, ``EI``, ``LCB`` or ``PI``: what a suggestion promises.
        acq_optimizer: ``auto``, ``sampling`` or ``lbfgs``: how the best promise is found.
        n_startup_trials: Completed trials that are needed before anything is modelled.

    Raises:
        ValueError: An option is none of the words above.
    """

    def __init__(
        self,
        *,
        seed: int,
        independent_sampler: BaseSampler,
        base_estimator: str = "GP",
        acq_func: str = "gp_hedge",
        acq_optimizer: str = "auto",
        n_startup_trials: int = 10,
    ) -> None:
        self._options = {
            "base_estimator": base_estimator,
            "acq_func": acq_func,
            "acq_optimizer": acq_optimizer,
        }
        for name, allowed in _CHOICES.items():
            if self._options[name] not in allowed:
                got = self._options[name]
                raise ValueError(f"{name}: got {got!r}; allowed: {', '.join(allowed)}")
        self._seed = seed
        self._independent = independent_sampler
        self._startup = n_startup_trials

    def infer_relative_search_space(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002 - Optuna's interface
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that all trials so far had in common."""
        common = IntersectionSearchSpace().calculate(study)
        return {name: each for name, each in common.items() if not each.single()}

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return the point at which the most is to be gained."""
        if not search_space:
            return {}
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        known = [each for each in trials if search_space.keys() <= each.params.keys()]
        if len(known) < max(self._startup, 1):
            return {}
        point = self._asked(study, known, search_space)
        return {
            name: _to_optuna(search_space[name], value)
            for name, value in zip(search_space, point, strict=True)
        }

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw a parameter by chance."""
        return self._independent.sample_independent(
            study, trial, param_name, param_distribution
        )

    def _asked(
        self,
        study: Study,
        known: list[FrozenTrial],
        space: dict[str, BaseDistribution],
    ) -> list[Any]:
        from skopt import Optimizer

        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        points = [
            [_to_skopt(space[name], each.params[name]) for name in space]
            for each in known
        ]
        values = [sign * _finite(each.value) for each in known]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer = Optimizer(
                [_dimension(each) for each in space.values()],
                n_initial_points=0,
                random_state=self._seed,
                **self._options,
            )
            optimizer.tell(points, values)
            asked: list[Any] = optimizer.ask()
        return asked


def _dimension(distribution: BaseDistribution) -> Any:
    """Return what skopt calls a dimension; a choice is the number of its value."""
    from skopt.space import (
        Categorical,
        Integer,
        Real,
    )

    match distribution:
        case FloatDistribution(low=low, high=high, log=log):
            return Real(low, high, prior="log-uniform" if log else "uniform")
        case IntDistribution(low=low, high=high, step=step):
            return Integer(0, (high - low) // step)
        case CategoricalDistribution(choices=choices):
            return Categorical(list(range(len(choices))))
        case _:
            raise TypeError(distribution)


def _to_skopt(distribution: BaseDistribution, value: Any) -> Any:
    match distribution:
        case IntDistribution(low=low, step=step):
            return (int(value) - low) // step
        case CategoricalDistribution():
            return int(distribution.to_internal_repr(value))
        case _:
            return float(value)


def _to_optuna(distribution: BaseDistribution, value: Any) -> Any:
    match distribution:
        case IntDistribution(low=low, step=step):
            return low + int(value) * step
        case CategoricalDistribution():
            return distribution.to_external_repr(int(value))
        case FloatDistribution(low=low, high=high):
            return min(max(float(value), low), high)
        case _:
            raise TypeError(distribution)


def _finite(value: float | None) -> float:
    """Return a number that can be modelled: an infinite one becomes a very large one."""
    most = 1e30
    return min(max(0.0 if value is None else value, -most), most)
