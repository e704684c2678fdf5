"""What samplers and pruners can do: checked before the first trial, with a way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_experiment.config.distributions import Choice, LogUniform, Uniform
from ml_experiment.errors import ConfigError
from ml_experiment.search.space import flat_leaves, leaves


if TYPE_CHECKING:
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
