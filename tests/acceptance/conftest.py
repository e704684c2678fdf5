"""A folder of a user's, outside the repository, and the installed command in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest


COMMAND = Path(sys.executable).with_name("ml-experiment")


@dataclass(frozen=True)
class Folder:
    """A user's folder.

    Attributes:
        path: Where it is.
        environment: Environment of the commands that are typed in it.
    """

    path: Path
    environment: dict[str, str]

    def write(self, name: str, text: str) -> Path:
        """Write a file of the user's."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def command(
        self, *words: str, timeout_s: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Type ``ml-experiment`` with these words."""
        return self.run(str(COMMAND), *words, timeout_s=timeout_s, **environment)

    def python(
        self, *words: str, timeout_s: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Type ``python`` with these words."""
        return self.run(sys.executable, *words, timeout_s=timeout_s, **environment)

    def run(
        self, *words: str, timeout_s: float, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Type any command."""
        return subprocess.run(
            words,
            cwd=self.path,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def start(
        self, *words: str, stderr: int | IO[bytes] = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Type ``ml-experiment`` and do not wait; a process group of its own."""
        return subprocess.Popen(
            [str(COMMAND), *words],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )

    def record(self, run: str | None = None) -> dict[str, Any]:
        """Return a run's record, as ``show --json`` prints it."""
        words = ["show", "--json"] if run is None else ["show", run, "--json"]
        shown = self.command(*words)
        assert shown.returncode == 0, shown.stderr
        document: dict[str, Any] = json.loads(shown.stdout)
        return document

    def run_directories(self) -> list[Path]:
        """Return the run directories, oldest first."""
        return sorted((self.path / ".ml_experiment" / "runs").glob("*"))

    def mlflow_runs(self, experiment: str) -> list[Any]:
        """Return MLflow's runs of an experiment, in this folder's database."""
        from mlflow import MlflowClient
        from mlflow.entities import ViewType

        client = MlflowClient(f"sqlite:///{self.path}/mlflow.db")
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return []
        return list(
            client.search_runs([found.experiment_id], run_view_type=ViewType.ALL)
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A new folder, with nothing of the tests' environment that would matter."""
    path = tmp_path / "a user's folder"
    path.mkdir()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(
            ("MLFLOW_", "ML_EXPERIMENT_", "OMP_", "OPENBLAS_", "MKL_")
        )
        and name not in {"PYTHONHASHSEED", "PYTHONUNBUFFERED"}
    }
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    return Folder(path, environment)
