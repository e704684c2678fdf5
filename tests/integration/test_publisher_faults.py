"""Publishers that are killed, doubled, or find MLflow away, hung, locked or of another age."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.integration.places import (
    RunOnDisk,
    Workplace,
    free_port,
    serve,
    stop,
    wait_for,
    workplace,
)

from ml_experiment.tracking.settings import Settings


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning:sqlite3")


def _long_run(place: Workplace, name: str = "demo") -> RunOnDisk:
    run = place.new_run(name)
    run.start(C=1)
    for step in range(2500):
        run.metrics(step, loss=1 / (step + 3))
    run.artifact("model", "model.txt", "weights")
    run.close()
    return run


def _is_told_once(place: Workplace, name: str = "demo") -> None:
    """Check that MLflow holds what ``_long_run`` gives, once."""
    found = place.only_run(name)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"C": "1"}
    history = place.history("loss", name)
    assert [(step, value) for step, value, _ in history] == [
        (step, 1 / (step + 3)) for step in range(2500)
    ]
    assert place.artifacts(name) == {
        "record.json",
        "config.json",
        "console.txt",
        "requirements.txt",
        "code/train.py",
        "record/parts/software.json",
        "record/run.tar.gz",
        "model/model.txt",
    }


_MOMENTS: dict[str, Callable[[Workplace, RunOnDisk], bool]] = {
    "connecting": lambda place, run: place.published(run) != {},
    "run created": lambda place, _: _count(place, "runs") > 0,
    "run noted": lambda place, run: bool(place.published(run).get("mlflow_run_id")),
    "metrics sent": lambda place, _: _count(place, "metrics") > 0,
    "metrics noted": lambda place, run: place.published(run).get("offset", 0) > 0,
    "files sent": lambda place, _: any(place.path.glob("mlruns/*/*/artifacts/*")),
    "files noted": lambda place, run: bool(place.published(run).get("artifacts")),
}


def _count(place: Workplace, table: str) -> int:
    with closing(sqlite3.connect(place.path / "mlflow.db")) as database:
        (count,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)


@pytest.mark.parametrize("moment", _MOMENTS)
def test_a_killed_publisher_is_made_up_for(local: Workplace, moment: str) -> None:
    """After SIGKILL at any moment, a second one leaves what an uninterrupted one would."""
    run = _long_run(local)
    process = local.start(run)
    reached = _MOMENTS[moment]
    wait_for(lambda: reached(local, run) or process.poll() is not None, moment)
    process.kill()
    process.communicate()

    assert local.publish(run).closed

    _is_told_once(local)


def test_a_publisher_killed_again_and_again_gets_there(local: Workplace) -> None:
    """Every attempt may be cut off in the middle of its metrics; each makes progress."""
    run = _long_run(local)
    before = -1
    for _ in range(2):
        process = local.start(run)
        wait_for(
            lambda: _count(local, "metrics") > before or process.poll() is not None,  # noqa: B023
            "progress",
        )
        process.kill()
        process.communicate()
        before = _count(local, "metrics")

    assert local.publish(run).closed

    _is_told_once(local)


def test_publishing_again_changes_nothing(local: Workplace) -> None:
    """Even if what the publisher had noted is lost, MLflow's run is found and kept."""
    run = _long_run(local)
    local.publish(run)
    first = local.only_run()
    run.directory.published.unlink()

    assert local.publish(run).closed

    assert local.only_run().info.run_id == first.info.run_id
    _is_told_once(local)


def test_two_publishers_of_one_run_take_turns(local: Workplace) -> None:
    """The second waits for the first and finds nothing left to do."""
    run = _long_run(local)

    both = [local.start(run), local.start(run)]
    for process in both:
        process.communicate(timeout=60)

    assert [process.returncode for process in both] == [0, 0]
    _is_told_once(local)


