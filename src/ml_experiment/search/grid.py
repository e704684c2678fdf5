"""All points of a space, each with a number; and the sampler that goes through them.

Optuna has a grid sampler, too; it knows no space in which one parameter decides whether
another one exists, and none that is larger than memory.
"""

from __future__ import annotations

import random
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler  # noqa: TID253 - for groups only

from ml_experiment.config.distributions import (
    Choice,
    ParamDistribution,
    RandInt,
    Range,
    Repeat,
    Space,
)
from ml_experiment.errors import ConfigError
from ml_experiment.search.space import (
    by_label,
    element,
    leaves,
    length,
    values_of,
)


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

# Of larger grids, so many points are drawn: nobody waits for more trials than these.
MOST_POINTS = 100_000


class Grid:
    """The points of a finite space; point ``i`` is made when it is asked for.

    Args:
        space: Distributions, and lists and dicts of them, by name.

    Raises:
        ConfigError: A distribution has no end of values, or there are too many points.
    """

    def __init__(self, space: Mapping[str, Space]) -> None:
        self._leaves = list(leaves(space))
        self._sizes = [_count(leaf) for _, leaf in self._leaves]
        size = 1
        for each in self._sizes:
            size *= each
        if size > sys.maxsize:
            raise ConfigError(
                f"has {size:.1e} points, more than can be counted through",
                field="param_space",
                hint="use another sampler, such as random or tpe",
            )
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, object]:
        """Return Optuna's names and values of the parameters of one point."""
        point: dict[str, object] = {}
        for (name, leaf), size in zip(
            reversed(self._leaves), reversed(self._sizes), strict=True
        ):
            index, rest = divmod(index, size)
            point = _values(name, leaf, rest) | point
        return point


def enumerate_grid(space: Mapping[str, Space]) -> Grid:
    """Return the points of a finite space: a sequence with a length.

    Raises:
        ConfigError: It is not finite.
    """
    return Grid(space)


class GridSampler(BaseSampler):
    """Gives every point of a grid to one trial, in an order that depends on the seed.

    Args:
        grid: The points.
        seed: The group's, the same for all trials.
        beyond: Draws parameters that are not in the grid: a trial's own.
    """

    def __init__(self, grid: Grid, *, seed: int, beyond: BaseSampler) -> None:
        self._grid = grid
        self._seed = seed
        self._beyond = beyond

    @property
    def most_trials(self) -> int:
        """How many trials have a point of their own."""
        return min(self._grid.size, MOST_POINTS)

    def infer_relative_search_space(
        self,
        study: Study,  # noqa: ARG002 - Optuna's interface
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """Return no parameters: each is looked up when it is asked for."""
        return {}

    def sample_relative(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Return no parameters."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the value of a parameter at the trial's point."""
        order = grid_order(self._grid.size, self._seed)
        point = self._grid[order[trial.number % len(order)]]
        if param_name in point:
            return point[param_name]
        return self._beyond.sample_independent(
            study, trial, param_name, param_distribution
        )


@lru_cache(maxsize=4)
def grid_order(size: int, seed: int) -> Sequence[int]:
    """Return the indices of the points in the order in which they are tried."""
    return random.Random(seed).sample(range(size), min(size, MOST_POINTS))  # noqa: S311


def _count(leaf: ParamDistribution) -> int:
    if isinstance(leaf, (Range, RandInt)):
        return len(values_of(leaf))
    if isinstance(leaf, Choice):
        return len(leaf.values)
    if isinstance(leaf, Repeat):
        each = _count(leaf.of)
        return sum(each**times for times in _lengths(leaf))
    raise ConfigError(
        f"{leaf} has no end of values, so there is no grid", field="param_space"
    )


def _lengths(leaf: Repeat) -> Sequence[int]:
    times = leaf.times
    if isinstance(times, (Range, RandInt)):
        return values_of(times)
    if isinstance(times, Choice):
        return [value for value in times.values if isinstance(value, int)]
    return [times] if isinstance(times, int) else []


def _values(name: str, leaf: ParamDistribution, index: int) -> dict[str, object]:
    """Return the values of one leaf at its ``index``-th point."""
    if isinstance(leaf, (Range, RandInt)):
        return {name: values_of(leaf)[index]}
    if isinstance(leaf, Choice):
        return {name: by_label(leaf)[index][0]}
    if not isinstance(leaf, Repeat):
        raise TypeError(leaf)
    each = _count(leaf.of)
    for times in _lengths(leaf):
        if index < each**times:
            return _elements(name, leaf, times, index)
        index -= each**times
    raise IndexError(index)


def _elements(name: str, leaf: Repeat, times: int, index: int) -> dict[str, object]:
    drawn = isinstance(leaf.times, ParamDistribution)
    point: dict[str, object] = {length(name): times} if drawn else {}
    each = _count(leaf.of)
    for number in range(times):
        index, rest = divmod(index, each)
        point |= _values(element(name, number), leaf.of, rest)
    return point
