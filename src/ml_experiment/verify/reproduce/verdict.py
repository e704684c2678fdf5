"""Compare what was run again with what was recorded, and keep the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ml_experiment.record.directory import read_json, write_json


if TYPE_CHECKING:
    from ml_experiment.config.environment import Environment
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.verify.compare import Comparison


def keep(comparison: Comparison, run: RunDirectory, environment: Environment) -> str:
    """Write the comparison into the new run's directory, and tell MLflow.

    Args:
        comparison: Of the earlier run with this one.
        run: The new run.
        environment: Where MLflow is.

    Returns:
        Why MLflow could not be told; empty if it was, or will be when the run is
        published.
    """
    write_json(run.comparison, _finite(comparison.to_document()))
    published = read_json(run.published) or {}
    if not published.get("closed") or not published.get("mlflow_run_id"):
        return ""  # the publisher takes it along
    from ml_experiment.errors import TrackingError
    from ml_experiment.tracking.query import note_verdict
    from ml_experiment.tracking.settings import Settings

    settings = Settings(environment.tracking_uri, environment.artifact_root)
    try:
        note_verdict(
            str(published["mlflow_run_id"]),
            comparison.verdict.value,
            run.comparison,
            settings,
        )
    except TrackingError as error:
        return str(error)
    return ""


def _finite(value: Any) -> Any:
    """Return a document that strict JSON can hold."""
    return json.loads(json.dumps(value, default=str), parse_constant=str)
