"""Distributions of a parameter space: ``uniform(0, 1)``, ``choice(['a', 'b'])`` and so on.

| text | draws |
| --- | --- |
| ``range(min, max[, step])`` | an integer from ``min``, in steps, **without** ``max`` |
| ``randint(min, max)`` | an integer from ``min`` to ``max``, **with** ``max`` |
| ``uniform(min, max)`` | a number, all equally likely |
| ``loguniform(min, max)`` | a number whose logarithm is equally likely everywhere |
| ``choice([a, b, ...])`` | one of the values |
| ``repeat(distribution, times)`` | a list: as many independent draws as ``times`` says |

``times`` is an integer or a distribution of integers: ``repeat(range(2, 20), range(2, 5))``
draws two to four layers with 2 to 19 neurons each. The same may be written as a product,
``range(2, 20) * range(2, 5)``, also with the multiplication sign of print. A list of
distributions of fixed length is a list in the config: ``[range(1, 9), uniform(0, 1)]``.

These are values: equal if they read alike, and ``parse_distribution(str(d)) == d``.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TypeAlias

from ml_experiment.config.literals import (
    checked_text,
    shown,
)
from ml_experiment.errors import ConfigError


DEEPEST_REPETITION = 5


@dataclass(frozen=True, eq=False)
class ParamDistribution:
    """Base of all distributions.

    Attributes:
        kind: The word before the parenthesis.
    """

    kind = ""

    def __str__(self) -> str:
        values = (getattr(self, field.name) for field in dataclasses.fields(self))
        return f"{self.kind}({', '.join(_written(value) for value in values)})"

    # By their text, so that choice([1]) differs from choice([True]) and from
    # choice([1.0]), and that one with a list in it can be hashed.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParamDistribution):
            return NotImplemented
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def _written(value: object) -> str:
    return str(value) if isinstance(value, ParamDistribution) else repr(value)


@dataclass(frozen=True, eq=False)
class Range(ParamDistribution):
    """Integers from ``min`` in steps of ``step``; ``max`` is excluded, as in Python."""

    min: int
    max: int
    step: int = 1

    kind = "range"

    def __post_init__(self) -> None:
        _check_integers(self)
        if self.step < 1:
            raise ConfigError(f"range: got step={self.step}; step must be 1 or more")
        if self.min >= self.max:
            raise ConfigError(
                f"range: got min={self.min}, max={self.max}; min < max must hold, "
                "since max is excluded"
            )

    def __str__(self) -> str:
        step = "" if self.step == 1 else f", {self.step}"
        return f"range({self.min}, {self.max}{step})"


@dataclass(frozen=True, eq=False)
class RandInt(ParamDistribution):
    """Integers from ``min`` to ``max``; both are included, as in ``random.randint``."""

    min: int
    max: int

    kind = "randint"

    def __post_init__(self) -> None:
        _check_integers(self)
        if self.min > self.max:
            raise ConfigError(
                f"randint: got min={self.min}, max={self.max}; min <= max must hold"
            )


@dataclass(frozen=True, eq=False)
class Uniform(ParamDistribution):
    """Numbers from ``min`` to ``max``, all equally likely."""

    min: float
    max: float

    kind = "uniform"

    def __post_init__(self) -> None:
        _check_interval(self)


@dataclass(frozen=True, eq=False)
class LogUniform(ParamDistribution):
    """Numbers from ``min`` to ``max`` whose logarithms are equally likely."""

    min: float
    max: float

    kind = "loguniform"

    def __post_init__(self) -> None:
        _check_interval(self)
        if self.min <= 0:
            raise ConfigError(
                f"loguniform: got min={self.min!r}; min > 0 must hold, as zero and less "
                "have no logarithm"
            )


@dataclass(frozen=True, eq=False)
class Choice(ParamDistribution):
    """One of the values, all equally likely: text, numbers, booleans, null, lists, dicts."""

    values: tuple[object, ...]

    kind = "choice"

    def __post_init__(self) -> None:
        values: object = self.values
        if not isinstance(values, (list, tuple)):
            raise ConfigError(
                f"choice: got {shown(values)}; one list of values is allowed",
                hint="choice(['a', 'b'])",
            )
        object.__setattr__(self, "values", tuple(values))
        if not self.values:
            raise ConfigError("choice: got an empty list; at least one value is needed")
        for value in self.values:
            _check_value(value)

    def __str__(self) -> str:
        return f"choice({list(self.values)!r})"


@dataclass(frozen=True, eq=False)
class Repeat(ParamDistribution):
    """A list of independent draws.

    Attributes:
        of: Where each element is drawn from.
        times: Length of the list: an integer, or a ``Range``, ``RandInt`` or ``Choice``
            of integers; zero is allowed.
    """

    of: ParamDistribution
    times: int | ParamDistribution

    kind = "repeat"

    def __post_init__(self) -> None:
        if not isinstance(self.of, ParamDistribution):
            raise ConfigError(
                f"repeat: got {shown(self.of)}; a distribution is repeated",
                hint="repeat(range(2, 20), range(2, 5))",
            )
        if self.depth > DEEPEST_REPETITION:
            raise ConfigError(
                f"repeat: at most {DEEPEST_REPETITION} levels are allowed"
            )
        smallest = _smallest_integer(self.times)
        if smallest is None or smallest < 0:
            got = _written(self.times)
            raise ConfigError(
                f"repeat: got times={got}; allowed: an integer from 0, or a range, "
                "randint or choice of such"
            )

    @property
    def depth(self) -> int:
        """How many lists are inside each other: 1 for a list of numbers."""
        return 1 + (self.of.depth if isinstance(self.of, Repeat) else 0)


Space: TypeAlias = "ParamDistribution | list[Space] | dict[str, Space]"

DISTRIBUTIONS: dict[str, type[ParamDistribution]] = {
    each.kind: each for each in (Range, RandInt, Uniform, LogUniform, Choice, Repeat)
}


def parse_distribution(text: str) -> ParamDistribution:
    """Return the distribution that ``text`` describes.

    Raises:
        ConfigError: It describes none; the message says what is allowed.

    Example:
        >>> parse_distribution("loguniform(1e-4, 1)")
        LogUniform(min=0.0001, max=1.0)
    """
    from ml_experiment.config.grammar import read_distribution

    return read_distribution(text)


def _smallest_integer(times: int | ParamDistribution) -> int | None:
    """Return the least length a list may get; ``None`` if it is no integer."""
    if isinstance(times, (Range, RandInt)):
        return times.min
    values = times.values if isinstance(times, Choice) else (times,)
    integers = [
        each for each in values if isinstance(each, int) and not isinstance(each, bool)
    ]
    return min(integers) if len(integers) == len(values) else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_integers(distribution: ParamDistribution) -> None:
    for field in dataclasses.fields(distribution):
        value = getattr(distribution, field.name)
        if isinstance(value, bool) or not isinstance(value, int):
            other = "uniform" if _is_number(value) else None
            raise ConfigError(
                f"{distribution.kind}: got {field.name}={shown(value)}; "
                "an integer is needed",
                hint=None if other is None else f"for other numbers: {other}(min, max)",
            )


def _check_interval(distribution: Uniform | LogUniform) -> None:
    for name in ("min", "max"):
        value = getattr(distribution, name)
        if not _is_number(value):
            raise ConfigError(
                f"{distribution.kind}: got {name}={shown(value)}; a number is needed"
            )
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ConfigError(f"{distribution.kind}: {name} must be finite")
        object.__setattr__(distribution, name, number)
    if distribution.min >= distribution.max:
        raise ConfigError(
            f"{distribution.kind}: got min={distribution.min!r}, "
            f"max={distribution.max!r}; min < max must hold"
        )
    if not math.isfinite(distribution.max - distribution.min):
        raise ConfigError(f"{distribution.kind}: min and max are too far apart")


def _check_value(value: object) -> None:
    """Refuse what could not be written as text and read again."""
    if isinstance(value, str):
        checked_text(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigError(f"choice: got {value!r}; numbers must be finite")
    elif isinstance(value, (list, tuple)):
        for each in value:
            _check_value(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"choice: got the key {shown(key)}; keys are text")
            _check_value(each)
    elif value is not None and not isinstance(value, int):
        raise ConfigError(
            f"choice: got {shown(value)}; allowed are text, numbers, true, false, null, "
            "lists and dicts of these"
        )
