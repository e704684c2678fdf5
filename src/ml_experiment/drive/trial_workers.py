"""The workers of a group: started at once, told what to do when the data are there."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_experiment.config.models import to_document
from ml_experiment.drive.script_module import name_of_job
from ml_experiment.executors.base import WorkerHello, WorkerSetup, executor_factory


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml_experiment.config.models import GroupConfig
    from ml_experiment.drive.spec import JobSpec
    from ml_experiment.executors.base import Executor
    from ml_experiment.executors.resources import WorkerPlan
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Journal
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.search.messages import StudyDescription

_DATA = "data"


@contextmanager
def workers_of(
    spec: JobSpec,
    config: GroupConfig,
    run: RunDirectory,
    manifest: Manifest,
    journal: Journal,
    *,
    plan: WorkerPlan,
    study: StudyDescription,
    metrics: tuple[str, ...],
    on_loaded: Callable[[], None],
) -> Iterator[Executor]:
    """Have workers that wait for trials, while the context lasts.

    Args:
        spec: The job.
        config: The group's config.
        run: Its run directory.
        manifest: What was asked.
        journal: Its journal; told what the data loader gave.
        plan: How many workers, and what each may use.
        study: What they hold a replica of.
        metrics: Names of the optimised metrics.
        on_loaded: Called when the data are loaded.
    """
    hello = WorkerHello(script=manifest.script, cwd=manifest.cwd, seed=manifest.seed)
    executor = executor_factory("processes")(
        plan, hello, environment=dict(os.environ), folder=run.path
    )
    executor.start()
    try:
        data = _share_data(spec, run, journal)
        on_loaded()
        executor.describe(
            WorkerSetup(
                study=study,
                config=to_document(config),
                metrics=metrics,
                job=name_of_job(spec),
                data=data,
            )
        )
        yield executor
        executor.shutdown()
    finally:
        executor.shutdown(force=True)
        shutil.rmtree(run.path / _DATA, ignore_errors=True)


def _share_data(spec: JobSpec, run: RunDirectory, journal: Journal) -> str | None:
    """Load the data once, here, and lay them out for the workers to map."""
    loader = spec.data_loader
    if loader is None:
        return None
    from ml_experiment.sharing import load_and_share

    folder = run.path / _DATA
    description = load_and_share(loader.load_data, folder)
    for fields in description.events():
        journal.write("loaded", **fields)
    return str(folder)
