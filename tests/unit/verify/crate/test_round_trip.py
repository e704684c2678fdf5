"""What is exported comes back as it was, and the same run gives the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.crates import (
    RUN_ID,
    Forged,
    close,
    everything_below,
    experiment,
    group,
    listed_digests,
    sha256,
    write_data,
)

from ml_experiment.errors import CrateError
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.locks import hold
from ml_experiment.record.outcome import Outcome
from ml_experiment.verify.crate import crate_data, export_run, is_crate, open_crate
from ml_experiment.verify.crate.items import folded
from ml_experiment.verify.crate.layout import DIGESTS, METADATA
from ml_experiment.verify.crate.metadata import describe
from ml_experiment.verify.restore import restore_source


_NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="/\\"),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in {".", ".."} and len(name.encode()) < 200)


@given(st.dictionaries(_NAMES, st.binary(max_size=200), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_artifact_comes_back_byte_for_byte(artifacts: dict[str, bytes]) -> None:
    """Names in any script, with spaces and signs, and any content survive the way."""
    if len({folded(name) for name in artifacts}) < len(artifacts):
        return  # refused, see below
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        run = experiment(home / "a", artifacts=artifacts)
        crate = export_run(run, home / "run.crate.zip")

        opened = open_crate(crate, home / "opened")

        assert everything_below(opened.artifacts) == artifacts


def test_a_crate_brings_the_whole_run_directory(tmp_path: Path) -> None:
    """Every file of the run is there, but for those of running processes."""
    run = experiment(tmp_path)
    run.owner_lock.touch()
    (run.artifacts / "published.json").write_text("{}")
    (run.artifacts / ".hidden.lock").write_text("kept")
    run.published.write_text("{}")

    opened = open_crate(export_run(run, tmp_path / "r.zip"), tmp_path / "opened")

    expected = everything_below(run.path)
    del expected["owner.lock"], expected["published.json"]
    assert everything_below(opened.path) == expected
    assert opened.run_id == RUN_ID


def test_the_code_of_an_opened_crate_can_be_restored(tmp_path: Path) -> None:
    """The run directory of a crate is one like any other."""
    crate = export_run(experiment(tmp_path), tmp_path / "r.zip")

    tree = restore_source(open_crate(crate, tmp_path / "opened"), tmp_path / "tree")

    assert tree.script.read_text() == "print('hello')\n"


@pytest.mark.parametrize("make", [experiment, group], ids=["experiment", "group"])
def test_the_same_run_gives_the_same_bytes(make: object, tmp_path: Path) -> None:
    """Neither the time nor the folder of the export is in the crate."""
    assert callable(make)
    run = make(tmp_path)
    first = export_run(run, tmp_path / "first.zip").read_bytes()
    for path in run.path.rglob("*"):
        os.utime(path, (time.time() - 86400, time.time() - 86400))
    shutil.copytree(run.path, tmp_path / "copy" / RUN_ID)

    again = export_run(run, tmp_path / "again.zip").read_bytes()
    copied = export_run(
        RunDirectory(tmp_path / "copy" / RUN_ID), tmp_path / "folder" / "copied.zip"
    ).read_bytes()

    assert again == first
    assert copied == first


def test_another_run_gives_other_bytes(tmp_path: Path) -> None:
    """The comparison of bytes can fail."""
    one = export_run(experiment(tmp_path / "1"), tmp_path / "1.zip")
    two = export_run(experiment(tmp_path / "2", seed=8), tmp_path / "2.zip")

    assert one.read_bytes() != two.read_bytes()


def test_every_file_is_listed_with_its_digest(tmp_path: Path) -> None:
    """The list, and the description, have the digest of what is there."""
    crate = export_run(experiment(tmp_path), tmp_path / "r.zip")

    with zipfile.ZipFile(crate) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
        described = {
            entity["@id"]: entity["sha256"]
            for entity in json.loads(content[METADATA])["@graph"]
            if "sha256" in entity
        }
    del content["manifest-sha256.txt"]
    assert listed_digests(crate) == {
        name: sha256(each) for name, each in content.items()
    }
    del content[METADATA]
    assert described == {name: sha256(each) for name, each in content.items()}


def test_data_comes_along_when_it_is_asked_for(tmp_path: Path) -> None:
    """Two files of one name, and one content under two names, are all found again."""
    files = []
    for folder, text in (("a", "1"), ("b", "2"), ("c", "1")):
        path = tmp_path / folder / "rows.csv"
        path.parent.mkdir()
        path.write_text(text)
        files.append(path)
    run = experiment(tmp_path, data=files)

    crate = export_run(run, tmp_path / "r.zip", with_data=True)
    open_crate(crate, tmp_path / "opened")

    found = crate_data(tmp_path / "opened")
    assert {path: place.read_text() for path, place in found.items()} == {
        str(path): path.read_text() for path in files
    }


def test_a_crate_without_data_has_none(tmp_path: Path) -> None:
    """Data is not published unless somebody says so."""
    secret = tmp_path / "rows.csv"
    secret.write_text("patient,weight")
    crate = export_run(experiment(tmp_path, data=[secret]), tmp_path / "r.zip")

    open_crate(crate, tmp_path / "opened")

    assert crate_data(tmp_path / "opened") == {}
    assert not any(
        b"patient,weight" in content
        for content in everything_below(tmp_path / "opened").values()
    )


def test_data_that_changed_or_went_is_named_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    """A crate never holds other data than the run read."""
    changed, gone = tmp_path / "changed.csv", tmp_path / "gone.csv"
    for path in (changed, gone):
        path.write_text("1")
    run = experiment(tmp_path, data=[changed, gone])
    changed.write_text("2")
    gone.unlink()

    with pytest.raises(
        CrateError, match=r"changed\.csv has changed(.|\n)*gone\.csv is gone"
    ):
        export_run(run, tmp_path / "r.zip", with_data=True)

    assert not (tmp_path / "r.zip").exists()


def test_data_of_packages_stays_with_the_packages(tmp_path: Path) -> None:
    """What an installed package brings needs no copy, also when it is gone here."""
    run = experiment(tmp_path)
    entry = {"path": "/site-packages/p/d.csv", "sha256": "0" * 64, "package": "p"}
    run.part("data").write_text(json.dumps({"files": [entry]}))

    crate = export_run(run, tmp_path / "r.zip", with_data=True)

    open_crate(crate, tmp_path / "opened")
    assert crate_data(tmp_path / "opened") == {}


@pytest.mark.parametrize("end", ["\u2028", "\u2029"])
def test_a_name_with_what_may_end_a_line_comes_back(end: str, tmp_path: Path) -> None:
    """Only the end of a line that the list itself has written is one."""
    name = f"a{end}b.txt"
    run = experiment(tmp_path, artifacts={name: b"weights"})

    opened = open_crate(export_run(run, tmp_path / "run.zip"), tmp_path / "scratch")

    assert (opened.artifacts / name).read_bytes() == b"weights"


def test_a_list_of_digests_may_have_the_ends_of_lines_of_windows(
    tmp_path: Path,
) -> None:
    """BagIt allows them."""
    crate = export_run(experiment(tmp_path), tmp_path / "run.zip")
    forged = Forged.of(crate)
    forged.members[DIGESTS] = forged.members[DIGESTS].replace(b"\n", b"\r\n")

    run = open_crate(forged.write(tmp_path / "windows.zip"), tmp_path / "scratch")

    assert run.manifest.is_file()


def test_a_file_of_zeros_is_no_bomb(tmp_path: Path) -> None:
    """Whatever can be exported can be opened, an array of zeros too."""
    zeros = bytes(300_000_000)
    run = experiment(tmp_path, artifacts={"zeros.npy": zeros})

    crate = export_run(run, tmp_path / "r.zip")

    opened = open_crate(crate, tmp_path / "opened")
    assert (opened.artifacts / "zeros.npy").stat().st_size == len(zeros)


def test_secrets_are_masked_in_texts_and_results_are_left(tmp_path: Path) -> None:
    """A credential that a log or the code holds does not leave the machine."""
    run = experiment(tmp_path, artifacts={"out.bin": b"hunter-2-hunter"})
    run.stdout.write_text("logged in with hunter-2-hunter\n")

    crate = export_run(run, tmp_path / "r.zip", secrets={"hunter-2-hunter"})

    opened = open_crate(crate, tmp_path / "opened")
    assert opened.stdout.read_text() == "logged in with ***\n"
    assert (opened.artifacts / "out.bin").read_bytes() == b"hunter-2-hunter"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["model.txt", "Model.TXT"], "one file on systems that ignore case"),
        (["caf\u00e9.txt", "cafe\u0301.txt"], "one file on systems that ignore case"),
        (["a\\b.txt"], "cannot be carried"),
        (["a\nb.txt"], "cannot be carried"),
    ],
    ids=["case", "accent", "backslash", "newline"],
)
def test_a_name_that_not_every_system_has_is_refused(
    names: list[str], message: str, tmp_path: Path
) -> None:
    """A crate that could not be opened elsewhere is not written."""
    run = experiment(tmp_path, artifacts={name: name.encode() for name in names})
    if len(everything_below(run.artifacts)) < len(names):
        pytest.skip("this file system takes them for one file")

    with pytest.raises(CrateError, match=message):
        export_run(run, tmp_path / "r.zip")


def test_a_run_that_goes_on_is_not_exported(tmp_path: Path) -> None:
    """What is not over cannot be published."""
    run = experiment(tmp_path)
    lock = hold(run.owner_lock)
    assert lock is not None

    try:
        with pytest.raises(CrateError, match="still going on"):
            export_run(run, tmp_path / "r.zip")
    finally:
        lock.release()


def test_a_run_that_was_never_closed_names_the_command_that_closes_it(
    tmp_path: Path,
) -> None:
    """Its processes are gone, and nobody has said how it ended."""
    run = experiment(tmp_path)
    run.outcome.unlink()

    with pytest.raises(CrateError, match="ml-experiment sync"):
        export_run(run, tmp_path / "r.zip")


def test_a_trial_names_its_group(tmp_path: Path) -> None:
    """A trial has neither code nor data of its own."""
    run = group(tmp_path).trial(1)
    document = json.loads(run.manifest.read_text())
    fields = json.loads((run.path.parents[1] / "manifest.json").read_text())
    run.manifest.write_text(json.dumps(fields | document | {"kind": "trial"}))

    with pytest.raises(CrateError, match=f"ml-experiment export {RUN_ID}"):
        export_run(run, tmp_path / "r.zip")


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    """Nothing is replaced unless it is asked for."""
    run, target = experiment(tmp_path), tmp_path / "r.zip"
    target.write_text("mine")

    with pytest.raises(CrateError, match="--force"):
        export_run(run, target)

    assert target.read_text() == "mine"
    assert is_crate(export_run(run, target, replace=True))


def test_a_run_whose_code_was_lost_is_exported_with_a_word_about_it(
    tmp_path: Path,
) -> None:
    """The evidence that is left can be published; the README tells what is not there."""
    run = experiment(tmp_path)
    run.source_archive.unlink()

    crate = export_run(run, tmp_path / "r.zip")

    open_crate(crate, tmp_path / "opened")
    assert "not in here" in (tmp_path / "opened" / "README.md").read_text()


def test_a_failed_run_says_why_in_its_description(tmp_path: Path) -> None:
    """A failure is published as one."""
    outcome = Outcome(status="FAILED", reason="ValueError: no <data>", ended=1.8e9)
    run = experiment(tmp_path, outcome=outcome)

    crate = export_run(run, tmp_path / "r.zip")

    with zipfile.ZipFile(crate) as archive:
        graph = json.loads(archive.read(METADATA))["@graph"]
        page = archive.read("ro-crate-preview.html").decode()
    action = next(each for each in graph if each["@type"] == "CreateAction")
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert action["error"] == "ValueError: no <data>"
    assert "ValueError: no &lt;data&gt;" in page


def test_the_licence_of_the_project_comes_along(tmp_path: Path) -> None:
    """A licence file in the project's folder is that of the crate."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "LICENCE.txt").write_text("Do as you like.\n")
    run = experiment(tmp_path)
    part = json.loads(run.part("source").read_text())
    run.part("source").write_text(json.dumps(part | {"root": str(project)}))

    open_crate(export_run(run, tmp_path / "r.zip"), tmp_path / "opened")

    assert (tmp_path / "opened" / "LICENSE").read_text() == "Do as you like.\n"


def test_a_file_that_changes_during_the_export_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digests in a crate are those of its files, or there is no crate."""
    run = experiment(tmp_path)

    def describe_late(*arguments: object) -> str:
        run.stdout.write_text("written by a process that nobody waited for\n")
        return describe(*arguments)  # type: ignore[arg-type]

    run.stdout.write_text("")
    monkeypatch.setattr(f"{export_run.__module__}.describe", describe_late)

    with pytest.raises(CrateError, match=r"stdout\.log changed while"):
        export_run(run, tmp_path / "r.zip")

    assert list(tmp_path.glob("*.zip")) + list(tmp_path.glob(".crate*")) == []


def test_a_killed_run_is_exported(tmp_path: Path) -> None:
    """A run that somebody killed is evidence, too."""
    run = experiment(tmp_path)
    close(run, Outcome(status="KILLED", reason="killed by SIGKILL", ended=1.8e9))
    write_data(run, [])

    assert is_crate(export_run(run, tmp_path / "r.zip"))
