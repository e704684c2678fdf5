"""Packages that are declared in lists: pip's requirements, conda's environments."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.checklist.pins import Malformed, Pin, declare, text_of
from ml_experiment.verify.checklist.shapes import a_list, a_text


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ml_experiment.verify.checklist.pins import Requirements

TEXT_LOCKS = ("pixi.lock", "conda-lock.yml")
"""Lock files that are searched for names, and not taken apart."""
_OPTION = re.compile(r"\s+(--hash|--config-settings|--global-option)\b.*")
# As pip tells them; the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONDA_SPEC = re.compile(r"([\w.-]+)\s*(={1,2}\s*[\w.!+*]+)?(.*)")
_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)[\s=]+(\S+)")


def read_requirements_text(path: Path, found: Requirements) -> bool:
    """Read a file of ``pip``, and those that it includes; whether it has any line."""
    declared = False
    lines = _decoded(path.read_bytes()).splitlines()
    for number, line in _joined(lines):
        stripped = re.sub(r"(^|\s)#.*", "", line).strip()
        if not stripped or stripped.startswith("-"):
            declared |= stripped.startswith(("-e", "--editable"))
            included = _INCLUDE.match(stripped)
            other = path.parent / included[2] if included else path
            if included and other.is_file() and other not in found.included:
                found.included.append(other)
                declared |= read_requirements_text(other, found)
            continue
        declared = True
        declare(found, _OPTION.sub("", stripped).strip(), path, number)
    return declared or bool(lines)


def _decoded(data: bytes) -> str:
    """Return a text in the encoding of its mark: PowerShell's ``>`` writes UTF-16."""
    encodings = [name for mark, name in _MARKS if data.startswith(mark)]
    return data.decode(encodings[0] if encodings else "utf-8", errors="replace")


def _joined(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield logical lines with their numbers: a backslash joins two."""
    text, first = "", 1
    for number, line in enumerate(lines, start=1):
        first = first if text else number
        if line.rstrip().endswith("\\"):
            text += line.rstrip()[:-1]
            continue
        yield first, text + line
        text = ""
    if text:
        yield first, text


def read_conda(path: Path, found: Requirements) -> bool:
    """Read an environment of conda; whether it is one.

    Raises:
        Malformed: It cannot be understood.
    """
    from ml_experiment.config.reading import read_file
    from ml_experiment.errors import ConfigError

    if path.name in TEXT_LOCKS or "dependencies" not in text_of(path):
        return False  # it is another kind of file with a similar name
    try:
        document = read_file(path)
    except ConfigError as error:
        raise Malformed(error.problem, error.line) from None
    value = document.value
    items = value.get("dependencies") if isinstance(value, dict) else None
    if items is None:
        return False
    lines = document.lines
    for number, item in enumerate(
        a_list(items, "dependencies", lines.get(("dependencies",)))
    ):
        line = lines.get(("dependencies", number))
        if isinstance(item, dict):
            _declare_inner(found, item, number, path, lines)
        else:
            text = a_text(item, f"dependencies[{number}]", line)
            _declare_conda(found, text, path, line)
    return True


def _declare_inner(
    found: Requirements,
    item: Mapping[str, Any],
    number: int,
    path: Path,
    lines: Mapping[tuple[str | int, ...], int],
) -> None:
    """Declare what an environment leaves to ``pip``."""
    name = f"dependencies[{number}].pip"
    inner = a_list(item.get("pip", []), name, lines.get(("dependencies", number)))
    for place, each in enumerate(inner):
        line = lines.get(("dependencies", number, "pip", place))
        declare(found, a_text(each, f"{name}[{place}]", line), path, line)


def _declare_conda(
    found: Requirements, item: str, file: Path, line: int | None
) -> None:
    spec = item.rpartition("::")[2].strip()
    match = _CONDA_SPEC.fullmatch(spec)
    if match is None:
        return
    name, equals, rest = match.groups()
    version = equals.lstrip("= ") if equals else None
    exact = version is not None and "*" not in version and not rest.startswith(",")
    found.add(name, Pin(item, version if exact else None, exact, file, line))
