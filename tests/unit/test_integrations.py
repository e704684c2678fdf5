"""Pruning callbacks: real frameworks, real trials, and what is said when they are missing."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import optuna
import pytest

from ml_experiment import integrations
from ml_experiment.errors import (
    ConfigError,
    MissingExtraError,
    RetiredFrameworkError,
)


def trial(*, pruned_above: float) -> optuna.Trial:
    """Return a new trial of a study that prunes whatever is above a threshold."""
    pruner = optuna.pruners.ThresholdPruner(upper=pruned_above)
    return optuna.create_study(pruner=pruner).ask()


def reported(asked: optuna.Trial) -> dict[int, float]:
    """Return what was reported to a trial, by step."""
    return asked.study.trials[asked.number].intermediate_values


def train_xgboost(callback: Any) -> None:
    """Train five rounds, with a validation set of which ``rmse`` is computed."""
    xgboost: Any = pytest.importorskip("xgboost")
    x = np.arange(20.0).reshape(-1, 1)
    data = xgboost.DMatrix(x, x[:, 0])
    xgboost.train(
        {"nthread": 1, "eval_metric": "rmse"},
        data,
        5,
        evals=[(data, "validation")],
        callbacks=[callback],
        verbose_eval=False,
    )


def train_lightgbm(callback: Any) -> None:
    """Train five rounds, with a validation set of which ``l2`` is computed."""
    lightgbm: Any = pytest.importorskip("lightgbm")
    x = np.arange(40.0).reshape(-1, 1)
    data = lightgbm.Dataset(x, x[:, 0])
    options = {"objective": "l2", "verbose": -1, "num_threads": 1}
    lightgbm.train(options, data, 5, valid_sets=[data], callbacks=[callback])


def test_xgboost_reports_each_round() -> None:
    """The metric of every round reaches the trial; nothing is pruned without need."""
    asked = trial(pruned_above=1e9)

    train_xgboost(integrations.XGBoostPruningCallback(asked, "validation-rmse"))

    values = reported(asked)
    assert list(values) == [0, 1, 2, 3, 4]
    assert values[4] < values[0]


def test_xgboost_is_pruned() -> None:
    """Training ends in the round in which the pruner gives up."""
    asked = trial(pruned_above=0.0)
    callback = integrations.XGBoostPruningCallback(asked, "validation-rmse")

    with pytest.raises(optuna.TrialPruned, match="iteration 0"):
        train_xgboost(callback)

    assert list(reported(asked)) == [0]


def test_a_metric_that_xgboost_does_not_compute_is_named_with_those_it_does() -> None:
    """A key without the name of the data set is the usual slip."""
    callback = integrations.XGBoostPruningCallback(
        trial(pruned_above=1.0), "validatoin-rmse"
    )

    with pytest.raises(ConfigError, match="did you mean 'validation-rmse'") as caught:
        train_xgboost(callback)

    assert caught.value.field == "observation_key"


@pytest.mark.parametrize("name", ["XGBoost", "LightGBM"])
def test_without_a_trial_training_goes_on_and_one_line_says_so(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A script that runs as a single experiment gives ``None`` for the trial."""
    pytest.importorskip(name.lower())

    with caplog.at_level(logging.INFO, "ml_experiment.integrations"):
        if name == "XGBoost":
            train_xgboost(integrations.XGBoostPruningCallback(None, "validation-rmse"))
        else:
            train_lightgbm(integrations.LightGBMPruningCallback(None, "l2", "training"))

    said = f"{name}PruningCallback: no trial is running, so nothing is pruned"
    assert [record.message for record in caplog.records] == [said]


def test_lightgbm_is_pruned() -> None:
    """The third argument is the name of the validation set, as in the manual."""
    asked = trial(pruned_above=0.0)
    callback = integrations.LightGBMPruningCallback(asked, "l2", "training")

    with pytest.raises(optuna.TrialPruned):
        train_lightgbm(callback)

    assert list(reported(asked)) == [0]


def test_what_is_no_trial_is_refused_with_what_to_give() -> None:
    """Arguments in the wrong order are noticed at once, not in the first epoch."""
    pytest.importorskip("xgboost")

    with pytest.raises(ConfigError, match=r"expected a trial, got str\n.*get_current"):
        integrations.XGBoostPruningCallback("validation-rmse", "rmse")


_KERAS = """
import os
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy, optuna
from ml_experiment.errors import ConfigError
from ml_experiment.integrations import KerasPruningCallback
def fit(trial, monitor):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = numpy.ones((8, 1))
    model.fit(x, x, epochs=3, verbose=0, validation_split=0.5,
              callbacks=[KerasPruningCallback(trial, monitor)])
def ask(upper):
    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=upper))
    return study, study.ask()
study, trial = ask(1e9)
fit(trial, "val_loss")
assert list(study.trials[0].intermediate_values) == [0, 1, 2]
study, trial = ask(-1.0)
try:
    fit(trial, "val_loss")
    raise SystemExit("not pruned")
except optuna.TrialPruned:
    assert list(study.trials[0].intermediate_values) == [0]
fit(None, "val_loss")
try:
    fit(trial, "val_los")
    raise SystemExit("not refused")
except ConfigError as error:
    assert "did you mean 'val_loss'" in str(error), error
print("as expected")
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not find_spec("keras") or not find_spec("torch"), reason="Keras on PyTorch"
)
def test_keras_reports_and_is_pruned_each_epoch() -> None:
    """In an interpreter of its own: the backend is chosen once a process."""
    done = subprocess.run(
        [sys.executable, "-c", _KERAS], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "as expected"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("MXNetPruningCallback", "KerasPruningCallback"),
        ("ChainerPruningExtension", "PyTorchIgnitePruningHandler"),
        ("TensorFlowPruningHook", "TFKerasPruningCallback"),
    ],
)
def test_callbacks_of_frameworks_that_ended_say_what_to_use(
    name: str, instead: str
) -> None:
    """The name of the manual is there; using it tells what took its place."""
    callback = getattr(integrations, name)

    with pytest.raises(RetiredFrameworkError, match=instead):
        callback(object(), "accuracy", trigger=1)


@pytest.mark.parametrize(
    ("name", "framework", "extra"),
    [
        ("FastAIPruningCallback", "fastai", "fastai"),
        ("PyTorchIgnitePruningHandler", "ignite", "ignite"),
        ("PyTorchLightningPruningCallback", "lightning", "lightning"),
        ("XGBoostPruningCallback", "xgboost", "xgboost"),
    ],
)
def test_a_framework_that_is_missing_is_named_with_its_extra(
    name: str, framework: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what to type."""
    monkeypatch.setattr(integrations, "_is_there", lambda _: False)
    monkeypatch.delitem(vars(integrations), name, raising=False)

    with pytest.raises(MissingExtraError) as caught:
        getattr(integrations, name)

    assert framework in str(caught.value)
    assert f"pip install 'ml-experiment[{extra}]'" in str(caught.value)


def test_asking_for_the_module_imports_no_framework() -> None:
    """A script pays for the callback that it uses, and for no other."""
    code = (
        "import sys, ml_experiment.integrations as module\n"
        "heavy = {'optuna', 'keras', 'torch', 'xgboost', 'lightgbm', 'mlflow'}\n"
        "print(sorted(heavy & set(sys.modules)), len(dir(module)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[] 12"


def test_an_unknown_name_is_no_callback() -> None:
    """As any module answers."""
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = integrations.Nothing
