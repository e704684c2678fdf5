"""Open MLflow's store: quickly, once, and safe against others that do so now.

The only module that imports MLflow at the start of the publisher.
"""

from __future__ import annotations

import gc
import importlib
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ml_experiment.errors import TrackingError
from ml_experiment.tracking import sqlite
from ml_experiment.tracking.fast_import import sparing_import
from ml_experiment.tracking.faults import explain
from ml_experiment.tracking.remembering import remember_experiments


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

    from ml_experiment.tracking.settings import Settings

_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
# MLflow would try for minutes. Here the journal waits, so trouble is better noticed soon;
# and a request that is sent twice may make two runs.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "PGCONNECT_TIMEOUT": "8",
    "AWS_MAX_ATTEMPTS": "3",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_FIRST_ANSWER_S = 8
_LATER_ANSWER_S = 60
_SLOWEST_UPLOAD_BYTES_PER_S = 500_000
_SILENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}

_clients: dict[Settings, MlflowClient] = {}


def open_store(settings: Settings) -> MlflowClient:
    """Return a client whose store has answered.

    Raises:
        TrackingError: It cannot be reached or opened; the message says what to do.
    """
    try:
        if settings not in _clients:
            with _without_collecting():
                _clients[settings] = _opened(settings)
        elif settings.is_server:
            _first_answer(_clients[settings])
    except TrackingError:
        raise
    except Exception as error:
        raise TrackingError(explain(error, settings)) from error
    return _clients[settings]


def _opened(settings: Settings) -> MlflowClient:
    if not settings.tracking_uri:
        raise TrackingError("no tracking URI; set MLFLOW_TRACKING_URI")
    client_of = import_mlflow(settings)
    if settings.scheme == "sqlite":
        sqlite.prepare(settings.tracking_uri, lambda uri: _first_answer(client_of(uri)))
    elif settings.is_database:
        _knock(settings.tracking_uri)
    client = client_of(settings.tracking_uri)
    _first_answer(client)
    if settings.is_database:
        remember_experiments(client)
    return client


def import_mlflow(settings: Settings) -> type[MlflowClient]:
    """Import what a store needs, quickly; nothing is opened or touched.

    Args:
        settings: Which store it is to be.
    """
    for name, value in _SILENT.items():
        os.environ[name] = value
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    # A run that this process did not make is none of its business.
    os.environ.pop("MLFLOW_RUN_ID", None)
    with _without_collecting(), sparing_import():
        from mlflow import MlflowClient

        if settings.is_database:
            importlib.import_module("mlflow.store.tracking.sqlalchemy_store")
    return MlflowClient


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Make no search for garbage among the many objects that are made to stay."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def _first_answer(client: MlflowClient) -> None:
    with waiting(_FIRST_ANSWER_S):
        client.search_experiments(max_results=1)


def _knock(uri: str) -> None:
    """Connect once: MLflow would try ten times, for minutes."""
    from sqlalchemy import create_engine

    engine = create_engine(uri)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


@contextmanager
def waiting(seconds: int) -> Iterator[None]:
    """Let the server take this long for an answer, unless the user has set a limit.

    Args:
        seconds: Limit of one request.
    """
    if _TIMEOUT in os.environ:
        yield
        return
    os.environ[_TIMEOUT] = str(seconds)  # MLflow looks at each request
    try:
        yield
    finally:
        os.environ.pop(_TIMEOUT, None)


def patiently(size: int = 0) -> int:
    """Return the seconds to allow for a request to a server that has just answered.

    Args:
        size: Bytes that it is sent.
    """
    return _LATER_ANSWER_S + size // _SLOWEST_UPLOAD_BYTES_PER_S


def release_connections(settings: Settings) -> None:
    """Close the connections of an open store, which makes new ones when it needs them.

    No process may use a connection that was made before it was forked.
    """
    client = _clients.get(settings)
    store = getattr(getattr(client, "_tracking_client", None), "store", None)
    engine = getattr(store, "engine", None)
    if engine is None:
        _clients.pop(settings, None)
    else:
        engine.dispose()


def close_stores() -> None:
    """Leave nothing half-written in a database file."""
    _clients.clear()
    with suppress(Exception):  # the process ends; there is nobody to tell
        sqlite.close_connections()
