"""How much runs of this machine differ from each other, measured by repeating one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ml_experiment.record.journal import decode_number, read_journal


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.record.directory import RunDirectory

_SHOWN = 12

Point = tuple[str, int | None]


def measured_noise(runs: Sequence[RunDirectory]) -> dict[Point, tuple[float, float]]:
    """Return between which values each metric lay at each step, widened.

    A value of one more run lies outside of the lowest and the highest of N in two of N + 1
    cases. So each range is widened by its own width on either side: of normally distributed
    values it then holds two of three further ones for N = 2, nine of ten for N = 3, and
    99 of 100 for N = 5. Where all runs agree to the last bit, the range is that value.

    Args:
        runs: Runs with the same seed on the same machine.
    """
    found: dict[Point, list[float]] = {}
    for run in runs:
        for point, value in _values(run).items():
            found.setdefault(point, []).append(value)
    return {
        point: _widened(values)
        for point, values in found.items()
        if len(values) == len(runs)
    }


def _values(run: RunDirectory) -> dict[Point, float]:
    """Return the metrics of a run by name and step; the last, if one came twice."""
    found: dict[Point, float] = {}
    for event in read_journal(run.journal):
        if event["event"] == "metrics":
            step = event.get("step")
            for name, value in event["metrics"].items():
                found[str(name), step] = decode_number(value)
    return found


def _widened(values: Sequence[float]) -> tuple[float, float]:
    numbers = [value for value in values if math.isfinite(value)]
    if not numbers:
        return values[0], values[0]
    lowest, highest = min(numbers), max(numbers)
    width = highest - lowest
    return lowest - width, highest + width


def volatile_artifacts(runs: Sequence[RunDirectory]) -> frozenset[str]:
    """Return the names of the artifacts that were not the same in all runs."""
    seen: dict[str, set[str]] = {}
    for run in runs:
        for event in read_journal(run.journal):
            if event["event"] == "artifact":
                seen.setdefault(str(event["name"]), set()).add(str(event["sha256"]))
    return frozenset(name for name, digests in seen.items() if len(digests) > 1)


def shown_noise(runs: Sequence[RunDirectory], old: RunDirectory) -> list[str]:
    """Return what was measured, a line for each metric as it was at its last step.

    Args:
        runs: The repetitions.
        old: The recorded run.
    """
    last: dict[str, Point] = {}
    recorded = _values(old)
    measured = [_values(run) for run in runs]
    for point in recorded:
        last[point[0]] = point
    lines = [f"noise, measured by {len(runs)} runs:"]
    for name, point in list(last.items())[:_SHOWN]:
        values = [values[point] for values in measured if point in values]
        if values:
            lines.append(
                f"  {name}: {min(values):.9g} to {max(values):.9g}, recorded "
                f"{recorded[point]:.9g}"
            )
    if len(last) > _SHOWN:
        lines.append(f"  and {len(last) - _SHOWN} more metrics")
    return lines
