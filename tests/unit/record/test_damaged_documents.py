"""A document of a run that is none, or means harm, is told by its name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, read_json
from ml_experiment.record.journal import read_journal
from ml_experiment.record.outcome import Outcome, read_outcome
from ml_experiment.record.reproduction import launch_from


if TYPE_CHECKING:
    from pathlib import Path

_DEEP = "[" * 100_000


def test_json_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    """What Python cannot read for its depth is no document of a run."""
    path = tmp_path / "manifest.json"
    path.write_text(_DEEP)

    with pytest.raises(RecordError, match=r"manifest\.json: not JSON"):
        read_json(path)


def test_an_event_that_is_too_deep_is_left_out(tmp_path: Path) -> None:
    """The events after it still count, as after a torn line."""
    path = tmp_path / "journal.jsonl"
    path.write_text(f'{_DEEP}\n{{"event": "note"}}\n')

    assert read_journal(path) == [{"event": "note"}]


@pytest.mark.parametrize("document", [{}, {"status": "FINISHED"}])
def test_an_outcome_that_lacks_something_is_refused(
    document: dict[str, Any], tmp_path: Path
) -> None:
    """The file and what it lacks are named."""
    run = RunDirectory.create(tmp_path)
    run.outcome.write_text(json.dumps(document))

    with pytest.raises(RecordError, match=r"outcome\.json: .*reason"):
        read_outcome(run)


def test_an_outcome_of_a_later_release_is_read(tmp_path: Path) -> None:
    """What it says beyond what is known here is passed over, as in a manifest."""
    run = RunDirectory.create(tmp_path)
    known = {"status": "FINISHED", "reason": "", "ended": 1.0}
    run.outcome.write_text(json.dumps(known | {"later": 1}))

    assert read_outcome(run) == Outcome(status="FINISHED", reason="", ended=1.0)


@pytest.mark.parametrize("launch", [5, {"call": 0, "unknown": 1}, {"argv": 3}])
def test_a_launch_of_another_form_is_refused(launch: Any) -> None:
    """It comes from a manifest, which may come from somebody else."""
    with pytest.raises(RecordError, match="launch"):
        launch_from(launch)
