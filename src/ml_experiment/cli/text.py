"""How things are put to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.errors import RecordError
from ml_experiment.record.journal import read_journal


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Event
    from ml_experiment.record.outcome import Outcome

_SHOWN_METRICS = 4
_MINUTE_S = 60
_HOUR_S = 3600
_KILO = 1000


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``1.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{int(seconds // _MINUTE_S)} min {int(seconds % _MINUTE_S)} s"
    return f"{int(seconds // _HOUR_S)} h {int(seconds % _HOUR_S // _MINUTE_S)} min"


def size(count: int) -> str:
    """Return bytes as people say them: ``12 B``, ``3.4 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < _KILO:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KILO
    return f"{amount:.1f} GB"


def last_metrics(run: RunDirectory) -> dict[str, float | str]:
    """Return the last value of each metric.

    Raises:
        RecordError: The journal is damaged.
    """
    try:
        return _last_of(read_journal(run.journal))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{run.journal}: an event of it is damaged") from error


def _last_of(events: list[Event]) -> dict[str, float | str]:
    last: dict[str, float | str] = {}
    names: list[str] = []
    for event in events:
        if event["event"] == "metrics":
            last |= event["metrics"]
        elif event["event"] == "group":
            names = event["metrics"]
        elif event["event"] == "best":  # of a group, the best trial speaks for all
            last |= dict(zip(names, event["values"], strict=False))
    return last


def shown_metrics(metrics: dict[str, float | str]) -> str:
    """Return a few metrics as ``name=value``, with the number of those left out."""
    shown = [f"{name}={_number(value)}" for name, value in metrics.items()]
    more = len(shown) - _SHOWN_METRICS
    text = "  ".join(shown[:_SHOWN_METRICS])
    return f"{text}  (+{more})" if more > 0 else text


def _number(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, (int, float)) else str(value)


def closing_line(run: RunDirectory, outcome: Outcome, seconds: float) -> str:
    """Return the one line that stands at the end of a run."""
    parts = [
        f"run {run.run_id}",
        outcome.status,
        outcome.reason or shown_metrics(last_metrics(run)),
        duration(seconds),
    ]
    return "  ".join(part for part in parts if part)
