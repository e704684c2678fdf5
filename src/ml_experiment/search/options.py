"""Samplers and pruners by name: where they are found, and their options checked."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from ml_experiment.errors import ConfigError, MissingExtraError, unknown_name


if TYPE_CHECKING:
    from ml_experiment.config.distributions import Space

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a factory is told of the sampler or pruner that it is to make.

    Attributes:
        name: Its name in the config.
        options: Its options in the config.
        seed: A sampler's own seed, another one for every trial.
        group_seed: The seed that all trials of the group have in common.
        space: The parameter space of the group.
        directions: ``minimize`` or ``maximize``, one a metric.
    """

    name: str
    options: Mapping[str, Any]
    seed: int = 0
    group_seed: int = 0
    space: Mapping[str, Space]
    directions: tuple[str, ...]


Factory = Callable[[Request], Any]


def find_factory(kind: str, name: str, ours: Mapping[str, str]) -> Factory:
    """Return the factory of a sampler or pruner.

    Args:
        kind: ``sampler`` or ``pruner``; the entry points are in ``ml_experiment.<kind>s``.
        name: Its name.
        ours: Those of ours, as ``module:function``: in reach even of a distribution whose
            metadata is older than its code.

    Raises:
        ConfigError: There is none of that name.
    """
    if name in ours:
        module, _, attribute = ours[name].partition(":")
        factory: Factory = getattr(import_module(module), attribute)
        return factory
    installed = _installed(f"ml_experiment.{kind}s")
    if name in installed:
        loaded: Factory = installed[name].load()
        return loaded
    known = sorted({*ours, *installed})
    raise ConfigError(f"got '{name}'; {unknown_name(name, known)}", field=kind)


@cache
def _installed(group: str) -> dict[str, EntryPoint]:
    return {each.name: each for each in entry_points(group=group)}


def options_of(cls: Callable[..., object], *, without: Iterable[str]) -> dict[str, Any]:
    """Return the options of Optuna's ``cls`` that a config can hold, with their defaults."""
    left_out = {"self", "seed", *without}
    return {
        name: parameter.default
        for name, parameter in _parameters(cls).items()
        if name not in left_out
    }


@cache
def _parameters(cls: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a class; a group asks for the same ones at every trial."""
    return inspect.signature(cls).parameters


def check_options(kind: str, request: Request, known: Mapping[str, Any]) -> None:
    """Refuse options that are not known, or whose values cannot be meant.

    Args:
        kind: ``sampler`` or ``pruner``.
        request: What was asked for.
        known: The options that there are, with their defaults.

    Raises:
        ConfigError: One is wrong.
    """
    for name, value in request.options.items():
        if name == "seed":
            raise ConfigError(
                f"{request.name} has the seed of the group; no other can be given",
                field=f"{kind}.seed",
                hint="seed: 42   (beside name and kind)",
            )
        if name not in known:
            raise ConfigError(
                f"{request.name} has no option '{name}'; {unknown_name(name, known)}",
                field=f"{kind}.{name}",
            )
        wanted = _kind_of_value(known[name])
        if wanted and not _fits(value, known[name]):
            raise ConfigError(
                f"{request.name}: got {value!r}; {wanted} is needed",
                field=f"{kind}.{name}",
            )


def made(kind: str, request: Request, cls: Callable[..., T], **options: Any) -> T:
    """Return ``cls(**options)``, its complaints as errors about the config.

    Raises:
        ConfigError: Optuna refuses the options.
    """
    try:
        with quiet_warnings():
            return cls(**options)
    except (TypeError, ValueError, AssertionError) as error:
        what = str(error) or "its options do not go together"
        raise ConfigError(f"{request.name}: {what}", field=kind) from error


def need(module: str, package: str, extra: str) -> None:
    """Refuse to go on without an optional library.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import_module(module)
    except ImportError as error:
        raise MissingExtraError(package, extra) from error


@contextmanager
def quiet_warnings() -> Iterator[None]:
    """Keep back what Optuna says of experimental and deprecated parts of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _kind_of_value(default: object) -> str | None:
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, int):
        return "an integer"
    return "a number" if isinstance(default, float) else None


def _fits(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    return isinstance(value, int if isinstance(default, int) else (int, float))
