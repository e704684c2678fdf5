"""Make the parts of one run: at its start, while it goes on, and when it is over.

A part that cannot be made says so in its place; nothing here may fail the run.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.data_part import DataFiles
from ml_experiment.capture.digests import DigestCache, default_cache_path
from ml_experiment.capture.hardware import describe_hardware
from ml_experiment.capture.lock_files import copy_lock_files
from ml_experiment.capture.packages import installed_packages, requirements
from ml_experiment.capture.software import (
    allowed_variables,
    describe_software,
    environment_of,
)
from ml_experiment.capture.source import Project, SourceRecorder
from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json, write_atomically, write_json
from ml_experiment.record.journal import JournalReader


if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event as Flag

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Event

_QUICK_S = 0.05
_SLOW_S = 0.2
# A part of a hundred thousand files is not written anew for each of them.
_WRITING_SHARE = 0.05
_SWITCHED_OFF = "switched off by @job(log_system_info=False)"

Document = dict[str, Any]


class Description:
    """The parts of one run.

    Args:
        run: The run directory, with its manifest.

    Raises:
        RecordError: It has none.
    """

    def __init__(self, run: RunDirectory) -> None:
        manifest = read_json(run.manifest)
        if manifest is None:
            raise RecordError(f"{run.path} is not a run directory: no manifest.json")
        self._run = run
        self._manifest: Document = manifest
        self._journal = JournalReader(run.journal)
        self._source = SourceRecorder(run, _project(run, manifest), os.environ)
        self._cache = DigestCache(default_cache_path())
        home = run.path.parent.parent
        self._data = DataFiles(
            Path(str(manifest.get("cwd", "."))),
            _patterns(manifest),
            self._cache,
            ignore=[home],
            began=float(str(manifest.get("created") or time.time())),
        )
        self._software: Document = {}
        self._next_data = 0.0

    def watch(self, over: Flag) -> None:
        """Make all parts; return when the run is over and they are complete.

        Args:
            over: Set by somebody else when the run is over.
        """
        self.begin()
        pause = _QUICK_S
        while not over.wait(pause):
            busy = self.follow()
            pause = _QUICK_S if busy else min(_SLOW_S, pause * 1.5)
        self.finish()

    def begin(self) -> None:
        """Make what does not depend on what the run does: the source first of all."""
        self._make("source", self._source.capture)
        if self._logs_system:
            self._make("hardware", describe_hardware)
            self._make("software", self._describe_software)
        self._attempt("data", self._data.add_declared)
        self._write_data()

    def follow(self) -> bool:
        """Take in what the journal tells since the last time; return if there was any."""
        busy = False
        for event in self._journal.read():
            busy = True
            self._attempt(str(event.get("event")), partial(self._take, event))
        if time.monotonic() >= self._next_data:
            self._write_data()
        return busy

    def finish(self) -> None:
        """Complete the parts after the end of the run."""
        self.follow()
        self._attempt("data", self._data.finish)
        self._write_data()
        self._cache.close()
        try:  # the driver adds the decorator's options to the manifest
            self._manifest = read_json(self._run.manifest) or self._manifest
        except RecordError as error:
            _complain(str(error))
        if not self._logs_system:
            for name in ("hardware", "software"):
                self._write(name, {"missing": _SWITCHED_OFF})
            self._run.requirements.unlink(missing_ok=True)

    @property
    def _logs_system(self) -> bool:
        return bool(self._manifest.get("log_system_info", True))

    def _take(self, event: Event) -> None:
        kind = event.get("event")
        if kind == "opened":
            self._data.add_opened(event)
        elif kind == "modules":
            if self._source.add_modules(event["modules"]):
                self._write("source", self._source.part())
        elif kind == "started" and self._software:
            self._take_environment(int(event["pid"]))

    def _describe_software(self) -> Document:
        installed = installed_packages()
        text = requirements(installed, platform.python_version())
        write_atomically(self._run.requirements, text)
        self._software = describe_software(installed, os.environ)
        self._software["requirements"] = self._run.requirements.name
        self._software["locks"] = copy_lock_files(self._source.folders, self._run)
        return self._software

    def _take_environment(self, pid: int) -> None:
        """Record the variables of the job itself, which has some more than this process."""
        environ = environment_of(pid)
        if environ:
            self._software["environment"] = allowed_variables(environ)
            self._write("software", self._software)

    def _write_data(self) -> None:
        if self._data.changed:
            part = self._run.part("data")
            begin = time.monotonic()
            self._make("data", lambda: self._data.write_part(part))
            end = time.monotonic()
            self._next_data = end + (end - begin) / _WRITING_SHARE

    def _make(self, name: str, describe: Callable[[], Document]) -> None:
        try:
            document = describe()
        except Exception as error:  # noqa: BLE001 - the other parts are still to be made
            _complain(traceback.format_exc())
            document = {"missing": f"{type(error).__name__}: {error}"}
        self._write(name, document)

    def _write(self, name: str, document: Document) -> None:
        def write() -> None:
            try:
                write_json(self._run.part(name), document)
            except UnicodeEncodeError:  # a file name that is no text
                write_json(self._run.part(name), _printable(document))

        self._attempt(name, write)

    def _attempt(self, name: str, step: Callable[[], object]) -> None:
        try:
            step()
        except Exception:  # noqa: BLE001 - see above
            _complain(f"{name}: {traceback.format_exc()}")


def _project(run: RunDirectory, manifest: Document) -> Project:
    config, root = manifest.get("config_file"), manifest.get("source_root")
    cwd = Path(str(manifest.get("cwd", ".")))
    return Project(
        script=cwd / str(manifest["script"]),
        cwd=cwd,
        config_file=None if config is None else cwd / str(config),
        run_home=run.path.parent.parent,
        root=None if root is None else Path(str(root)),
        began=float(str(manifest.get("created") or time.time())),
        resumed=run.part("source").exists(),
    )


def _patterns(manifest: Document) -> list[str]:
    declared = manifest.get("data") or []
    return [declared] if isinstance(declared, str) else [str(item) for item in declared]


def _printable(value: Any) -> Any:
    """Return a document with every text such that it can be written as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value


def _complain(text: str) -> None:
    """Write into the log of this process."""
    sys.stderr.write(f"{text}\n")
