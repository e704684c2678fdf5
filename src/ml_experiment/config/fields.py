"""The types of the config's fields: what each accepts, and what it says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from ml_experiment.config.distributions import (
    ParamDistribution,
    parse_distribution,
)
from ml_experiment.config.json_values import NotJsonError, json_dict
from ml_experiment.config.literals import checked_text, shown
from ml_experiment.errors import ConfigError, unknown_name


if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import Enum

    from ml_experiment.config.distributions import Space
    from ml_experiment.config.positions import Path as ValuePath

# MLflow's own limit on the name of an experiment.
LONGEST_NAME = 500
LARGEST_SEED = 2**32 - 1
_FIRST_PRINTABLE = " "


def refused(
    problem: str, hint: str | None = None, path: ValuePath = ()
) -> PydanticCustomError:
    """Return the error by which a validator refuses a value in the words of its own."""
    context = {"problem": problem, "hint": hint, "path": path}
    return PydanticCustomError("ours", "{problem}", context)


def _text(value: object) -> str:
    if not isinstance(value, str):
        number = isinstance(value, (int, float))
        raise refused(
            f"got {shown(value)}; text is needed",
            hint=f'if it is text, put it in quotes: "{value}"' if number else None,
        )
    try:
        return checked_text(value)
    except ConfigError as error:
        raise refused(error.problem) from None


def _some_text(value: object) -> str:
    text = _text(value)
    if not text.strip():
        raise refused("got no text; at least one character is needed")
    return text


def _name(value: object) -> str:
    text = _some_text(value)
    if len(text) > LONGEST_NAME:
        raise refused(f"got {len(text)} characters; at most {LONGEST_NAME} are allowed")
    if any(each < _FIRST_PRINTABLE or each == "\x7f" for each in text):
        raise refused(
            f"got {shown(text)}; line breaks, tabs and control characters are not allowed"
        )
    return text


def _texts(value: object) -> list[str]:
    """Return one or several texts as a list; paths are text, too."""
    several = value if isinstance(value, (list, tuple)) else [value]
    found = []
    for number, each in enumerate(several):
        try:
            found.append(_some_text(str(each) if isinstance(each, Path) else each))
        except PydanticCustomError as error:
            context = error.context or {}
            path = (number,) if several is value else ()
            raise refused(context["problem"], context["hint"], path) from None
    return found


def _scripts(value: object) -> list[str]:
    found = _texts(value)
    if not found:
        raise refused("got an empty list; at least one script is needed")
    return found


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_some_text(value))


def _deterministic(value: object) -> bool | str:
    word = value.strip().lower() if isinstance(value, str) else value
    for text, meaning in (("true", True), ("false", False), ("warn", "warn")):
        if word is meaning or word == text:
            return meaning
    raise refused(f"got {shown(value)}; allowed: true, warn, false")


def _lookahead(value: object) -> int | str:
    if isinstance(value, str) and value.strip().lower() == "none":
        return "none"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise refused(f"got {shown(value)}; allowed: an integer, 1 or more, or none")


def _json_dict(value: object) -> dict[str, object]:
    try:
        return json_dict(value)
    except NotJsonError as error:
        raise refused(error.problem, path=error.path) from None


def _tags(value: object) -> dict[str, str]:
    tags = {}
    for name, each in _json_dict(value).items():
        if isinstance(each, bool):
            tags[name] = str(each).lower()
        elif isinstance(each, (str, int, float)):
            tags[name] = str(each)
        else:
            raise refused(f"got {shown(each)}; a tag is text", path=(name,))
    return tags


def _space(value: object, path: ValuePath = ()) -> Space:
    """Return the distributions in one entry of a parameter space."""
    if isinstance(value, ParamDistribution):
        return value
    if isinstance(value, (list, tuple)) and value:
        return [_space(each, (*path, number)) for number, each in enumerate(value)]
    if isinstance(value, dict) and value:
        named = {str(key): each for key, each in value.items()}
        return {key: _space(each, (*path, key)) for key, each in named.items()}
    if isinstance(value, (list, tuple, dict)):
        raise refused("is empty; at least one distribution is needed", path=path)
    try:
        return parse_distribution(value)  # type: ignore[arg-type]  # refuses what is no text
    except ConfigError as error:
        raise refused(error.problem, error.hint, path) from None


def _named(value: object) -> object:
    for key in value if isinstance(value, dict) else ():
        if not isinstance(key, str):
            raise refused(f"got {shown(key)} as a key; keys are text")
    return value


def word_of(words: type[Enum]) -> Callable[[object], Any]:
    """Return a validator for one of a closed set of words."""

    def check(value: object) -> Any:
        if isinstance(value, (str, words)):
            try:
                return words(value)
            except ValueError:
                pass
        allowed = unknown_name(str(value), [str(each.value) for each in words])
        raise refused(f"got {shown(value)}; {allowed}")

    return check


Text = Annotated[str, PlainValidator(_text)]
SomeText = Annotated[str, PlainValidator(_some_text)]
Name = Annotated[str, PlainValidator(_name)]
Globs = Annotated[list[str], PlainValidator(_texts)]
Scripts = Annotated[list[str], PlainValidator(_scripts)]
FileName = Annotated[Path, PlainValidator(_path)]
Deterministic = Annotated[Literal[True, False, "warn"], PlainValidator(_deterministic)]
Lookahead = Annotated[int | Literal["none"], PlainValidator(_lookahead)]
JsonDict = Annotated[dict[str, Any], PlainValidator(_json_dict)]
Tags = Annotated[dict[str, str], PlainValidator(_tags)]
ParamSpace = Annotated[
    dict[str, Annotated[Any, PlainValidator(_space)]], BeforeValidator(_named)
]
Seed = Annotated[int, Field(strict=True, ge=0, le=LARGEST_SEED)]
PositiveInt = Annotated[int, Field(strict=True, ge=1)]
Count = Annotated[int, Field(strict=True, ge=0)]
PositiveFloat = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Amount = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
