"""Read a document of a run into its dataclass: each field is there, and is what it should be.

Every listing reads two documents a run, so this does without a library for forms.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

from ml_experiment.errors import RecordError


if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import Field
    from pathlib import Path

_T = TypeVar("_T")

# By how the annotation of a field begins: what is accepted, and what that is called.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "text"),
    "bool": ((bool,), "true or false"),
    "int": ((int,), "an integer"),
    "float": ((int, float), "a number"),
    "list": ((list,), "a list"),
    "dict": ((dict,), "names with values"),
}
_LONGEST = 60


def from_document(form: type[_T], document: Mapping[str, Any], path: Path | str) -> _T:
    """Return a document as a dataclass; names that are not known are passed over.

    Args:
        form: The dataclass. Its fields are annotated with plain types, which may be ``None``.
        document: What was read.
        path: Where it was read from.

    Raises:
        RecordError: A field is missing, or holds something else than it should.
    """
    found: dict[str, Any] = {}
    lacking = []
    for item in fields(form):  # type: ignore[arg-type]
        if item.name in document:
            found[item.name] = _checked(item, document[item.name], path)
        elif item.default is MISSING and item.default_factory is MISSING:
            lacking.append(item.name)
    if lacking:
        raise RecordError(f"{path}: it lacks {', '.join(lacking)}")
    return form(**found)


def _checked(item: Field[Any], value: Any, path: Path | str) -> Any:
    kind, _, rest = str(item.type).partition(" | ")
    outer, _, inner = kind.rstrip("]").partition("[")
    if value is None and rest == "None":
        return value
    if outer not in _KINDS:  # checked by whoever made it
        return value
    if not _is_of(value, outer):
        raise refusal(path, item.name, value, _KINDS[outer][1])
    of_members = inner.rpartition(", ")[2]
    members = value.values() if outer == "dict" else value
    if of_members in _KINDS:
        for member in members:
            if not _is_of(member, of_members):
                raise refusal(path, item.name, member, _KINDS[of_members][1])
    return value


def _is_of(value: object, kind: str) -> bool:
    accepted, _ = _KINDS[kind]
    if isinstance(value, bool) and kind != "bool":
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, accepted)


def refusal(path: Path | str, field: str, value: object, allowed: str) -> RecordError:
    """Return the error that says what a field holds, and what belongs there.

    Args:
        path: The document.
        field: Name of the field.
        value: What it holds.
        allowed: What belongs there, in words.
    """
    got = ascii(value)[:_LONGEST]
    return RecordError(f"{path}: {field}: got {got}; allowed: {allowed}")
