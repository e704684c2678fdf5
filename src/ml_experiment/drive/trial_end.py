"""Record what only the worker can tell of a trial, at little cost for each of many trials.

Most trials import nothing that the trial before has not: what depends on the imported
modules is looked up again only when there are new ones.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ml_experiment.capture.determinism import loaded_libraries
from ml_experiment.capture.modules import local_modules
from ml_experiment.drive.parameters import json_value
from ml_experiment.record.directory import write_json


if TYPE_CHECKING:
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
        self._found: object = None

    def now(self) -> object:
        """Return what goes into the record."""
        if self._version != self._modules.version or self._modules.changed():
            self._modules.now()
            self._version = self._modules.version
            self._found = json_value(loaded_libraries())
        return self._found


def record_end(
    context: ProcessContext,
    run: RunDirectory,
    journal: Journal,
    libraries: LoadedLibraries,
) -> None:
    """End the watch over random generators, and write what was seen."""
    steps = {
        "stochasticity": lambda: json_value(context.control.end()),
        "libraries": libraries.now,
    }
    for name, describe in steps.items():
        try:
            write_json(run.part(name), describe())
        except Exception as error:  # noqa: BLE001 - the user's result matters more
            reason = f"{type(error).__name__}: {error}"
            journal.write("note", text=f"{name} could not be captured: {reason}")
