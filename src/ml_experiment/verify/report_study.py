"""A group as an Optuna study again, for what draws figures of studies."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from ml_experiment.verify.report_data import GroupData, MetricData, TrialData


def safe(text: str) -> str:
    """Return text that Plotly, which reads a little HTML, shows as it is."""
    return text.replace("<", "\u2039").replace(">", "\u203a")


def make_study(group: GroupData) -> tuple[Any, list[str]]:
    """Make the study again; trials that Optuna does not take are named."""
    import optuna

    study = optuna.create_study(
        directions=[_direction(metric) for metric in group.metrics]
    )
    faults = []
    for trial in group.trials:
        while len(study.get_trials(deepcopy=False)) < trial.number:
            study.add_trial(_nothing())
        try:
            study.add_trial(_frozen(trial))
        except (ValueError, TypeError, KeyError) as error:
            faults.append(f"trial {trial.number} ({error})")
            study.add_trial(_nothing())
    return study, faults


def _direction(metric: MetricData) -> Any:
    return metric.direction


def _nothing() -> Any:
    """Stand for a trial of which there is nothing, so that the others keep their numbers."""
    from optuna.trial import TrialState, create_trial

    return create_trial(state=TrialState.WAITING)


def _frozen(trial: TrialData) -> Any:
    from optuna.trial import TrialState, create_trial

    states = {
        "complete": TrialState.COMPLETE,
        "pruned": TrialState.PRUNED,
        "failed": TrialState.FAIL,
        "running": TrialState.RUNNING,
    }
    state = states.get(trial.state, TrialState.FAIL)
    if trial.started is None and state is TrialState.RUNNING:
        return _nothing()
    distributions = {
        safe(name): _distribution(text) for name, text in trial.distributions.items()
    }
    frozen = create_trial(
        state=state,
        values=list(trial.values) or None,
        params={
            safe(name): _safe_value(value)
            for name, value in trial.params.items()
            if safe(name) in distributions
        },
        distributions=distributions,
        intermediate_values=dict(trial.intermediate_values),
    )
    frozen.datetime_start = _moment(trial.started)
    frozen.datetime_complete = (
        None if state is TrialState.RUNNING else _moment(trial.ended)
    )
    return frozen


def _distribution(text: str) -> Any:
    from optuna.distributions import CategoricalDistribution, json_to_distribution

    found = json_to_distribution(text)
    if isinstance(found, CategoricalDistribution):
        return CategoricalDistribution([_safe_value(each) for each in found.choices])
    return found


def _safe_value(value: Any) -> Any:
    return safe(value) if isinstance(value, str) else value


def _moment(seconds: float | None) -> dt.datetime | None:
    # Optuna's times are naive and local.
    return None if seconds is None else dt.datetime.fromtimestamp(seconds)  # noqa: DTZ006
