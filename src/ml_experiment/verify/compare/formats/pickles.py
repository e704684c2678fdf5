"""Pickles: which attribute of which object differs, and how far."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.compare.finding import (
    SAME,
    Comparer,
    Finding,
    Sameness,
    combined,
    different,
    same_but,
)
from ml_experiment.verify.compare.formats.numbers import compare_arrays
from ml_experiment.verify.compare.formats.symbolic_arrays import to_array
from ml_experiment.verify.compare.formats.symbols import Made, Symbol, read_symbols
from ml_experiment.verify.compare.measured import looks_volatile


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LARGEST = 300_000_000  # bytes: more would take long to take apart
_SHOWN = 60
# Keras tells objects that are shared by their addresses.
_ADDRESSES = frozenset({"shared_object_id"})
_TINY = sys.float_info.min


def compare_pickles(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare two pickles, or files of joblib, without running any of them.

    Args:
        name: Of the file.
        old: Content of the first.
        new: Content of the second.
        rtol: Relative difference that is tolerated of numbers.
        compare: Compares bytes that are found in them.

    Returns:
        What differs; ``None`` if it is no pickle.
    """
    if max(len(old), len(new)) > _LARGEST:
        return None
    try:
        before, after = read_symbols(old), read_symbols(new)
        found = compare_symbols(before, after, rtol, compare)
    except (ValueError, RecursionError):
        del name
        return None
    return found if found.sameness else same_but("how it was pickled")


def compare_symbols(old: Any, new: Any, rtol: float, compare: Comparer) -> Finding:
    """Compare what two pickles hold.

    Raises:
        RecursionError: They are nested too deeply.
    """
    found = _Walk(rtol, compare).walk("", old, new)
    return combined((path.lstrip(".") or "value", each) for path, each in found)


