"""Start the driver as a process on this machine, in this environment."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory

# The word before the number of the pipe that a waiting driver is told of its run by.
WAIT = "--wait="

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


def open_appending(path: Path) -> int:
    """Open a stream file such that several writers append to it; a file descriptor."""
    return os.open(path, _APPEND, 0o644)


def start_driver(
    run: RunDirectory,
    cwd: Path,
    environment: Mapping[str, str],
    python: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start the driver in this process group, so that Ctrl-C reaches it.

    Its streams are the files of the run directory: nothing that it says is lost, whoever
    is killed.

    Args:
        run: A prepared run directory with an order in it.
        cwd: Working directory of the job.
        environment: The whole environment of the job.
        python: The interpreter; this one if ``None``.
    """
    with ExitStack() as stack:
        stdout, stderr = open_appending(run.stdout), open_appending(run.stderr)
        stack.callback(os.close, stdout)
        stack.callback(os.close, stderr)
        return subprocess.Popen(
            _driver(str(run.path), python),
            cwd=cwd,
            env=dict(environment),
            stdout=stdout,
            stderr=stderr,
        )


def start_waiting_driver(
    *, cwd: Path, environment: Mapping[str, str], script: Path | None
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start a driver before there is a run for it; it gets ready, and waits.

    Its standard input is this process' own, and belongs to the job.

    Args:
        cwd: Working directory of the job.
        environment: The whole environment of the job.
        script: The script that it will run; ``None`` if that is not known yet.

    Returns:
        The process, and where it is told of its run.
    """
    reading, writing = os.pipe()
    channel = os.fdopen(writing, "wb")
    try:
        process = subprocess.Popen(
            [*_driver(f"{WAIT}{reading}"), *([] if script is None else [str(script)])],
            cwd=cwd,
            env=dict(environment),
            stdout=subprocess.DEVNULL,  # its streams are files of the run directory
            stderr=subprocess.DEVNULL,
            pass_fds=(reading,),
        )
    except BaseException:
        channel.close()
        raise
    finally:
        os.close(reading)
    return process, channel


def _driver(word: str, python: Path | None = None) -> list[str]:
    """Return the command of a driver; ``-X faulthandler`` tells where native code crashed."""
    return [
        str(python or sys.executable),
        "-X",
        "faulthandler",
        "-P",  # a module of the user's in this folder must not shadow the library's
        "-m",
        "ml_experiment.drive",
        word,
    ]


def start_companion(
    module: str,
    run: RunDirectory,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    python: Path | None = None,
    inherits: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start one of the run's companions: the capture process or the publisher.

    It is told by the end of its standard input that the run is over. It has a process
    group of its own: Ctrl-C, or a kill of the job's group, leaves it time to finish.

    Args:
        module: Name of the module, as for ``python -m``.
        run: The run that it works for.
        cwd: Its working directory.
        environment: Its whole environment.
        python: The interpreter; this one if ``None``.
        inherits: File descriptors that it keeps open.
    """
    log: IO[bytes]
    with (run.path / f"{module.rpartition('.')[2]}.log").open("ab") as log:
        return subprocess.Popen(
            [str(python or sys.executable), "-P", "-m", module, str(run.path)],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            process_group=0,
            pass_fds=inherits,
        )


def start_waiting_companion(
    module: str, *, cwd: Path, environment: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start a companion before there is a run for it; it gets ready, and waits.

    Args:
        module: Name of the module, as for ``python -m``.
        cwd: Its working directory.
        environment: Its whole environment.

    Returns:
        The process, and its standard input, where it is told of its run.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # its log is in the run directory, when there is one
        process_group=0,
    )
    assert process.stdin is not None  # noqa: S101 - it was asked for
    return process, process.stdin


def lower_priority(process: subprocess.Popen[bytes], niceness: int) -> None:
    """Let a process come after the job, from its first moment on.

    Args:
        process: The process.
        niceness: Added to that of this process. Beside others that are busy, 5 leaves a
            quarter of a core to it, and 10 a tenth.
    """
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(OSError):  # it has ended, or the system refuses
        os.setpriority(os.PRIO_PROCESS, process.pid, own + niceness)


def tell(channel: IO[bytes], line: bytes) -> bool:
    """Write one line to a process that waits; return whether it is there to read it."""
    try:
        channel.write(line + b"\n")
        channel.flush()
    except OSError:
        return False
    return True
