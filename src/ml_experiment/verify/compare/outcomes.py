"""How two runs ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ml_experiment.verify.compare.answer import Row, State


if TYPE_CHECKING:
    from ml_experiment.verify.compare.evidence import Evidence

_PLACE = re.compile(r"(?:/[\w.@+\-]+)+/|0x[0-9a-fA-F]+")


def compare_outcomes(old: Evidence, new: Evidence) -> Row:
    """Compare how two runs ended.

    A first run that was interrupted is compared as far as it got; if the second was
    interrupted as well, as far as both got.
    """
    before, after = _ending(old), _ending(new)
    details: tuple[str, ...] = ()
    # A trial that was ended from outside has a result that counts: the search saw it.
    settled = old.result is not None and before == after
    if not old.is_whole and not settled:
        how = old.outcome.status if old.outcome is not None else "not closed"
        good = _ended_well(new) or not new.is_whole
        state = State.SAME if good else State.CHANGED
        summary = f"the first run did not come to its end ({how}); the second: {after}"
    elif before == after:
        state, summary = State.SAME, before
    else:
        state, summary = State.CHANGED, f"{before}, and now {after}"
        details = (f"first: {_reason(old)}", f"second: {_reason(new)}")
    return Row(
        name="outcome", state=state, summary=summary, details=details, is_result=True
    )


def _ended_well(side: Evidence) -> bool:
    return side.outcome is not None and side.outcome.status == "FINISHED"


def _ending(side: Evidence) -> str:
    if side.result is not None:  # a trial: what the search was told
        state = str(side.result.get("state"))
        reason = str(side.result.get("reason") or "")
        return f"{state}: {_PLACE.sub('', reason)}" if reason else state
    if side.outcome is None:
        return "not closed"
    if side.exception is not None:
        kind, message = side.exception
        return f"{side.outcome.status}: {kind}: {_PLACE.sub('', message)}"
    reason = _PLACE.sub("", side.outcome.reason or "")
    return f"{side.outcome.status}: {reason}" if reason else side.outcome.status


def _reason(side: Evidence) -> str:
    if side.outcome is None:
        return "not closed"
    return side.outcome.reason or side.outcome.status
