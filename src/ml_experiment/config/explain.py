"""Say in plain words what pydantic found wrong: what was got, what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from pydantic import BaseModel

from ml_experiment.config.literals import shown
from ml_experiment.config.positions import Path, dotted
from ml_experiment.config.problems import Place
from ml_experiment.errors import ConfigError, unknown_name


if TYPE_CHECKING:
    from pydantic import ValidationError

    FindPlace: TypeAlias = Callable[[Path], Place]

# The labels of union members, which pydantic puts into the paths of errors, begin so.
UNION_MARK = "\0"

_AN_INTEGER = "an integer"
_A_NUMBER = "a number"
_A_MAPPING = "names with values"
# What is allowed, by pydantic's type of error.
_ALLOWED = {
    "int_type": _AN_INTEGER,
    "int_parsing": _AN_INTEGER,
    "int_parsing_size": "an integer of fewer digits",
    "int_from_float": _AN_INTEGER,
    "float_type": _A_NUMBER,
    "float_parsing": _A_NUMBER,
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_unicode": "text in valid Unicode",
    "dict_type": _A_MAPPING,
    "mapping_type": _A_MAPPING,
    "model_type": _A_MAPPING,
    "model_attributes_type": _A_MAPPING,
    "dataclass_type": _A_MAPPING,
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "none_required": "null",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "recursion_loop": "a value that does not contain itself",
}


def explained(
    error: ValidationError,
    data: object,
    model: type[BaseModel],
    find_place: FindPlace | None = None,
) -> list[ConfigError]:
    """Return the errors of a model in plain words, in the order of their lines.

    Args:
        error: What pydantic raised.
        data: What the model was to be made from.
        model: The outermost model.
        find_place: Where the value at a path was written.
    """
    find_place = find_place or (lambda _path: Place())
    found = []
    for detail in error.errors(include_url=False):
        path = _real_path(detail["loc"], data)
        context: dict[str, Any] = dict(detail.get("ctx") or {})
        path += tuple(context.get("path", ()))
        problem, hint = _told(detail, context, path, model)
        place = find_place(path)
        found.append(
            ConfigError(
                problem,
                source=place.source,
                line=place.line,
                field=dotted(path) or None,
                hint=hint,
            )
        )
    return sorted(found, key=lambda each: each.line or 0)


def _told(
    detail: Any, context: Mapping[str, Any], path: Path, model: type[BaseModel]
) -> tuple[str, str | None]:
    kind = detail["type"]
    if kind == "ours":
        return context["problem"], context["hint"]
    if kind == "missing":
        return "is missing; it is required", None
    if kind == "extra_forbidden":
        owner, name = _model_at(model, path[:-1]), str(path[-1])
        elsewhere: Mapping[str, str] = getattr(owner, "elsewhere", {})
        if name in elsewhere:
            return elsewhere[name], None
        return f"unknown field; {unknown_name(name, owner.model_fields)}", None
    if kind == "frozen_instance":
        return "a config cannot be changed; make another one", None
    return f"got {shown(detail['input'])}; {_allowed(detail, context)}", None


def _allowed(detail: Any, context: Mapping[str, Any]) -> str:
    kind = detail["type"]
    if kind in _ALLOWED:
        bounds = {name: _round(value) for name, value in context.items()}
        return f"allowed: {_ALLOWED[kind].format(**bounds)}"
    # Types that no field of ours can lead to today: pydantic's words, without its jargon.
    said = (
        str(detail["msg"]).split(", ", 1)[-1]
        if kind == "value_error"
        else detail["msg"]
    )
    for jargon, word in _JARGON:
        said = said.replace(jargon, word)
    said = _ADDRESS.sub("", said)
    return said[:1].lower() + said[1:]


def _round(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


_ADDRESS = re.compile(r" following the rules at \S+|https?://\S+")
_JARGON = (
    ("Input should be ", "allowed: "),
    ("Input should ", "it should "),
    ("Input", "the value"),
    ("input", "value"),
    ("Instance", "the value"),
    ("instance", "value"),
    ("dictionary", "mapping"),
    ("validator", "check"),
)


def _real_path(location: tuple[str | int, ...], data: object) -> Path:
    """Return the path of an error in the data, without the labels of union members."""
    path: list[str | int] = []
    for part in location:
        if isinstance(part, str) and (part.startswith(UNION_MARK) or part == "[key]"):
            continue
        # Options that were gathered by a model stand one level higher in the file.
        if part == "options" and isinstance(data, dict) and part not in data:
            continue
        path.append(part)
        data = _inner(data, part)
    return tuple(path)


def _inner(data: object, part: str | int) -> object:
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """Return the model of the fields at a path."""
    for part in path:
        field = model.model_fields.get(str(part))
        inner = None if field is None else _model_in(field.annotation)
        model = inner or model
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = (_model_in(each) for each in get_args(annotation))
    return next((each for each in models if each is not None), None)
