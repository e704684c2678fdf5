"""PyTorch, Keras, XGBoost and LightGBM, used as users use them, in runs and in groups."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from conftest import Folder


pytestmark = pytest.mark.slow

TORCH = """\
import torch
from ml_experiment import job
from torch.utils.data import DataLoader, Dataset

class Points(Dataset):
    def __len__(self):
        return 32
    def __getitem__(self, index):
        x = torch.rand(3)
        return x, x.sum()

@job
def main(width=4):
    model = torch.nn.Sequential(
        torch.nn.Linear(3, width), torch.nn.Dropout(0.2), torch.nn.Linear(width, 1)
    )
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in DataLoader(Points(), batch_size=8, shuffle=True, num_workers=2):
        optimizer.zero_grad()
        loss = (model(x)[:, 0] - y).square().mean()
        loss.backward()
        optimizer.step()
    weights = torch.cat([each.detach().flatten() for each in model.parameters()])
    torch.use_deterministic_algorithms(width % 2 == 0)
    return {"loss": loss.item(), "weights": weights.double().sum().item()}
"""
XGBOOST = """\
import numpy as np
import xgboost
from ml_experiment import AutologgingBackend, Trial, job
from ml_experiment.errors import NoCurrentTrialError
from ml_experiment.integrations import XGBoostPruningCallback

def trial():
    try:
        return Trial.get_current()
    except NoCurrentTrialError:
        return None

@job{options}
def main(eta=0.3, depth=3):
    x = np.random.normal(size=(200, 4))
    y = x[:, 0] * x[:, 1] + np.random.normal(size=200) / 10
    train, valid = xgboost.DMatrix(x[:150], y[:150]), xgboost.DMatrix(x[150:], y[150:])
    model = xgboost.train(
        {{"eta": eta, "max_depth": depth, "subsample": 0.7}}, train, 8,
        evals=[(valid, "validation")], verbose_eval=False,
        callbacks=[XGBoostPruningCallback(trial(), "validation-rmse")],
    )
    return {{"rmse": float(model.eval(valid).partition(":")[2]),
             "predicted": float(model.predict(valid).astype(float).sum())}}
"""
LOAD = """\
import mlflow, numpy
mlflow.set_tracking_uri("sqlite:///mlflow.db")
print(mlflow.pyfunc.load_model("models:/{model}").predict(numpy.ones((1, 4))).shape)
"""
AUTOLOG = "(autologging_backends=AutologgingBackend.XGBOOST)"
GROUP = """\
name: {name}
kind: group
seed: 5
run: [train.py]
num_trials: 4
metric: {{name: {metric}, direction: minimize}}
param_space: {space}
pruner: {pruner}
"""


def trials(folder: Folder) -> list[dict[str, Any]]:
    """Return metrics, state and end states of the newest group's trials, in order."""
    newest = [p for p in folder.run_directories() if (p / "trials").is_dir()][-1]
    found = []
    for run in sorted((newest / "trials").iterdir()):
        lines = (run / "journal.jsonl").read_text().splitlines()
        metrics: dict[str, Any] = {}
        for event in map(json.loads, lines):
            metrics |= event["metrics"] if event["event"] == "metrics" else {}
        part = json.loads((run / "parts" / "stochasticity.json").read_text())
        found.append({**metrics, **part["end_states"], "settings": part["settings"]})
    return found


def search(folder: Folder, workers: int, **fields: str) -> list[dict[str, Any]]:
    """Run a group with so many workers, and return its trials."""
    pools = f"ray_config: {{num_cpus: {workers}}}\n"
    folder.write("group.yaml", GROUP.format(**fields) + pools)
    done = folder.command("--config_file", "group.yaml", timeout_s=400)
    assert done.returncode == 0, done.stderr
    return trials(folder)


@pytest.mark.skipif(not find_spec("torch"), reason="PyTorch is not installed")
def test_unseeded_trials_of_pytorch_do_not_depend_on_the_workers(
    folder: Folder,
) -> None:
    """Layers, dropout, shuffled loaders with processes: one or three workers."""
    folder.write("train.py", TORCH)
    fields = {
        "name": "nets",
        "metric": "loss",
        "space": '{width: "randint(1, 6)"}',
        "pruner": "nop",
    }

    one = search(folder, 1, **fields)
    three = search(folder, 3, **fields)

    assert [t["weights"] for t in one] == [t["weights"] for t in three]
    assert [t["torch"] for t in one] == [t["torch"] for t in three]
    # What the trial before has switched off is switched on for the next one; how many
    # threads a trial gets is a matter of how many there are.
    ends = [t["settings"]["torch"]["deterministic_algorithms"] for t in three]
    assert ends == [t["settings"]["torch"]["deterministic_algorithms"] for t in one]
    assert len({t["weights"] for t in one}) == 4


