"""Data files are looked for where they may be, and put where the script looks."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from ml_experiment.record.directory import RunDirectory, write_atomically, write_json
from ml_experiment.verify.reproduce.data import (
    Found,
    Input,
    Places,
    find_data,
    lay_out,
    read_inputs,
)
from ml_experiment.verify.reproduce.scratch import Scratch
from ml_experiment.verify.restore import RestoredTree


if TYPE_CHECKING:
    from pathlib import Path

TEXT = "1,2\n"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The project as it was recorded."""
    folder = tmp_path / "old" / "project"
    (folder / "data").mkdir(parents=True)
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """The project as it was restored: nothing but folders."""
    top = tmp_path / "scratch" / "1"
    root = top / "somewhere" / "old" / "project"
    root.mkdir(parents=True)
    return Scratch(top, RestoredTree(root=root, script=root / "train.py", cwd=root))


def wanted(path: Path, text: str = TEXT) -> Input:
    """Return what is recorded of a file with this text."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Input(path=str(path), sha256=digest, size=len(text))


def places(old: Path, **more: object) -> Places:
    """Return the places of a project that worked in its own folder."""
    return Places(cwd=str(old), root=str(old), **more)  # type: ignore[arg-type]


def look(each: Input, where: Places, scratch: Scratch) -> Found:
    """Look for one file."""
    [found] = find_data([each], where, scratch)
    return found


@pytest.mark.parametrize("odd", ["\u2028", "\x85", "\udcff"])
def test_the_full_list_of_files_is_read_with_any_names(
    odd: str, tmp_path: Path
) -> None:
    """Names that seem to end a line, and names that are no Unicode."""
    run = RunDirectory.create(tmp_path)
    write_json(run.part("data"), {"files": [], "all_files": "data-files.jsonl"})
    lines = [
        json.dumps({"path": f"/{name}"}, ensure_ascii=False) for name in (odd, "b")
    ]
    text = "\n".join(lines) + "\n"
    write_atomically(run.parts / "data-files.jsonl", text)

    assert [each.path for each in read_inputs(run)] == [f"/{odd}", "/b"]


def test_a_file_that_is_where_it_was_is_the_same(old: Path, scratch: Scratch) -> None:
    """Its digest is compared, not its name."""
    file = old / "data" / "x.csv"
    file.write_text(TEXT)

    found = look(wanted(file), places(old), scratch)

    assert (found.state, found.source) == ("same", file)


def test_one_changed_byte_is_seen_though_the_size_is_the_same(
    old: Path, scratch: Scratch
) -> None:
    """A file with other content is named as changed, and still is the one to use."""
    file = old / "data" / "x.csv"
    file.write_text("1,3\n")

    found = look(wanted(file), places(old), scratch)

    assert (found.state, found.source) == ("changed", file)


def test_the_same_file_in_a_given_folder_wins_over_a_changed_one(
    old: Path, scratch: Scratch, tmp_path: Path
) -> None:
    """The folder mirrors the project."""
    file = old / "data" / "x.csv"
    file.write_text("1,3\n")
    mirror = tmp_path / "mirror"
    (mirror / "data").mkdir(parents=True)
    (mirror / "data" / "x.csv").write_text(TEXT)

    found = look(wanted(file), places(old, given=[mirror]), scratch)

    assert (found.state, found.source) == ("same", mirror / "data" / "x.csv")


def test_a_file_is_found_in_a_checkout_and_in_a_crate(
    old: Path, scratch: Scratch, tmp_path: Path
) -> None:
    """On another machine there is nothing at the recorded path."""
    file = old / "data" / "x.csv"
    checkout = tmp_path / "checkout"
    (checkout / "data").mkdir(parents=True)
    (checkout / "data" / "x.csv").write_text(TEXT)
    packed = tmp_path / "packed"
    packed.write_text(TEXT)

    here = look(wanted(file), places(old, here=[checkout]), scratch)
    crate = look(wanted(file), places(old, crate={str(file): packed}), scratch)

    assert (here.state, here.source) == ("same", checkout / "data" / "x.csv")
    assert (crate.state, crate.source) == ("same", packed)


def test_a_file_that_is_nowhere_is_gone(old: Path, scratch: Scratch) -> None:
    """Nothing is made up for it."""
    found = look(wanted(old / "data" / "x.csv"), places(old), scratch)

    assert (found.state, found.source) == ("gone", None)


def test_what_a_library_downloads_is_left_to_it(old: Path, scratch: Scratch) -> None:
    """It fetches the file again if it is not there."""
    path = old.parent / "scikit_learn_data" / "houses.pkz"

    assert look(wanted(path), places(old), scratch).state == "to be downloaded"


def test_data_of_a_package_are_looked_for_in_the_packages_of_the_run(
    old: Path, scratch: Scratch, tmp_path: Path
) -> None:
    """Another environment has them in another place."""
    run = RunDirectory.create(tmp_path / "home")
    path = "/usr/lib/python3.11/site-packages/datasets/iris.csv"
    item = {
        "path": path,
        "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "size": 4,
    }
    write_json(run.part("data"), {"files": [item]})
    site = tmp_path / "venv" / "site-packages"
    (site / "datasets").mkdir(parents=True)
    (site / "datasets" / "iris.csv").write_text(TEXT)

    [each] = read_inputs(run)
    found = look(each, places(old, packages=[site]), scratch)

    assert (found.state, found.source) == ("same", site / "datasets" / "iris.csv")


def test_data_are_copied_so_that_a_script_cannot_reach_the_users_own(
    old: Path, scratch: Scratch
) -> None:
    """Also those that lie beside the project."""
    inside, beside = old / "data" / "x.csv", old.parent / "shared" / "y.csv"
    for file in (inside, beside):
        file.parent.mkdir(exist_ok=True)
        file.write_text(TEXT)
    where = places(old)

    lay_out(find_data([wanted(inside), wanted(beside)], where, scratch), where, scratch)
    copies = [
        scratch.tree.cwd / "data" / "x.csv",
        scratch.tree.cwd.parent / "shared" / "y.csv",
    ]
    for copy in copies:
        assert copy.read_text() == TEXT
        copy.write_text("other")

    assert inside.read_text() == beside.read_text() == TEXT


def test_nothing_is_laid_outside_of_the_scratch_folder(
    old: Path, scratch: Scratch, tmp_path: Path
) -> None:
    """A record of a path far away, or a forged one, must not make files elsewhere."""
    source = tmp_path / "source"
    source.write_text(TEXT)
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    where = places(old, crate={"/etc/x.csv": source})

    far = find_data(
        [Input(path="/etc/x.csv", sha256=wanted(source).sha256, size=4)], where, scratch
    )
    lay_out(far, where, scratch)

    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before
