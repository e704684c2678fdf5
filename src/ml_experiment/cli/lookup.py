"""Find the run that somebody means."""

from __future__ import annotations

from pathlib import Path

from ml_experiment.config.environment import load_environment
from ml_experiment.errors import RecordError, RunNotFoundError, unknown_name
from ml_experiment.record.directory import RunDirectory, all_runs, read_json


def runs_here() -> list[RunDirectory]:
    """Return the runs of this folder, oldest first."""
    return all_runs(load_environment(Path.cwd()).runs_root)


def find_run(name: str | None) -> RunDirectory:
    """Return the run called ``name``.

    Args:
        name: A run id or its beginning, the path of a run directory, or an MLflow run id;
            ``None`` for the latest run.

    Raises:
        RunNotFoundError: There is none, or there are several.
    """
    if name is not None and (Path(name) / "manifest.json").is_file():
        return RunDirectory(name)
    if name is not None and name.endswith(".zip"):
        raise RunNotFoundError(
            f"no run '{name}'; only `ml-experiment reproduce` takes crates"
        )
    runs = runs_here()
    if not runs:
        raise RunNotFoundError(
            f"no run in {load_environment(Path.cwd()).runs_root}\n"
            "  `ml-experiment SCRIPT` makes one"
        )
    if name is None:
        return runs[-1]
    exact = [run for run in runs if run.run_id == name]
    matching = exact or [
        run for run in runs if run.run_id.startswith(name) or _mlflow_id(run) == name
    ]
    if len(matching) == 1:
        return matching[0]
    if matching:
        several = ", ".join(run.run_id for run in matching[:8])
        raise RunNotFoundError(f"'{name}' is the beginning of several runs: {several}")
    recent = [run.run_id for run in runs[-8:]]
    raise RunNotFoundError(f"no run '{name}'; {unknown_name(name, recent)}")


def sound(run: RunDirectory) -> RunDirectory:
    """Return a run whose documents are such as a run writes.

    Raises:
        RecordError: One is damaged.
    """
    from ml_experiment.verify.crate.documents import check_directory

    check_directory(run)
    return run


def _mlflow_id(run: RunDirectory) -> str | None:
    try:
        published = read_json(run.published) or {}
    except RecordError:  # of another run than the one that is looked for
        return None
    found = published.get("mlflow_run_id")
    return None if found is None else str(found)
