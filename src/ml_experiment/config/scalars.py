"""Unquoted words of YAML 1.2: which are numbers, which are text.

``1e-4`` is a number, ``on``, ``no`` and ``2020-01-31`` are text, as everybody expects who
does not know YAML 1.1.
"""

from __future__ import annotations

import math
import re

from ml_experiment.config.literals import LARGEST_INTEGER_BITS
from ml_experiment.errors import ConfigError


_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_MOST_DIGITS = 1200


def parse_scalar(text: str) -> bool | float | str | None:
    """Return what an unquoted word of YAML 1.2 means.

    Raises:
        ConfigError: It is a number that no float or integer of sensible size can hold.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        return parse_integer(text)
    if _FLOAT.fullmatch(text):
        return parse_float(text)
    return text


def parse_integer(text: str) -> int:
    """Return the integer that ``text`` is written as.

    Raises:
        ConfigError: It is none, or has more than a thousand digits.
    """
    if len(text) <= _MOST_DIGITS:
        try:
            value = int(text, 0 if _OTHER_BASE.fullmatch(text) else 10)
        except ValueError:
            raise ConfigError(f"got {text!r}; an integer is needed") from None
        if value.bit_length() <= LARGEST_INTEGER_BITS:
            return value
    raise ConfigError("got an integer of more than a thousand digits")


def parse_float(text: str) -> float:
    """Return the number that ``text`` is written as.

    Raises:
        ConfigError: It is none, or is too large for a float.
    """
    word = _WORDS.get(text)
    if isinstance(word, float):
        return word
    if not _FLOAT.fullmatch(text):
        raise ConfigError(f"got {text!r}; a number is needed")
    value = float(text)
    if math.isinf(value):
        raise ConfigError("got a number that is too large for a float")
    return value
