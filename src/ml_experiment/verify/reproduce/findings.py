"""What was found before anything ran, as causes of what may come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.verify.compare import Cause
    from ml_experiment.verify.reproduce.data import Found


def data_causes(changed: Sequence[Found]) -> list[Cause]:
    """Return a cause for each data file that is no longer what it was."""
    if not changed:
        return []
    from ml_experiment.verify.compare import Cause

    return [
        Cause(
            rank=1,
            aspect="data_set",
            sentence=f"the data file {each.input.path} has changed since it was recorded",
            hint=f"{each.source} was read; --data DIR names a folder that has it as it was",
            weight=100.0,
        )
        for each in changed
    ]