class _Walk:
    """Goes through two trees of symbols side by side."""

    def __init__(self, rtol: float, compare: Comparer) -> None:
        self._rtol = rtol
        self._compare = compare
        self._seen: set[tuple[int, int]] = set()

    def walk(self, path: str, old: Any, new: Any) -> Iterator[tuple[str, Finding]]:
        """Yield each difference with the way to it."""
        if old is new:
            return
        if isinstance(old, (Made, list, dict, set)):
            pair = (id(old), id(new))
            if pair in self._seen:
                return
            self._seen.add(pair)
        arrays = to_array(old), to_array(new)
        if arrays[0] is not None and arrays[1] is not None:
            yield from _told(path, compare_arrays(arrays[0], arrays[1], self._rtol))
        elif _is_number(old) and _is_number(new):
            yield from _told(path, compare_numbers(old, new, self._rtol))
        elif type(old) is not type(new):
            yield path, different(f"{_shown(old)} and {_shown(new)}")
        else:
            yield from self._of_one_type(path, old, new)

    def _of_one_type(
        self, path: str, old: Any, new: Any
    ) -> Iterator[tuple[str, Finding]]:
        if isinstance(old, Made):
            yield from self._made(path, old, new)
        elif isinstance(old, Symbol):
            if old.name != new.name:
                yield path, different(f"{old.name} and {new.name}")
        elif isinstance(old, dict):
            yield from self._named(path, old, new, "[{!r}]")
        elif isinstance(old, (list, tuple)):
            yield from self._sequence(path, old, new)
        elif isinstance(old, (set, frozenset)):
            if sorted(map(_key, old)) != sorted(map(_key, new)):
                yield path, different(f"sets of {len(old)} and {len(new)} items differ")
        else:
            yield from _told(path, self._value(path, old, new))

    def _made(self, path: str, old: Made, new: Made) -> Iterator[tuple[str, Finding]]:
        if old.name != new.name:
            yield path, different(f"a {old.name} and a {new.name}")
            return
        if old.name.startswith("torch._utils._rebuild_"):  # numbers, and their shape
            yield from self.walk(path, old.args[0], new.args[0])
            yield from self._sequence(path, old.args[1:], new.args[1:])
            return
        yield from self._sequence(f"{path}()", old.args, new.args)
        yield from self._named(path, old.options, new.options, ".{}")
        states = [_state(each) for each in (old, new)]
        if all(isinstance(each, dict) for each in states):
            yield from self._named(path, states[0], states[1], ".{}")
        else:
            yield from self._sequence(path, old.states, new.states)
        yield from self._sequence(path, old.items, new.items)
        yield from self._named(path, _pairs(old), _pairs(new), "[{!r}]")

    def _sequence(
        self, path: str, old: Sequence[Any], new: Sequence[Any]
    ) -> Iterator[tuple[str, Finding]]:
        if len(old) != len(new):
            yield path, different(f"{len(old)} and {len(new)} items")
            return
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from self.walk(f"{path}[{number}]", one, other)

    def _named(
        self, path: str, old: dict[Any, Any], new: dict[Any, Any], form: str
    ) -> Iterator[tuple[str, Finding]]:
        before = {_key(key): (key, value) for key, value in old.items()}
        after = {_key(key): value for key, value in new.items()}
        for each in sorted(before.keys() ^ after.keys()):
            side = "first" if each in before else "second"
            yield f"{path}[{each}]", different(f"only in the {side}")
        for each, (key, value) in before.items():
            if each not in after:
                continue
            inner = path + form.format(_short(key))
            if isinstance(key, str) and self._is_volatile(key):
                # What is shared with others is to be seen there, whatever is here.
                apart = _Walk(self._rtol, self._compare).walk(inner, value, after[each])
                if any(True for _ in apart):
                    yield inner, same_but(inner.lstrip("."))
            else:
                yield from self.walk(inner, value, after[each])

    def _is_volatile(self, key: str) -> bool:
        same_inputs = self._compare.same_inputs
        return key in _ADDRESSES or looks_volatile(key, same_inputs=same_inputs)

    def _value(self, path: str, old: Any, new: Any) -> Finding:
        if isinstance(old, (bytes, bytearray)):
            return self._compare(path, bytes(old), bytes(new), self._rtol)
        if isinstance(old, str):
            one, other = (each.encode("utf-8", "surrogatepass") for each in (old, new))
            if "\n" in old:
                return self._compare(f"{path}.txt", one, other, self._rtol)
            return (
                SAME if old == new else different(f"{_short(old)!r}, {_short(new)!r}")
            )
        return SAME if old == new else different(f"{_shown(old)} and {_shown(new)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def compare_numbers(old: float, new: float, rtol: float) -> Finding:
    """Compare two numbers, NaN being equal to itself."""
    from ml_experiment.verify.compare.metrics import relative_difference

    if old == new:
        return SAME
    try:
        relative = relative_difference(float(old), float(new))
    except OverflowError:
        return different("whole numbers that differ")
    if old != old and new != new:  # noqa: PLR0124 - NaN
        return SAME
    # Whole numbers may be too large to be told apart as floats; they differ nevertheless.
    sameness = Sameness.CLOSE if max(relative, _TINY) <= rtol else Sameness.DIFFERENT
    return Finding(sameness, f"{old!r} and {new!r}")


def _told(path: str, finding: Finding) -> Iterator[tuple[str, Finding]]:
    if finding.sameness is not Sameness.SAME:
        yield path, finding


def _state(made: Made) -> Any:
    """Return the state of an object; that of one with slots as if it had none."""
    if len(made.states) != 1:
        return made.states or {}
    state = made.states[0]
    if isinstance(state, tuple) and len(state) == 2:  # noqa: PLR2004 - dict and slots
        parts = [part for part in state if part is not None]
        if all(isinstance(part, dict) for part in parts):
            return {key: value for part in parts for key, value in part.items()}
    return state


def _pairs(made: Made) -> dict[Any, Any]:
    return dict(made.pairs)


def _key(key: Any) -> str:
    """Return what a key is found by again in another tree."""
    if isinstance(key, Made):
        return f"{key.name}{tuple(map(_key, key.args))}"
    return repr(key)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _shown(value: Any) -> str:
    if isinstance(value, (Made, Symbol)):
        return f"a {value.name}"
    return _short(repr(value))
