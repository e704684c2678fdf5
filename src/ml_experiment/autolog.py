"""Switch on what MLflow logs by itself for a framework."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from enum import Enum

from ml_experiment.errors import MlExperimentError


class AutologgingBackend(Enum):
    """Frameworks that MLflow can log by itself; the value is MLflow's own name."""

    FASTAI = "fastai"
    KERAS = "keras"
    LIGHTGBM = "lightgbm"
    LIGHTNING = "lightning"
    PADDLE = "paddle"
    PYSPARK = "pyspark.ml"
    PYTORCH = "pytorch"
    SKLEARN = "sklearn"
    STATSMODELS = "statsmodels"
    TENSORFLOW = "tensorflow"
    TRANSFORMERS = "transformers"
    XGBOOST = "xgboost"


# MLflow logs Keras 3 by the module that also logs TensorFlow.
_MODULES = {"keras": "tensorflow", "lightning": "pytorch"}


def check_backends(backends: object) -> tuple[AutologgingBackend, ...]:
    """Return the backends as a tuple.

    Args:
        backends: ``None``, one backend, or an iterable of them.

    Raises:
        TypeError: One of them is not an ``AutologgingBackend``.
    """
    if backends is None:
        return ()
    if isinstance(backends, AutologgingBackend):
        return (backends,)
    names = ", ".join(f"AutologgingBackend.{item.name}" for item in AutologgingBackend)
    listed: tuple[object, ...] = (backends,)
    if isinstance(backends, Iterable) and not isinstance(backends, str):
        listed = tuple(backends)
    checked = []
    for backend in listed:
        if not isinstance(backend, AutologgingBackend):
            raise TypeError(f"autologging_backends: got {backend!r}; allowed: {names}")
        checked.append(backend)
    return tuple(checked)


def enable(backend: AutologgingBackend) -> None:
    """Switch on the logging of one framework.

    Raises:
        MlExperimentError: MLflow has no such logging any more, or it cannot be loaded.
    """
    module = _MODULES.get(backend.value, backend.value)
    try:
        importlib.import_module(f"mlflow.{module}").autolog()
    except (ImportError, AttributeError) as error:
        raise MlExperimentError(
            f"autologging for {backend.name}: this version of MLflow cannot log "
            f"{backend.value} by itself ({error})"
        ) from error
