"""Fit parameters from a config and from a call into the signature of a function."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_experiment.config.entry_point import check_parameters, from_signature


if TYPE_CHECKING:
    from collections.abc import Callable

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_REPR_LIMIT = 1000


def bind(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    config: Mapping[str, Any],
) -> inspect.BoundArguments:
    """Return the arguments to call ``function`` with, defaults included.

    Args:
        function: The user's function.
        args: Positional arguments of the call.
        kwargs: Keyword arguments of the call.
        config: Parameters of the config; they win over those of the call.

    Raises:
        ParameterError: One is unknown or missing.
    """
    signature = inspect.signature(function)
    names = [name for name, item in signature.parameters.items() if _is_named(item)]
    positional = dict(zip(names, args, strict=False))
    given = positional | dict(kwargs) | dict(config)
    check_parameters(given, from_signature(signature), source=_place(function))
    bound = signature.bind_partial(*args)
    extra: dict[str, Any] = {}
    for name, value in (dict(kwargs) | dict(config)).items():
        if name in names:
            bound.arguments[name] = value
        else:
            extra[name] = value
    for item in signature.parameters.values():
        if item.kind is item.VAR_KEYWORD and extra:
            bound.arguments[item.name] = extra
    bound.apply_defaults()
    return bound


def _is_named(item: inspect.Parameter) -> bool:
    return item.kind not in {item.VAR_POSITIONAL, item.VAR_KEYWORD}


def _place(function: Callable[..., Any]) -> str:
    code = getattr(function, "__code__", None)
    return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def to_json(bound: inspect.BoundArguments) -> dict[str, object]:
    """Return the arguments as JSON values, by the name a config would give them."""
    values: dict[str, object] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            values |= {key: json_value(item) for key, item in value.items()}
        elif kind is not inspect.Parameter.VAR_POSITIONAL or value:
            values[name] = json_value(value)
    return values


def json_value(value: object) -> object:
    """Return ``value`` if JSON can hold it, else the nearest thing that it can hold."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return json_value(item())
    return _ADDRESS.sub("", repr(value))[:_REPR_LIMIT]