@pytest.mark.skipif(not find_spec("xgboost"), reason="XGBoost is not installed")
def test_the_model_of_each_trial_is_logged_in_its_run_and_can_be_loaded(
    folder: Folder,
) -> None:
    """One run a trial, none left running; the best trial's model predicts."""
    import mlflow

    folder.write("train.py", XGBOOST.format(options=AUTOLOG))
    fields = {
        "name": "trees",
        "metric": "rmse",
        "space": '{eta: "uniform(0.05, 0.9)", depth: "randint(1, 4)"}',
        "pruner": "nop",
    }
    logged = search(folder, 2, **fields)
    folder.write("train.py", XGBOOST.format(options=""))

    plain = search(folder, 1, **fields)

    keys = ("rmse", "predicted", "numpy", "random")
    assert [[t[k] for k in keys] for t in logged] == [
        [t[k] for k in keys] for t in plain
    ]
    runs = folder.mlflow_runs("trees")
    assert len(runs) == 2 * (1 + 4)
    assert {run.info.status for run in runs} == {"FINISHED"}
    client = mlflow.MlflowClient(f"sqlite:///{folder.path}/mlflow.db")
    models = client.search_logged_models([runs[0].info.experiment_id])
    by_run = {model.source_run_id: model for model in models}
    trained = [run for run in runs if run.info.run_id in by_run]
    assert len(models) == len(trained) == 4
    best = min(trained, key=lambda run: float(run.data.metrics["rmse"]))
    folder.write("load.py", LOAD.format(model=by_run[best.info.run_id].model_id))
    loaded = folder.python("load.py")
    assert loaded.stdout.strip() == "(1,)", loaded.stderr


@pytest.mark.skipif(not find_spec("xgboost"), reason="XGBoost is not installed")
def test_xgboost_is_pruned_the_same_with_any_number_of_workers(folder: Folder) -> None:
    """The callback reports to the trial; what is pruned is recorded as pruned."""
    folder.write("train.py", XGBOOST.format(options=""))
    fields = {
        "name": "pruned",
        "metric": "rmse",
        "space": '{eta: "choice([0.9, 0.8, 0.001, 0.0001])"}',
        "pruner": "{name: median, n_startup_trials: 1}",
    }
    common = "lookahead: 1\nsampler: grid\n"

    folder.write("group.yaml", GROUP.format(**fields) + common)
    done = folder.command("--config_file", "group.yaml", timeout_s=400)

    assert done.returncode == 0, done.stderr
    statuses = [
        json.loads(line)["state"]
        for line in (folder.run_directories()[-1] / "journal.jsonl")
        .read_text()
        .splitlines()
        if json.loads(line)["event"] == "trial_ended"
    ]
    assert statuses.count("pruned") >= 1
    assert statuses.count("complete") >= 1
    assert "failed" not in statuses


@pytest.mark.skipif(not find_spec("lightgbm"), reason="LightGBM is not installed")
def test_threads_of_boosted_trees_are_those_of_the_run(folder: Folder) -> None:
    """XGBoost and LightGBM take OpenMP's number, which the run has set and recorded."""
    folder.write(
        "train.py",
        "import lightgbm, numpy as np, xgboost\n"
        "from ml_experiment import job\n\n"
        "@job\ndef main():\n"
        "    x = np.random.normal(size=(500, 4)); y = x[:, 0]\n"
        "    lightgbm.train({'verbose': -1, 'bagging_fraction': 0.5,"
        " 'bagging_freq': 1}, lightgbm.Dataset(x, y), 5)\n"
        "    trees = xgboost.train({'subsample': 0.5}, xgboost.DMatrix(x, y), 5)\n"
        "    return {'sum': float(trees.predict(xgboost.DMatrix(x)).sum())}\n",
    )
    folder.write("job.yaml", "name: trees\nseed: 1\nrun: [train.py]\n")

    done = folder.command("--config_file", "job.yaml", OMP_NUM_THREADS="1")

    assert done.returncode == 0, done.stderr
    parts = folder.run_directories()[-1] / "parts"
    pools = json.loads((parts / "libraries.json").read_text())["thread_pools"]
    assert {p["num_threads"] for p in pools if p["user_api"] == "openmp"} == {1}
