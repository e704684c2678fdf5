"""Record what only the worker can tell of a trial, at little cost for each of many trials.

Most trials import nothing that the trial before has not: what depends on the imported
modules is looked up again only when there are new ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING

from ml_experiment.capture.determinism import loaded_libraries
from ml_experiment.capture.modules import local_modules
from ml_experiment.drive.parameters import json_value
from ml_experiment.record.directory import write_atomically


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_experiment.drive.context import ProcessContext
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Journal


class LocalModules:
    """The user's modules that are imported now."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._found: dict[str, str] = {}
        self.version = 0

    def changed(self) -> bool:
        """Return whether modules were imported since ``now`` was called last."""
        return self._names != sys.modules.keys()

    def now(self) -> dict[str, str]:
        """Return them by name, with their files."""
        if self.changed():
            self._names = frozenset(sys.modules)
            self._found = local_modules()
            self.version += 1
        return self._found


class LoadedLibraries:
    """The native libraries that compute, looked up when modules were imported.

    Args:
        modules: Tells when modules were imported.
    """

    def __init__(self, modules: LocalModules) -> None:
        self._modules = modules
        self._version = -1
        self._written: Path | None = None

    def write(self, path: Path) -> None:
        """Write the document, or link the one of an earlier trial, if it is the same."""
        self._modules.now()
        if self._version == self._modules.version and self._written is not None:
            with contextlib.suppress(OSError):
                os.link(self._written, path)
                return
        _write(path, loaded_libraries())
        self._version, self._written = self._modules.version, path


def record_end(
    context: ProcessContext,
    run: RunDirectory,
    journal: Journal,
    libraries: LoadedLibraries,
) -> None:
    """End the watch over random generators, and write what was seen."""
    steps: dict[str, Callable[[Path], None]] = {
        "stochasticity": lambda path: _write(path, context.control.end()),
        "libraries": libraries.write,
    }
    for name, write in steps.items():
        try:
            write(run.part(name))
        except Exception as error:  # noqa: BLE001 - the user's result matters more
            reason = f"{type(error).__name__}: {error}"
            journal.write("note", text=f"{name} could not be captured: {reason}")


def _write(path: Path, value: object) -> None:
    # On one line: the encoder that breaks lines is several times slower.
    text = json.dumps(json_value(value), ensure_ascii=False, allow_nan=False)
    write_atomically(path, text + "\n")
