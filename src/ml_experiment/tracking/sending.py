"""Send metrics, parameters and tags in few requests, each within MLflow's limits."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from mlflow.entities import Metric, Param, RunTag

from ml_experiment.errors import TrackingError
from ml_experiment.tracking.faults import is_refusal
from ml_experiment.tracking.names import (
    LONGEST_PARAM,
    LONGEST_TAG,
    MOST_METRICS,
    shortened,
)


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mlflow import MlflowClient

    from ml_experiment.tracking.told import Point

# https://mlflow.org/docs/latest/rest-api.html#log-batch
_MOST_TEXTS = 100
_MOST_TEXT_BYTES = 400_000

# Stores of earlier releases took shorter texts.
_SHORTER = 250

_Text = TypeVar("_Text", Param, RunTag)


class Sender:
    """Writes to one run of MLflow's.

    A batch that MLflow refuses is sent again item by item, so that one value that it does not
    take (user code may have logged the same parameter differently) costs no other.

    Args:
        client: An open store.
        mlflow_run_id: The run.
        given: Tags that the run has already; ``None`` for none.
    """

    def __init__(
        self,
        client: MlflowClient,
        mlflow_run_id: str,
        given: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._run_id = mlflow_run_id
        self._tags = dict(given or {})

    def send_points(self, points: Sequence[Point]) -> None:
        """Send values of metrics."""
        for start in range(0, len(points), MOST_METRICS):
            batch = [Metric(*point) for point in points[start : start + MOST_METRICS]]
            try:
                self._batch(metrics=batch)
            except Exception as error:  # noqa: BLE001 - decided by the next line
                self._raise_unless_refused(error)
                for metric in batch:
                    self._try(metrics=[metric])

    def missing(self, points: Sequence[Point]) -> list[Point]:
        """Return those of the points that the run does not have yet."""
        there = {
            _identity(metric.key, metric.value, metric.timestamp, metric.step)
            for key in dict.fromkeys(point.key for point in points)
            for metric in self._client.get_metric_history(self._run_id, key)
        }
        return [point for point in points if _identity(*point) not in there]

    def send_params(self, params: Mapping[str, str]) -> None:
        """Send parameters; one that MLflow has with another value becomes a tag."""
        whole = "config.json"
        items = [
            Param(key, shortened(text, LONGEST_PARAM, whole))
            for key, text in params.items()
        ]
        for batch in _batches(items):
            try:
                self._batch(params=batch)
            except Exception as error:  # noqa: BLE001 - decided by the next line
                self._raise_unless_refused(error)
                self._send_params_singly(batch)

    def _send_params_singly(self, params: Iterable[Param]) -> None:
        for param in params:
            short = Param(param.key, shortened(param.value, _SHORTER, "config.json"))
            if self._try(params=[param]) or (
                short.value != param.value and self._try(params=[short])
            ):
                continue
            self.send_tags({f"ml_experiment.param.{param.key}": param.value})

    def send_tags(self, tags: Mapping[str, str]) -> None:
        """Set those tags that this object has not set to the same value before."""
        new = {key: text for key, text in tags.items() if self._tags.get(key) != text}
        whole = "record.json"
        items = [
            RunTag(key, shortened(text, LONGEST_TAG, whole))
            for key, text in new.items()
        ]
        for batch in _batches(items):
            try:
                self._batch(tags=batch)
            except Exception as error:  # noqa: BLE001 - decided by the next line
                self._raise_unless_refused(error)
                for tag in batch:
                    short = RunTag(tag.key, shortened(tag.value, _SHORTER, whole))
                    if not self._try(tags=[tag]):
                        self._try(tags=[short])
        self._tags.update(new)

    def _batch(
        self,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        self._client.log_batch(
            self._run_id,
            metrics=metrics,
            params=params,
            tags=tags,
            synchronous=True,  # also where the user's environment says otherwise
        )

    def _try(
        self,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> bool:
        try:
            self._batch(metrics=metrics, params=params, tags=tags)
        except Exception as error:  # noqa: BLE001 - decided by the next line
            self._raise_unless_refused(error)
            sys.stderr.write(f"MLflow refuses {[*metrics, *params, *tags]}: {error}\n")
            return False
        return True

    def _raise_unless_refused(self, error: Exception) -> None:
        if "'active' state" in str(error):
            raise TrackingError(
                f"the run was deleted in MLflow\n  mlflow runs restore --run-id {self._run_id}"
            ) from error
        if not is_refusal(error):
            raise error


def _identity(key: str, value: float, timestamp: int, step: int) -> tuple[object, ...]:
    # NaN is not equal to itself, and databases keep infinity as the largest float.
    bounded = max(-sys.float_info.max, min(sys.float_info.max, value))
    return key, "nan" if value != value else bounded, timestamp, step  # noqa: PLR0124


def _batches(items: Sequence[_Text]) -> Iterator[list[_Text]]:
    batch: list[_Text] = []
    size = 0
    for item in items:
        length = len(item.key.encode()) + len(item.value.encode("unicode_escape"))
        if batch and (len(batch) == _MOST_TEXTS or size + length > _MOST_TEXT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch
