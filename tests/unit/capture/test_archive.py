"""The archive depends on the files alone."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from ml_experiment.capture.archive import Entry, read_archive, write_archive


if TYPE_CHECKING:
    from pathlib import Path

_ENTRIES = {
    "train.py": Entry(b"print(1)\n"),
    "bin/run.sh": Entry(b"#!/bin/sh\n", executable=True),
    "größe/" + "x" * 150 + ".txt": Entry(b"long name"),
}


def test_equal_trees_have_equal_archives(tmp_path: Path) -> None:
    """Neither the time nor the order in which files were found is in it."""
    one, two = tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"

    first = write_archive(one, _ENTRIES)
    second = write_archive(two, dict(reversed(_ENTRIES.items())))

    assert first == second
    assert one.read_bytes() == two.read_bytes()


def test_files_are_read_back_as_they_were(tmp_path: Path) -> None:
    """Content, names of any length and the permission to execute."""
    path = tmp_path / "source.tar.gz"
    write_archive(path, _ENTRIES)

    assert read_archive(path) == _ENTRIES
    with tarfile.open(path) as tar:
        assert {header.mtime for header in tar} == {0}
        assert {header.uid for header in tar} == {0}


def test_a_failed_write_leaves_the_old_archive(tmp_path: Path) -> None:
    """The new one takes its place in one step, or not at all."""
    path = tmp_path / "source.tar.gz"
    write_archive(path, _ENTRIES)
    before = path.read_bytes()

    with pytest.raises(TypeError):
        write_archive(path, {"bad": Entry("text")})  # type: ignore[arg-type]

    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["source.tar.gz"]
