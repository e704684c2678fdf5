"""What main may return, and how each thing is kept."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_experiment.capture.results import Collector, split_result, to_number
from ml_experiment.errors import ResultError
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.journal import Journal, read_journal


if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param(None, ({}, {}), id="nothing"),
        pytest.param({"a": 1}, ({"a": 1}, {}), id="metrics"),
        pytest.param(({"a": 1}, {"b": "f"}), ({"a": 1}, {"b": "f"}), id="both"),
        pytest.param((None, {"b": "f"}), ({}, {"b": "f"}), id="artifacts only"),
        pytest.param(({"a": 1}, None), ({"a": 1}, {}), id="no artifacts"),
    ],
)
def test_allowed_results_are_split(result: object, expected: object) -> None:
    """Each allowed form gives its metrics and artifacts."""
    assert split_result(result) == expected


@pytest.mark.parametrize(
    ("result", "got"),
    [
        pytest.param(0.5, "float", id="number"),
        pytest.param([{"a": 1}], "list", id="list"),
        pytest.param(({"a": 1},), "a tuple of dict", id="single"),
        pytest.param(({"a": 1}, 3), "a tuple of dict, int", id="pair"),
        pytest.param((), "a tuple of nothing", id="empty tuple"),
    ],
)
def test_other_results_are_refused_by_name(result: object, got: str) -> None:
    """The error says what was got and what is allowed."""
    with pytest.raises(ResultError, match=f"returned {got}; allowed: nothing, a dict"):
        split_result(result)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(3, 3.0, id="int"),
        pytest.param(True, 1.0, id="bool"),
        pytest.param(np.float32(0.1), float(np.float32(0.1)), id="float32"),
        pytest.param(np.array([2.5]), 2.5, id="one element"),
        pytest.param(np.array(7), 7.0, id="zero dimensions"),
        pytest.param(Fraction(1, 4), 0.25, id="fraction"),
        pytest.param(10**400, float("inf"), id="huge"),
    ],
)
def test_numbers_of_all_kinds_are_metrics(value: object, expected: float) -> None:
    """A number stays the number that it is, in double precision."""
    assert to_number("m", value) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param("0.5", "got str '0.5'", id="string"),
        pytest.param(None, "got NoneType", id="none"),
        pytest.param([1], "got list", id="list"),
        pytest.param(np.zeros(3), r"got an array of shape \(3,\)", id="array"),
        pytest.param(1j, "got complex", id="complex"),
    ],
)
def test_what_is_no_number_is_named(value: object, message: str) -> None:
    """The error names the metric and what it was."""
    with pytest.raises(ResultError, match=f"metric 'loss': {message}"):
        to_number("loss", value)


@pytest.fixture
def collector(tmp_path: Path) -> tuple[Collector, RunDirectory]:
    """Return a collector over an empty run."""
    run = RunDirectory.create(tmp_path / "home")
    return Collector(run, Journal(run.journal)), run


def _artifacts(run: RunDirectory) -> list[dict[str, Any]]:
    return [
        event for event in read_journal(run.journal) if event["event"] == "artifact"
    ]


def test_bad_artifact_leaves_no_metric_behind(
    collector: tuple[Collector, RunDirectory],
) -> None:
    """A result is recorded whole or not at all."""
    collect, run = collector

    with pytest.raises(ResultError, match="artifact 'model': no file or folder at"):
        collect.collect({"a": 1}, {"model": "nowhere.pkl"}, None)

    assert read_journal(run.journal) == []


def test_artifact_object_says_to_save_it(
    collector: tuple[Collector, RunDirectory],
) -> None:
    """An object instead of a path is refused with what to do."""
    with pytest.raises(ResultError, match=r"artifact 'model': got dict.*save it"):
        collector[0].collect({}, {"model": {"w": 1}}, None)


def test_artifact_name_cannot_leave_its_folder(
    collector: tuple[Collector, RunDirectory], tmp_path: Path
) -> None:
    """A name with dots and slashes stays below the run's artifacts."""
    collect, run = collector
    file = tmp_path / "f.txt"
    file.write_text("x")

    collect.collect({}, {"../../up": file, "/abs": file, "..": file}, None)

    paths = [(run.path / event["path"]).resolve() for event in _artifacts(run)]
    assert all(path.is_relative_to(run.artifacts) for path in paths)
    assert [event["name"] for event in _artifacts(run)] == ["../../up", "/abs", ".."]


def test_same_artifact_at_each_step_keeps_the_newest(
    collector: tuple[Collector, RunDirectory], tmp_path: Path
) -> None:
    """A checkpoint given at every step is replaced, and each digest is journaled."""
    collect, run = collector
    file = tmp_path / "model.bin"
    for step in range(3):
        file.write_text(f"weights {step}")
        collect.collect({}, {"model": file}, step)

    assert (run.artifacts / "model/model.bin").read_text() == "weights 2"
    assert len({event["sha256"] for event in _artifacts(run)}) == 3


def test_folder_digest_sees_names_and_contents(
    collector: tuple[Collector, RunDirectory], tmp_path: Path
) -> None:
    """Renaming a file inside a folder changes the folder's digest."""
    collect, run = collector
    folder = tmp_path / "plots"
    folder.mkdir()
    (folder / "a.txt").write_text("x")
    collect.collect({}, {"one": folder}, None)
    (folder / "a.txt").rename(folder / "b.txt")

    collect.collect({}, {"two": folder}, None)

    first, second = _artifacts(run)
    assert first["sha256"] != second["sha256"]
    assert (first["files"], first["bytes"]) == (1, 1)
