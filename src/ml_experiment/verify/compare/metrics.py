"""Metrics, value by value, at every step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_experiment.record.wording import counted
from ml_experiment.verify.compare.answer import Noise, Row, State
from ml_experiment.verify.compare.measured import looks_measured


if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[str, int | None, float]

_ORDER = (State.SAME, State.CLOSE, State.CHANGED)


@dataclass
class _Series:
    """The differences of one metric."""

    name: str
    points: int = 0
    state: State = State.SAME
    first: tuple[int | None, float, float] | None = None
    largest: float = 0.0
    relative: float = 0.0

    def add(self, step: int | None, old: float, new: float, state: State) -> None:
        self.points += 1
        if state is State.SAME:
            return
        self.state = max(self.state, state, key=_ORDER.index)
        if self.first is None:
            self.first = (step, old, new)
        self.largest = max(self.largest, _distance(old, new))
        self.relative = max(self.relative, relative_difference(old, new))

    def __str__(self) -> str:
        assert self.first is not None  # noqa: S101 - only those that differ are shown
        step, old, new = self.first
        at = "" if step is None else f" at step {step}"
        text = f"{self.name}{at}: {old!r} and {new!r}"
        if self.points > 1:
            text += f", the first of {self.points} values to differ"
        return f"{text}; largest difference {self.largest:.3g} ({self.relative:.2g} relative)"


def compare_metrics(
    old: Sequence[Point],
    new: Sequence[Point],
    *,
    rtol: float = 0.0,
    noise: Noise | None = None,
    partial: bool = False,
    alone: bool = True,
    same_inputs: bool = True,
) -> tuple[Row, list[str]]:
    """Compare the metrics of two runs.

    What by its name measures time or memory is another at every run. It does not count,
    if there is anything else to judge by. Where something else can have made a difference,
    a name that may be one of a result, such as ``latency``, counts.

    Args:
        old: Name, step and value, in the order in which they came.
        new: Likewise.
        rtol: Relative difference that is tolerated, of the larger of the two.
        noise: Between which values runs of this machine lie.
        partial: The first run did not come to its end: more in the second is no difference.
        alone: The runs gave nothing but metrics.
        same_inputs: Nothing but the clock can have made a difference.

    Returns:
        The row, and warnings.
    """
    before, after = _by_name(old), _by_name(new)
    lost = [name for name in before if name not in after]
    gained = [name for name in after if name not in before and not partial]
    found: list[_Series] = []
    details = [f"{name}: only in the first run" for name in lost]
    details += [f"{name}: only in the second run" for name in gained]
    measured = []
    timed = {name for name in before if looks_measured(name, same_inputs=same_inputs)}
    lenient = not alone or len(timed) < len(before)
    total = 0
    for name in before:
        if name not in after:
            continue
        series, shorter = _compare(
            name, before[name], after[name], rtol, noise, partial=partial
        )
        total += series.points
        if lenient and name in timed:
            if series.state is not State.SAME or shorter:
                measured.append(name)
            continue
        if shorter:
            details.append(shorter)
        if series.state is not State.SAME:
            found.append(series)
    # The one that differed first is nearest to the cause.
    found.sort(key=lambda each: _moment(each.first))
    state = State.CHANGED if details else State.SAME
    for each in found:
        state = max(state, each.state, key=_ORDER.index)
    details += [str(each) for each in found]
    warnings = []
    if measured:
        names = ", ".join(measured)
        warnings.append(
            f"not compared, as they seem to measure time or memory: {names}"
        )
    return (
        Row(
            name="metrics",
            state=state,
            summary=_summary(len(before), total, found, lost + gained, state)
            + (f"; {', '.join(measured)} aside" if measured else ""),
            details=tuple(details),
            is_result=True,
        ),
        warnings,
    )


def _by_name(points: Sequence[Point]) -> dict[str, list[tuple[int | None, float]]]:
    found: dict[str, list[tuple[int | None, float]]] = {}
    for name, step, value in points:
        found.setdefault(name, []).append((step, value))
    return found


def _compare(
    name: str,
    old: list[tuple[int | None, float]],
    new: list[tuple[int | None, float]],
    rtol: float,
    noise: Noise | None,
    *,
    partial: bool,
) -> tuple[_Series, str]:
    series = _Series(name)
    for (step, before), (other, after) in zip(old, new, strict=False):
        if step != other:
            return (
                series,
                f"{name}: step {step} in the first run, {other} in the second",
            )
        known = None if noise is None else noise.get((name, step))
        series.add(step, before, after, _state(before, after, rtol, known))
    if len(old) > len(new) or (len(new) > len(old) and not partial):
        return series, f"{name}: {len(old)} and {len(new)} values"
    return series, ""


def _state(
    old: float, new: float, rtol: float, known: tuple[float, float] | None
) -> State:
    if old == new or (math.isnan(old) and math.isnan(new)):
        return State.SAME
    if relative_difference(old, new) <= rtol:
        return State.CLOSE
    if known is not None and known[0] <= old <= known[1]:
        return State.CLOSE
    return State.CHANGED


def _distance(old: float, new: float) -> float:
    distance = abs(old - new)
    return math.inf if math.isnan(distance) else distance


def relative_difference(old: float, new: float) -> float:
    """Return the difference of two numbers, relative to the larger one; infinite for NaN."""
    if old == new or (math.isnan(old) and math.isnan(new)):
        return 0.0
    distance = _distance(old, new)
    scale = max(abs(old), abs(new))
    if math.isinf(distance) or math.isinf(scale):
        return math.inf
    return distance / scale


def _moment(first: tuple[int | None, float, float] | None) -> float:
    if first is None or first[0] is None:
        return math.inf
    return first[0]


def _summary(
    names: int, points: int, found: list[_Series], other: list[str], state: State
) -> str:
    if not names and not other:
        return "none were given"
    many = f"{counted(names, 'metric')}, {counted(points, 'value')}"
    if state is State.SAME:
        return f"{many}, equal to the last bit"
    if not found:
        return f"{many}; not the same ones in both runs"
    worst = max(each.relative for each in found)
    steps = [
        each.first[0] for each in found if each.first and each.first[0] is not None
    ]
    since = f", from step {min(steps)} on" if steps else ""
    verb = "differs" if len(found) == 1 else "differ"
    return (
        f"{len(found)} of {many.partition(',')[0]} {verb}{since}, "
        f"by at most {worst:.2g} relative"
    )
