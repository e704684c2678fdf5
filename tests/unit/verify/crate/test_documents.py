"""What a run of a crate says is of the form that a run writes, before anything is done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.crates import RUN_ID, Forged, experiment, group

from ml_experiment.errors import CrateError
from ml_experiment.verify.crate import export_run, open_crate


if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def forged(tmp_path: Path) -> Forged:
    """The members of a good crate of an experiment."""
    return Forged.of(export_run(experiment(tmp_path / "home"), tmp_path / "good.zip"))


def _put(forged: Forged, name: str, content: bytes) -> None:
    forged.members[f"run/{RUN_ID}/{name}"] = content


def _change(forged: Forged, name: str, **changes: Any) -> None:
    document = json.loads(forged.members.get(f"run/{RUN_ID}/{name}", b"{}"))
    _put(forged, name, json.dumps(document | changes).encode())


def _append(forged: Forged, event: object) -> None:
    journal = forged.members[f"run/{RUN_ID}/journal.jsonl"]
    _put(forged, "journal.jsonl", journal + json.dumps(event).encode() + b"\n")


def _refusal(forged: Forged, tmp_path: Path) -> str:
    """Open the crate, with every digest right; return why it was refused."""
    forged.fix_digests()
    with pytest.raises(CrateError) as caught:
        open_crate(forged.write(tmp_path / "evil.zip"), tmp_path / "scratch")
    assert not (tmp_path / "scratch").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("manifest.json", {"cwd": {"a": None}}, "cwd"),
        ("manifest.json", {"seed": -1}, "seed"),
        ("manifest.json", {"launch": 5}, "launch"),
        ("manifest.json", {"reproduces": {}}, "reproduces.run_id"),
        ("outcome.json", {"status": [[]]}, "status"),
        ("outcome.json", {"reason": {"path": 3}}, "reason"),
        ("parts/source.json", {"root": "/a\0b"}, "root"),
        ("parts/source.json", {"cwd": [None]}, "cwd"),
        ("parts/source.json", {"folders": ["a" * 300]}, "folders[0]"),
        ("parts/source.json", {"import_roots": True}, "import_roots"),
        ("parts/source.json", {"files": [{}]}, "files[0].path"),
        ("parts/source.json", {"left_out": [[]]}, "left_out[0]"),
        ("parts/data.json", {"files": [3.5]}, "files[0]"),
        ("parts/data.json", {"files": [{"path": "a", "size": "b"}]}, "files[0].size"),
        ("parts/data.json", {"all_files": "data.json"}, "all_files"),
        ("parts/software.json", {"packages": 5}, "packages"),
        ("parts/software.json", {"packages": [{"name": "a"}]}, "packages[0].version"),
        ("parts/software.json", {"python": [1]}, "python"),
        ("parts/software.json", {"environment": {"LANG": [None]}}, "environment.LANG"),
        ("parts/libraries.json", {"imported": [{}]}, "imported[0]"),
        ("parts/libraries.json", {"thread_pools": [""]}, "thread_pools[0]"),
        ("parts/stochasticity.json", {"switches": "x"}, "switches"),
        ("parts/stochasticity.json", {"switches": {"A=B": "x"}}, "switches"),
        ("parts/stochasticity.json", {"start_states": [[]]}, "start_states"),
        ("parts/stochasticity.json", {"generators": {"a": None}}, "generators.a"),
        ("parts/hardware.json", {"cpu": {"flags": [1]}}, "cpu.flags[0]"),
    ],
)
def test_a_value_of_another_kind_is_named_with_its_place(
    name: str, change: dict[str, Any], field: str, forged: Forged, tmp_path: Path
) -> None:
    """File and field are told, and nothing was run with the value."""
    _change(forged, name, **change)

    refusal = _refusal(forged, tmp_path)

    assert refusal.startswith(f"run/{RUN_ID}/{name} of the crate")
    assert f": {field}" in refusal


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "event"),
        ({"event": None}, "event"),
        ({"event": "started", "params": [[]]}, "params"),
        ({"event": "modules", "modules": {"a": 5}}, "modules.a"),
        ({"event": "metrics"}, "metrics"),
        ({"event": "metrics", "metrics": {"loss": "x"}}, "metrics.loss"),
        ({"event": "metrics", "metrics": {"loss": [None]}}, "metrics.loss"),
        ({"event": "artifact", "path": "artifacts/w"}, "name"),
        ({"event": "artifact", "name": "w", "path": "/etc/passwd"}, "path"),
        ({"event": "artifact", "name": "w", "path": "../../secret"}, "path"),
        ({"event": "ended", "exception": {"type": "E"}}, "exception.message"),
    ],
)
def test_an_event_of_another_form_is_named_with_its_line(
    event: dict[str, Any], field: str, forged: Forged, tmp_path: Path
) -> None:
    """The line of the journal and the field are told."""
    _append(forged, event)

    refusal = _refusal(forged, tmp_path)

    assert refusal.startswith(f"line 4 of run/{RUN_ID}/journal.jsonl of the crate")
    assert f": {field}: " in refusal


@pytest.mark.parametrize(
    "name", ["manifest.json", "outcome.json", "parts/data.json", "journal.jsonl"]
)
def test_a_document_that_is_too_deep_is_named(
    name: str, forged: Forged, tmp_path: Path
) -> None:
    """Python gives up on it; nobody else has to."""
    _put(forged, name, b"[" * 100_000 + b"]" * 100_000 + b"\n")

    assert f"run/{RUN_ID}/{name} of the crate" in _refusal(forged, tmp_path)


def test_a_line_of_the_full_list_of_data_is_checked(
    forged: Forged, tmp_path: Path
) -> None:
    """It is read in place of the short list in the part."""
    _change(forged, "parts/data.json", all_files="data-files.jsonl")
    _put(forged, "parts/data-files.jsonl", b'{"path": "/a"}\n{"size": 1}\n')

    assert "line 2 of" in _refusal(forged, tmp_path)


def test_the_documents_of_a_trial_are_checked(tmp_path: Path) -> None:
    """A group is what its trials are."""
    forged = Forged.of(export_run(group(tmp_path / "home"), tmp_path / "good.zip"))
    _change(forged, "trials/00001/result.json", state="lost")

    assert f"run/{RUN_ID}/trials/00001/result.json" in _refusal(forged, tmp_path)


def test_a_folder_that_is_no_trial_is_refused(tmp_path: Path) -> None:
    """The number of a trial is the name of its folder."""
    forged = Forged.of(export_run(group(tmp_path / "home"), tmp_path / "good.zip"))
    _put(forged, "trials/0x/manifest.json", b"{}")

    assert "trials/0x of the crate is no trial" in _refusal(forged, tmp_path)


def test_what_a_run_may_write_is_read(forged: Forged, tmp_path: Path) -> None:
    """A missing part, a torn line, a name that is no Unicode, and what is added later."""
    _change(forged, "manifest.json", later={"a": 1}, cwd="/home/me/\udcff")
    _change(forged, "outcome.json", later=[])
    _put(forged, "parts/hardware.json", b'{"missing": "no", "cpu": 5}')
    _append(forged, {"event": "later", "what": 5})
    _append(forged, {"event": "metrics", "step": None, "metrics": {"loss": "NaN"}})
    journal = forged.members[f"run/{RUN_ID}/journal.jsonl"]
    _put(forged, "journal.jsonl", journal + b'{"event": "met\n{"event": "no')
    forged.fix_digests()

    run = open_crate(forged.write(tmp_path / "good.zip"), tmp_path / "scratch")

    assert run.run_id == RUN_ID
