"""A group's report: one HTML file that needs nothing else, now or in ten years."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, write_atomically
from ml_experiment.verify.report_data import report_data
from ml_experiment.verify.report_figures import draw_figures
from ml_experiment.verify.report_html import render


if TYPE_CHECKING:
    from pathlib import Path


def write_report(run: RunDirectory, output: Path | None = None) -> Path:
    """Write the report of a group.

    Args:
        run: The group's run directory; the group may still be running.
        output: The file; ``report.html`` in the run directory if ``None``.

    Returns:
        The file that was written.

    Raises:
        RecordError: ``run`` is no group, or the file cannot be written.
        MissingExtraError: Optuna or Plotly is not installed.
    """
    path = run.report if output is None else output
    group = report_data(run)
    page = render(group, draw_figures(group))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page)
        path.chmod(0o644)
    except OSError as error:
        raise RecordError(
            f"the report cannot be written to {path}: {error.strerror or error}"
        ) from error
    return path


if __name__ == "__main__":
    write_report(RunDirectory(sys.argv[1]))
