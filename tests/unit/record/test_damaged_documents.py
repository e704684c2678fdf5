"""A document of a run that is none, or means harm, is told by its name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, read_json
from ml_experiment.record.journal import read_journal
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.model import SCHEMA, parse_record
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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", 1),
        ("status", "DONE"),
        ("reason", None),
        ("ended", "now"),
        ("ended", float("nan")),
        ("exit_code", True),
    ],
)
def test_an_outcome_of_another_form_is_refused(
    field: str, value: Any, tmp_path: Path
) -> None:
    """File and field are named, and what was got."""
    run = RunDirectory.create(tmp_path)
    known = {"status": "FINISHED", "reason": "", "ended": 1}
    run.outcome.write_text(json.dumps(known | {field: value}))

    with pytest.raises(
        RecordError, match=rf"outcome\.json: {field}: got .*; allowed: "
    ):
        read_outcome(run)


_MANIFEST: dict[str, Any] = {
    "run_id": "1",
    "kind": "job",
    "name": "a",
    "script": "/a.py",
    "cwd": "/",
    "command": ["a"],
    "started_by": "cli",
    "created": 1.0,
    "seed": 1,
    "seed_drawn": False,
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", "7"),
        ("seed", -1),
        ("seed", 2**32),
        ("command", "a b"),
        ("command", ["a", 1]),
        ("tags", {"a": 1}),
        ("launch", [1]),
        ("created", None),
    ],
)
def test_a_manifest_of_another_form_is_refused(
    field: str, value: Any, tmp_path: Path
) -> None:
    """A run with such a seed cannot be run again."""
    run = RunDirectory.create(tmp_path)
    run.manifest.write_text(json.dumps(_MANIFEST))
    assert read_manifest(run).seed == 1
    run.manifest.write_text(json.dumps(_MANIFEST | {field: value}))

    with pytest.raises(RecordError, match=rf"manifest\.json: {field}: got "):
        read_manifest(run)


def _read_both(run: RunDirectory) -> None:
    read_outcome(run)
    read_journal(run.journal)


@pytest.mark.parametrize("name", ["journal.jsonl", "outcome.json"])
def test_a_folder_in_place_of_a_document_is_refused(name: str, tmp_path: Path) -> None:
    """It is no reason for a traceback."""
    run = RunDirectory.create(tmp_path)
    (run.path / name).mkdir()

    with pytest.raises(RecordError, match=rf"{name}: cannot be read"):
        _read_both(run)


def test_a_line_that_is_no_event_is_left_out(tmp_path: Path) -> None:
    """Whoever reads the journal asks for the kind of each event."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"time": 1}\n{"event": 5}\n{"event": "note"}\n')

    assert read_journal(path) == [{"event": "note"}]


def test_a_record_of_another_form_is_refused() -> None:
    """It may have been damaged as the other documents may."""
    outcome = {"status": "FINISHED", "reason": "", "ended": 1}
    document: dict[str, object] = {
        "schema_version": SCHEMA,
        "run": _MANIFEST | {"seed": "7"},
        "outcome": outcome,
        "code": {},
        "aspects": {},
    }

    with pytest.raises(RecordError, match="here: run: seed: got '7'"):
        parse_record(document, "here")
    with pytest.raises(RecordError, match="here: it lacks the aspects data_set"):
        parse_record(document | {"run": _MANIFEST}, "here")


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
