"""The job's interpreter is started before the run is known, and nobody can tell."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest


if TYPE_CHECKING:
    from conftest import Folder


SCRIPT = """\
import json
import os
import random
import sys

import numpy as np
from ml_experiment import job

DRAWN = [random.random(), np.random.rand(), np.random.default_rng().random()]


@job
def main():
    facts = {
        "drawn": [*DRAWN, random.random(), np.random.rand()],
        "waited": any(each.startswith("--wait=") for each in sys.orig_argv),
        "environment": dict(os.environ),
        "argv": sys.argv,
        "path": sys.path,
        "cwd": os.getcwd(),
        "order": list({f"{number}" for number in range(20)}),
        "streams": [stream.line_buffering for stream in (sys.stdout, sys.stderr)],
        "main": __name__,
        "input": sys.stdin.readline(),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }
    with open("facts.json", "w") as file:
        json.dump(facts, file)
    print("to the console")
    print("and beside", file=sys.stderr)
    return {"loss": 1.0}


if __name__ == "__main__":
    main()
"""
CONFIG = "name: facts\nrun: script.py\n"


@pytest.fixture
def facts(folder: Folder) -> Folder:
    """Return a folder with a script that says how it finds the world."""
    folder.write("script.py", SCRIPT)
    return folder


def _facts(folder: Folder, *words: str) -> dict[str, Any]:
    done = folder.command(*words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((folder.path / "facts.json").read_text())
    return found


def _seed(folder: Folder) -> int:
    manifest = folder.run_directories()[-1] / "manifest.json"
    return int(json.loads(manifest.read_text())["seed"])


def test_job_that_waited_finds_what_one_that_did_not_would(facts: Folder) -> None:
    """Environment, paths, streams, hash seed: as if it had been started for the run."""
    early = _facts(facts, "script.py", "--seed", "7")
    # Variables that may matter to Python itself are reason enough to start it anew.
    facts.write(".env", "PYTHONUTF8=1\n")
    late = _facts(facts, "script.py", "--seed", "7")

    assert early.pop("waited")
    assert not late.pop("waited")
    assert late["environment"].pop("PYTHONUTF8") == "1"
    assert early == late


@pytest.mark.parametrize(
    ("config", "waited"),
    [
        ("", True),
        ("seed: 5\n", True),
        ("seed: 5 # ours\n", True),
        ("seed: 0x05\n", False),
        ("deterministic: false\n", False),
    ],
    ids=lambda value: str(value).strip(),
)
def test_seed_of_the_config_is_the_jobs(
    facts: Folder, config: str, *, waited: bool
) -> None:
    """Whether or not it was guessed rightly, the hash seed is the one of the run's seed."""
    facts.write("job.yaml", CONFIG + config)

    first = _facts(facts, "--config_file", "job.yaml")
    seed = _seed(facts)
    again = _facts(facts, "--config_file", "job.yaml", "--seed", str(seed))

    assert first["waited"] is waited
    assert again["order"] == first["order"]
    assert again["drawn"] == first["drawn"]
    assert seed == 5 or "seed" not in config


def test_what_env_file_says_of_mlflow_reaches_the_job(facts: Folder) -> None:
    """It is not known when the interpreter starts, and need not be."""
    facts.write(".env", "MLFLOW_TRACKING_URI=sqlite:///elsewhere.db\n")

    found = _facts(facts, "script.py")

    assert found["waited"]
    uri = found["environment"]["MLFLOW_TRACKING_URI"]
    assert uri.endswith("elsewhere.db")
    assert (facts.path / "elsewhere.db").exists()


def test_what_a_script_does_before_it_imports_is_done_before(folder: Folder) -> None:
    """NumPy is imported ahead only where nothing comes before it."""
    folder.write(
        "script.py",
        "import sys\n"
        "AHEAD = 'numpy' in sys.modules\n"
        "import numpy as np\n"
        "from ml_experiment import job\n\n\n"
        "@job\ndef main():\n    return {'ahead': float(AHEAD)}\n",
    )

    done = folder.command("script.py")

    assert done.returncode == 0, done.stderr
    assert "ahead=0" in done.stderr


def test_a_broken_numpy_is_told_as_it_is(folder: Folder) -> None:
    """What it says when it is imported once more in the same process is no help."""
    packages = folder.path.parent / "packages"
    packages.mkdir()
    (packages / "numpy.py").write_text(
        "import sys\n"
        "tried = hasattr(sys, 'tried')\n"
        "sys.tried = True\n"
        "raise ImportError('cannot load ' + 'twice' if tried else 'built for another CPU')\n"
    )
    folder.write(
        "script.py",
        "import numpy\nfrom ml_experiment import job\n\n\n"
        "@job\ndef main():\n    return {'loss': 1.0}\n",
    )

    done = folder.command("script.py", PYTHONPATH=str(packages))

    assert done.returncode == 1
    assert "built for another CPU" in done.stderr
    assert "cannot load twice" not in done.stderr
    assert "built for another CPU" in folder.record()["outcome"]["reason"]


def test_an_interpreter_that_expects_another_script_is_not_taken(
    facts: Folder,
) -> None:
    """It may have imported what this one would not."""
    facts.write("other.py", SCRIPT)

    found = _facts(facts, "--name", "other.py", "script.py", "--seed", "7")

    assert not found["waited"]
    assert found["drawn"] == _facts(facts, "script.py", "--seed", "7")["drawn"]


def test_each_run_has_a_seed_of_its_own(facts: Folder) -> None:
    """What is drawn beforehand is drawn anew for each command and for each script."""
    facts.write("other.py", SCRIPT)

    seeds = set()
    for _ in range(2):
        done = facts.command("script.py", "other.py")
        assert done.returncode == 0, done.stderr
    for run in facts.run_directories():
        seeds.add(json.loads((run / "manifest.json").read_text())["seed"])

    assert len(seeds) == 4


def test_nothing_waits_any_more_after_a_wrong_command(facts: Folder) -> None:
    """A config that is refused leaves no process and no file."""
    before = {path.name for path in facts.path.iterdir()}

    done = facts.command("script.py", "--seed", "none at all")

    assert done.returncode == 2
    assert {path.name for path in facts.path.iterdir()} == before
    assert not _of(facts)


def test_interpreter_that_dies_while_it_waits_is_replaced(facts: Folder) -> None:
    """Whoever kills it before there is a run: the run is made all the same."""
    command = facts.start("script.py")
    killed = False
    while not killed and command.poll() is None and not facts.run_directories():
        for process in _of(facts):
            with contextlib.suppress(psutil.Error):
                if any(each.startswith("--wait=") for each in process.cmdline()):
                    process.kill()
                    killed = True
        time.sleep(0.001)

    assert command.wait(60) == 0
    assert killed
    assert not json.loads((facts.path / "facts.json").read_text())["waited"]


def _of(folder: Folder) -> list[psutil.Process]:
    """Return the processes of ours that work in a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder.path) and "ml_experiment" in " ".join(
                process.cmdline()
            ):
                found.append(process)
    return found
