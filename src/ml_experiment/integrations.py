"""Callbacks by which training in a framework is pruned: given up when it is hopeless.

Each reports a metric of every step to the trial, and ends the training by
``optuna.TrialPruned`` when the group's pruner says so; the trial is then recorded as
pruned. They are those of the package ``optuna-integration``, with the same arguments::

    from ml_experiment import Trial
    from ml_experiment.integrations import XGBoostPruningCallback

    callback = XGBoostPruningCallback(Trial.get_current(), "validation-error")

Where there is no trial, because the script runs as a single experiment, give ``None``: the
callback then does nothing. Frameworks are imported when their callback is asked for.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from ml_experiment.errors import (
    ConfigError,
    MissingExtraError,
    RetiredFrameworkError,
    unknown_name,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [  # noqa: F822 - made when they are asked for
    "CatBoostPruningCallback",
    "ChainerPruningExtension",
    "FastAIPruningCallback",
    "KerasPruningCallback",
    "LightGBMPruningCallback",
    "MXNetPruningCallback",
    "PyTorchIgnitePruningHandler",
    "PyTorchLightningPruningCallback",
    "SkorchPruningCallback",
    "TFKerasPruningCallback",
    "TensorFlowPruningHook",
    "XGBoostPruningCallback",
]

_LOG = logging.getLogger(__name__)
_OPTUNA = "optuna_integration"


@dataclass(frozen=True)
class _Home:
    """Where a callback comes from.

    Attributes:
        module: The module of ``optuna-integration``.
        needs: Modules of the framework, of which one must be there.
        extra: Of ml-experiment, that brings both.
        refine: Makes the class better for our users.
    """

    module: str
    needs: tuple[str, ...]
    extra: str
    refine: Callable[[type], type] | None = None


class _AnyDirection:
    """Equal to whichever direction a callback insists on."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = object.__hash__


class _NoTrial:
    """Takes the place of a trial where there is none: listens, and never prunes."""

    def __init__(self) -> None:
        self.study = self
        self.direction = _AnyDirection()
        self.number = 0

    def report(self, value: float, step: int) -> None:
        """Take note of nothing."""

    def should_prune(self) -> bool:
        """Never."""
        return False


def _trial_or_none(trial: Any, name: str) -> Any:
    if trial is None:
        _LOG.info("%s: no trial is running, so nothing is pruned", name)
        return _NoTrial()
    if hasattr(trial, "report") and hasattr(trial, "should_prune"):
        return trial
    raise ConfigError(
        f"expected a trial, got {type(trial).__name__}",
        source=name,
        field="trial",
        hint="give it Trial.get_current(), or None in a single experiment",
    )


