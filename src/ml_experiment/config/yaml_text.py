"""Read YAML 1.2 into nodes that know their lines.

Only ruamel's parser is used, up to its events: what words mean is decided by
``scalars``, and no tag can make an object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_experiment.config.literals import DEEPEST_NESTING, shown
from ml_experiment.config.positions import MERGE, Entries, Items, Node, Scalar
from ml_experiment.config.scalars import parse_float, parse_integer, parse_scalar
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Iterator

_TAG = "tag:yaml.org,2002:"
_QUOTE = "put text that begins with a special character in quotes"
# What ruamel says, and what a person would.
_PROBLEMS = (
    (
        "'\\t'",
        "a tab is used to indent",
        "YAML is indented with spaces",
    ),
    (
        "mapping values are not allowed",
        "a ':' stands inside a value, or the line is indented too far",
        "put a value that has ': ' in it in quotes",
    ),
    ("that cannot start any token", "a value begins with a special character", _QUOTE),
    ("could not find expected ':'", "a ':' is missing after a key", None),
    ("expected <block end>", "the line is indented unlike the ones around it", None),
    ("expected ',' or ']'", "a list [...] is not closed, or a ',' is missing", None),
    ("expected ',' or '}'", "a mapping {...} is not closed, or a ',' is missing", None),
    ("unexpected end of stream", "text in quotes does not end", None),
    ("found undefined tag handle", "an unknown tag (!) is used", _QUOTE),
)
# For these ruamel points where it gave up; the mistake is where the thing began.
_SEEN_AT_THE_END = {
    "could not find expected ':'",
    "expected ',' or ']'",
    "expected ',' or '}'",
    "unexpected end of stream",
}


def read_yaml_text(text: str) -> Node | None:
    """Return the tree of a YAML text; ``None`` if there is nothing in it.

    Raises:
        ConfigError: It is not YAML, or uses what configs have no use for; ``line`` says
            where.
    """
    events = _events(text)
    for event in events:
        kind = type(event).__name__
        if kind == "StreamEndEvent":
            return None
        if kind == "DocumentStartEvent":
            break
    node = _Builder(events).node(next(events), 0)
    for event in events:
        if type(event).__name__ == "DocumentStartEvent":
            raise ConfigError(
                "a second document begins here; one is allowed",
                line=_line(event),
                hint="take the '---' out",
            )
    return node


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        raise _translated(error) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = int(error.character)
        raise ConfigError(
            f"not YAML: got the control character U+{code:04X}", line=line
        ) from None
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001 - ruamel's own slips on odd texts
        raise ConfigError(f"not YAML ({type(error).__name__})") from None


def _translated(error: Any) -> ConfigError:
    line = _marked_line(error.problem_mark or error.context_mark)
    said = str(error.problem or error.context or "cannot be read")
    for theirs, ours, hint in _PROBLEMS:
        if theirs in said:
            if theirs in _SEEN_AT_THE_END:
                line = _marked_line(error.context_mark) or line
            return ConfigError(f"not YAML: {ours}", line=line, hint=hint)
    return ConfigError(f"not YAML: {said.splitlines()[0]}", line=line)


def _marked_line(mark: Any) -> int | None:
    return None if mark is None else int(mark.line) + 1


class _Builder:
    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}

    def node(self, event: Any, depth: int) -> Node:
        if depth > DEEPEST_NESTING:
            raise ConfigError(
                f"more than {DEEPEST_NESTING} levels deep", line=_line(event)
            )
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event)
        if kind == "ScalarEvent":
            node: Node = Scalar(_line(event), _scalar_value(event))
        elif kind == "SequenceStartEvent":
            node = self._items(event, depth)
        else:
            node = self._entries(event, depth)
        # Only now: an alias inside of what it names would have no end.
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise ConfigError(
                f"the alias *{event.anchor} has no anchor &{event.anchor} before it",
                line=_line(event),
                hint=f'if it is text, put it in quotes: "*{event.anchor}"',
            )
        return self._anchors[event.anchor]

    def _items(self, event: Any, depth: int) -> Items:
        _check_tag(event, "seq")
        nodes = []
        while type(inner := next(self._events)).__name__ != "SequenceEndEvent":
            nodes.append(self.node(inner, depth + 1))
        return Items(_line(event), nodes)

    def _entries(self, event: Any, depth: int) -> Entries:
        _check_tag(event, "map")
        pairs = []
        while type(inner := next(self._events)).__name__ != "MappingEndEvent":
            key = self.node(inner, depth + 1)
            if _is_merge(inner):
                key = Scalar(key.line, MERGE)
            pairs.append((key, self.node(next(self._events), depth + 1)))
        return Entries(_line(event), pairs)


def _is_merge(event: Any) -> bool:
    return (
        type(event).__name__ == "ScalarEvent"
        and event.value == "<<"
        and bool(event.implicit[0])
    )


def _tag(event: Any) -> str | None:
    return None if event.tag is None else str(event.tag)


def _check_tag(event: Any, kind: str) -> None:
    tag = _tag(event)
    if tag not in {None, "!", _TAG + kind}:
        raise _unknown_tag(tag, event)


def _unknown_tag(tag: object, event: Any) -> ConfigError:
    written = str(tag).replace(_TAG, "!!")
    return ConfigError(
        f"got the tag {shown(written)}; allowed: !!str, !!int, !!float, !!bool, !!null",
        line=_line(event),
        hint="if it is text, put it in quotes",
    )


def _scalar_value(event: Any) -> object:
    tag, text = _tag(event), str(event.value)
    try:
        match tag and tag.removeprefix(_TAG):
            case None:
                return parse_scalar(text) if event.implicit[0] else text
            case "str" | "!":
                return text
            case "int":
                return parse_integer(text)
            case "float":
                return parse_float(text)
            case "bool" if text.lower() in {"true", "false"}:
                return text.lower() == "true"
            case "null" if parse_scalar(text) is None:
                return None
    except ConfigError as error:
        raise ConfigError(error.problem, line=_line(event)) from None
    raise _unknown_tag(tag, event)
