"""Places to publish to: a folder, real servers, a real database, an S3 of our own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.places import (
    Workplace,
    free_port,
    serve,
    stop,
    wait_for,
    workplace,
)


if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def filled_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables in it; making one takes seconds."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    place = workplace(path.parent, f"sqlite:///{path}")
    assert place.client.search_experiments(max_results=1)
    return path


@pytest.fixture
def local(
    tmp_path: Path, filled_database: Path, monkeypatch: pytest.MonkeyPatch
) -> Workplace:
    """A folder with a database and, by default, artifacts in ``mlruns``."""
    folder = tmp_path / "a user's folder"
    place = workplace(folder, f"sqlite:///{folder}/mlflow.db")
    shutil.copyfile(filled_database, folder / "mlflow.db")
    monkeypatch.chdir(folder)  # where MLflow's own default for artifacts is
    return place


@pytest.fixture(scope="session")
def proxy_server(
    tmp_path_factory: pytest.TempPathFactory, filled_database: Path
) -> Iterator[str]:
    """A real server on SQLite that hands artifacts on; its address."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copyfile(filled_database, folder / "mlflow.db")
    port = free_port()
    server = serve(folder, port, "--backend-store-uri", f"sqlite:///{folder}/mlflow.db")
    yield f"http://127.0.0.1:{port}"
    stop(server)


_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def _words(*words: object) -> list[str]:
    return [str(word) for word in words]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server with a password; the address of an empty database."""
    if not _POSTGRES:
        pytest.skip("no PostgreSQL on this machine (Debian: apt install postgresql)")
    folder = tmp_path_factory.mktemp("postgres")
    user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    if user is not None:
        shutil.chown(folder, user)
        for parent in folder.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o055)
    port, binaries = free_port(), _POSTGRES[-1]
    (password := folder / "password").write_text("open-sesame")
    if user is not None:
        shutil.chown(password, user)
    subprocess.run(
        _words(
            *(binaries / "initdb", "-D", folder / "data", "-U", "ann", "-A", "md5"),
            *("--pwfile", password, "--no-sync"),
        ),
        user=user,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    server = subprocess.Popen(
        _words(
            *(binaries / "postgres", "-D", folder / "data", "-p", port, "-F"),
            *("-k", folder, "-h", "127.0.0.1"),
        ),
        user=user,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ready = _words(binaries / "pg_isready", "-h", "127.0.0.1", "-p", port, "-q")
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, "postgres")
        yield f"postgresql+psycopg2://ann:open-sesame@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # it does not wait for its clients
        server.wait()


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """S3 on this machine with a bucket ``runs``; the environment that leads to it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    boto3.client(
        "s3",
        endpoint_url=environment["MLFLOW_S3_ENDPOINT_URL"],
        aws_access_key_id="testing",
        aws_secret_access_key="testing-secret",
        region_name="us-east-1",
    ).create_bucket(Bucket="runs")
    yield environment
    server.stop()
