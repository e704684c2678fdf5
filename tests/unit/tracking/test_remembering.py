"""What MLflow's store is spared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from ml_experiment.tracking.remembering import remember_experiments


if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_runs_are_created_as_ever_and_an_ended_experiment_is_noticed(
    tmp_path: Path,
) -> None:
    """Many runs, one look at the experiment; another look after a while."""
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    plain = client._tracking_client.store.get_experiment
    remember_experiments(client)
    store = client._tracking_client.store
    assert store.get_experiment != plain, "MLflow keeps its store elsewhere"
    number = client.create_experiment("demo")

    runs = [client.create_run(number).info for _ in range(3)]
    client.delete_experiment(number)
    limit = time.monotonic() + 30
    while not _is_refused(client, number):
        assert time.monotonic() < limit

    assert {run.experiment_id for run in runs} == {number}
    assert store.get_experiment(number) is store.get_experiment(number)


def _is_refused(client: MlflowClient, number: str) -> bool:
    try:
        client.create_run(number)
    except MlflowException as error:
        return "active" in str(error)
    return False


def test_what_is_no_client_that_we_know_is_left_alone() -> None:
    """Another release of MLflow may keep its store elsewhere."""
    client = MlflowClient.__new__(MlflowClient)

    remember_experiments(client)

    assert not hasattr(client, "_tracking_client")
