"""What was seen of the run's randomness: the user's seeds, and what escapes control."""

from __future__ import annotations

import hashlib
import json
import operator
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import Site, site_of
from ml_experiment.capture.handed_over import entry_frame, was_handed_over


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_SEEDS = 1000
_ESCAPES = 200
# A forest of a thousand trees seeds each of them: soon it is clear that none is the user's.
_MISSES_PER_SITE = 20
_LISTED_ITEMS = 32
_LISTED_CHARACTERS = 200
_LISTED_BITS = 1024


@dataclass
class Seeding:
    """A seed that the user's code set, or handed to a library that set it.

    Attributes:
        library: Whose generator.
        call: The function or class that was called.
        value: The seed, as JSON can hold it.
        where: ``file:line`` of the user's code.
        via: The library between the user's code and the call.
        count: How many times the very same was seen.
    """

    library: str
    call: str
    value: object
    where: str
    via: str | None
    count: int = 1


@dataclass
class Escape:
    """Something random, or of varying order, that is not under control.

    Attributes:
        what: What it is.
        where: ``file:line`` of the user's code.
        count: How many times.
        fix: What would bring it under control.
    """

    what: str
    where: str
    count: int = 1
    fix: str | None = None


class Observations:
    """Collects both, tells the journal of each seed once, and stays within bounds.

    ``library_seeds`` counts the seeds that libraries made up themselves, from the user's
    or from the run's.

    Args:
        report: ``report(event, **fields)``, or ``None`` to tell nobody.
    """

    def __init__(self, report: Callable[..., object] | None) -> None:
        self.report = report
        self._busy: set[int] = set()
        self._seeds: dict[str, Seeding] = {}
        self._escapes: dict[tuple[str, str], Escape] = {}
        self._misses: dict[tuple[str, str, str | None], int] = {}
        self.library_seeds = 0
        self.unlisted_seeds = 0
        self.unlisted_escapes = 0
        self._before: tuple[dict[str, int], dict[tuple[str, str], int]] = ({}, {})

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Observe nothing of what this thread does: we are doing it ourselves."""
        me = threading.get_ident()
        nested = me in self._busy
        self._busy.add(me)
        try:
            yield
        finally:
            if not nested:
                self._busy.discard(me)

    def loud(self) -> None:
        """Observe everything again: after a fork, the other threads are gone."""
        self._busy.clear()

    @property
    def is_quiet(self) -> bool:
        """Whether this thread is not to be observed at present."""
        return threading.get_ident() in self._busy

    def seeded(
        self, library: str, call: str, value: object, frame: FrameType | None
    ) -> None:
        """Note that user code, or a library for it, has set a seed."""
        with self.quiet():
            site = site_of(frame)
            shown = as_json(value)
            key = json.dumps([library, call, shown, site.where, site.via])
            known = self._seeds.get(key)
            if known is not None:
                known.count += 1
                return
            if not self._is_listed(call, site, value, frame):
                return
            seeding = Seeding(library, call, shown, site.where, site.via)
            self._seeds[key] = seeding
            if self.report is not None:
                fields = asdict(seeding)
                del fields["count"]
                if site.via is None:
                    del fields["via"]
                self.report("seeded", **fields)

    def _is_listed(
        self, call: str, site: Site, value: object, frame: FrameType | None
    ) -> bool:
        """Whether a seed is the user's own, and there is room for it."""
        if not site.direct and not self._is_handed_over(call, site, value, frame):
            self.library_seeds += 1
            return False
        if len(self._seeds) >= _SEEDS:
            self.unlisted_seeds += 1
            return False
        return True

    def _is_handed_over(
        self, call: str, site: Site, value: object, frame: FrameType | None
    ) -> bool:
        place = (call, site.where, site.via)
        if self._misses.get(place, 0) >= _MISSES_PER_SITE:
            return False
        entry = entry_frame(frame)
        found = entry is not None and was_handed_over(value, entry)
        if not found:
            self._misses[place] = self._misses.get(place, 0) + 1
        return found

    def escaped(self, what: str, where: str, fix: str | None = None) -> None:
        """Note something that is not under control."""
        known = self._escapes.get((what, where))
        if known is not None:
            known.count += 1
        elif len(self._escapes) < _ESCAPES:
            self._escapes[what, where] = Escape(what, where, fix=fix)
        else:
            self.unlisted_escapes += 1

    def withdraw(self, what: str, where: str) -> None:
        """Take back what was noted last as not under control: it is, after all."""
        known = self._escapes.get((what, where))
        if known is None:
            return
        known.count -= 1
        if known.count <= 0:
            del self._escapes[what, where]

    def begin(self) -> None:
        """A run begins: what was seen up to here belongs to every later run."""
        self._before = (
            {key: item.count for key, item in self._seeds.items()},
            {place: item.count for place, item in self._escapes.items()},
        )

    def forget_run(self) -> None:
        """A run is over: what was seen in it belongs to it alone."""
        seeds, escapes = self._before
        self._seeds = {key: self._seeds[key] for key in seeds}
        self._escapes = {place: self._escapes[place] for place in escapes}
        for key, count in seeds.items():
            self._seeds[key].count = count
        for place, count in escapes.items():
            self._escapes[place].count = count
        self._misses = {}
        self.library_seeds = self.unlisted_seeds = self.unlisted_escapes = 0

    def seeds(self) -> list[dict[str, object]]:
        """Return the seeds that were seen, in the order of their first time."""
        return [asdict(item) for item in self._seeds.values()]

    def escapes(self) -> list[dict[str, object]]:
        """Return what was found to be out of control, in the order of the first time."""
        return [
            {key: value for key, value in asdict(item).items() if value is not None}
            for item in self._escapes.values()
        ]


def as_json(value: Any) -> object:
    """Return a seed as JSON can hold it; what is too big to read is given as a digest."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= _LISTED_CHARACTERS else _digested(value.encode())
    if isinstance(value, bytes | bytearray):
        short = len(value) <= _LISTED_ITEMS
        return {"bytes": value.hex()} if short else _digested(bytes(value))
    try:
        number = operator.index(value)
    except TypeError:
        return _many_as_json(value)
    return number if number.bit_length() <= _LISTED_BITS else _digested(b"%x" % number)


def _many_as_json(value: Any) -> object:
    if hasattr(value, "tolist") and hasattr(value, "tobytes"):
        if value.size <= _LISTED_ITEMS:
            return as_json(value.tolist())
        return _digested(value.tobytes()) | {"shape": list(value.shape)}
    if isinstance(value, list | tuple) and len(value) <= _LISTED_ITEMS:
        return [as_json(item) for item in value]
    return _digested(repr(value).encode()) | {"type": type(value).__name__}


def _digested(data: bytes) -> dict[str, object]:
    return {"blake2b": hashlib.blake2b(data, digest_size=16).hexdigest()}
