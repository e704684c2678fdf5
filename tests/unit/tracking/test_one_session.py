"""A new run of MLflow's, made in one session."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from ml_experiment.tracking.one_session import session_of_new_run


if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database file with MLflow's tables."""
    path = tmp_path / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments(max_results=1)
    return path


def _told(client: MlflowClient, *values: float, status: str = "FINISHED") -> str:
    """Make a run and tell all of it; return its identifier."""
    tags = {"group": "a", "ml_experiment.trial": "1"}
    run_id = str(client.create_run("0", 1000, tags, "Trial 1").info.run_id)
    client.log_batch(
        run_id,
        metrics=[Metric("loss", value, 1500, 0) for value in values],
        params=[Param("x", "1"), Param("y", "two")],
        tags=[RunTag("seeds", "[1, 2]")],
        synchronous=True,
    )
    client.set_terminated(run_id, status, 2000)
    return run_id


def _content(client: MlflowClient, run_id: str) -> dict[str, Any]:
    run = client.get_run(run_id)
    info = dict(run.info)
    del info["run_id"], info["artifact_uri"]
    return {
        "info": info,
        "data": run.data.to_dictionary(),
        "inputs": repr(run.inputs and run.inputs.to_dictionary()),
        "history": [
            (each.value, each.timestamp, each.step)
            for each in client.get_metric_history(run_id, "loss")
        ],
    }


def _count(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=0)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
    return int(count)


@pytest.mark.parametrize("values", [(), (0.5,), (math.nan,), (0.5, 0.25)])
def test_the_run_is_what_it_would_have_been(
    database: Path, values: tuple[float, ...]
) -> None:
    """Information, parameters, tags and every value of a metric are the same."""
    client = MlflowClient(f"sqlite:///{database}")
    plain = _told(client, *values)

    with session_of_new_run(client):
        together = _told(client, *values)

    assert repr(_content(client, together)) == repr(_content(client, plain))


def test_nobody_waits_for_the_database_before_the_end(database: Path) -> None:
    """Another writer is let in meanwhile, and sees nothing of the run."""
    client = MlflowClient(f"sqlite:///{database}")

    with session_of_new_run(client):
        _told(client, 0.5)
        seen = _count(database)
        with closing(sqlite3.connect(database, timeout=0)) as other:
            other.execute("UPDATE experiments SET name = 'renamed'")
            other.commit()

    assert seen == 0
    assert _count(database) == 1


def test_what_fails_leaves_nothing(database: Path) -> None:
    """Neither a run in the database nor a change of the store."""
    client = MlflowClient(f"sqlite:///{database}")
    store = client._tracking_client.store
    before = dict(vars(store))

    with pytest.raises(MlflowException, match="status"), session_of_new_run(client):
        _told(client, 0.5, status="no such status")

    assert _count(database) == 0
    assert vars(store) == before
    assert client.get_run(_told(client, 0.5)).data.metrics == {"loss": 0.5}


def test_what_the_database_refuses_is_an_error(database: Path) -> None:
    """Two values that are one to the database: MLflow alone would find that out."""
    client = MlflowClient(f"sqlite:///{database}")

    with pytest.raises(MlflowException, match="UNIQUE"), session_of_new_run(client):
        _told(client, float("nan"), float("nan"))

    assert _count(database) == 0


def test_a_store_that_we_do_not_know_is_left_alone() -> None:
    """Then all is done as ever."""

    class Other:
        pass

    other: Any = Other()
    with session_of_new_run(other):
        pass

    assert vars(other) == {}
