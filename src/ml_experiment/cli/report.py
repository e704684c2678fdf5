"""``report``: one HTML file about a group."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.cli.lookup import find_run, runs_here
from ml_experiment.config.environment import load_environment
from ml_experiment.errors import RunNotFoundError, TrackingError
from ml_experiment.record.directory import read_json
from ml_experiment.record.manifest import read_manifest
from ml_experiment.verify.report import write_report


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory


def report_group(name: str | None, output: str | None) -> None:
    """Write the report of a group and print where it is.

    Args:
        name: What ``find_run`` takes; ``None`` for the latest group.
        output: The file to write, or a folder; ``None`` for ``report.html`` in the
            group's run directory.

    Raises:
        RunNotFoundError: There is no such group.
        RecordError: The run is no group, or the file cannot be written.
        MissingExtraError: Optuna or Plotly is not installed.
    """
    run = find_run(_latest_group() if name is None else name)
    path = None if output is None else Path(output).expanduser().absolute()
    if path is not None and path.is_dir():
        path /= f"{run.run_id}.html"
    print(write_report(run, path))
    if path is None:
        _add_to_mlflow(run)


def _add_to_mlflow(run: RunDirectory) -> None:
    """Make the report an artifact of the group's run, if that is published."""
    published = read_json(run.published) or {}
    if not published.get("closed") or not published.get("mlflow_run_id"):
        return  # the publisher takes it along
    from ml_experiment.tracking.query import add_artifact
    from ml_experiment.tracking.settings import Settings

    environment = load_environment(Path.cwd())
    os.environ.update(environment.dotenv)  # credentials of the server may be there
    settings = Settings(environment.tracking_uri, environment.artifact_root)
    try:
        add_artifact(str(published["mlflow_run_id"]), run.report, settings)
    except TrackingError as error:
        print(f"warning: the report is not in MLflow: {error}", file=sys.stderr)


def _latest_group() -> str:
    groups = [run for run in runs_here() if read_manifest(run).kind == "group"]
    if not groups:
        raise RunNotFoundError(
            "no group here\n  a config with `kind: group` makes one when it is run"
        )
    return str(groups[-1].path)
