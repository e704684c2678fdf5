"""What is set up around user code the same way for an experiment and for a trial."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.drive.spec import JobSpec
    from ml_experiment.record.journal import Journal


def reporting(journal: Journal) -> Callable[[str, str], None]:
    """Return what tells of a callback that failed: in the journal, and on the console."""

    def report(reason: str, details: str) -> None:
        journal.write("note", text=reason)
        sys.stderr.write(f"ml-experiment: {reason}\n{details}")

    return report


def enable_autologging(spec: JobSpec) -> None:
    """Turn on what the decorator asks for."""
    if not spec.autologging_backends:
        return
    from ml_experiment.autolog import enable

    for backend in spec.autologging_backends:
        enable(backend)
