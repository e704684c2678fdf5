"""What a group optimises: the metrics and their directions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_experiment.config.models import Metric
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from ml_experiment.config.models import GroupConfig
    from ml_experiment.drive.spec import JobSpec

_WORD = re.compile(r"[a-z]+|\d+")
_SMALL_IS_GOOD = frozenset(
    {"loss", "error", "err", "mse", "rmse", "mae", "mape", "rmsle", "logloss", "nll"}
    | {"perplexity", "deviance", "time", "seconds", "merror", "mlogloss"}
)
_LARGE_IS_GOOD = frozenset(
    {"accuracy", "acc", "auc", "auroc", "score", "precision", "recall", "map"}
    | {"iou", "dice", "mcc", "kappa", "reward", "return", "bleu", "f", "r"}
)


@dataclass(frozen=True)
class Objective:
    """The metrics that a group optimises.

    Attributes:
        names: Their names.
        directions: ``minimize`` or ``maximize``, one a metric.
    """

    names: tuple[str, ...]
    directions: tuple[str, ...]


def objective_of(config: GroupConfig, spec: JobSpec) -> Objective:
    """Return what a group optimises: what the config says, else what ``@job`` says.

    Raises:
        ConfigError: Neither says it, or it cannot be told which values are good.
    """
    said = config.metric if config.metric is not None else spec.optimization_metric
    if said is None:
        raise ConfigError(
            "a group needs a metric to optimise",
            field="metric",
            hint="metric: {name: val_accuracy, direction: maximize}",
        )
    listed = said if isinstance(said, list) else [said]
    metrics = [Metric(name=item) if isinstance(item, str) else item for item in listed]
    return Objective(
        names=tuple(metric.name for metric in metrics),
        directions=tuple(_direction(metric) for metric in metrics),
    )


def _direction(metric: Metric) -> str:
    if metric.direction is not None:
        return str(metric.direction.value)
    words = set(_WORD.findall(metric.name.lower()))
    small, large = words & _SMALL_IS_GOOD, words & _LARGE_IS_GOOD
    if bool(small) == bool(large):
        raise ConfigError(
            f"which values of '{metric.name}' are good cannot be told from its name; "
            "allowed: minimize, maximize",
            field="metric.direction",
            hint=f"metric: {{name: {metric.name}, direction: maximize}}",
        )
    return "minimize" if small else "maximize"
