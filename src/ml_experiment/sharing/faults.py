"""What keeps a value from being shared: its type, and where in the value it is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import MlExperimentError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEEPEST = 50


class SharingError(MlExperimentError):
    """What ``load_data`` returned cannot be given to the workers."""


def parts_of(value: object) -> Iterator[tuple[str, object]]:
    """Yield what a container holds, each with how it is reached: ``[0]``, ``.field``."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"[{_shown_key(key)}]", item
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for name, item in zip(value._fields, value, strict=False):
            yield f".{name}", item
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield f"[{index}]", item
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if hasattr(value, field.name):
                yield f".{field.name}", getattr(value, field.name)


def _shown_key(key: object) -> str:
    shown = repr(key)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."  # noqa: PLR2004 - a line's width


def cannot_be_pickled(
    value: object, fault: Exception, attempt: Callable[[object], None]
) -> SharingError:
    """Return the error that says which part of a value cannot be pickled.

    Args:
        value: What could not be pickled as a whole.
        fault: Why.
        attempt: Pickles a part, and raises if that cannot be done.
    """
    path, culprit, reason = _narrow(value, fault, attempt)
    kind = type(culprit)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return SharingError(
        f"what load_data returned cannot be given to the workers: the value{path} is of type "
        f"{name}, which cannot be pickled ({type(reason).__name__}: {reason})\n"
        "  return arrays, tables and plain values from load_data, and make the rest "
        "from them in the job's function"
    )


def _narrow(
    value: object, fault: Exception, attempt: Callable[[object], None]
) -> tuple[str, object, Exception]:
    path = ""
    for _ in range(_DEEPEST):
        found = _failing_part(value, attempt)
        if found is None:
            break
        step, value, fault = found
        path += step
    return path, value, fault


def _failing_part(
    value: object, attempt: Callable[[object], None]
) -> tuple[str, object, Exception] | None:
    for step, part in _all_parts(value):
        try:
            attempt(part)
        except Exception as fault:  # noqa: BLE001 - user types fail in any way they like
            return step, part, fault
    return None


def _all_parts(value: object) -> Iterator[tuple[str, object]]:
    found = False
    for part in parts_of(value):
        found = True
        yield part
    if not found and not isinstance(value, type) and not callable(value):
        attributes: dict[str, Any] = getattr(value, "__dict__", None) or {}
        for name, item in attributes.items():
            yield f".{name}", item
