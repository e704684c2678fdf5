"""What samplers and pruners can do: checked before the first trial, with a way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_experiment.config.distributions import (
    Choice,
    LogUniform,
    RandInt,
    Range,
    Uniform,
)
from ml_experiment.errors import ConfigError
from ml_experiment.search.space import (
    by_label,
    common_leaves,
    flat_leaves,
    leaves,
    values_of,
)


if TYPE_CHECKING:
    from ml_experiment.config.distributions import ParamDistribution
    from ml_experiment.search.options import Request


def need_finite(request: Request) -> None:
    """Refuse a space whose points cannot be counted.

    Raises:
        ConfigError: It has an interval of real numbers.
    """
    for name, leaf in leaves(request.space):
        for inner in flat_leaves({name: leaf}):
            if isinstance(inner, (Uniform, LogUniform)):
                raise ConfigError(
                    f"{request.name} tries every point, but {name} is {inner}, "
                    "which has no end of them",
                    field="param_space",
                    hint="use choice([...]) or range(min, max, step), or another sampler",
                )


def named(
    value: object, default: str | None, kind: str
) -> tuple[str, Mapping[str, Any]]:
    """Return name and options of a sampler or pruner that is an option of another one.

    Raises:
        ConfigError: It is neither a name nor a name with options.
    """
    if isinstance(value, str):
        return value, {}
    if value is None and default is not None:
        return default, {}
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        options = value.get("options")
        rest = {key: each for key, each in value.items() if key != "name"}
        return value["name"], options if isinstance(options, Mapping) else rest
    raise ConfigError(
        f"got {value!r}; a name is needed, or a name with options", field=kind
    )


def need_one_metric(request: Request) -> None:
    """Refuse several metrics.

    Raises:
        ConfigError: There is more than one.
    """
    if len(request.directions) > 1:
        raise ConfigError(
            f"{request.name} can optimise one metric, not {len(request.directions)}",
            field="sampler",
            hint="for several: tpe, nsgaii, nsgaiii, gp, random, qmc, grid",
        )


def need_numbers(request: Request) -> None:
    """Refuse a space without any numbers.

    Raises:
        ConfigError: It has nothing but choices.
    """
    if all(isinstance(each, Choice) for each in flat_leaves(request.space)):
        raise ConfigError(
            f"{request.name} needs numbers to vary, but the space has nothing but choices",
            field="sampler",
            hint="for choices: tpe, random, grid, nsgaii",
        )


def need_at_least(kind: str, request: Request, **least: int) -> None:
    """Refuse counts that Optuna takes and that fail when a trial is drawn.

    Args:
        kind: ``sampler`` or ``pruner``.
        request: What was asked for.
        least: The least value of each option that is an integer.

    Raises:
        ConfigError: An option is less, or no integer.
    """
    for name, bound in least.items():
        value = request.options.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < bound:
            raise ConfigError(
                f"{request.name}: got {value!r}; an integer from {bound} is needed",
                field=f"{kind}.{name}",
            )


def need_inside(request: Request, option: str, values: Mapping[str, Any]) -> None:
    """Refuse values of parameters that the space cannot give.

    Elements of a list whose length is drawn are not looked at.

    Args:
        request: What was asked for.
        option: The option of the sampler that has the values.
        values: By the names of the parameters.

    Raises:
        ConfigError: One is outside of its distribution.
    """
    known = common_leaves(request.space)
    for name, value in values.items():
        if name in known and not _holds(known[name], value):
            raise ConfigError(
                f"{request.name}: got {value!r}; a value of {known[name]} is needed, "
                f"as param_space has it for {name}",
                field=f"sampler.{option}.{name}",
            )


def need_start(request: Request, option: str) -> None:
    """Refuse a point to start from that has not every number of the space.

    Raises:
        ConfigError: It lacks one, or has one that the space cannot give.
    """
    point = request.options.get(option)
    if point is None:
        return
    field = f"sampler.{option}"
    if not isinstance(point, Mapping):
        raise ConfigError(
            f"{request.name}: got {point!r}; a value for each number of param_space "
            "is needed",
            field=field,
        )
    numbers = [
        name
        for name, leaf in common_leaves(request.space).items()
        if not isinstance(leaf, Choice)
    ]
    missing = [name for name in numbers if name not in point]
    if missing:
        raise ConfigError(
            f"{request.name}: there is no value for {', '.join(missing)}; "
            f"needed: {', '.join(numbers)}",
            field=field,
        )
    need_inside(request, option, point)


def _holds(leaf: ParamDistribution, value: object) -> bool:
    if isinstance(leaf, Choice):
        return any(label == value for label, _ in by_label(leaf))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if isinstance(leaf, (Range, RandInt)):
        return value in values_of(leaf)
    return isinstance(leaf, (Uniform, LogUniform)) and leaf.min <= value <= leaf.max
