"""Give user code that calls MLflow itself the run that it expects.

MLflow takes the run named by ``MLFLOW_RUN_ID`` when code logs without having started one.
The publisher creates that run; it is waited for only if the user's code imports MLflow.
Code that chooses an experiment or a server of its own gets what it chooses: MLflow would
refuse to continue our run there.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.when_imported import when_imported
from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json


if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from ml_experiment.config.environment import Environment
    from ml_experiment.record.directory import RunDirectory

_LIMIT_S = 60.0
_RUN, _EXPERIMENT = "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"
_NAME, _SERVER = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_TRACKING_URI"


class MlflowLink:
    """Leads MLflow in this process to one run, for as long as the run lasts.

    Args:
        report: Told of what a reader of the record should know.
    """

    def __init__(self, report: Callable[..., None]) -> None:
        self._report = report
        self._run: RunDirectory | None = None
        self._tracking_uri = ""
        self._linked = False
        self._before: dict[str, str | None] = {}
        # The user's own choice, as MLflow was told: a server, an experiment.
        self._chosen: dict[str, str] = {}

    def install(self) -> None:
        """Watch for MLflow being imported, and for what it is told, once a process."""
        when_imported("mlflow", self._on_import)

    def start(self, run: RunDirectory, environment: Environment) -> None:
        """Lead MLflow to this run, now or when it is imported."""
        self._run, self._tracking_uri = run, environment.tracking_uri
        if "mlflow" in sys.modules:
            self._link()

    def stop(self) -> None:
        """The run is over: later MLflow calls are the user's own affair."""
        self._run = None
        if not self._linked:
            return
        self._linked = False
        mlflow: Any = sys.modules["mlflow"]
        if mlflow.active_run() is not None:
            mlflow.end_run()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def _on_import(self, module: ModuleType) -> None:
        for name in ("set_experiment", "set_tracking_uri"):
            if hasattr(module, name):
                setattr(module, name, self._watching(name, getattr(module, name)))
        if self._run is not None:
            self._link()

    def _watching(self, name: str, wrapped: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(wrapped)
        def watch(*args: Any, **kwargs: Any) -> Any:
            if name == "set_tracking_uri":
                uri = str(args[0] if args else kwargs.get("uri"))
                if uri != self._tracking_uri:
                    self._chosen[name] = uri
                    self._unlink("it chose a tracking server of its own")
                return wrapped(*args, **kwargs)
            ours = os.environ.get(_EXPERIMENT)
            experiment = wrapped(*args, **kwargs)
            self._chosen[name] = str(experiment.experiment_id)
            if self._linked and self._chosen[name] != ours:
                self._unlink("it chose an MLflow experiment of its own")
            return experiment

        return watch

    def _unlink(self, reason: str) -> None:
        if self._linked:
            os.environ.pop(_RUN, None)
            self._report(
                "note", text=f"what the script itself logs goes elsewhere: {reason}"
            )

    def _link(self) -> None:
        published = self._wait()
        if published is None or "set_tracking_uri" in self._chosen:
            return
        experiment = str(published["experiment_id"])
        if self._chosen.get("set_experiment", experiment) != experiment:
            return
        self._linked = True
        names = (_RUN, _EXPERIMENT, _NAME, _SERVER)
        self._before = {name: os.environ.get(name) for name in names}
        os.environ.pop(_NAME, None)
        os.environ[_SERVER] = self._tracking_uri
        os.environ[_RUN] = str(published["mlflow_run_id"])
        os.environ[_EXPERIMENT] = experiment

    def _wait(self) -> dict[str, object] | None:
        limit = time.monotonic() + _LIMIT_S
        while self._run is not None and time.monotonic() < limit:
            try:
                published = read_json(self._run.published) or {}
            except RecordError:
                published = {}
            if published.get("mlflow_run_id"):
                return published
            if published.get("error"):
                return None  # the server is away; user code will be told by MLflow
            time.sleep(0.01)
        return None
