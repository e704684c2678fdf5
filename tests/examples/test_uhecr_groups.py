"""The searches of the application, from its data to its table."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "uhecr"
COMMAND = Path(sys.executable).with_name("ml-experiment")
STUDY = (sys.executable, "run.py", "--size", "small", "--only", "svm")
OURS = ("ML_EXPERIMENT", "MLFLOW", "UHECR")

NEEDED = ("keras", "matplotlib", "optuna_integration", "sklearn", "torch", "xgboost")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


class Project:
    """A copy of the example, in which commands are typed.

    Args:
        path: Its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        self.environment = kept | {"OMP_NUM_THREADS": "1"}

    def type(self, *words: object) -> None:
        """Run a command, and insist on its success."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def search(self, model: str, *options: str) -> list[dict[str, Any]]:
        """Run the small search of a model; return what its trials drew and reached."""
        before = set(self.path.glob(".ml_experiment/runs/*"))
        config = f"configs/small/{model}.yaml"
        self.type(COMMAND, "--config_file", config, *options)
        (run,) = set(self.path.glob(".ml_experiment/runs/*")) - before
        results = sorted(run.glob("trials/*/result.json"))
        found = [json.loads(path.read_text(encoding="utf-8")) for path in results]
        return [
            {key: one[key] for key in ("state", "params", "values")} for one in found
        ]


def _new_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Copy the example, with few simulated showers, far from the repository."""
    path = tmp_path_factory.mktemp("project") / "uhecr"
    made = shutil.ignore_patterns(".ml_experiment", "data", "results*", "mlflow.db*")
    shutil.copytree(EXAMPLE, path, ignore=made)
    project = Project(path)
    size = ("--showers", 400, "--size", "small")
    project.type(sys.executable, "-m", "showers", "--out", "data", *size)
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The example, with nothing run yet."""
    return _new_project(tmp_path_factory)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The example, with the study of one model run."""
    project = _new_project(tmp_path_factory)
    project.type(*STUDY)
    return project


@pytest.mark.parametrize(
    ("model", "trials", "drawn"),
    [
        ("xgboost", 4, {"num_boost_round", "learning_rate", "max_depth", "gamma"}),
        ("autoencoder_v1", 3, {"encoding_dim", "ps", "lr", "tied_weights"}),
        ("autoencoder_v2", 3, {"encoding_dim.times", "encoding_dim[0]", "one_cycle"}),
        ("vae", 3, {"encoding_dim", "latent_dim", "activation", "one_cycle"}),
    ],
)
def test_small_searches_do_not_depend_on_the_workers(
    project: Project, model: str, trials: int, drawn: set[str]
) -> None:
    """All trials end, and one worker draws and reaches what two do."""
    two = project.search(model)
    one = project.search(model, "--ray_config", '{"num_cpus": 1}')

    assert len(two) == trials
    for trial in two:
        assert trial["state"] in {"complete", "pruned"}
        assert drawn <= trial["params"].keys()
    assert any(trial["values"] for trial in two)
    assert one == two


def test_study_of_one_model(studied: Project) -> None:
    """Search, the test rows once for each cell, the table with the rest left out."""
    out = studied.path / "results-small"
    table = (out / "table.md").read_text(encoding="utf-8")
    rows = {
        row["what"] + " " + row["settings"] + " " + row["split"]: row
        for row in runs(out)
    }
    best = rows["test best by shower"]
    assert best["same_as_trial"] == "yes"
    assert {row["model"] for row in rows.values()} == {"svm"}
    assert len(rows) == 5
    assert f"{float(best['test_accuracy']):.3f}" in table
    assert "| SVM | 0.640 (0.631 to 0.650) |" in table
    assert "| VAE, common scaler | 0.383 (0.373 to 0.393) | not run |" in table
    figures = sorted(path.name for path in (out / "figures").iterdir())
    assert figures == [
        "confusion-svm.png",
        "figure-7.05-svm-C.png",
        "figure-7.06-svm-kernel.png",
        "figure-7.07-svm-gamma.png",
        "figure-7.08-svm-all-parameters.png",
    ]


def test_study_runs_nothing_twice(studied: Project) -> None:
    """What is on record is not run again."""
    before = sorted(studied.path.glob(".ml_experiment/runs/*"))

    studied.type(*STUDY)

    assert sorted(studied.path.glob(".ml_experiment/runs/*")) == before


def runs(out: Path) -> list[dict[str, str]]:
    """Return the lines of the list of runs."""
    with (out / "runs.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
