"""``report``: one HTML file about a group."""

from __future__ import annotations

from pathlib import Path

from ml_experiment.cli.lookup import find_run, runs_here
from ml_experiment.errors import RunNotFoundError
from ml_experiment.record.manifest import read_manifest
from ml_experiment.verify.report import write_report


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


def _latest_group() -> str:
    groups = [run for run in runs_here() if read_manifest(run).kind == "group"]
    if not groups:
        raise RunNotFoundError(
            "no group here\n  a config with `kind: group` makes one when it is run"
        )
    return str(groups[-1].path)
