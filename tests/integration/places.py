"""Run directories to be published, and places to publish them to."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.record.directory import RunDirectory, read_json, write_json
from ml_experiment.record.journal import Journal, encode_number
from ml_experiment.record.manifest import Manifest, write_manifest
from ml_experiment.record.outcome import Outcome, write_outcome
from ml_experiment.tracking.publisher import Published, publish
from ml_experiment.tracking.settings import Settings
from ml_experiment.tracking.store import close_stores


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlflow import MlflowClient

CREATED = 1_790_000_000.25
ENDED = 1_790_000_060.5


def wait_for(condition: Callable[[], object], what: str, limit_s: float = 60) -> None:
    """Wait until the condition holds."""
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, f"waited in vain for {what}"
        time.sleep(0.01)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class RunOnDisk:
    """A run directory, written as the driver, the capture process and the supervisor do."""

    directory: RunDirectory
    journal: Journal

    def start(self, **params: Any) -> None:
        """The job's function is called."""
        self.journal.write("started", params=params, pid=1)

    def metrics(self, step: int | None, **metrics: float) -> None:
        """The job's function gives metrics."""
        self.odd_metrics(step, metrics)

    def odd_metrics(self, step: int | None, metrics: Mapping[str, float]) -> None:
        """The job's function gives metrics of any name."""
        encoded = {name: encode_number(value) for name, value in metrics.items()}
        self.journal.write("metrics", step=step, metrics=encoded)

    def artifact(
        self, name: str, file: str, text: str, step: int | None = None
    ) -> None:
        """The job's function gives an artifact."""
        folder = self.directory.artifacts / name
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / file).write_text(text)
        self.journal.write(
            "artifact",
            name=name,
            path=f"artifacts/{name}/{file}",
            files=1,
            bytes=len(text),
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            step=step,
        )

    def close(self, status: Any = "FINISHED", reason: str = "") -> None:
        """The supervisor closes the run."""
        run = self.directory
        run.console.write_text("hello\n")
        run.requirements.write_text("numpy==2\n")
        write_json(run.part("software"), {"packages": []})
        record = {
            "schema_version": "ml-experiment/record/1",
            "aspects": {
                "data_set": {"status": "missing", "summary": "no file was read"},
                "fitting": {"status": "recorded", "summary": "1 parameter"},
            },
        }
        write_json(run.record, record)
        write_outcome(run, Outcome(status=status, reason=reason, ended=ENDED))


@dataclass(frozen=True)
class Workplace:
    """A user's folder, with a place to publish to.

    Attributes:
        path: The folder.
        settings: Where MLflow is.
        environment: Of the publisher.
    """

    path: Path
    settings: Settings
    environment: dict[str, str]

    def new_run(self, name: str = "demo", **manifest: Any) -> RunOnDisk:
        """Return a new run directory whose driver has not started yet."""
        directory = RunDirectory.create(self.path / ".ml_experiment")
        fields: dict[str, Any] = {
            "kind": "experiment",
            "script": "/home/ann/train.py",
            "cwd": str(self.path),
            "command": ["ml-experiment", "train.py"],
            "started_by": "cli",
            "created": CREATED,
            "seed": 7,
            "seed_drawn": False,
            "user": "ann",
        }
        write_manifest(
            directory, Manifest(run_id=directory.run_id, name=name, **fields | manifest)
        )
        write_json(directory.config, {"name": name})
        (directory.submitted / "train.py").write_text("def main(): ...\n")
        return RunOnDisk(directory, Journal(directory.journal))

    def start(self, run: RunOnDisk, **environment: str) -> subprocess.Popen[bytes]:
        """Start the publisher of a run; closing its standard input says it is over."""
        with (run.directory.path / "tracking.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "ml_experiment.tracking", run.directory.path],
                cwd=self.path,
                env=self.environment | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def run_publisher(self, run: RunOnDisk, **environment: str) -> int:
        """Run the publisher of a run that is over; return its exit status."""
        process = self.start(run, **environment)
        output, _ = process.communicate(timeout=60)
        assert output == b""
        return process.returncode

    def publish(self, run: RunOnDisk) -> Published:
        """Publish a run in this process, as ``sync`` does."""
        try:
            return publish(run.directory, self.settings)
        finally:
            close_stores()

    def published(self, run: RunOnDisk) -> dict[str, Any]:
        """Return what the publisher of a run has noted."""
        return read_json(run.directory.published) or {}

    def wait_until_open(self, run: RunOnDisk) -> None:
        """Wait until a publisher has created the run in MLflow."""
        wait_for(lambda: self.published(run).get("state") == "open", "the publisher")

    @property
    def client(self) -> MlflowClient:
        """MLflow's client for the place."""
        from mlflow import MlflowClient

        return MlflowClient(self.settings.tracking_uri)

    def mlflow_runs(self, name: str = "demo") -> list[Any]:
        """Return all runs of an experiment, deleted ones too."""
        from mlflow.entities import ViewType

        experiment = self.client.get_experiment_by_name(name)
        if experiment is None:
            return []
        return list(
            self.client.search_runs(
                [experiment.experiment_id], run_view_type=ViewType.ALL
            )
        )

    def only_run(self, name: str = "demo") -> Any:
        """Return the one run of an experiment."""
        (run,) = self.mlflow_runs(name)
        return run

    def history(self, key: str, name: str = "demo") -> list[tuple[int, float, int]]:
        """Return steps, values and timestamps of a metric of the one run."""
        found = self.client.get_metric_history(self.only_run(name).info.run_id, key)
        return [(item.step, item.value, item.timestamp) for item in found]

    def artifacts(self, name: str = "demo", path: str | None = None) -> set[str]:
        """Return the paths of the artifacts of the one run."""
        run_id = self.only_run(name).info.run_id
        found: set[str] = set()
        for item in self.client.list_artifacts(run_id, path):
            found |= self.artifacts(name, item.path) if item.is_dir else {item.path}
        return found

    def artifact_text(self, path: str, folder: Path, name: str = "demo") -> str:
        """Download an artifact of the one run; what is compressed is unpacked."""
        run_id = self.only_run(name).info.run_id
        folder.mkdir(exist_ok=True)
        content = Path(
            self.client.download_artifacts(run_id, path, str(folder))
        ).read_bytes()
        return (gzip.decompress(content) if path.endswith(".gz") else content).decode()


def workplace(path: Path, uri: str, **variables: str) -> Workplace:
    """Return a folder whose environment names a place to publish to."""
    path.mkdir(parents=True, exist_ok=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "ML_EXPERIMENT_", "AWS_"))
    }
    environment |= {"MLFLOW_TRACKING_URI": uri, **variables}
    return Workplace(
        path, Settings(uri, variables.get("ML_EXPERIMENT_ARTIFACT_ROOT")), environment
    )


def serve(
    folder: Path, port: int, *words: str, **environment: str
) -> subprocess.Popen[bytes]:
    """Start MLflow's server, and wait until it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    variables = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), *words],
            cwd=folder,
            env=dict(os.environ) | variables | environment,
            stdout=log,
            stderr=log,
            process_group=0,
        )
    wait_for(lambda: is_listening(port) or server.poll() is not None, "the server")
    assert server.poll() is None, (folder / "server.log").read_text()
    return server


def is_listening(port: int) -> bool:
    """Return whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(server: subprocess.Popen[bytes]) -> None:
    """Kill a server and its workers."""
    os.killpg(server.pid, 9)
    server.wait()
