"""A trial's result as a JSON document, and as the trial's part in a study."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_experiment.config.json_values import decode, encode
from ml_experiment.errors import RecordError
from ml_experiment.search.messages import PASSING, TrialResult


if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_STATES = ("complete", "pruned", "failed")


def to_document(result: TrialResult) -> dict[str, object]:
    """Return a result as strict JSON can hold it.

    Attributes that JSON cannot hold are kept as their ``repr``.
    """
    document: dict[str, object] = {}
    for field in dataclasses.fields(result):
        if field.name in PASSING:
            continue
        value = getattr(result, field.name)
        document[field.name] = encode(_plain(value))
    return document


def from_document(document: Mapping[str, object]) -> TrialResult:
    """Return the result of which ``to_document`` made ``document``.

    Raises:
        RecordError: It is no such document.
    """
    names = {field.name for field in dataclasses.fields(TrialResult)} - PASSING
    fields: dict[str, Any] = {
        name: decode(value) for name, value in document.items() if name in names
    }
    try:
        values = fields.get("values")
        fields["values"] = None if values is None else tuple(map(float, values))
        steps = fields.get("intermediate_values") or {}
        fields["intermediate_values"] = {
            int(step): float(value) for step, value in steps.items()
        }
        result = TrialResult(**fields)
    except (TypeError, ValueError) as error:
        raise RecordError(f"this is no result of a trial: {error}") from error
    if result.state not in _STATES:
        raise RecordError(f"a trial cannot be '{result.state}'")
    return result


def settled(result: TrialResult, metrics: int) -> TrialResult:
    """Return ``result`` as it will be read from disk, and as a study can take it.

    A search that goes on must see the very values that a search sees which is resumed.

    Args:
        result: What a worker says of a trial.
        metrics: How many metrics are optimised.
    """
    result = from_document(to_document(result))
    if result.state != "complete":
        return result
    values = result.values or ()
    if len(values) != metrics:
        return _failed(result, f"got {len(values)} values for {metrics} metrics")
    if any(math.isnan(value) for value in values):
        return _failed(result, "a metric is not a number (NaN)")
    return result


def distributions_of(result: TrialResult) -> dict[str, BaseDistribution]:
    """Return the distributions of a result's parameters, in the order of suggestion."""
    from optuna.distributions import json_to_distribution

    return {
        name: json_to_distribution(text) for name, text in result.distributions.items()
    }


def drawn_in(trial: FrozenTrial) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a trial's parameters, and their distributions as Optuna's JSON.

    Choices of the user's own that cannot be written down are left out.
    """
    from optuna.distributions import distribution_to_json

    distributions = {}
    for name, each in trial.distributions.items():
        try:
            distributions[name] = distribution_to_json(each)
        except TypeError:
            continue
    return {name: trial.params[name] for name in distributions}, distributions


def completed(result: TrialResult, trial: FrozenTrial) -> TrialResult:
    """Return an untouched result with what the driver has drawn for its trial."""
    if not result.untouched:
        return result
    params, distributions = drawn_in(trial)
    return dataclasses.replace(
        result, params=params, distributions=distributions, untouched=False
    )


def _failed(result: TrialResult, reason: str) -> TrialResult:
    return dataclasses.replace(
        result, state="failed", values=None, reason=reason, cause="result"
    )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):  # a str of a subclass, NumPy's float64: as they are
        if isinstance(value, kind):
            return kind(value)
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return repr(value)
