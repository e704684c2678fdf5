"""Reproducible machine-learning experiments.

Put ``@job`` on the ``main`` of a script; every run of it is recorded whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from ml_experiment.autolog import AutologgingBackend
    from ml_experiment.data_loader import DataLoader
    from ml_experiment.jobs import Job, job
    from ml_experiment.trial import Trial

__all__ = ["AutologgingBackend", "DataLoader", "Job", "Trial", "__version__", "job"]
__version__ = "1.0.0.dev0"

_HOMES = {
    "AutologgingBackend": "ml_experiment.autolog",
    "DataLoader": "ml_experiment.data_loader",
    "Job": "ml_experiment.jobs",
    "Trial": "ml_experiment.trial",
    "job": "ml_experiment.jobs",
}


def __getattr__(name: str) -> object:
    """Import the public names when they are asked for: the command line needs none."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ml_experiment' has no attribute '{name}'")
    import importlib

    # Kept, so that it is looked up once.
    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
