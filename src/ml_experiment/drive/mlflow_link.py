"""Give user code that calls MLflow itself the run that it expects.

MLflow takes the run named by ``MLFLOW_RUN_ID`` when code logs without having started one.
The publisher creates that run; it is waited for only if the user's code imports MLflow.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import wrapt

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json


if TYPE_CHECKING:
    from types import ModuleType

    from ml_experiment.config.environment import Environment
    from ml_experiment.record.directory import RunDirectory

_LIMIT_S = 60.0
_VARIABLES = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID")

_current: MlflowLink | None = None
_hooked = False


class MlflowLink:
    """Leads MLflow in this process to one run, for as long as the run lasts."""

    def __init__(self, run: RunDirectory, environment: Environment) -> None:
        self._run = run
        self._environment = environment
        self._linked = False

    def start(self) -> None:
        """Link now if MLflow is there already, else when it is imported."""
        global _current, _hooked  # noqa: PLW0603 - one process, one current run
        _current = self
        if "mlflow" in sys.modules:
            self._link()
        elif not _hooked:
            _hooked = True
            wrapt.register_post_import_hook(_on_import, "mlflow")

    def stop(self) -> None:
        """The run is over: later MLflow calls are the user's own affair."""
        global _current  # noqa: PLW0603
        _current = None
        if not self._linked:
            return
        mlflow: Any = sys.modules.get("mlflow")
        if mlflow is not None and mlflow.active_run() is not None:
            mlflow.end_run()
        for name in _VARIABLES:
            os.environ.pop(name, None)

    def _link(self) -> None:
        published = self._wait()
        if published is None:
            return
        self._linked = True
        os.environ["MLFLOW_TRACKING_URI"] = self._environment.tracking_uri
        os.environ["MLFLOW_RUN_ID"] = str(published["mlflow_run_id"])
        os.environ["MLFLOW_EXPERIMENT_ID"] = str(published["experiment_id"])

    def _wait(self) -> dict[str, object] | None:
        limit = time.monotonic() + _LIMIT_S
        while time.monotonic() < limit:
            try:
                published = read_json(self._run.published)
            except RecordError:
                published = None
            if published is not None:
                if published.get("mlflow_run_id"):
                    return published
                if published.get("error"):
                    return None  # the server is away; user code will be told by MLflow
            time.sleep(0.01)
        return None


def _on_import(_module: ModuleType) -> None:
    if _current is not None:
        _current._link()  # noqa: SLF001 - the same module
