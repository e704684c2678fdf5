"""When files and folders were made, and which of a project's folders are its own."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ml_experiment.capture.births import birth_of
from ml_experiment.capture.folders import folders_of


if TYPE_CHECKING:
    from pathlib import Path


def _known(folder: Path) -> bool:
    return birth_of(str(folder)) is not None


def test_a_file_was_made_when_it_was_made(tmp_path: Path) -> None:
    """Whatever is done to it, and whatever time it is given."""
    if not _known(tmp_path):
        pytest.skip("this file system does not tell when a file was made")
    before = time.time() - 1
    path = tmp_path / "file"
    path.write_text("1")
    born = birth_of(str(path))
    os.utime(path, (1, 1))
    path.write_text("2")

    assert born is not None
    assert before < born < time.time() + 1
    assert birth_of(str(path)) == born


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """As with ``os.stat``."""
    with pytest.raises(FileNotFoundError):
        birth_of(str(tmp_path / "gone"))


def test_a_folder_into_which_the_run_has_written_is_the_projects(
    tmp_path: Path,
) -> None:
    """It was there, empty, before; one that the run has made is not the project's."""
    if not _known(tmp_path):
        pytest.skip("this file system does not tell when a file was made")
    (tmp_path / "out").mkdir()
    time.sleep(0.03)  # the kernel's times of files are that coarse
    began = time.time()
    (tmp_path / "out" / "said.txt").write_text("1")
    time.sleep(0.03)
    (tmp_path / "made").mkdir()

    assert folders_of(tmp_path, before=began, ignore=()) == ["out"]
