"""Which runs of a group's trials MLflow has, and whose each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow.entities import ViewType

from ml_experiment.tracking.told import RUN_ID_TAG
from ml_experiment.tracking.trial_facts import GROUP_TAG


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.manifest import Manifest

DELETED = "deleted"
_PAGE = 1000  # runs that MLflow's own stores give at once


@dataclass(frozen=True, kw_only=True)
class Parent:
    """The group's run in MLflow.

    Attributes:
        run: The group's run directory.
        manifest: Of the group.
        mlflow_run_id: MLflow's identifier of it.
        experiment_id: MLflow's identifier of its experiment.
    """

    run: RunDirectory
    manifest: Manifest
    mlflow_run_id: str
    experiment_id: str


def runs_of_trials(
    client: MlflowClient, experiment_id: str, group_id: str
) -> Iterator[Run]:
    """Yield the runs of a group's trials, the deleted ones too, the oldest first.

    Args:
        client: An open store.
        experiment_id: MLflow's identifier of their experiment.
        group_id: Our identifier of the group.
    """
    token = None
    while True:
        page = client.search_runs(
            [experiment_id],
            filter_string=f"tags.`{GROUP_TAG}` = '{group_id}'",
            run_view_type=ViewType.ALL,
            max_results=_PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def by_run_id(runs: Iterable[Run]) -> dict[str, Run]:
    """Return one run for each trial, by our identifier: one that was not deleted, if any."""
    found: dict[str, Run] = {}
    for run in runs:
        other = found.get(run_id_of(run))
        if other is None or other.info.lifecycle_stage == DELETED:
            found[run_id_of(run)] = run
    return found


def run_id_of(run: Run) -> str:
    """Return our identifier of a trial, by what its run was created with."""
    return str(run.data.tags.get(RUN_ID_TAG))


def delete_doubles(
    client: MlflowClient, runs: Iterable[Run], kept: Mapping[str, Run]
) -> None:
    """Delete runs that a server made of requests which seemed to have failed.

    Args:
        client: An open store.
        runs: All that there are.
        kept: The one of each trial that is told of it, by our identifier.
    """
    for run in runs:
        known = kept.get(run_id_of(run))
        is_other = known is not None and known.info.run_id != run.info.run_id
        if is_other and run.info.lifecycle_stage == "active":
            client.delete_run(run.info.run_id)