def _without_trial(base: type, name: str) -> type:
    """Return the class with a constructor that takes ``None`` for the trial."""

    def __init__(self: Any, trial: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        base.__init__(self, _trial_or_none(trial, name), *args, **kwargs)  # type: ignore[misc]  # a class of any kind

    return type(name, (base,), {"__init__": __init__, "__doc__": base.__doc__})


def _telling_xgboost(base: type) -> type:
    """Say which metrics there are, where the one that was asked for is not."""

    def after_iteration(
        self: Any, model: Any, epoch: int, evals_log: Mapping[str, Any]
    ) -> Any:
        key = self._observation_key
        known = [
            f"{data}-{name}" for data, names in evals_log.items() for name in names
        ]
        if key not in known:
            raise ConfigError(
                unknown_name(key, known) if known else "no data are evaluated",
                source="XGBoostPruningCallback",
                field="observation_key",
                hint="it is '<name in evals>-<eval_metric>', or 'validation_0-<metric>' "
                "with eval_set",
            )
        return super(told, self).after_iteration(model, epoch, evals_log)

    told: Any = type(base.__name__, (base,), {"after_iteration": after_iteration})
    return told  # type: ignore[no-any-return]  # made just now


def _telling_keras(base: type) -> type:
    """Stop where the metric is not among those of the epoch: nothing would be pruned."""

    def on_epoch_end(self: Any, epoch: int, logs: Any = None) -> None:
        if self._monitor not in (logs or {}):
            known = list(logs or {})
            raise ConfigError(
                unknown_name(self._monitor, known)
                if known
                else "no metric is computed",
                source=base.__name__,
                field="monitor",
                hint="metrics of validation need validation_data or validation_split",
            )
        super(told, self).on_epoch_end(epoch, logs)

    told: Any = type(base.__name__, (base,), {"on_epoch_end": on_epoch_end})
    return told  # type: ignore[no-any-return]  # made just now


def _with_learner(base: type) -> type:
    """Take the learner of fastai 1 as a first argument, too."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        kwargs.pop("learn", None)
        if (
            args
            and not isinstance(args[0], _NoTrial)
            and not hasattr(args[0], "report")
        ):
            args = args[1:]
        base.__init__(self, *args, **kwargs)  # type: ignore[misc]  # a class of any kind

    return type(base.__name__, (base,), {"__init__": __init__})


_HOMES = {
    "CatBoostPruningCallback": _Home("catboost", ("catboost",), "catboost"),
    "FastAIPruningCallback": _Home("fastaiv2", ("fastai",), "fastai"),
    "KerasPruningCallback": _Home("keras", ("keras",), "keras", _telling_keras),
    "LightGBMPruningCallback": _Home("lightgbm", ("lightgbm",), "lightgbm"),
    "PyTorchIgnitePruningHandler": _Home("pytorch_ignite", ("ignite",), "ignite"),
    "PyTorchLightningPruningCallback": _Home(
        "pytorch_lightning", ("lightning", "pytorch_lightning"), "lightning"
    ),
    "SkorchPruningCallback": _Home("skorch", ("skorch",), "skorch"),
    "TFKerasPruningCallback": _Home(
        "tfkeras", ("tensorflow",), "tensorflow", _telling_keras
    ),
    "XGBoostPruningCallback": _Home(
        "xgboost", ("xgboost",), "xgboost", _telling_xgboost
    ),
}

_RETIRED = {
    "ChainerPruningExtension": (
        "Chainer",
        "ended in 2019 in favour of PyTorch",
        "PyTorchIgnitePruningHandler or PyTorchLightningPruningCallback",
    ),
    "MXNetPruningCallback": (
        "MXNet",
        "was retired by Apache in 2023",
        "KerasPruningCallback or PyTorchLightningPruningCallback",
    ),
    "TensorFlowPruningHook": (
        "TensorFlow's Estimator",
        "is not in TensorFlow any more since 2.16",
        "TFKerasPruningCallback or KerasPruningCallback",
    ),
}


def _retired(name: str) -> type:
    framework, end, instead = _RETIRED[name]

    def __init__(self: object, *args: object, **kwargs: object) -> NoReturn:  # noqa: N807, ARG001
        raise RetiredFrameworkError(name, framework=framework, end=end, instead=instead)

    return type(name, (), {"__init__": __init__, "__doc__": f"{framework} {end}."})


def _is_there(module: str) -> bool:
    # What is imported need not have a specification any more.
    return module in sys.modules or importlib.util.find_spec(module) is not None


def _made(name: str) -> type:
    """Import a callback's class and refine it.

    Raises:
        MissingExtraError: The framework or ``optuna-integration`` is not installed.
    """
    home = _HOMES[name]
    if not any(_is_there(module) for module in home.needs):
        raise MissingExtraError(home.needs[0], home.extra)
    if not _is_there(_OPTUNA):
        raise MissingExtraError("optuna-integration", home.extra)
    module = importlib.import_module(f"{_OPTUNA}.{home.module}")
    cls: type = getattr(module, name)
    if home.refine is not None:
        cls = home.refine(cls)
    made = _without_trial(cls, name)
    # fastai 1 gave the learner first, as the manual of release 0.1 does.
    return _with_learner(made) if home.module == "fastaiv2" else made


def __getattr__(name: str) -> Any:
    """Make a callback's class when it is asked for, and keep it."""
    if name in _RETIRED:
        made = _retired(name)
    elif name in _HOMES:
        made = _made(name)
    else:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    made.__module__, made.__qualname__ = __name__, name
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted(__all__)
