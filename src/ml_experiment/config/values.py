"""Values of the command line: ``--params "C=10; kernel=rbf"`` and its sisters."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.config.grammar import is_distribution_name
from ml_experiment.config.json_text import read_json_text
from ml_experiment.config.json_values import NotJsonError, json_dict
from ml_experiment.config.literals import literal_value, parse_expression, shown
from ml_experiment.config.positions import to_document
from ml_experiment.config.reading import parse_text, read_file
from ml_experiment.config.scalars import parse_scalar
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Iterator

FORMS = 'a file, a dict such as "{\'C\': 10}", or "C=10; kernel=rbf"'
_FILE = re.compile(r".*\.(ya?ml|json)", re.IGNORECASE)
_NAME = re.compile(r"[^\s='\"{}\[\](),;:]+")
_SECOND_PAIR = re.compile(r",\s*[A-Za-z_]\w*\s*=")
_OPENING, _CLOSING, _QUOTES = "([{", ")]}", "'\""


def parse_mapping(text_or_path: str | Path, option: str) -> dict[str, object]:
    """Return the names and values that an option was given.

    Args:
        text_or_path: An existing file (YAML or JSON); a Python dict; a JSON object; or
            ``k=v; k2=v2``, whose values are Python literals, else what unquoted words of
            YAML mean (``1e-4``, ``true``), else text.
        option: Name of the option, ``--params``; errors name it.

    Raises:
        ConfigError: It is none of these.
    """
    if isinstance(text_or_path, Path) or _is_file(text_or_path):
        return _from_file(Path(text_or_path), option)
    try:
        return json_dict(_from_text(text_or_path.strip()))
    except NotJsonError as error:
        raise ConfigError(error.problem, source=option) from None
    except ConfigError as error:
        raise ConfigError(
            error.problem, source=option, field=error.field, hint=error.hint
        ) from None


def _from_text(text: str) -> object:
    if not text:
        raise ConfigError(f"got no text; allowed: {FORMS}")
    if text.startswith("{"):
        return _from_braces(text)
    if "=" in text:
        return _from_pairs(text)
    if _FILE.fullmatch(text):
        raise ConfigError(f"no such file: {text}")
    raise ConfigError(f"got {shown(text)}; allowed: {FORMS}")


def _is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):  # too long, a null character, no home
        return False


def _from_file(path: Path, option: str) -> dict[str, object]:
    value = read_file(path.expanduser()).value
    if isinstance(value, dict):
        return value
    got = "an empty file" if value is None else shown(value)
    raise ConfigError(
        f"got {got}; names with values are needed", source=f"{option} {path}"
    )


def _from_braces(text: str) -> object:
    """Read a Python dict, else JSON, else YAML; if none fits, say what Python says."""
    try:
        return literal_value(parse_expression(text), call=_distribution)
    except ConfigError as error:
        problem = error
    try:
        return to_document(read_json_text(text)).value
    except ConfigError:
        pass
    if '"' in text or "'" in text or "(" in text:
        # Half quoted: YAML would make something of it, but hardly what is meant.
        raise problem
    try:
        return parse_text(text).value
    except ConfigError:
        raise problem from None


def _distribution(call: ast.Call) -> str:
    """Let distributions stand in a dict without quotes around them."""
    text = ast.unparse(call)
    if isinstance(call.func, ast.Name) and is_distribution_name(call.func.id):
        return text
    raise ConfigError(f"got {shown(text)}; values are plain, nothing is called")


def _from_pairs(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for part in _split(text):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise ConfigError(
                f"got {shown(part.strip())}; each part has the form name=value",
                hint="the parts stand between semicolons: C=10; kernel=rbf",
            )
        if name in found:
            raise ConfigError("is there twice", field=name)
        found[name] = _value(name, value)
    return found


def _split(text: str) -> Iterator[str]:
    """Yield the parts between semicolons that are not inside quotes or brackets."""
    start, depth, quote, escaped = 0, 0, "", False
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and not escaped else quote
            escaped = char == "\\" and not escaped
        elif char in _QUOTES and not text[:at].rstrip(" ")[-1:].isalnum():
            quote = char  # after a letter it is an apostrophe
        elif char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
        elif char == ";" and depth <= 0:
            yield text[start:at]
            start = at + 1
    if text[start:].strip():
        yield text[start:]


def _value(name: str, text: str) -> object:
    if not text:
        raise ConfigError("got no value", field=name, hint=f"{name}='' or {name}=null")
    try:
        node = parse_expression(text)
        if isinstance(node, ast.Tuple) and not text.startswith("("):
            return text
        return literal_value(node)
    except ConfigError:
        pass
    if text[0] in "[{" or (text[0] in _QUOTES and text[-1] == text[0]):
        return _from_json(name, text)
    if _SECOND_PAIR.search(text) and "(" not in text:
        raise ConfigError(
            f"got {shown(text)}, which looks like two values",
            field=name,
            hint="separate them by a semicolon: C=10; kernel=rbf",
        )
    try:
        return parse_scalar(text)
    except ConfigError as error:
        raise ConfigError(error.problem, field=name) from None


def _from_json(name: str, text: str) -> object:
    try:
        return to_document(read_json_text(text)).value
    except ConfigError:
        raise ConfigError(
            f"got {shown(text)}, which cannot be read",
            field=name,
            hint="text inside of lists and dicts stands in quotes",
        ) from None
