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


# MLflow logs Lightning, and nothing else of PyTorch, by the module for that.
_MODULES = {"lightning": "pytorch"}
# Modules of frameworks that are installed by another name.
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "pyspark.ml": "pyspark"}


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
    """Switch on the logging of one framework, and import it.

    Raises:
        MlExperimentError: MLflow has no such logging any more, or the framework is not
            installed.
    """
    module = f"mlflow.{_MODULES.get(backend.value, backend.value)}"
    try:
        importlib.import_module(module).autolog()
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in {"", "mlflow"}:
            raise _not_logged(backend, error) from error
        distribution = _DISTRIBUTIONS.get(missing, missing)
        raise MlExperimentError(
            f"autologging for {backend.name}: {missing} is not installed\n"
            f"  pip install {distribution}"
        ) from error
    except AttributeError as error:
        raise _not_logged(backend, error) from error


def _not_logged(backend: AutologgingBackend, error: Exception) -> MlExperimentError:
    return MlExperimentError(
        f"autologging for {backend.name}: this version of MLflow cannot log "
        f"{backend.value} by itself ({error})\n"
        "  log its models in the script: mlflow.log_model(...)"
    )
