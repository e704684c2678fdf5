"""Make a run directory again from what MLflow has of a run."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import (
    NotReproducibleError,
    RecordError,
    RunNotFoundError,
    TrackingError,
)
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.journal import read_journal
from ml_experiment.tracking.evidence import artifact_place
from ml_experiment.tracking.faults import explain
from ml_experiment.tracking.packing import ARCHIVE, unpack
from ml_experiment.tracking.query import find_published
from ml_experiment.tracking.store import open_store, patiently, waiting
from ml_experiment.tracking.told import RUN_ID_TAG
from ml_experiment.tracking.trial_facts import PARENT_TAG, TRIAL_TAG


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

    from ml_experiment.tracking.settings import Settings

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PROGRESS_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
_LARGEST_ARTIFACT = 500_000_000
_FILES = ("record.json", "requirements.txt", "console.txt")


@dataclass(frozen=True)
class Downloaded:
    """A run that was fetched from MLflow.

    Attributes:
        run: Its run directory, made again.
        mlflow_run_id: MLflow's identifier of it; of the group, if a trial was asked for.
        trial: The number of the trial that was asked for; ``None`` for a whole run.
    """

    run: RunDirectory
    mlflow_run_id: str
    trial: int | None = None


def download_run(mlflow_run_id: str, settings: Settings, folder: Path) -> Downloaded:
    """Fetch all that MLflow has of a run.

    Args:
        mlflow_run_id: MLflow's identifier of the run, or of a trial of a group.
        settings: Where MLflow is.
        folder: Where the run directory is made.

    Raises:
        RunNotFoundError: MLflow has no such run.
        NotReproducibleError: The run was not made by this program, or not published whole.
        TrackingError: MLflow, or its artifact store, cannot be reached.
    """
    client = open_store(settings)
    found = find_published(client, mlflow_run_id, settings)
    tags, trial = found.data.tags, None
    if TRIAL_TAG in tags and PARENT_TAG in tags:
        trial, mlflow_run_id = int(tags[TRIAL_TAG]), str(tags[PARENT_TAG])
        found = find_published(client, mlflow_run_id, settings)
        tags = found.data.tags
    run_id = str(tags.get(RUN_ID_TAG, ""))
    if not _RUN_ID.fullmatch(run_id):
        raise NotReproducibleError(
            f"MLflow's run {mlflow_run_id} was not recorded by ml-experiment"
        )
    run = RunDirectory(folder / run_id)
    try:
        with waiting(patiently(_LARGEST_ARTIFACT)), _without_progress_bars():
            _fetch(client, mlflow_run_id, run)
    except (RecordError, RunNotFoundError, NotReproducibleError):
        raise
    except Exception as error:
        place = str(found.info.artifact_uri)
        raise TrackingError(explain(error, settings, place)) from error
    return Downloaded(run, mlflow_run_id, trial)


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    before = os.environ.get(_PROGRESS_BAR)
    os.environ[_PROGRESS_BAR] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PROGRESS_BAR]
        else:
            os.environ[_PROGRESS_BAR] = before


def _fetch(client: MlflowClient, mlflow_run_id: str, run: RunDirectory) -> None:
    for path in run.folders:
        path.mkdir(parents=True, exist_ok=True)
    names = {item.path for item in client.list_artifacts(mlflow_run_id)}
    inside = {item.path for item in client.list_artifacts(mlflow_run_id, "record")}
    if f"record/{ARCHIVE}" not in inside:
        raise NotReproducibleError(
            f"MLflow's run {mlflow_run_id} lacks record/{ARCHIVE}: it is not published "
            "completely, or by an earlier release\n  where it was made, its run directory "
            "can be reproduced"
        )
    with tempfile.TemporaryDirectory() as work:

        def fetched(place: str) -> Path:
            return Path(client.download_artifacts(mlflow_run_id, place, work))

        unpack(fetched(f"record/{ARCHIVE}"), run.path)
        for name in sorted(names.intersection(_FILES)):
            fetched(name).replace(run.path / name)
        for place, folder in (("record/parts", run.parts), ("source", run.source)):
            if place in names | inside:
                _move(fetched(place), folder)
        for event in read_journal(run.journal):
            if event["event"] == "artifact":
                _fetch_artifact(client, mlflow_run_id, run, str(event["path"]), event)


def _fetch_artifact(
    client: MlflowClient,
    mlflow_run_id: str,
    run: RunDirectory,
    path: str,
    event: dict[str, object],
) -> None:
    """Fetch an artifact of the user's; a very large one is known by its digest."""
    target = run.path / path
    safe = ".." not in Path(path).parts and target.is_relative_to(run.artifacts)
    if not safe or int(str(event.get("bytes") or 0)) > _LARGEST_ARTIFACT:
        return
    place = f"{artifact_place(run, path)}/{target.name}"
    with tempfile.TemporaryDirectory() as work:
        try:
            fetched = Path(client.download_artifacts(mlflow_run_id, place, work))
        except Exception:  # noqa: BLE001 - the digest in the journal is enough to compare
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            _move_one(fetched, target)


def _move(source: Path, folder: Path) -> None:
    for path in source.iterdir():
        _move_one(path, folder / path.name)


def _move_one(source: Path, target: Path) -> None:
    shutil.move(source, target)
