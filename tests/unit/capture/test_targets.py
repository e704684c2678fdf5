"""What ``pip install --target`` has installed is told from the code beside it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

RECORD = """\
tool/__init__.py,sha256=x,1
tool/table.css,,
single.py,sha256=x,1
../../bin/tool,,
tool-1.0.dist-info/RECORD,,
"""
ASKED = """\
import mine, single, tool
from ml_experiment.capture.callsite import is_user_file
from ml_experiment.capture.data_paths import PathFilter
from ml_experiment.capture.determinism import imported_packages
from ml_experiment.capture.modules import local_modules
print(sorted(local_modules()))
print([name for name in ('mine', 'single', 'tool') if name in imported_packages()])
print([is_user_file(module.__file__) for module in (mine, single, tool)])
files = [tool.__file__.replace('__init__.py', name) for name in ('table.css', 'a.csv')]
files.append(mine.__file__.replace('mine.py', 'mine.css'))
print([PathFilter().is_data(name) for name in files])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a package, and with a module of the user's own beside it."""
    place = tmp_path / "libraries"
    for name, text in {
        "tool/__init__.py": "",
        "single.py": "",
        "mine.py": "",
        "tool-1.0.dist-info/RECORD": RECORD,
    }.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


@pytest.mark.parametrize("linked", [False, True], ids=["plain", "through a link"])
def test_packages_are_not_the_users_code(folder: Path, *, linked: bool) -> None:
    """Their modules, their frames, and what they read for themselves."""
    named = folder
    if linked:
        named = folder.with_name("link")
        named.symlink_to(folder)
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        env={"PYTHONPATH": str(named)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "['mine']",
        "['single', 'tool']",
        "[True, False, False]",
        "[False, True, True]",
    ], done.stderr
