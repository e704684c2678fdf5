"""``python -m ml_experiment.tracking [RUN_DIR]``: publish a run while it goes on.

Without a run directory it gets warm: it imports MLflow, touches nothing, and then takes the
path of the run from the first line of standard input, or ends where there is none.

The end of standard input says that the run is over, or that its supervisor is gone. Exit
status: 0 if all is published, 3 if something is pending (``published.json`` says why).
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ml_experiment.config.environment import load_environment
from ml_experiment.errors import MlExperimentError, RecordError, TrackingError
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.locks import hold
from ml_experiment.record.manifest import read_manifest
from ml_experiment.tracking.publisher import Publisher
from ml_experiment.tracking.second_hand import SecondHand
from ml_experiment.tracking.settings import Settings
from ml_experiment.tracking.store import (
    close_stores,
    import_mlflow,
    open_store,
    release_connections,
)


if TYPE_CHECKING:
    from filelock import FileLock

PENDING = 3
LOG_NAME = "tracking.log"

_LONGEST_PAUSE_S = 30.0
# At the end an attempt that fails at once is repeated; one that hung is not.
_LAST_PAUSES_S = (0.3, 1.0)
_HUNG_S = 2.0
_OTHER_PUBLISHER_S = 60.0


class _MaskedStream:
    """The log, without credentials, whoever writes to it."""

    def __init__(self, stream: TextIO, settings: Settings) -> None:
        self._stream = stream
        self._settings = settings

    def write(self, text: str) -> int:
        return self._stream.write(self._settings.mask(text))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def main(words: list[str]) -> int:
    """Publish the run directory named by the first word; return the exit status."""
    environment = load_environment(Path.cwd())
    os.environ.update(environment.dotenv)  # credentials of the server may be there
    settings = Settings(environment.tracking_uri, environment.artifact_root)
    path = words[0] if words else _warm_up(settings)
    if path is None:
        return 0
    run = RunDirectory(path)
    over = threading.Event()
    sys.stderr = _MaskedStream(sys.stderr, settings)
    lock = hold(run.publisher_lock)
    second = None if lock is None else _second_hand(run, settings)
    threading.Thread(target=_wait_for_end, args=(over,), daemon=True).start()
    lock = lock or _hold(run, over)
    if lock is None:
        sys.stderr.write("another process publishes this run\n")
        return PENDING
    try:
        publisher = Publisher(run, settings, second)
    except RecordError as error:
        sys.stderr.write(f"{error}\n")
        return PENDING
    try:
        return _follow(publisher, over)
    except Exception as error:  # noqa: BLE001 - the log has it all, the user a sentence
        traceback.print_exc()
        publisher.give_up(settings.mask(f"the publisher failed: {error!r}"))
        return PENDING


def _warm_up(settings: Settings) -> str | None:
    """Import MLflow, and wait for the path of a run; ``None`` if none comes.

    What goes wrong now goes wrong again later, when there is a log to say so in.
    """
    with contextlib.suppress(Exception):
        import_mlflow(settings)
    line = b""
    while not line.endswith(b"\n"):
        # Byte by byte, and not through a buffer: what follows is read elsewhere.
        byte = os.read(0, 1)
        if not byte:
            return None
        line += byte
    path = os.fsdecode(line[:-1])
    log = os.open(Path(path) / LOG_NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 2)
    os.close(log)
    return path


def _second_hand(run: RunDirectory, settings: Settings) -> SecondHand | None:
    """Return a second process, for a group whose trials go to a database file."""
    try:
        if settings.scheme != "sqlite" or read_manifest(run).kind != "group":
            return None
        import_mlflow(settings)
        from ml_experiment.tracking.group import publisher_of_trials

        # Opened once for both; whether it could be is met, and told, again.
        with contextlib.suppress(MlExperimentError):
            open_store(settings)
        release_connections(settings)
        return SecondHand.start(publisher_of_trials(run, settings))
    except Exception:  # noqa: BLE001 - it is told, and met again, when there is need to
        return None


def _wait_for_end(over: threading.Event) -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # no standard input at all
    over.set()


def _hold(run: RunDirectory, over: threading.Event) -> FileLock | None:
    """Take the run's lock, waiting for another publisher; ``None`` in vain."""
    limit = None
    while True:
        lock = hold(run.publisher_lock)
        if lock is not None:
            return lock
        if over.is_set():
            limit = limit or time.monotonic() + _OTHER_PUBLISHER_S
            if time.monotonic() > limit:
                return None
        time.sleep(0.05)


def _follow(publisher: Publisher, over: threading.Event) -> int:
    """Publish until the run is closed or its supervisor is gone."""
    trouble = 0
    while not over.is_set():
        if publisher.has_news or trouble:
            try:
                if publisher.step():
                    return 0
                trouble = 0
            except TrackingError as error:
                _log(error)
                publisher.note_trouble(str(error))
                trouble += 1
        over.wait(min(publisher.look_every_s * 2**trouble, _LONGEST_PAUSE_S))
    return _finish(publisher)


def _finish(publisher: Publisher) -> int:
    """Publish what is left: the last attempt, and its repetitions."""
    reason = ""
    for pause in (*_LAST_PAUSES_S, None):
        began = time.monotonic()
        try:
            if publisher.step():
                return 0
            publisher.give_up()
            return PENDING
        except MlExperimentError as error:
            _log(error)
            reason = str(error)
        if pause is None or time.monotonic() - began > _HUNG_S:
            break
        time.sleep(pause)
    publisher.give_up(reason)
    return PENDING


def _log(error: MlExperimentError) -> None:
    cause = error.__cause__
    if cause is None:
        sys.stderr.write(f"{error}\n")
    else:
        traceback.print_exception(cause)


if __name__ == "__main__":
    status = PENDING
    try:
        status = main(sys.argv[1:])
        close_stores()
    except BaseException:  # noqa: BLE001 - to the log; `os._exit` would swallow it
        traceback.print_exc()
    finally:
        # All is written and closed; collecting MLflow's garbage would take half a second.
        sys.stderr.flush()
        os._exit(status)
