"""Python literals as plain values, without evaluating anything.

``true``, ``false`` and ``null`` are understood beside ``True``, ``False`` and ``None``,
because people who write YAML or JSON all day type them.
"""

from __future__ import annotations

import ast
import math
import warnings
from typing import TYPE_CHECKING, TypeAlias

from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Callable

Literal: TypeAlias = object

# Longer texts are data, not configuration; the parser of Python is not made for them.
LONGEST_TEXT = 100_000
DEEPEST_NESTING = 50
# Python itself refuses to write or read longer integers (sys.set_int_max_str_digits).
LARGEST_INTEGER_BITS = 4096

_WORDS = {
    "True": True,
    "False": False,
    "None": None,
    "true": True,
    "false": False,
    "null": None,
}


def parse_expression(text: str) -> ast.expr:
    """Return the syntax tree of one Python expression.

    Raises:
        ConfigError: The text is not one expression.
    """
    if len(text) > LONGEST_TEXT:
        raise ConfigError(f"got {len(text)} characters; at most {LONGEST_TEXT} allowed")
    try:
        with warnings.catch_warnings():
            # An odd escape such as '\d' is the user's text, nothing to warn of here.
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        where = f" at character {error.offset}" if error.offset else ""
        raise ConfigError(f"got {shown(text)}, which cannot be read{where}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ConfigError(f"got {shown(text)}, which cannot be read") from None


def parse_literal(text: str) -> Literal:
    """Return the value of a Python literal.

    Raises:
        ConfigError: The text is no literal.
    """
    return literal_value(parse_expression(text))


def literal_value(  # noqa: PLR0911 - one for each form of literal
    node: ast.expr,
    *,
    call: Callable[[ast.Call], Literal] | None = None,
    depth: int = 0,
) -> Literal:
    """Return the value of a syntax tree that is a literal.

    Args:
        node: The tree.
        call: What to do with a call such as ``f(1)``; refused if ``None``.
        depth: How deep inside other literals this one is.

    Raises:
        ConfigError: It is no literal, or one that JSON has no counterpart for.
    """
    if depth > DEEPEST_NESTING:
        raise ConfigError(
            f"nested too deeply; at most {DEEPEST_NESTING} levels allowed"
        )

    def inner(child: ast.expr) -> Literal:
        return literal_value(child, call=call, depth=depth + 1)

    match node:
        case ast.Constant(value=str() | bool() | int() | float() | None as value):
            return _checked(value)
        case ast.Name(id=name):
            return _word(name)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            return _signed(sign, inner(operand), node)
        case ast.List(elts=elements):
            return [inner(element) for element in elements]
        case ast.Tuple(elts=elements):
            return tuple(inner(element) for element in elements)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return _dictionary(
                [(key and inner(key), inner(each)) for key, each in pairs]
            )
        case ast.Call() if call is not None:
            return call(node)
        case _:
            raise ConfigError(
                f"got {shown(_source(node))}; allowed are plain values: numbers, quoted "
                "text, true, false, null, [lists] and {dicts}"
            )


def _checked(value: Literal) -> Literal:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError("got a number that is too large for a float")
    if isinstance(value, int) and value.bit_length() > LARGEST_INTEGER_BITS:
        raise ConfigError("got an integer of more than a thousand digits")
    if isinstance(value, str):
        return checked_text(value)
    return value


def checked_text(text: str) -> str:
    """Return ``text`` if it can be written to a file.

    Raises:
        ConfigError: It has half of a surrogate pair in it.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"got {shown(text)}, which is not valid Unicode") from None
    return text


def _word(name: str) -> Literal:
    if name in _WORDS:
        return _WORDS[name]
    raise ConfigError(
        f"got {name} without quotes", hint=f"if it is text, write '{name}'"
    )


def _signed(sign: ast.unaryop, value: Literal, node: ast.expr) -> Literal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"got {shown(_source(node))}; a sign stands before a number")
    return -value if isinstance(sign, ast.USub) else value


def _dictionary(pairs: list[tuple[Literal, Literal]]) -> dict[str, Literal]:
    found: dict[str, Literal] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise ConfigError(
                f"got the key {shown(key)}; keys are text, in quotes: '{key}'"
            )
        if key in found:
            raise ConfigError(f"got the key '{key}' twice")
        found[key] = value
    return found


def _source(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return type(node).__name__


def shown(value: object, limit: int = 80) -> str:
    """Return ``value`` as a message shows it: on one line, and not too long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of too many digits, a cycle
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
