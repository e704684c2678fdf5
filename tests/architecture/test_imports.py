"""What a fresh interpreter has imported when the package has done its first work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {
    "docker",
    "mlflow",
    "numpy",
    "optuna",
    "pandas",
    "ray",
    "sklearn",
    "sqlalchemy",
    "tensorflow",
    "torch",
}
_MARK = "imported:"
_REPORT = f"""
import json, sys
names = {{name.partition('.')[0] for name in sys.modules}}
print({_MARK!r} + json.dumps(sorted(names)))
"""
_COMMAND = """
import sys
sys.argv = ["ml-experiment", *{words!r}]
from ml_experiment.cli import main
status = main()
print("status:", status)
"""


def imported_by(code: str, folder: Path) -> tuple[set[str], str]:
    """Run ``code`` in a fresh interpreter: the modules it imported, and its output."""
    home = {"HOME": str(folder), "ML_EXPERIMENT_HOME": str(folder / "home")}
    done = subprocess.run(
        [sys.executable, "-c", code + _REPORT],
        cwd=folder,
        env=os.environ | home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    line = next(each for each in done.stdout.splitlines() if each.startswith(_MARK))
    return set(json.loads(line.removeprefix(_MARK))), output


@pytest.mark.parametrize(
    "statement",
    [
        "import ml_experiment",
        "from ml_experiment import job, DataLoader, Trial, AutologgingBackend",
        "import ml_experiment.config.models",
        "import ml_experiment.callbacks",
    ],
)
def test_importing_the_package_imports_nothing_heavy(
    statement: str, tmp_path: Path
) -> None:
    """A user's script pays for no framework that it does not use itself."""
    found, _ = imported_by(statement, tmp_path)

    assert found & HEAVY == set()


def test_importing_the_package_does_not_import_the_command_line(tmp_path: Path) -> None:
    """Inside the user's process no part of the process outside is loaded."""
    code = (
        "import sys\n"
        "from ml_experiment import job, DataLoader, Trial, AutologgingBackend\n"
        "names = ('cli', 'verify', 'supervise', 'launchers', 'tracking')\n"
        "print([name for name in names if 'ml_experiment.' + name in sys.modules])\n"
    )

    found, output = imported_by(code, tmp_path)

    assert output.splitlines()[0] == "[]"
    assert found.isdisjoint({"typer", "click", "rich"})


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["show", "--help"]], ids=" ".join
)
def test_help_imports_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    """The command answers questions about itself without loading a framework."""
    found, output = imported_by(_COMMAND.format(words=words), tmp_path)

    assert "status: 0" in output
    assert found & HEAVY == set()


def test_a_config_error_imports_nothing_heavy(tmp_path: Path) -> None:
    """A wrong config file is refused before any framework is loaded."""
    (tmp_path / "script.py").write_text("")
    config = tmp_path / "job.yaml"
    config.write_text("name: wrong\nparam: {C: 1}\nrun: script.py\n")

    found, output = imported_by(
        _COMMAND.format(words=["--config_file", "job.yaml"]), tmp_path
    )

    assert "status: 2" in output
    assert "job.yaml:2" in output
    assert "params" in output
    assert found & HEAVY == set()


def test_showing_a_folder_without_runs_imports_nothing_heavy(tmp_path: Path) -> None:
    """Looking for a run in an empty folder asks the disk, not MLflow."""
    found, output = imported_by(_COMMAND.format(words=["list"]), tmp_path)

    assert "status: 0" in output
    assert found & HEAVY == set()
