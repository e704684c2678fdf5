"""Values of a file as what they have to be: a table, a list, a text."""

from __future__ import annotations

from typing import Any

from ml_experiment.config.literals import shown
from ml_experiment.verify.checklist.pins import Malformed


def a_table(value: Any, name: str, line: int | None = None) -> dict[str, Any]:
    """Return a value that has to be a table.

    Args:
        value: What was found.
        name: Which field it is, for the message.
        line: Where, if it is known.

    Raises:
        Malformed: It is something else.
    """
    if not isinstance(value, dict):
        raise Malformed(f"{name}: got {shown(value)}; a table is needed", line)
    return value


def a_list(value: Any, name: str, line: int | None = None) -> list[Any]:
    """Return a value that has to be a list.

    Raises:
        Malformed: It is something else.
    """
    if not isinstance(value, list):
        raise Malformed(f"{name}: got {shown(value)}; a list is needed", line)
    return value


def a_text(value: Any, name: str, line: int | None = None) -> str:
    """Return a value that has to be text.

    Raises:
        Malformed: It is something else.
    """
    if not isinstance(value, str):
        raise Malformed(f"{name}: got {shown(value)}; text is needed", line)
    return value
