"""Run directories of two runs, and of two groups, that are to be compared."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from tests.compared_runs import Told, write_run

from ml_experiment.record.directory import RunDirectory


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., RunDirectory]:
    """Return what writes a run directory, each in a project of its own."""
    numbers = itertools.count()

    def make_run(told: Told | None = None, **changes: Any) -> RunDirectory:
        number = next(numbers)
        run = RunDirectory(tmp_path / f"runs/run-{number}")
        return write_run(run, (told or Told()).but(**changes), f"/project-{number}")

    return make_run


@pytest.fixture
def make_group(tmp_path: Path) -> Callable[..., RunDirectory]:
    """Return what writes the run directory of a group and of its trials."""
    numbers = itertools.count()

    def make_one(trials: list[Told], **changes: Any) -> RunDirectory:
        number = next(numbers)
        group = RunDirectory(tmp_path / f"groups/group-{number}")
        write_run(group, Told(kind="group", metrics=()).but(**changes))
        for trial, told in enumerate(trials):
            values = [value for _, _, value in told.metrics]
            result = {"number": trial, "state": "complete", "values": values}
            write_run(
                group.trial(trial),
                told.but(kind="trial", parts=False, result=told.result or result),
            )
        return group

    return make_one
