"""Spare a database what MLflow asks of it again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

# An experiment that is deleted meanwhile is noticed so much later.
_SECONDS = 1.0


def remember_experiments(client: MlflowClient) -> None:
    """Let a store look the same experiment up once a second, and not for every new run.

    MLflow's store for databases reads the whole experiment when it creates a run in it: a
    seventh of all that a short trial costs. A client whose store is not where it is in
    the releases that we know is left as it is.

    Args:
        client: A client of a database.
    """
    store = getattr(getattr(client, "_tracking_client", None), "store", None)
    if store is not None and hasattr(store, "get_experiment"):
        store.get_experiment = _remembered(store.get_experiment)


def _remembered(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    known: dict[Any, tuple[float, Any]] = {}

    def get_experiment(experiment_id: Any) -> Any:
        asked, found = known.get(experiment_id, (0.0, None))
        if found is None or time.monotonic() > asked + _SECONDS:
            found = get(experiment_id)
            known[experiment_id] = (time.monotonic(), found)
        return found

    return get_experiment