def test_first_runs_at_the_same_time_share_a_new_database(tmp_path: Path) -> None:
    """Four publishers on a database that does not exist yet: all arrive, it is whole."""
    place = workplace(tmp_path / "new", f"sqlite:///{tmp_path}/deep/er/mlflow.db")
    runs = [place.new_run() for _ in range(4)]
    for run in runs:
        run.close()

    processes = [place.start(run) for run in runs]
    for process in processes:
        process.communicate(timeout=120)

    assert [process.returncode for process in processes] == [0] * 4
    assert len(place.mlflow_runs()) == 4
    with closing(sqlite3.connect(tmp_path / "deep/er/mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    names = {path.name for path in (tmp_path / "deep/er").iterdir()}
    assert names <= {"mlflow.db", "mlflow.db-wal", "mlflow.db-shm"}


def test_a_publisher_killed_while_it_makes_the_database_leaves_none(
    tmp_path: Path,
) -> None:
    """Half a database is never seen: the next one makes it whole."""
    place = workplace(tmp_path / "new", f"sqlite:///{tmp_path}/new/mlflow.db")
    run = place.new_run()
    run.close()
    process = place.start(run, MLFLOW_LOGGING_LEVEL="INFO")
    log = run.directory.path / "tracking.log"
    wait_for(lambda: b"Updating database tables" in log.read_bytes(), "the migration")
    process.kill()
    process.communicate()

    assert place.run_publisher(run) == 0

    assert place.only_run().info.status == "FINISHED"


def test_a_server_that_comes_late_is_told_all(
    tmp_path: Path, filled_database: Path
) -> None:
    """While the run lasts the publisher keeps trying; nothing is lost, nothing doubled."""
    port = free_port()
    place = workplace(tmp_path / "user", f"http://127.0.0.1:{port}")
    run = place.new_run()
    run.start(C=1)
    run.metrics(0, loss=0.5)
    process = place.start(run)
    wait_for(lambda: place.published(run).get("error"), "the first failure")
    assert "cannot be reached" in place.published(run)["error"]

    shutil.copyfile(filled_database, tmp_path / "mlflow.db")
    store = f"sqlite:///{tmp_path}/mlflow.db"
    server = serve(tmp_path / "server", port, "--backend-store-uri", store)
    try:
        place.wait_until_open(run)
        run.metrics(1, loss=0.25)
        run.close()
        process.communicate(timeout=60)

        assert process.returncode == 0
        assert [value for _, value, _ in place.history("loss")] == [0.5, 0.25]
        assert place.only_run().info.status == "FINISHED"
    finally:
        stop(server)


def test_an_absent_server_is_noticed_within_seconds(tmp_path: Path) -> None:
    """Exit status 3, and the reason in plain words without the password."""
    uri = f"http://ann:open-sesame@127.0.0.1:{free_port()}"
    place = workplace(tmp_path / "user", uri)
    run = place.new_run()
    run.close()

    began = time.monotonic()
    assert place.run_publisher(run) == 3

    assert time.monotonic() - began < 20
    published = place.published(run)
    assert published["state"] == "pending"
    assert "cannot be reached" in published["error"]
    for path in run.directory.path.rglob("*"):
        if path.is_file():
            assert b"open-sesame" not in path.read_bytes(), path


@contextmanager
def _silent_server() -> Iterator[int]:
    """A server that accepts and never answers; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    accepted.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()


@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg2"])
def test_a_hanging_server_is_given_up(tmp_path: Path, scheme: str) -> None:
    """A server that accepts and never answers costs seconds, not minutes."""
    with _silent_server() as port:
        place = workplace(tmp_path / "user", f"{scheme}://127.0.0.1:{port}/x")
        run = place.new_run()
        run.close()

        began = time.monotonic()
        limits = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "2", "PGCONNECT_TIMEOUT": "2"}
        assert place.run_publisher(run, **limits) == 3

    assert time.monotonic() - began < 20
    assert "does not answer" in place.published(run)["error"]


def test_a_locked_database_is_waited_for(local: Workplace) -> None:
    """Another program that writes for seconds costs nothing but these seconds."""
    run = local.new_run()
    run.close()
    with closing(
        sqlite3.connect(local.path / "mlflow.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = local.start(run)
        wait_for(lambda: local.published(run), "the publisher")
        time.sleep(6)  # longer than the five seconds that SQLite's driver waits
        other.execute("ROLLBACK")
    process.communicate(timeout=60)

    assert process.returncode == 0
    assert local.only_run().info.status == "FINISHED"


def test_a_database_of_another_mlflow_is_named(local: Workplace) -> None:
    """The reason says which database, and the command that brings it up to date."""
    with closing(sqlite3.connect(local.path / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        database.commit()
    run = local.new_run()
    run.close()

    published = local.publish(run)

    assert published.state == "pending"
    assert f"mlflow db upgrade '{local.settings.tracking_uri}'" in str(published.error)


def test_a_file_that_is_no_database_is_named(local: Workplace) -> None:
    """Nothing is overwritten."""
    (local.path / "mlflow.db").write_text("my notes, long enough to be looked at" * 99)
    run = local.new_run()
    run.close()

    published = local.publish(run)

    assert "not a database" in str(published.error)
    assert (local.path / "mlflow.db").read_text().startswith("my notes")


def test_a_deleted_experiment_is_named_with_the_way_back(local: Workplace) -> None:
    """MLflow hides it; we say how to restore it, and then it works."""
    experiment = local.client.create_experiment("demo")
    local.client.delete_experiment(experiment)
    run = local.new_run()
    run.close()

    published = local.publish(run)

    assert f"mlflow experiments restore --experiment-id {experiment}" in str(
        published.error
    )
    local.client.restore_experiment(experiment)
    assert local.publish(run).closed
    assert local.only_run().info.status == "FINISHED"


def test_a_run_that_was_deleted_in_mlflow_stays_deleted(local: Workplace) -> None:
    """Somebody did not want it there; sync does not bring it back, nor nag."""
    run = local.new_run()
    run.start(C=1)
    local.publish(run)
    local.client.delete_run(local.only_run().info.run_id)
    run.close()

    published = local.publish(run)

    assert published.closed
    assert "deleted in MLflow" in str(published.error)
    assert local.only_run().info.lifecycle_stage == "deleted"


def test_a_lost_database_is_told_everything_again(local: Workplace) -> None:
    """What was sent to a database that is gone does not count."""
    run = local.new_run()
    run.start(C=1)
    run.metrics(0, loss=0.5)
    local.publish(run)
    for path in local.path.glob("mlflow.db*"):
        path.unlink()
    run.close()

    assert local.publish(run).closed

    assert local.only_run().data.params == {"C": "1"}
    assert [value for _, value, _ in local.history("loss")] == [0.5]


def test_another_tracking_uri_starts_anew(
    local: Workplace, tmp_path: Path, filled_database: Path
) -> None:
    """A run that was half told elsewhere is told whole to the place that counts now."""
    run = local.new_run()
    run.start(C=1)
    run.metrics(0, loss=0.5)
    local.publish(run)
    run.close()
    shutil.copyfile(filled_database, tmp_path / "other.db")
    other = replace(local, settings=Settings(f"sqlite:///{tmp_path}/other.db"))

    assert other.publish(run).closed

    assert other.only_run().data.params == {"C": "1"}
    assert [value for _, value, _ in other.history("loss")] == [0.5]


def test_an_artifact_store_that_cannot_be_written_does_not_change_the_status(
    local: Workplace, tmp_path: Path
) -> None:
    """The status is true at once; the files are pending and arrive with the next sync."""
    blocked = tmp_path / "store"
    blocked.write_text("a file where a folder should be")
    place = replace(local, settings=Settings(local.settings.tracking_uri, str(blocked)))
    run = place.new_run()
    run.close()

    published = place.publish(run)

    assert published.state == "pending"
    assert str(blocked) in str(published.error)
    assert place.only_run().info.status == "FINISHED"
    blocked.unlink()
    assert place.publish(run).closed
    assert "record.json" in place.artifacts()


def test_a_missing_driver_is_named_with_the_way_to_get_it(local: Workplace) -> None:
    """A database address whose driver is not installed says what to install."""
    uri = "mysql+mysqlconnector://ann:open-sesame@127.0.0.1/x"
    place = replace(local, settings=Settings(uri))
    run = place.new_run()
    run.close()

    published = place.publish(run)

    assert "pip install mysql" in str(published.error)
    assert "open-sesame" not in str(published.error)


def test_a_failing_publisher_says_so_in_its_log_only(local: Workplace) -> None:
    """No traceback on standard output; a broken run directory ends with status 3."""
    run = local.new_run()
    run.directory.manifest.write_text("{")

    assert local.run_publisher(run) == 3

    assert "not JSON" in (run.directory.path / "tracking.log").read_text()
