"""Files into which the shell writes what is printed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from ml_experiment.capture.consoles import console_files


if TYPE_CHECKING:
    from pathlib import Path

ASKED = (
    "from ml_experiment.capture.consoles import console_files as f; print(sorted(f()))"
)
BETWEEN = (
    "import subprocess, sys; "
    "print(subprocess.run([sys.executable, '-c', sys.argv[1]], "
    "stdout=subprocess.PIPE, text=True).stdout, file=sys.stderr)"
)


def test_files_of_the_processes_before_are_found(tmp_path: Path) -> None:
    """What is printed goes to a file of the shell's, seen from a process further down."""
    path = tmp_path / "out.log"

    with path.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", BETWEEN, ASKED],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )

    status = path.stat()
    assert str((status.st_dev, status.st_ino)) in done.stderr


def test_a_file_beside_them_is_none(tmp_path: Path) -> None:
    """Only what is open as a console counts."""
    path = tmp_path / "data.csv"
    path.write_text("1")
    status = path.stat()

    assert (status.st_dev, status.st_ino) not in console_files(tmp_path / "no proc")
