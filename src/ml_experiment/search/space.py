"""A parameter space, leaf by leaf, as a sampler sees it.

Every leaf has a readable name: ``C``, ``layers[0]``, ``opt.lr``; the length of a repetition
is ``layers.times``. Leaves are drawn in the order of the config, a repetition's length before
its elements, so a space may have more leaves in one trial than in another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ml_experiment.config.distributions import (
    Choice,
    LogUniform,
    ParamDistribution,
    RandInt,
    Range,
    Repeat,
    Space,
    Uniform,
    parse_distribution,
)
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial

Suggest: TypeAlias = Callable[[str, ParamDistribution], object]

_FIELD = "param_space"
_PLAIN = (str, int, float, bool, type(None))


def read_space(document: Mapping[str, object]) -> dict[str, Space]:
    """Return the space whose distributions may still be text, as a config writes them.

    Raises:
        ConfigError: A text is no distribution, or two leaves have the same name.
    """
    space = {str(name): _read(value) for name, value in document.items()}
    names: set[str] = set()
    for name in _possible_names(space):
        if name in names:
            raise ConfigError(
                f"two of the parameters are called '{name}'; names must differ",
                field=_FIELD,
            )
        names.add(name)
    return space


def check_not_empty(space: Mapping[str, Space]) -> None:
    """Refuse a space from which nothing is drawn.

    Raises:
        ConfigError: It has no distribution.
    """
    if not any(True for _ in leaves(space)):
        raise ConfigError(
            "is empty: every trial would be the same; at least one distribution is needed",
            field=_FIELD,
            hint="param_space: {learning_rate: 'loguniform(1e-4, 1e-1)'}",
        )


def draw(trial: BaseTrial, space: Mapping[str, Space]) -> dict[str, object]:
    """Return the parameters of ``trial``: one value for every leaf of ``space``.

    Args:
        trial: The trial of Optuna that is asked for each of them.
        space: Distributions, and lists and dicts of them, by name.
    """

    def suggest(name: str, leaf: ParamDistribution) -> object:
        return suggest_leaf(trial, name, leaf)

    return walk(space, suggest)


def walk(space: Mapping[str, Space], suggest: Suggest) -> dict[str, object]:
    """Return the parameters that ``suggest`` gives, asked leaf by leaf."""
    return {name: _drawn(name, each, suggest) for name, each in space.items()}


def suggest_leaf(trial: BaseTrial, name: str, leaf: ParamDistribution) -> object:
    """Return what ``trial`` suggests for one distribution, ``Repeat`` excepted."""
    match leaf:
        case Range():
            return trial.suggest_int(name, leaf.min, _last(leaf), step=leaf.step)
        case RandInt():
            return trial.suggest_int(name, leaf.min, leaf.max)
        case Uniform():
            return trial.suggest_float(name, leaf.min, leaf.max)
        case LogUniform():
            return trial.suggest_float(name, leaf.min, leaf.max, log=True)
        case Choice():
            values = by_label(leaf)
            chosen = trial.suggest_categorical(name, [label for label, _ in values])
            return _fresh(_meant(values, chosen))
        case _:
            raise ConfigError(f"{name}: no sampler draws from {leaf}", field=_FIELD)


Label: TypeAlias = "bool | int | float | str | None"


def common_distributions(space: Mapping[str, Space]) -> dict[str, BaseDistribution]:
    """Return what every trial suggests: no elements of a list whose length is drawn."""
    return {name: distribution_of(leaf) for name, leaf in common_leaves(space).items()}


def common_leaves(space: Mapping[str, Space]) -> dict[str, ParamDistribution]:
    """Return the same as the config has it."""
    return {
        name: leaf for top, each in leaves(space) for name, leaf in _common(top, each)
    }


def distribution_of(leaf: ParamDistribution) -> BaseDistribution:
    """Return what Optuna calls a distribution, the same as ``suggest_leaf`` makes."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    match leaf:
        case Range():
            return IntDistribution(leaf.min, _last(leaf), step=leaf.step)
        case RandInt():
            return IntDistribution(leaf.min, leaf.max)
        case Uniform() | LogUniform():
            log = isinstance(leaf, LogUniform)
            return FloatDistribution(leaf.min, leaf.max, log=log)
        case Choice():
            return CategoricalDistribution([label for label, _ in by_label(leaf)])
        case _:
            raise ConfigError(f"no sampler draws from {leaf}", field=_FIELD)


def by_label(choice: Choice) -> list[tuple[Label, object]]:
    """Return what Optuna is told for each value of a choice, with the value.

    Plain values are their own labels. Where one is a list or a dict, or where two are
    equal to Python and yet differ (``1``, ``1.0``, ``True``), all are called by their JSON.
    """
    plain = all(isinstance(value, _PLAIN) for value in choice.values)
    if plain and len(set(choice.values)) == len(choice.values):
        return [(value, value) for value in choice.values]  # type: ignore[misc]  # plain
    return [(json.dumps(value, ensure_ascii=False), value) for value in choice.values]


