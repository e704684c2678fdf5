"""Processes that get ready for a run before there is one.

Two ways are long: importing MLflow, and starting the interpreter of the job. Neither depends
on the run, so both are gone while the command line and the config are still being read.
Where no run comes the processes are ended, and have touched nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import IO, TYPE_CHECKING

from ml_experiment.config.determinism import available_cpus, child_environment
from ml_experiment.config.seeding import SEED_BITS
from ml_experiment.launchers.local import (
    lower_priority,
    start_waiting_companion,
    start_waiting_driver,
    tell,
)


if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory

PUBLISHER = "ml_experiment.tracking"
SUPERVISOR = "ML_EXPERIMENT_SUPERVISOR"

# A short run waits for its publisher, also where others keep the machine busy.
_NICENESS = 5

# Nothing reads these before there is a run. All others may matter to the interpreter
# itself, as the hash seed does, or to what it has loaded.
_READ_LATER = ("MLFLOW_", "ML_EXPERIMENT_")


class _Waits:
    """A process that waits, and the pipe that it is told of its run by."""

    def __init__(self, process: subprocess.Popen[bytes], channel: IO[bytes]) -> None:
        self._process: subprocess.Popen[bytes] | None = process
        self._channel = channel

    def dismiss(self) -> None:
        """End the process if nobody has taken it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                self._channel.close()

    def _told(self, line: bytes) -> subprocess.Popen[bytes] | None:
        """Return the process, which now has its run; ``None`` if it is gone."""
        process, self._process = self._process, None
        if process is None or tell(self._channel, line):
            return process
        process.wait()
        return None


class WaitingPublisher(_Waits):
    """A publisher that imports MLflow while the config is still being read.

    Args:
        cwd: Working directory of the run to come.
        environment: The environment of the command.
        urgent: It does not come after the job.
    """

    def __init__(
        self, cwd: Path, environment: Mapping[str, str], *, urgent: bool
    ) -> None:
        process, channel = start_waiting_companion(
            PUBLISHER, cwd=cwd, environment=companion_environment(environment)
        )
        if not urgent:
            lower_priority(process, _NICENESS)
        super().__init__(process, channel)

    def take(self, run: RunDirectory) -> subprocess.Popen[bytes] | None:
        """Return the process, which now publishes ``run``; ``None`` if it is gone."""
        return self._told(os.fsencode(run.path))


class WaitingDriver(_Waits):
    """The job's interpreter, started with the environment that the job will likely have.

    Args:
        cwd: Working directory of the run to come.
        environment: The environment of the command.
        seed: The seed of the run, if the guess is right.
        script: The script of the run, if the guess is right; ``None`` for none.
    """

    def __init__(
        self,
        cwd: Path,
        environment: Mapping[str, str],
        seed: int,
        script: Path | None,
    ) -> None:
        self._cwd = cwd
        self._script = script
        self._environment = driver_environment(
            child_environment(
                seed=seed,
                deterministic="warn",
                cpus=available_cpus(),
                current_env=environment,
            )
        )
        super().__init__(
            *start_waiting_driver(cwd=cwd, environment=self._environment, script=script)
        )

    def take(
        self,
        run: RunDirectory,
        script: Path,
        cwd: Path,
        environment: Mapping[str, str],
    ) -> subprocess.Popen[bytes] | None:
        """Return the process, which now drives ``run``.

        Args:
            run: A prepared run directory with an order in it.
            script: The job's script.
            cwd: Working directory of the job.
            environment: The whole environment of the job.

        Returns:
            ``None`` if it is another script, or the job must begin elsewhere or with
            another environment: the process is ended then.
        """
        changed = self._changed(environment)
        expected = cwd == self._cwd and self._script in {None, script}
        if not expected or not all(map(_is_read_later, changed)):
            self.dismiss()
            return None
        order = json.dumps({"run": str(run.path), "environment": changed})
        process = self._told(order.encode())
        with contextlib.suppress(OSError):
            self._channel.close()
        return process

    def _changed(self, environment: Mapping[str, str]) -> dict[str, str | None]:
        """Return what is set otherwise from what was expected; ``None``: not set."""
        expected = self._environment
        return {
            name: environment.get(name)
            for name in environment.keys() | expected.keys()
            if environment.get(name) != expected.get(name)
        }


class Waiting:
    """What waits for the first run of a command.

    Args:
        cwd: Working directory of the run to come.
        environment: The environment of the command.
        seed: The seed that the config seems to give; ``None`` for none.
        script: The script that the run seems to have; ``None``: there is no telling.
        group: Whether it seems to be a group: its many trials are published while it
            goes on, where otherwise the job comes first.

    Attributes:
        drawn_seed: For the run if its config gives none; ``None``: not drawn yet.
        driver: The job's interpreter.
        publisher: The publisher.
    """

    def __init__(
        self,
        cwd: Path,
        environment: Mapping[str, str],
        *,
        seed: int | None,
        script: Path | None,
        group: bool,
    ) -> None:
        self.drawn_seed: int | None = None
        if seed is None:
            seed = self.drawn_seed = int.from_bytes(os.urandom(SEED_BITS // 8))
        self.driver = WaitingDriver(cwd, environment, seed, script)
        self.publisher = WaitingPublisher(cwd, environment, urgent=group)

    def dismiss(self) -> None:
        """End what nobody has taken."""
        self.driver.dismiss()
        self.publisher.dismiss()


def companion_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a companion: the user's, less what only the job needs."""
    environment = dict(base)
    environment.pop("MLFLOW_RUN_ID", None)
    # A companion must not drag the user's modules in, nor write compiled files there.
    environment["PYTHONSAFEPATH"] = "1"
    return environment


def driver_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a driver, which is told whose end is its own."""
    return {**base, SUPERVISOR: str(os.getpid())}


def _is_read_later(name: str) -> bool:
    return name.startswith(_READ_LATER)
