"""The names that users import, frozen: removing one breaks their scripts."""

from __future__ import annotations

import importlib
import inspect

import pytest

import ml_experiment
from ml_experiment import errors


PUBLIC = {"AutologgingBackend", "DataLoader", "Job", "Trial", "__version__", "job"}
MODELS = {
    "DockerConfig",
    "ExperimentConfig",
    "GroupConfig",
    "JobConfig",
    "JobTypes",
    "Metric",
    "PrunerEnum",
    "RayConfig",
    "SamplerEnum",
    "WorkerResourcesConfig",
}
JOB_OPTIONS = {
    "callbacks": None,
    "autologging_backends": None,
    "optimization_metric": None,
    "data_loader": None,
    "log_seeds": True,
    "log_system_info": True,
    "delete_if_failed": False,
}
CALLBACK_METHODS = {
    "on_info_logged",
    "on_job_end",
    "on_job_start",
    "on_trial_end",
    "on_trial_start",
}
ERRORS = {
    "ChangedCrateError",
    "ConfigError",
    "CrateError",
    "MissingExtraError",
    "MlExperimentError",
    "NoCurrentTrialError",
    "ParameterError",
    "RecordError",
    "MissingMetricError",
    "ResultError",
    "RetiredFrameworkError",
    "RunNotFoundError",
    "ScriptError",
    "NotReproducibleError",
    "EnvironmentBuildError",
    "TrackingError",
    "UnsafeCrateError",
}


def test_the_package_exports_exactly_these_names() -> None:
    """The top of the package is what the manual says, no more."""
    assert set(ml_experiment.__all__) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_public_name_can_be_reached(name: str) -> None:
    """The lazy names lead somewhere."""
    assert getattr(ml_experiment, name) is not None


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    """A mistyped name fails as in any module."""
    with pytest.raises(AttributeError, match="jop"):
        getattr(ml_experiment, "jop")  # noqa: B009 - mypy would refuse the plain form


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_config_model_has_the_manuals_name(name: str) -> None:
    """The config models are importable from the place that the manual names."""
    models = importlib.import_module("ml_experiment.config.models")

    assert inspect.isclass(getattr(models, name))


def test_job_takes_the_manuals_options_with_their_defaults() -> None:
    """The decorator's own options and defaults are part of the promise."""
    signature = inspect.signature(ml_experiment.job)

    found = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert found == JOB_OPTIONS


def test_callbacks_have_the_manuals_methods() -> None:
    """A callback that was written for the manual is called."""
    from ml_experiment.callbacks import Callback

    found = {name for name in vars(Callback) if name.startswith("on_")}
    assert found == CALLBACK_METHODS


def test_the_exception_tree_is_the_documented_one() -> None:
    """Users catch these by name."""
    found = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }

    assert found == ERRORS


def test_every_error_is_caught_by_the_common_base() -> None:
    """One ``except`` is enough for all that the package raises on purpose."""
    for name in ERRORS:
        assert issubclass(getattr(errors, name), errors.MlExperimentError), name
