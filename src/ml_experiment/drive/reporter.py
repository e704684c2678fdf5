"""Carries what the capturing hooks see to the journal of the run that it belongs to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from ml_experiment.record.journal import Journal

_PREAMBLE_LIMIT = 10_000


class Reporter:
    """A journal that is always there.

    What is reported while no run is going on, such as a seed set or a file read at the top
    of the script, belongs to every run that this process starts later.
    """

    def __init__(self) -> None:
        self._preamble: list[tuple[str, dict[str, Any]]] = []
        self._journal: Journal | None = None
        self._lock = threading.Lock()

    def write(self, event: str, **fields: Any) -> None:
        """Report an event; it never fails, for it is called from inside user code."""
        journal = self._journal
        if journal is not None:
            try:
                journal.write(event, **fields)
            except (OSError, ValueError):
                return  # a full disk must not stop the user's code; the run says so later
            return
        with self._lock:
            if len(self._preamble) < _PREAMBLE_LIMIT:
                self._preamble.append((event, fields))

    def bind(self, journal: Journal) -> None:
        """Send everything to ``journal``, beginning with what came before."""
        with self._lock:
            for event, fields in self._preamble:
                journal.write(event, **fields)
            self._journal = journal

    def unbind(self) -> None:
        """The run is over."""
        self._journal = None
