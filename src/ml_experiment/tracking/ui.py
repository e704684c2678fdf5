"""MLflow's own web pages, over the runs of this folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import TrackingError


if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ml_experiment.tracking.settings import Settings

_LARGEST_PORT = 65535


def serve_ui(settings: Settings, host: str, port: int) -> int:
    """Serve MLflow's pages until interrupted.

    Args:
        settings: The database whose runs are shown, and the root of artifacts.
        host: Address to listen on.
        port: Port to listen on, 1 to 65535.

    Returns:
        The server's exit status; 0 if it was interrupted.

    Raises:
        TrackingError: The port is taken, or the runs are on a server, which has pages of
            its own.
    """
    if not settings.is_database:
        raise TrackingError(
            f"the runs are at {settings.masked_uri}, which has web pages of its own\n"
            "  open that address in a browser"
            if settings.is_server
            else f"{settings.masked_uri} is not a database that MLflow can serve"
        )
    _check_port(host, port)
    server = subprocess.Popen(
        _command(settings, host, port),
        env=_environment(settings),
        process_group=0,
    )
    with _stopping(server):
        code = server.wait()
    return 0 if code in {-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT} else code


def _command(settings: Settings, host: str, port: int) -> list[str]:
    command = [sys.executable, "-P", "-m", "mlflow", "server"]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    if settings.artifact_root:
        root = settings.artifact_root
        if "://" not in root:
            root = str(Path(root).expanduser().absolute())
        command += ["--artifacts-destination", root]
    return command


def _environment(settings: Settings) -> dict[str, str]:
    environment = dict(os.environ)
    for name in ("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        environment.pop(name, None)
    # Not as an option: every user of the machine can read a command line.
    environment["MLFLOW_BACKEND_STORE_URI"] = settings.tracking_uri
    environment.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    environment.setdefault("DO_NOT_TRACK", "true")
    # Four more processes, for the evaluation of language models.
    environment.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    return environment


def _check_port(host: str, port: int) -> None:
    if not 0 < port <= _LARGEST_PORT:
        raise TrackingError(f"--port {port}: allowed are 1 to {_LARGEST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
    except socket.gaierror as error:
        raise TrackingError(f"--host {host}: {error.strerror}") from error
    with socket.socket(family, kind, protocol) as probe:
        # As the server does: a port whose last connections are still fading is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise TrackingError(
                f"port {port} of {host} cannot be used: {error.strerror}\n"
                f"  choose another: --port {port + 1 if port < _LARGEST_PORT else 5000}"
            ) from error


@contextmanager
def _stopping(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass the wish to stop on to the server and to its workers, and wait for the end."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        _terminate(server)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if server.poll() is None:
            _terminate(server)
            server.wait()


def _terminate(server: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
