"""Values that JSON can hold, and an exact way through JSON for the numbers it cannot."""

from __future__ import annotations

import enum
import math
from pathlib import PurePath
from typing import TYPE_CHECKING

from ml_experiment.config.literals import (
    DEEPEST_NESTING,
    LARGEST_INTEGER_BITS,
    checked_text,
    shown,
)
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from ml_experiment.config.positions import Path

_FLOAT_MARK = "$float"
_PLAIN_MARK = "$plain"


class NotJsonError(Exception):
    """A value has a part that JSON cannot hold.

    Args:
        problem: What was got and what is allowed.
        path: Where in the value.
    """

    def __init__(self, problem: str, path: Path) -> None:
        self.problem = problem
        self.path = path
        super().__init__(problem)


def json_like(value: object, path: Path = ()) -> object:
    """Return a copy of ``value`` made of dicts, lists, text, numbers, booleans and null.

    Infinite numbers and NaN are let through: parameters may be such.

    Raises:
        NotJsonError: Something else is in it.
    """
    if len(path) > DEEPEST_NESTING:
        raise NotJsonError(f"more than {DEEPEST_NESTING} levels deep", path[:1])
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int):
        if value.bit_length() > LARGEST_INTEGER_BITS:
            raise NotJsonError("got an integer of more than a thousand digits", path)
        return value
    if isinstance(value, (list, tuple)):
        return [json_like(each, (*path, i)) for i, each in enumerate(value)]
    if isinstance(value, dict):
        return json_dict(value, path)
    raise NotJsonError(
        f"got {shown(value)} ({type(value).__name__}); allowed are text, numbers, true, "
        "false, null, lists and dicts of these",
        path,
    )


def json_dict(value: object, path: Path = ()) -> dict[str, object]:
    """Return a copy of a dict as ``json_like`` does.

    Raises:
        NotJsonError: It is no dict, or has something else in it.
    """
    if not isinstance(value, dict):
        raise NotJsonError(f"got {shown(value)}; allowed: names with values", path)
    found: dict[str, object] = {}
    for key, each in value.items():
        if not isinstance(key, str):
            raise NotJsonError(f"got {shown(key)} as a key; keys are text", path)
        found[_text(key, path)] = json_like(each, (*path, key))
    return found


def _text(value: str, path: Path) -> str:
    try:
        return checked_text(value)
    except ConfigError as error:
        raise NotJsonError(error.problem, path) from None


def encode(value: object) -> object:
    """Return ``value`` as strict JSON can hold it; ``decode`` makes it the same again.

    NaN and the infinite numbers become ``{"$float": "nan"}`` and so on; words of closed
    sets and paths become text.
    """
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT_MARK: repr(value)}
    if isinstance(value, (list, tuple)):
        return [encode(each) for each in value]
    if isinstance(value, dict):
        encoded = {key: encode(each) for key, each in value.items()}
        marked = encoded.keys() in ({_FLOAT_MARK}, {_PLAIN_MARK})
        return {_PLAIN_MARK: encoded} if marked else encoded
    return value


def decode(value: object) -> object:
    """Return the value that ``encode`` was given."""
    if isinstance(value, list):
        return [decode(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_FLOAT_MARK} and isinstance(value[_FLOAT_MARK], str):
        return float(value[_FLOAT_MARK])
    if value.keys() == {_PLAIN_MARK} and isinstance(value[_PLAIN_MARK], dict):
        inner: dict[str, object] = value[_PLAIN_MARK]
        return {key: decode(each) for key, each in inner.items()}
    return {key: decode(each) for key, each in value.items()}
