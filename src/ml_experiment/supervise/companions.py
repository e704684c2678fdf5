"""The two processes beside a run: one captures, one publishes."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from ml_experiment.errors import RecordError
from ml_experiment.launchers.local import lower_priority, start_companion
from ml_experiment.record.directory import read_json
from ml_experiment.record.locks import hold_open
from ml_experiment.supervise.processes import wait_for_end
from ml_experiment.supervise.waiting import PUBLISHER


if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.supervise.waiting import WaitingPublisher

CAPTURE = "ml_experiment.capture"

_CAPTURE_NICENESS = 10

# Hashing what was read may take long; it reads at hundreds of megabytes a second.
_CAPTURE_LIMIT_S = 3600.0
# How long one of the same run, whose supervisor was killed, is waited for.
_OTHER_CAPTURE_S = 60.0
# How long a publisher that has not reached the server is waited for after the run.
_CONNECT_LIMIT_S = 30.0


class Companions:
    """Starts the companions of a run and waits for them.

    Args:
        run: The run.
        cwd: Working directory of the run.
        environment: Environment of the companions.
        publish: Whether there is a publisher; a plain ``job`` has none.
        waiting: A publisher that waits for its run.
        python: The job's interpreter, whose packages are described; this one if ``None``.
    """

    def __init__(
        self,
        run: RunDirectory,
        *,
        cwd: Path,
        environment: Mapping[str, str],
        publish: bool,
        waiting: WaitingPublisher | None = None,
        python: Path | None = None,
    ) -> None:
        self._run = run
        # The publisher first: importing MLflow is the longest way of all.
        self._publisher = waiting.take(run) if publish and waiting else None
        if publish and self._publisher is None:
            self._publisher = start_companion(
                PUBLISHER, run, cwd=cwd, environment=environment
            )
        self._capture = _start_capture(run, cwd, environment, python)
        lower_priority(self._capture, _CAPTURE_NICENESS)

    def finish_capture(self) -> None:
        """Tell the capture process that the run is over and wait for its parts."""
        _close(self._capture)
        ended = False
        with contextlib.suppress(KeyboardInterrupt):
            ended = wait_for_end(self._capture, _CAPTURE_LIMIT_S)
        if not ended:
            self._capture.kill()
            self._capture.wait()

    def finish_publishing(self) -> str | None:
        """Tell the publisher that the run is closed, and wait for it.

        Returns:
            ``None`` if all is published, else the reason why something is pending.
        """
        if self._publisher is None:
            return None
        _close(self._publisher)
        try:
            code = self._wait_while_it_gets_on(self._publisher)
        except KeyboardInterrupt:
            code = None
        if code is None:
            self._publisher.kill()
            self._publisher.wait()
            return "interrupted, or the tracking server did not answer in time"
        return None if code == 0 else self._pending()

    def _wait_while_it_gets_on(self, publisher: subprocess.Popen[bytes]) -> int | None:
        """Return the exit code, or ``None`` if it cannot reach the server."""
        limit = time.monotonic() + _CONNECT_LIMIT_S
        while True:
            if wait_for_end(publisher, 0.2):
                return publisher.returncode
            if time.monotonic() > limit and not self._connected():
                return None

    def _connected(self) -> bool:
        return self._published().get("state") in {"open", "closed"}

    def _published(self) -> dict[str, object]:
        try:
            return read_json(self._run.published) or {}
        except RecordError:
            return {}

    def _pending(self) -> str:
        error = self._published().get("error")
        return (
            str(error) if error else "the publisher failed; see tracking.log in the run"
        )


def _start_capture(
    run: RunDirectory, cwd: Path, environment: Mapping[str, str], python: Path | None
) -> subprocess.Popen[bytes]:
    """Start the capture process, which holds its lock from before it can take it itself."""
    lock = hold_open(run.capture_lock, _OTHER_CAPTURE_S)
    inherits = () if lock is None else (lock,)
    try:
        return start_companion(
            CAPTURE,
            run,
            cwd=cwd,
            environment=environment,
            python=python,
            inherits=inherits,
        )
    finally:
        for descriptor in inherits:
            os.close(descriptor)


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