def names_and_values(
    space: Mapping[str, Space], params: Mapping[str, object]
) -> dict[str, object]:
    """Return drawn parameters by Optuna's names, as they were suggested."""
    named: dict[str, object] = {}
    for name, each in space.items():
        named |= _named(name, each, params[name])
    return named


def leaves(space: Mapping[str, Space]) -> Iterator[tuple[str, ParamDistribution]]:
    """Yield every distribution with its name; a repetition is one of them."""
    for name, each in space.items():
        yield from _leaves(name, each)


def flat_leaves(space: Mapping[str, Space]) -> Iterator[ParamDistribution]:
    """Yield every distribution that a sampler meets: those of repetitions, too."""
    for _, leaf in leaves(space):
        yield from _inner(leaf)


def same(one: object, other: object) -> bool:
    """Say whether two plain values are the same to JSON: ``1`` is not ``True``."""
    return type(one) is type(other) and one == other


def values_of(leaf: Range | RandInt) -> range:
    """Return the integers of a distribution."""
    if isinstance(leaf, Range):
        return range(leaf.min, leaf.max, leaf.step)
    return range(leaf.min, leaf.max + 1)


def element(name: str, number: int) -> str:
    """Return the name of an element of the list ``name``."""
    return f"{name}[{number}]"


def length(name: str) -> str:
    """Return the name of the length of the repetition ``name``."""
    return f"{name}.times"


def _read(value: object) -> Space:
    if isinstance(value, str):
        return parse_distribution(value)
    if isinstance(value, ParamDistribution):
        return value
    if isinstance(value, (list, tuple)):
        return [_read(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): _read(each) for name, each in value.items()}
    raise ConfigError(f"got {value!r}; a distribution is needed", field=_FIELD)


def _drawn(name: str, space: Space, suggest: Suggest) -> object:
    if isinstance(space, dict):
        return {
            key: _drawn(f"{name}.{key}", each, suggest) for key, each in space.items()
        }
    if isinstance(space, list):
        return [
            _drawn(element(name, number), each, suggest)
            for number, each in enumerate(space)
        ]
    if isinstance(space, Repeat):
        times = space.times
        if isinstance(times, ParamDistribution):
            times = int(suggest(length(name), times))  # type: ignore[call-overload]
        return [
            _drawn(element(name, number), space.of, suggest) for number in range(times)
        ]
    return suggest(name, space)


def _named(name: str, space: Space, value: Any) -> dict[str, object]:
    named: dict[str, object] = {}
    if isinstance(space, dict):
        for key, each in space.items():
            named |= _named(f"{name}.{key}", each, value[key])
    elif isinstance(space, list):
        for number, each in enumerate(space):
            named |= _named(element(name, number), each, value[number])
    elif isinstance(space, Repeat):
        if isinstance(space.times, ParamDistribution):
            named[length(name)] = len(value)
        for number, each in enumerate(value):
            named |= _named(element(name, number), space.of, each)
    elif isinstance(space, Choice):
        text = json.dumps(value)
        labels = by_label(space)
        named[name] = next(label for label, each in labels if json.dumps(each) == text)
    else:
        named[name] = value
    return named


def _leaves(name: str, space: Space) -> Iterator[tuple[str, ParamDistribution]]:
    if isinstance(space, dict):
        for key, each in space.items():
            yield from _leaves(f"{name}.{key}", each)
    elif isinstance(space, list):
        for number, each in enumerate(space):
            yield from _leaves(element(name, number), each)
    else:
        yield name, space


def _inner(leaf: ParamDistribution) -> Iterator[ParamDistribution]:
    if isinstance(leaf, Repeat):
        if isinstance(leaf.times, ParamDistribution):
            yield leaf.times
        yield from _inner(leaf.of)
    else:
        yield leaf


def _common(
    name: str, leaf: ParamDistribution
) -> Iterator[tuple[str, ParamDistribution]]:
    if not isinstance(leaf, Repeat):
        yield name, leaf
    elif isinstance(leaf.times, ParamDistribution):
        yield length(name), leaf.times
    else:
        for number in range(leaf.times):
            yield from _common(element(name, number), leaf.of)


def _possible_names(space: Mapping[str, Space]) -> Iterator[str]:
    """Yield each leaf's name; of a repetition, those that a sibling could have as well."""
    for name, leaf in leaves(space):
        yield name
        if isinstance(leaf, Repeat):
            if isinstance(leaf.times, ParamDistribution):
                yield length(name)
            yield element(name, 0)


def _meant(values: list[tuple[Label, object]], chosen: object) -> object:
    """Return the value with this label; a fixed parameter may be ``1`` for ``1.0``."""
    exact = [value for label, value in values if same(label, chosen)]
    return (exact or [value for label, value in values if label == chosen])[0]


def _last(leaf: Range) -> int:
    """Return the greatest integer that ``leaf`` holds; its ``max`` is excluded."""
    return values_of(leaf)[-1]


def _fresh(value: object) -> object:
    """Return a copy of a list or dict, so that a trial may change its own."""
    return json.loads(json.dumps(value)) if isinstance(value, (list, dict)) else value
