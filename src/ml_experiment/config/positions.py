"""Values that know the lines they were written on.

The readers of YAML and JSON make trees of nodes; ``to_document`` turns a tree into plain
values. What both languages allow, but no config should have, is refused here: a key that
is there twice, a key that is no text, nesting or aliases without end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ml_experiment.config.literals import DEEPEST_NESTING, checked_text, shown
from ml_experiment.errors import ConfigError


Path: TypeAlias = tuple[str | int, ...]

# A config of ten thousand lines has fewer; ten nested YAML aliases can mean billions.
_MOST_VALUES = 100_000


class Merge:
    """The key ``<<`` of YAML."""


MERGE = Merge()


@dataclass(frozen=True)
class Scalar:
    """One value that has no parts."""

    line: int
    value: object


@dataclass(frozen=True)
class Items:
    """A list."""

    line: int
    nodes: list[Node]


@dataclass(frozen=True)
class Entries:
    """A mapping, with its keys as they were written."""

    line: int
    pairs: list[tuple[Node, Node]]


Node: TypeAlias = Scalar | Items | Entries


@dataclass(frozen=True)
class Document:
    """A file's value.

    Attributes:
        value: Made of dicts with text as keys, lists and scalars.
        lines: The line, from 1, of each key and list item, by its path.
    """

    value: object
    lines: dict[Path, int] = field(default_factory=dict)


def to_document(node: Node) -> Document:
    """Return the values of a tree.

    Raises:
        ConfigError: With ``line`` and ``field``; the caller adds the source.
    """
    reader = _Reader()
    lines: dict[Path, int] = {}
    try:
        return Document(reader.plain(node, (), lines), lines)
    except RecursionError:  # a chain of a thousand merged aliases
        raise _error(node, (), "the aliases are nested too deeply") from None


def dotted(path: Path) -> str:
    """Return a path as people write it: ``params.layers[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


class _Reader:
    """Turns nodes into values, and counts them: aliases may repeat a node for ever."""

    def __init__(self) -> None:
        self._count = 0

    def plain(self, node: Node, path: Path, lines: dict[Path, int]) -> object:
        self._check_size(node, path)
        match node:
            case Scalar(value=str() as text):
                try:
                    return checked_text(text)
                except ConfigError as error:
                    raise _error(node, path, error.problem) from None
            case Scalar(value=value):
                return value
            case Items(nodes=nodes):
                return self._list(nodes, path, lines)
            case Entries():
                return self._dict(node, path, lines)

    def _check_size(self, node: Node, path: Path) -> None:
        self._count += 1
        if len(path) > DEEPEST_NESTING:
            raise _error(node, path[:1], f"more than {DEEPEST_NESTING} levels deep")
        if self._count > _MOST_VALUES:
            raise _error(node, path[:1], f"more than {_MOST_VALUES} values")

    def _list(
        self, nodes: list[Node], path: Path, lines: dict[Path, int]
    ) -> list[object]:
        found = []
        for number, each in enumerate(nodes):
            lines[*path, number] = each.line
            found.append(self.plain(each, (*path, number), lines))
        return found

    def _dict(
        self, node: Entries, path: Path, lines: dict[Path, int]
    ) -> dict[str, object]:
        own: dict[str, object] = {}
        merged: list[Node] = []
        for key, value in node.pairs:
            if isinstance(key, Scalar) and key.value is MERGE:
                merged.append(value)
                continue
            name = _key(key, path)
            if name in own:
                first = lines[*path, name]
                raise _error(
                    key, (*path, name), f"is there twice: the first is in line {first}"
                )
            lines[*path, name] = key.line
            own[name] = self.plain(value, (*path, name), lines)
        for each in merged:
            self._merge(each, own, path, lines)
        return own

    def _merge(
        self, node: Node, own: dict[str, object], path: Path, lines: dict[Path, int]
    ) -> None:
        """Add the entries of ``<<``; those that are there already win."""
        self._check_size(node, path)
        if isinstance(node, Items):
            for each in node.nodes:
                self._merge(each, own, path, lines)
            return
        if not isinstance(node, Entries):
            raise _error(node, path, "`<<` takes a mapping, or a list of mappings")
        theirs_lines: dict[Path, int] = {}
        theirs = self._dict(node, path, theirs_lines)
        added = {key for key in theirs if key not in own}
        own.update((key, value) for key, value in theirs.items() if key in added)
        depth = len(path)
        lines.update(
            (where, line)
            for where, line in theirs_lines.items()
            if where[depth] in added
        )


def _key(key: Node, path: Path) -> str:
    if not isinstance(key, Scalar):
        raise _error(key, path, "a list or mapping is used as a key; keys are text")
    value = key.value
    if not isinstance(value, str):
        written = "null" if value is None else str(value).lower()
        written = written if isinstance(value, (bool, type(None))) else str(value)
        raise _error(
            key,
            path,
            f"got {shown(value)} as a key; keys are text",
            hint=f'put it in quotes: "{written}"',
        )
    try:
        return checked_text(value)
    except ConfigError as error:
        raise _error(key, path, error.problem) from None


def _error(
    node: Node, path: Path, problem: str, *, hint: str | None = None
) -> ConfigError:
    return ConfigError(problem, line=node.line, field=dotted(path) or None, hint=hint)
