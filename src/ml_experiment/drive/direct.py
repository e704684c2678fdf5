"""Start a run from inside: the script was started directly, not by the command line.

The driver makes the run directory itself and starts a supervisor beside it. From there on
it is the same run: same files, same record.
"""

from __future__ import annotations

import atexit
import inspect
import os
import re
import select
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.config.environment import load_environment
from ml_experiment.config.models import ExperimentConfig
from ml_experiment.drive.console import (
    DescriptorCapture,
    TeeCapture,
    streams_are_descriptors,
)
from ml_experiment.drive.parameters import to_json
from ml_experiment.record.prepare import Request, prepare_run


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.drive.spec import JobSpec
    from ml_experiment.record.reproduction import Launch

# How long the script waits for its console to have been copied; it is a matter of
# milliseconds unless the terminal itself is stopped.
_CONSOLE_LIMIT_S = 10.0

_supervisors: list[subprocess.Popen[bytes]] = []


class DirectStart:
    """A run of a job that was called in this process.

    Args:
        spec: The job.
        bound: Its arguments.
        drawn_seed: The seed, if neither decorator nor config gives one.
        launch: How this process was started.
        runs_root: Folder of the run directories; as the environment says if ``None``.
    """

    def __init__(
        self,
        spec: JobSpec,
        bound: inspect.BoundArguments,
        *,
        drawn_seed: int,
        launch: Launch | None = None,
        runs_root: Path | None = None,
    ) -> None:
        cwd = Path.cwd()
        script = script_of(spec.function)
        self._environment = load_environment(cwd)
        if runs_root is not None:
            self._environment = replace(self._environment, runs_root=runs_root)
        self.config = _config(spec, script, bound)
        self.run, _ = prepare_run(
            Request(
                config=self.config,
                script=script,
                cwd=cwd,
                command=sys.orig_argv,
                started_by="script",
                environment=self._environment,
                drawn_seed=drawn_seed,
                launch=launch,
            )
        )
        self._descriptors = streams_are_descriptors()
        capture = DescriptorCapture if self._descriptors else TeeCapture
        self._console: DescriptorCapture | TeeCapture = capture(self.run)
        self._acknowledged = -1
        self._supervisor: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start the supervisor and divert the console."""
        self._start_supervisor()
        self._console.start()

    def end(self) -> None:
        """Give the console back, after the terminal has shown all of it."""
        self._console.stop()
        supervisor = self._supervisor
        if supervisor is None:
            return
        if supervisor.stdin is not None:
            supervisor.stdin.close()
        ready, _, _ = select.select([self._acknowledged], [], [], _CONSOLE_LIMIT_S)
        if ready:
            os.read(self._acknowledged, 1)
        os.close(self._acknowledged)

    def _start_supervisor(self) -> None:
        command = [
            sys.executable,
            "-P",
            "-m",
            "ml_experiment.supervise",
            str(self.run.path),
            str(os.getpid()),
        ]
        if not self._descriptors:
            command.append("--quiet")
        self._acknowledged, writing = os.pipe()
        streams: dict[str, Any] = {}
        if isinstance(self._console, DescriptorCapture):
            stdout, stderr = self._console.terminal
            streams = {"stdout": stdout, "stderr": stderr}
        self._supervisor = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            env=os.environ | {"ML_EXPERIMENT_ACK": str(writing)},
            pass_fds=(writing,),
            process_group=0,
            **streams,
        )
        os.close(writing)
        if not _supervisors:
            atexit.register(_wait_for_supervisors)
        _supervisors.append(self._supervisor)


def _wait_for_supervisors() -> None:
    """Let no run be half published because the script was short."""
    for supervisor in _supervisors:
        supervisor.wait()


def script_of(function: Callable[..., Any]) -> Path:
    """Return the file that defines a function; a made-up one for an interactive one."""
    name = inspect.unwrap(function).__code__.co_filename
    path = Path(name)
    return path.absolute() if path.is_file() else Path.cwd() / "interactive.py"


def _config(
    spec: JobSpec, script: Path, bound: inspect.BoundArguments
) -> ExperimentConfig:
    fields: dict[str, Any] = {"name": script.stem} | spec.config
    name = re.sub(r"[\x00-\x1f]", " ", str(fields.pop("name"))).strip() or "experiment"
    return ExperimentConfig(
        name=name, params=to_json(bound), run=[str(script)], **fields
    )
