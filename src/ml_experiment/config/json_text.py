"""Read JSON into nodes that know their lines, which the standard library does not."""

from __future__ import annotations

import bisect
import re
from json import decoder
from typing import TYPE_CHECKING, TypeVar

from ml_experiment.config.literals import DEEPEST_NESTING, shown
from ml_experiment.config.positions import Entries, Items, Node, Scalar
from ml_experiment.config.scalars import parse_float, parse_integer
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_WORD = re.compile(r"-?[A-Za-z_0-9.+-]+")
_WORDS = {
    "true": True,
    "false": False,
    "null": None,
    # No JSON by the letter, but what Python's own writer makes of such numbers.
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
# What the standard library says of text in quotes, and what a person would.
_STRINGS = {
    "Unterminated": "text in quotes does not end",
    "control character": "a line break or tab stands inside quotes; write \\n or \\t",
    "escape": 'after a \\ only one of " \\ / b f n r t u is allowed',
    "": "text in quotes cannot be read",
}


# The one part of the standard library's reader that works at any position.
_read_string: Callable[[str, int], tuple[str, int]] = getattr(decoder, "scanstring")  # noqa: B009


def read_json_text(text: str) -> Node:
    """Return the tree of a JSON text.

    Raises:
        ConfigError: It is not JSON; ``line`` says where.
    """
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def read(self) -> Node:
        node = self._value(0)
        self._skip()
        if self._at < len(self._text):
            raise self._error(f"got {self._next()} after the end of the value")
        return node

    def _line(self) -> int:
        return bisect.bisect_right(self._line_starts, self._at)

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _peek(self) -> str:
        self._skip()
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        word = _WORD.match(self._text, self._at)
        if word:
            return shown(word.group())
        return shown(self._text[self._at]) if self._at < len(self._text) else "the end"

    def _error(self, problem: str, hint: str | None = None) -> ConfigError:
        return ConfigError(f"not JSON: {problem}", line=self._line(), hint=hint)

    def _value(self, depth: int) -> Node:
        if depth > DEEPEST_NESTING:
            raise self._error(f"more than {DEEPEST_NESTING} levels deep")
        first = self._peek()
        line = self._line()
        if first == "{":
            return Entries(line, self._sequence("}", lambda: self._pair(depth)))
        if first == "[":
            return Items(line, self._sequence("]", lambda: self._value(depth + 1)))
        if first == '"':
            return Scalar(line, self._string())
        return Scalar(line, self._word())

    def _sequence(self, end: str, element: Callable[[], T]) -> list[T]:
        """Read the elements up to ``end``, with a comma between each two."""
        self._at += 1
        found: list[T] = []
        if self._peek() == end:
            self._at += 1
            return found
        while True:
            found.append(element())
            mark = self._peek()
            if mark not in {",", end}:
                raise self._error(f"got {self._next()}; a ',' or a '{end}' is needed")
            self._at += 1
            if mark == end:
                return found
            if self._peek() == end:
                raise self._error(f"a ',' stands before the '{end}'; take it out")

    def _pair(self, depth: int) -> tuple[Node, Node]:
        if self._peek() != '"':
            raise self._error(
                f"got {self._next()}; a key in double quotes is needed here"
            )
        line = self._line()
        key = Scalar(line, self._string())
        if self._peek() != ":":
            raise self._error(f"got {self._next()}; a ':' is needed after a key")
        self._at += 1
        return key, self._value(depth + 1)

    def _string(self) -> str:
        try:
            value, self._at = _read_string(self._text, self._at + 1)
        except ValueError as error:
            said = str(error)
            problem = next(ours for theirs, ours in _STRINGS.items() if theirs in said)
            raise self._error(problem) from None
        return value

    def _word(self) -> object:
        number = _NUMBER.match(self._text, self._at)
        word = _WORD.match(self._text, self._at)
        if word and word.group() in _WORDS:
            self._at = word.end()
            return _WORDS[word.group()]
        if number is None or (word and word.end() > number.end()):
            quoted = self._peek() == "'"
            raise self._error(
                f"got {self._next()}; a value is needed here",
                hint="text stands in double quotes" if word or quoted else None,
            )
        try:
            is_float = number[1] or number[2]
            value = (parse_float if is_float else parse_integer)(number[0])
        except ConfigError as error:
            raise self._error(error.problem) from None
        self._at = number.end()
        return value
