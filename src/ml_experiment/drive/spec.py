"""What ``@job`` was told, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.autolog import AutologgingBackend
    from ml_experiment.callbacks.base import Callback
    from ml_experiment.config.models import Metric
    from ml_experiment.data_loader import DataLoader


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """A job: its function and the options of its decorator.

    Attributes:
        function: The user's function, undecorated.
        callbacks: Told of the job's events.
        autologging_backends: Frameworks whose models and metrics MLflow logs by itself.
        optimization_metric: What a group optimises.
        data_loader: Loads the data once a run.
        log_seeds: Record the seeds that user code sets.
        log_system_info: Record hardware and software.
        delete_if_failed: Leave nothing behind if the run fails.
        config: Fields of the config that the decorator gives, used where a config file
            does not say otherwise.
    """

    function: Callable[..., Any]
    callbacks: tuple[Callback, ...] = ()
    autologging_backends: tuple[AutologgingBackend, ...] = ()
    optimization_metric: Metric | str | None = None
    data_loader: type[DataLoader] | DataLoader | None = None
    log_seeds: bool = True
    log_system_info: bool = True
    delete_if_failed: bool = False
    config: dict[str, Any] = field(default_factory=dict)
