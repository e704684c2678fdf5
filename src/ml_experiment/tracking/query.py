"""Ask MLflow for what was published of a run."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import RecordError, RunNotFoundError, TrackingError
from ml_experiment.tracking.faults import error_code, explain
from ml_experiment.tracking.store import open_store, patiently, waiting
from ml_experiment.tracking.told import RUN_ID_TAG, VERDICT_TAG


if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from ml_experiment.tracking.settings import Settings

_RECORD = "record.json"
_NO_SUCH_RUN = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})


def run_id_of(mlflow_run_id: str, settings: Settings) -> str | None:
    """Return our identifier of a run of MLflow's; ``None`` if it is not one of ours.

    Args:
        mlflow_run_id: MLflow's identifier.
        settings: Where MLflow is.

    Raises:
        RunNotFoundError: MLflow has no such run.
        TrackingError: MLflow cannot be reached.
    """
    found = find_published(open_store(settings), mlflow_run_id, settings)
    run_id = found.data.tags.get(RUN_ID_TAG)
    return None if run_id is None else str(run_id)


def download_record(mlflow_run_id: str, settings: Settings) -> dict[str, Any]:
    """Return the record of a run of MLflow's.

    Args:
        mlflow_run_id: MLflow's identifier.
        settings: Where MLflow is.

    Raises:
        RunNotFoundError: MLflow has no such run.
        RecordError: The run has no record.
        TrackingError: MLflow, or its artifact store, cannot be reached.
    """
    client = open_store(settings)
    found = find_published(client, mlflow_run_id, settings)
    try:
        text = _download(client, mlflow_run_id)
    except Exception as error:
        place = str(found.info.artifact_uri)
        raise TrackingError(explain(error, settings, place)) from error
    if text is None:
        raise RecordError(
            f"MLflow's run {mlflow_run_id} has no record: it was not made by ml-experiment, "
            "or is not published completely"
        )
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RecordError(f"{_RECORD} of {mlflow_run_id}: {error}") from error
    if not isinstance(document, dict):
        raise RecordError(f"{_RECORD} of {mlflow_run_id} is not a JSON object")
    return document


def add_artifact(mlflow_run_id: str, path: Path, settings: Settings) -> None:
    """Add a file to the artifacts of a run of MLflow's.

    Args:
        mlflow_run_id: MLflow's identifier.
        path: The file.
        settings: Where MLflow is.

    Raises:
        TrackingError: MLflow, or its artifact store, cannot be reached.
    """
    try:
        client = open_store(settings)
        with waiting(patiently(path.stat().st_size)):
            client.log_artifact(mlflow_run_id, str(path))
    except TrackingError:
        raise
    except Exception as error:
        raise TrackingError(explain(error, settings)) from error


def note_verdict(
    mlflow_run_id: str, verdict: str, comparison: Path, settings: Settings
) -> None:
    """Tell MLflow's run of a reproduction how it compares with the earlier run.

    Args:
        mlflow_run_id: MLflow's identifier of the new run.
        verdict: In a word or two.
        comparison: The file that says it in full.
        settings: Where MLflow is.

    Raises:
        TrackingError: MLflow, or its artifact store, cannot be reached.
    """
    try:
        client = open_store(settings)
        with waiting(patiently(comparison.stat().st_size)):
            client.set_tag(mlflow_run_id, VERDICT_TAG, verdict)
            client.log_artifact(mlflow_run_id, str(comparison))
    except TrackingError:
        raise
    except Exception as error:
        raise TrackingError(explain(error, settings)) from error


def _download(client: MlflowClient, mlflow_run_id: str) -> str | None:
    with waiting(patiently()), tempfile.TemporaryDirectory() as folder:
        names = {item.path for item in client.list_artifacts(mlflow_run_id)}
        if _RECORD not in names:
            return None
        path = client.download_artifacts(mlflow_run_id, _RECORD, folder)
        return Path(path).read_text(encoding="utf-8")


def find_published(client: MlflowClient, mlflow_run_id: str, settings: Settings) -> Run:
    """Return a run of MLflow's.

    Raises:
        RunNotFoundError: MLflow has no such run.
        TrackingError: MLflow cannot be reached.
    """
    try:
        with waiting(patiently()):
            return client.get_run(mlflow_run_id)
    except Exception as error:
        if error_code(error) in _NO_SUCH_RUN:
            raise RunNotFoundError(
                f"MLflow at {settings.masked_uri} has no run '{mlflow_run_id}'"
            ) from error
        raise TrackingError(explain(error, settings)) from error
