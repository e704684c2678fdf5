"""The part ``data`` names every file that was read or declared, with its digest."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.capture.data_part import LISTED, DataFiles
from ml_experiment.capture.digests import DigestCache


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def _files(cwd: Path, patterns: Sequence[str] = ()) -> DataFiles:
    ignore = [cwd / ".ml_experiment"]
    # In ten seconds: all files here are from before the run.
    began = time.time() + 10
    return DataFiles(cwd, patterns, DigestCache(None), ignore=ignore, began=began)


def _event(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {
        "event": "opened",
        "path": str(path),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
    }


def _part(files: DataFiles, cwd: Path) -> Any:
    return files.write_part(cwd / "data.json")


def _write(path: Path, text: str = "1,2\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_an_opened_file_has_size_digest_and_relative_path(tmp_path: Path) -> None:
    """These tell a reader which data a result belongs to."""
    path = _write(tmp_path / "data" / "train.csv")
    files = _files(tmp_path)

    files.add_opened(_event(path))
    part = _part(files, tmp_path)

    assert part["files"] == [
        {
            "path": str(path),
            "relative": "data/train.csv",
            "size": 4,
            "sha256": hashlib.sha256(b"1,2\n").hexdigest(),
            "source": "opened",
            "package": None,
            "changed_since_read": False,
        }
    ]
    assert (part["count"], part["bytes"]) == (1, 4)


def test_what_was_written_while_the_run_went_on_is_its_own(tmp_path: Path) -> None:
    """Native code and other programs write files unseen; a download is data all the same."""
    began = time.time() - 100
    names = ("model.json", "scikit_learn_data/set.csv", "before.csv", "future.csv")
    paths = [_write(tmp_path / name) for name in names]
    os.utime(paths[2], (began - 10, began - 10))
    os.utime(paths[3], (began + 10_000, began + 10_000))  # of another clock
    files = DataFiles(tmp_path, ["later.*"], DigestCache(None), began=began)
    _write(tmp_path / "later.csv")

    for path in paths:
        files.add_opened(_event(path) | {"time": time.time()})
    files.finish()
    part = _part(files, tmp_path)

    assert sorted(item["relative"] for item in part["files"]) == [
        *("before.csv", "future.csv", "later.csv", "scikit_learn_data/set.csv")
    ]
    assert part["made_by_run"] == [str(paths[0])]


def test_declared_files_are_found_by_glob_and_folder(tmp_path: Path) -> None:
    """A pattern may be recursive, name a folder, or be absolute; links run nowhere."""
    _write(tmp_path / "a" / "b" / "one.parquet")
    _write(tmp_path / "images" / "x" / "1.png")
    _write(tmp_path / ".ml_experiment" / "runs" / "two.parquet")
    far = _write(tmp_path / "far" / "three.h5")
    files = _files(tmp_path, ["**/*.parquet", "images", str(far), "nothing/*.csv"])

    files.add_declared()
    part = _part(files, tmp_path)

    assert [item["relative"] for item in part["files"]] == [
        "a/b/one.parquet",
        "far/three.h5",
        "images/x/1.png",
    ]
    assert {item["source"] for item in part["files"]} == {"declared"}
    assert part["unmatched"] == ["nothing/*.csv"]


def test_a_declared_file_that_is_also_opened_counts_once(tmp_path: Path) -> None:
    """It was seen being read, which is the better evidence."""
    path = _write(tmp_path / "train.csv")
    files = _files(tmp_path, ["*.csv"])
    files.add_declared()

    files.add_opened(_event(path))

    [item] = _part(files, tmp_path)["files"]
    assert item["source"] == "opened"
    assert not item["changed_since_read"]


def test_a_file_that_appears_during_the_run_is_declared_too(tmp_path: Path) -> None:
    """What the script downloads is there only at the end."""
    files = _files(tmp_path, ["*.csv"])
    files.add_declared()

    _write(tmp_path / "late.csv")
    files.finish()

    part = _part(files, tmp_path)
    assert [item["relative"] for item in part["files"]] == ["late.csv"]
    assert "unmatched" not in part


def test_a_file_that_changed_after_it_was_read_says_so(tmp_path: Path) -> None:
    """The digest may not be that of what was read."""
    path = _write(tmp_path / "train.csv")
    files = _files(tmp_path)
    files.add_opened(_event(path))

    _write(path, "1,2,3,4\n")
    files.finish()

    [item] = _part(files, tmp_path)["files"]
    assert item["changed_since_read"]
    assert item["sha256"] == hashlib.sha256(b"1,2\n").hexdigest()


@pytest.mark.parametrize("later", ["2\n", "1,2\n"], ids=["size", "time"])
def test_a_file_that_was_overwritten_at_once_has_no_digest(
    tmp_path: Path, later: str
) -> None:
    """It would be that of another content than the one that was read."""
    path = _write(tmp_path / "state.txt")
    event = _event(path)
    _write(path, later)
    os.utime(path, (time.time() + 5, time.time() + 5))
    files = _files(tmp_path)

    files.add_opened(event)
    files.finish()

    [item] = _part(files, tmp_path)["files"]
    assert item["size"] == event["size"]
    assert item["sha256"] is None
    assert item["reason"] == "overwritten by the run before it could be digested"
    assert item["changed_since_read"]


def test_a_file_that_is_overwritten_while_it_is_digested_has_no_digest(
    tmp_path: Path,
) -> None:
    """Nobody knows of which content the digest is."""
    path = _write(tmp_path / "state.txt")

    class Slow(DigestCache):
        def digest(self, path: Path) -> str:
            _write(path, "another\n")
            return super().digest(path)

    files = DataFiles(tmp_path, [], Slow(None), began=time.time() + 10)
    files.add_opened(_event(path))

    [item] = _part(files, tmp_path)["files"]
    assert item["sha256"] is None


def test_a_file_that_vanished_has_a_reason_instead_of_a_digest(tmp_path: Path) -> None:
    """It is not left out: something was read."""
    path = _write(tmp_path / "gone.csv")
    event = _event(path)
    path.unlink()
    files = _files(tmp_path)

    files.add_opened(event)
    files.finish()

    [item] = _part(files, tmp_path)["files"]
    assert item["sha256"] is None
    assert "gone" in item["reason"]


def test_the_digest_does_not_depend_on_where_the_project_lies(tmp_path: Path) -> None:
    """Two copies of a project, read in another order, have one digest; new data another."""
    parts = []
    for place, order in (("x", ("a.csv", "b.csv")), ("y", ("b.csv", "a.csv"))):
        files = _files(tmp_path / place)
        for name in order:
            files.add_opened(_event(_write(tmp_path / place / name, name)))
        parts.append(_part(files, tmp_path))
    other = _files(tmp_path / "x")
    other.add_opened(_event(_write(tmp_path / "x" / "a.csv", "different")))
    other.add_opened(_event(tmp_path / "x" / "b.csv"))

    assert parts[0]["digest"] == parts[1]["digest"]
    assert parts[0]["digest"] != _part(other, tmp_path)["digest"]


def test_a_packaged_data_set_names_its_package(tmp_path: Path) -> None:
    """iris.csv belongs to scikit-learn."""
    import sklearn

    folder = os.path.dirname(sklearn.__file__)  # noqa: PTH120
    files = _files(tmp_path)
    from pathlib import Path as RealPath

    files.add_opened(_event(RealPath(folder) / "datasets" / "data" / "iris.csv"))

    [item] = _part(files, tmp_path)["files"]
    assert item["package"] == "scikit-learn"
    assert item["relative"] is None


def test_many_files_are_listed_beside_the_part(tmp_path: Path) -> None:
    """The part stays readable; nothing is lost."""
    files = _files(tmp_path, ["many"])
    for number in range(LISTED + 5):
        _write(tmp_path / "many" / f"{number:05}.txt", str(number))

    files.add_declared()
    part = _part(files, tmp_path)

    lines = (tmp_path / part["all_files"]).read_text().splitlines()
    assert len(part["files"]) == LISTED
    assert part["count"] == len(lines) == LISTED + 5
    assert json.loads(lines[-1])["relative"] == "many/01004.txt"
