"""Publishing to real servers: proxied artifacts, PostgreSQL, S3; asking; showing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.integration.places import (
    Workplace,
    free_port,
    is_listening,
    serve,
    stop,
    wait_for,
    workplace,
)

from ml_experiment.errors import RecordError, RunNotFoundError, TrackingError
from ml_experiment.tracking.query import download_record, run_id_of
from ml_experiment.tracking.settings import Settings
from ml_experiment.tracking.ui import serve_ui


if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning:sqlite3"),
    # botocore and urllib3 leave sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

FILES = {
    "record.json",
    "config.json",
    "console.txt",
    "requirements.txt",
    "code/train.py",
    "record/parts/software.json",
    "record/run.tar.gz",
    "model/model.txt",
}


def _check(place: Workplace) -> None:
    """Publish a run in two halves, killing the first publisher, and look at the result."""
    run = place.new_run()
    run.start(C=10)
    for step in range(1500):
        run.metrics(step, loss=1 / (step + 3))
    process = place.start(run)
    wait_for(lambda: place.published(run).get("offset", 0) > 0, "the first metrics")
    process.kill()
    process.communicate()
    run.metrics(1500, loss=float("nan"))
    run.artifact("model", "model.txt", "weights")
    run.close("KILLED", "killed by SIGKILL")

    code = place.run_publisher(run)

    assert code == 0, place.published(run)
    found = place.only_run()
    assert found.info.status == "KILLED"
    assert found.data.params == {"C": "10"}
    assert found.data.tags["ml_experiment.status_reason"] == "killed by SIGKILL"
    assert [(s, v) for s, v, _ in place.history("loss")[:-1]] == [
        (step, 1 / (step + 3)) for step in range(1500)
    ]
    assert place.artifacts() == FILES
    assert place.artifact_text("model/model.txt", place.path / "down") == "weights"


def test_a_server_that_hands_artifacts_on_is_told_whole(
    proxy_server: str, tmp_path: Path
) -> None:
    """A server on SQLite with proxied artifacts, over HTTP."""
    place = workplace(tmp_path, proxy_server)

    _check(place)

    assert place.only_run().info.artifact_uri.startswith("mlflow-artifacts:")


def test_a_server_on_postgresql_with_s3_is_told_whole(
    postgres: str,
    s3: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server keeps runs in PostgreSQL; artifacts go to S3 directly."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    server = serve(
        tmp_path / "server",
        port,
        "--no-serve-artifacts",
        *("--backend-store-uri", postgres),
        *("--default-artifact-root", "s3://runs/default"),
    )
    try:
        place = workplace(
            tmp_path / "user",
            f"http://127.0.0.1:{port}",
            ML_EXPERIMENT_ARTIFACT_ROOT="s3://runs/mine",
            **s3,
        )

        _check(place)

        assert place.only_run().info.artifact_uri.startswith("s3://runs/mine/demo-")
    finally:
        stop(server)


def test_postgresql_without_a_server_is_told_whole(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow may write to PostgreSQL itself; the password is noted nowhere."""
    monkeypatch.chdir(tmp_path)
    place = workplace(tmp_path, postgres)
    run = place.new_run("direct")
    run.start(C=1)
    run.odd_metrics(2**40, {"loss": float("inf")})
    run.close()

    assert place.run_publisher(run) == 0

    assert place.only_run("direct").data.params == {"C": "1"}
    for path in run.directory.path.rglob("*"):
        if path.is_file():
            assert b"open-sesame" not in path.read_bytes(), path


def test_wrong_password_is_told_as_such(postgres: str, tmp_path: Path) -> None:
    """The reason names the credentials, and does not show them."""
    place = workplace(tmp_path, postgres.replace("open-sesame", "close-sesame"))
    run = place.new_run()
    run.close()

    published = place.publish(run)

    assert "does not let this user in" in str(published.error)
    assert "sesame" not in str(published)


def test_a_record_is_found_by_mlflows_identifier(local: Workplace) -> None:
    """MLflow's run id leads to our run id and to the record."""
    run = local.new_run()
    run.close()
    local.publish(run)
    mlflow_run_id = local.only_run().info.run_id

    record = download_record(mlflow_run_id, local.settings)

    assert record["schema_version"] == "ml-experiment/record/1"
    assert run_id_of(mlflow_run_id, local.settings) == run.directory.run_id


def test_a_run_that_is_not_ours_is_told_apart(local: Workplace) -> None:
    """Somebody else's run has no record; an unknown identifier is no run."""
    experiment = local.client.create_experiment("theirs")
    theirs = local.client.create_run(experiment).info.run_id

    assert run_id_of(theirs, local.settings) is None
    with pytest.raises(RecordError, match="has no record"):
        download_record(theirs, local.settings)
    with pytest.raises(RunNotFoundError, match="has no run 'f00'"):
        run_id_of("f00", local.settings)


_UI = """
import sys
from ml_experiment.tracking.settings import Settings
from ml_experiment.tracking.ui import serve_ui
sys.exit(serve_ui(Settings(sys.argv[1]), "127.0.0.1", int(sys.argv[2])))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ui_serves_the_runs_until_interrupted(
    local: Workplace, number: signal.Signals
) -> None:
    """The pages answer with our runs; a signal to the command alone ends the server."""
    run = local.new_run()
    run.close()
    local.publish(run)
    port = free_port()
    command = [sys.executable, "-c", _UI, local.settings.tracking_uri, str(port)]
    with (local.path / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=local.path, env=local.environment, stdout=log, stderr=log
        )
    wait_for(lambda: is_listening(port), "the pages")
    pages = replace(local, settings=Settings(f"http://127.0.0.1:{port}"))

    assert pages.only_run().info.run_id == local.only_run().info.run_id
    os.kill(process.pid, number)
    assert process.wait(timeout=60) == 0
    assert not is_listening(port)


def test_ui_names_a_port_that_is_taken() -> None:
    """The error names the port and the option that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(TrackingError, match=rf"port {port} .*\n.*--port"):
            serve_ui(Settings("sqlite:///mlflow.db"), "127.0.0.1", port)


def test_ui_points_to_the_server_that_has_pages_already() -> None:
    """A tracking server shows its runs itself; its password is not shown."""
    settings = Settings("https://ann:open-sesame@tracking.example.org")

    with pytest.raises(TrackingError, match=r"ann:\*\*\*@tracking.example.org"):
        serve_ui(settings, "127.0.0.1", 5000)
