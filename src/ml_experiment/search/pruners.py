"""Pruners by name: which trials are ended early.

A pruner is made anew for every trial. Some remember how long trials take from the first one
that they saw; in a pool of workers each would have seen another one first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_experiment.errors import ConfigError
from ml_experiment.search.checks import named, need_at_least
from ml_experiment.search.options import (
    Request,
    check_options,
    find_factory,
    made,
    need,
    options_of,
)


if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner

    from ml_experiment.search.messages import StudyDescription

NO_PRUNER = "nop"
_HERE = "ml_experiment.search.pruners"
BUILT_IN = {
    name: f"{_HERE}:{name}_pruner"
    for name in (
        "hyperband",
        "sha",
        "percentile",
        "median",
        "patient",
        "threshold",
        "wilcoxon",
        "nop",
    )
}
_DEFAULT_PERCENTILE = 25.0
_WORDS = ("auto",)


def pruner_request(description: StudyDescription) -> Request:
    """Return what the factory of a study's pruner is told."""
    name, options = description.pruner
    return Request(
        name=name, options=options, space={}, directions=description.directions
    )


def make_pruner(request: Request) -> BasePruner:
    """Return a new pruner.

    Raises:
        ConfigError: There is none of that name, its options do not fit, or there are
            several metrics: no pruner can tell then which trial is worse.
        MissingExtraError: A library that it needs is not installed.
    """
    if len(request.directions) > 1 and request.name != NO_PRUNER:
        raise ConfigError(
            f"{request.name} needs one metric, and there are {len(request.directions)}; "
            "trials are not ended early then",
            field="pruner",
            hint="pruner: nop",
        )
    pruner: BasePruner = find_factory("pruner", request.name, BUILT_IN)(request)
    return pruner


def warm_up(pruner: BasePruner, study: Study) -> None:
    """Let Hyperband see how long trials are, before a sampler asks it for its brackets."""
    from optuna.pruners import HyperbandPruner
    from optuna.trial import TrialState, create_trial

    if isinstance(pruner, HyperbandPruner):
        pruner.prune(study, create_trial(state=TrialState.RUNNING))


def hyperband_pruner(request: Request) -> BasePruner:
    """Return Optuna's ``HyperbandPruner``."""
    from optuna.pruners import HyperbandPruner

    need_at_least("pruner", request, min_resource=1, reduction_factor=2)
    _check_positive(request, "max_resource")
    return _built(request, HyperbandPruner)


def sha_pruner(request: Request) -> BasePruner:
    """Return Optuna's ``SuccessiveHalvingPruner``."""
    from optuna.pruners import SuccessiveHalvingPruner

    _check_positive(request, "min_resource")
    return _built(request, SuccessiveHalvingPruner)


def percentile_pruner(request: Request) -> BasePruner:
    """Return Optuna's ``PercentilePruner``; it keeps the best quarter unless told."""
    from optuna.pruners import PercentilePruner

    return _built(request, PercentilePruner, percentile=_DEFAULT_PERCENTILE)


def median_pruner(request: Request) -> BasePruner:
    """Return Optuna's ``MedianPruner``."""
    from optuna.pruners import MedianPruner

    return _built(request, MedianPruner)


def nop_pruner(request: Request) -> BasePruner:
    """Return Optuna's ``NopPruner``, which ends no trial."""
    from optuna.pruners import NopPruner

    check_options("pruner", request, {})
    return NopPruner()


def threshold_pruner(request: Request) -> BasePruner:
    """Return Optuna's ``ThresholdPruner``."""
    from optuna.pruners import ThresholdPruner

    if not {"lower", "upper"} & set(request.options):
        raise ConfigError(
            "threshold: lower or upper is needed, or both",
            field="pruner",
            hint="pruner: {name: threshold, lower: 0.5}",
        )
    return _built(request, ThresholdPruner)


def patient_pruner(request: Request) -> BasePruner:
    """Return Optuna's ``PatientPruner``: alone, or holding back the one it is wrapped in."""
    from optuna.pruners import PatientPruner

    check_options(
        "pruner", request, {"wrapped_pruner": None, "patience": 0, "min_delta": 0.0}
    )
    if "patience" not in request.options:
        raise ConfigError(
            "patient: patience is needed: after how many steps without a better value",
            field="pruner.patience",
            hint="pruner: {name: patient, patience: 5, wrapped_pruner: median}",
        )
    options = dict(request.options)
    wrapped = options.pop("wrapped_pruner", None)
    inner = None
    if wrapped is not None:
        name, inner_options = named(wrapped, None, "pruner.wrapped_pruner")
        inner = make_pruner(
            Request(
                name=name,
                options=inner_options,
                space={},
                directions=request.directions,
            )
        )
    return made("pruner", request, PatientPruner, wrapped_pruner=inner, **options)


def wilcoxon_pruner(request: Request) -> BasePruner:
    """Return Optuna's ``WilcoxonPruner``."""
    from optuna.pruners import WilcoxonPruner

    need("scipy", "scipy", "wilcoxon")
    return _built(request, WilcoxonPruner)


def _built(request: Request, cls: type[BasePruner], **defaults: Any) -> BasePruner:
    check_options("pruner", request, options_of(cls, without=()) | defaults)
    return made("pruner", request, cls, **(defaults | dict(request.options)))


def _check_positive(request: Request, *names: str) -> None:
    """Refuse resources that are neither a positive integer nor ``auto``."""
    for name in names:
        value = request.options.get(name, 1)
        is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if not is_count and value not in _WORDS:
            raise ConfigError(
                f"{request.name}: got {value!r}; an integer from 1 or auto is needed",
                field=f"pruner.{name}",
            )
