"""Training scripts as people write them, run again elsewhere: identical."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from conftest import Folder

TRAINING = Path(__file__).with_name("training")
SCRIPTS = sorted(path.name for path in TRAINING.glob("*.py"))
IN_AN_ENVIRONMENT = ("lightgbm_frame.py", "reviews_text.py")


def _git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True)


def _project(folder: Folder) -> None:
    shutil.copytree(TRAINING, folder.path, dirs_exist_ok=True)
    folder.write(".gitignore", "__pycache__/\nmlflow.db*\nmlruns/\n.ml_experiment/\n")
    _git(folder.path, "init", "--quiet")
    _git(folder.path, "add", "--all")
    _git(folder.path, "commit", "--quiet", "--message", "all of it")


def _recorded(folder: Folder, script: str) -> Path:
    done = folder.command(script)
    assert done.returncode == 0, done.stderr
    return folder.run_directories()[-1]


def _elsewhere(folder: Folder) -> Folder:
    other = folder.path.parent / "another place"
    other.mkdir()
    return dataclasses.replace(folder, path=other)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_the_same_from_another_folder(folder: Folder, script: str) -> None:
    """Nothing is seeded, plots and models are saved: all of it comes out again."""
    _project(folder)
    run = _recorded(folder, script)
    kept = {
        path for path in folder.path.rglob("*") if ".ml_experiment" not in path.parts
    }

    done = _elsewhere(folder).command("reproduce", str(run))

    assert done.stdout.partition("identical: every metric")[1], (
        done.stdout + done.stderr
    )
    assert done.returncode == 0
    after = {
        path for path in folder.path.rglob("*") if ".ml_experiment" not in path.parts
    }
    assert after == kept


@pytest.mark.slow
@pytest.mark.parametrize("script", IN_AN_ENVIRONMENT)
def test_script_is_the_same_in_a_new_environment(folder: Folder, script: str) -> None:
    """From a clone of the repository, with the recorded packages installed anew."""
    _project(folder)
    run = _recorded(folder, script)
    clone = folder.path.parent / "clone"
    _git(folder.path.parent, "clone", "--quiet", str(folder.path), str(clone))

    done = dataclasses.replace(folder, path=clone).command(
        "reproduce", str(run), "--env", "venv", timeout_s=600
    )

    assert "identical: every metric" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
