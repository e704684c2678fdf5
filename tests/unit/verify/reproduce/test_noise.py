"""Noise is measured by runs that differ, and widened by what they cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.journal import Journal, encode_number
from ml_experiment.verify.reproduce.noise import (
    measured_noise,
    shown_noise,
    volatile_artifacts,
)


if TYPE_CHECKING:
    from pathlib import Path


def run_with(home: Path, *losses: float, digest: str = "a") -> RunDirectory:
    """Return a run that gave these losses, step by step, and an artifact."""
    run = RunDirectory.create(home)
    journal = Journal(run.journal)
    for step, loss in enumerate(losses):
        journal.write("metrics", step=step, metrics={"loss": encode_number(loss)})
    journal.write("artifact", name="model", path="artifacts/m", sha256=digest)
    journal.close()
    return run


def test_a_range_is_widened_by_its_width(tmp_path: Path) -> None:
    """From 1.0 and 1.25: from 0.75 to 1.5."""
    runs = [run_with(tmp_path, 1.0), run_with(tmp_path, 1.25)]

    assert measured_noise(runs) == {("loss", 0): (0.75, 1.5)}


def test_runs_that_agree_leave_no_room(tmp_path: Path) -> None:
    """A deterministic run is judged to the last bit, however often it is repeated."""
    runs = [run_with(tmp_path, 0.1, 0.2) for _ in range(3)]

    assert measured_noise(runs) == {("loss", 0): (0.1, 0.1), ("loss", 1): (0.2, 0.2)}


def test_a_step_that_not_all_have_is_no_measure(tmp_path: Path) -> None:
    """A run that stopped earlier says nothing of later steps."""
    runs = [run_with(tmp_path, 0.1), run_with(tmp_path, 0.1, 0.2)]

    assert ("loss", 1) not in measured_noise(runs)


def test_numbers_that_are_none_do_no_harm(tmp_path: Path) -> None:
    """NaN is neither the lowest nor the highest."""
    runs = [run_with(tmp_path, float("nan")), run_with(tmp_path, 1.0)]

    assert measured_noise(runs) == {("loss", 0): (1.0, 1.0)}


def test_artifacts_that_differ_each_time_are_named(tmp_path: Path) -> None:
    """A file that holds a date differs from the recorded one, too."""
    runs = [run_with(tmp_path, 1.0), run_with(tmp_path, 1.0, digest="b")]

    assert volatile_artifacts(runs) == {"model"}
    assert volatile_artifacts(runs[:1]) == frozenset()


def test_what_was_measured_is_shown_with_what_was_recorded(tmp_path: Path) -> None:
    """The last step of each metric, as that is what is looked at."""
    old = run_with(tmp_path, 1.0, 0.5)
    runs = [run_with(tmp_path, 1.0, 0.25), run_with(tmp_path, 1.0, 0.75)]

    lines = shown_noise(runs, old)

    assert lines == [
        "noise, measured by 2 runs:",
        "  loss: 0.25 to 0.75, recorded 0.5",
    ]
