"""What was found before anything ran, as causes of what may come of it."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.verify.compare import Cause
    from ml_experiment.verify.reproduce.data import Found

_WEIGHT = 100.0  # it was found before anything ran


def data_causes(changed: Sequence[Found], cwd: str) -> list[Cause]:
    """Return a cause for each data file that is no longer what it was.

    Args:
        changed: The files.
        cwd: Working directory of the earlier run.
    """
    if not changed:
        return []
    from ml_experiment.verify.compare import Cause

    return [
        Cause(
            aspect="data set",
            sentence=f"the data file {_label(each, cwd)} has changed",
            hint=f"{each.source} was read; --data DIR names a folder that has it as it was",
            weight=_WEIGHT,
        )
        for each in changed
    ]


def _label(found: Found, cwd: str) -> str:
    """Return the name by which the comparison knows a file."""
    path = PurePath(found.input.path)
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else path.name
