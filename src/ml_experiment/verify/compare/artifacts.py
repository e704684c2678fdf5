"""Artifacts: by digest, and if that differs by what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.record.wording import counted
from ml_experiment.verify.compare.answer import Row, State
from ml_experiment.verify.compare.files import Sameness, compare_files


if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from ml_experiment.verify.compare.evidence import Evidence

_STATES = {
    Sameness.SAME: State.SAME,
    Sameness.SAME_CONTENT: State.SAME,
    Sameness.CLOSE: State.CLOSE,
    Sameness.DIFFERENT: State.CHANGED,
}
_ORDER = (State.SAME, State.CLOSE, State.UNKNOWN, State.CHANGED)


def compare_artifacts(
    old: Evidence,
    new: Evidence,
    *,
    rtol: float = 0.0,
    volatile: Collection[str] = (),
    partial: bool = False,
    same_inputs: bool,
) -> Row:
    """Compare the artifacts of two runs.

    Args:
        old: The first run.
        new: The second run.
        rtol: Relative difference that is tolerated of numbers in them.
        volatile: Names of those that differ whenever the run is repeated.
        partial: The first run did not come to its end: more in the second is no difference.
        same_inputs: Nothing but the clock can have made a difference, so what looks like
            a time or a date of the run is taken for one.
    """
    details: list[tuple[State, str]] = []
    for name, one in old.artifacts.items():
        other = new.artifacts.get(name)
        if other is None:
            details.append((State.CHANGED, f"{name}: only in the first run"))
            continue
        found = _compare(
            name, (old, one), (new, other), rtol, volatile, same_inputs=same_inputs
        )
        details.append(found)
    if not partial:
        details += [
            (State.CHANGED, f"{name}: only in the second run")
            for name in new.artifacts
            if name not in old.artifacts
        ]
    state = max((state for state, _ in details), key=_ORDER.index, default=State.SAME)
    shown = sorted(
        (item for item in details if item[1]), key=lambda item: -_ORDER.index(item[0])
    )
    return Row(
        name="artifacts",
        state=state,
        summary=_summary(len(old.artifacts), details, state),
        details=tuple(text for _, text in shown),
        is_result=True,
    )


def _compare(
    name: str,
    old: tuple[Evidence, dict[str, Any]],
    new: tuple[Evidence, dict[str, Any]],
    rtol: float,
    volatile: Collection[str],
    *,
    same_inputs: bool,
) -> tuple[State, str]:
    digests = [entry.get("sha256") for _, entry in (old, new)]
    if digests[0] is not None and digests[0] == digests[1]:
        return State.SAME, ""
    paths = [side.run.path / str(entry["path"]) for side, entry in (old, new)]
    if not all(path.exists() for path in paths):
        return State.UNKNOWN, f"{name}: other bytes, and a copy is gone"
    found = compare_files(*paths, rtol=rtol, same_inputs=same_inputs)
    if found.sameness is Sameness.SAME:
        return State.SAME, ""
    state = _STATES[found.sameness]
    if state is State.CHANGED and name in volatile:
        return State.CLOSE, f"{name}: {found.summary}; it differs at every repetition"
    return state, f"{name}: {found.summary}"


def _summary(count: int, details: list[tuple[State, str]], state: State) -> str:
    if not details:
        return "none were given"
    if not count:
        return details[0][1]
    many = counted(count, "artifact")
    if state is State.SAME:
        but = sum(1 for _, text in details if text)
        if not but:
            return f"{many}, equal byte for byte"
        return f"{many}, {but} of them but for dates, times or names"
    differing = sum(1 for each, _ in details if each is not State.SAME)
    return f"{differing} of {many} {'differs' if differing == 1 else 'differ'}"
