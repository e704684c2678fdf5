"""What MLflow shows nowhere is published in one archive, and comes back whole."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory
from ml_experiment.tracking.packing import pack, unpack


if TYPE_CHECKING:
    from pathlib import Path


def group(home: Path) -> RunDirectory:
    """Return the run directory of a group of one trial."""
    run = RunDirectory.create(home)
    run.manifest.write_text("{}")
    run.journal.write_text('{"event": "note", "text": "hunter22 said"}\n')
    trial = run.trial(0)
    for folder in trial.folders:
        folder.mkdir(parents=True)
    (trial.path / "drawn.json").write_text('{"params": {}}')
    trial.part("stochasticity").write_text("{}")
    (trial.artifacts / "model.bin").write_bytes(b"large")
    return run


def test_a_group_comes_back_with_its_trials(tmp_path: Path) -> None:
    """All but the artifacts, which have their own places in MLflow."""
    run = group(tmp_path / "home")
    archive = tmp_path / "run.tar.gz"

    pack(run, archive, frozenset())
    unpack(archive, tmp_path / "new")

    names = {
        path.relative_to(tmp_path / "new").as_posix()
        for path in (tmp_path / "new").rglob("*")
        if path.is_file()
    }
    assert names == {
        "manifest.json",
        "journal.jsonl",
        "trials/00000/drawn.json",
        "trials/00000/parts/stochasticity.json",
    }


def test_secrets_are_masked_in_what_is_packed(tmp_path: Path) -> None:
    """As in everything that is published."""
    run = group(tmp_path / "home")
    archive = tmp_path / "run.tar.gz"

    pack(run, archive, frozenset({"hunter22"}))
    unpack(archive, tmp_path / "new")

    assert "*** said" in (tmp_path / "new" / "journal.jsonl").read_text()


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path, name: str) -> None:
    """A server's artifacts are anybody's."""
    archive = tmp_path / "run.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        header = tarfile.TarInfo(name)
        header.size = 1
        tar.addfile(header, io.BytesIO(b"x"))

    with pytest.raises(RecordError, match="unsafe"):
        unpack(archive, tmp_path / "new")
    assert not list(tmp_path.rglob("out"))


def test_links_and_broken_archives_are_refused(tmp_path: Path) -> None:
    """Neither writes anything."""
    linking = tmp_path / "link.tar.gz"
    with tarfile.open(linking, "w:gz") as tar:
        header = tarfile.TarInfo("link")
        header.type = tarfile.SYMTYPE
        header.linkname = "/etc"
        tar.addfile(header)
    broken = tmp_path / "broken.tar.gz"
    broken.write_bytes(linking.read_bytes()[:20])

    for archive in (linking, broken):
        with pytest.raises(RecordError):
            unpack(archive, tmp_path / "new")
    assert not list((tmp_path / "new").glob("*"))
