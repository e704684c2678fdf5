"""One thing is changed at a time, and named first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from conftest import Folder

SCRIPT = """\
import os
import random

import tinylib

from ml_experiment import job


@job
def main(scale=1.0):
    with open("data.csv") as file:
        numbers = [float(line) for line in file]
    words = list({f"word {number}" for number in range(20)})
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    threads = [int(os.environ.get(name, "0")) for name in names]
    value = scale * sum(numbers) * random.random() + tinylib.OFFSET
    return {"value": value, "first": float(words[0].split()[1]), "threads": sum(threads)}


if __name__ == "__main__":
    main()
"""


def _library(folder: Folder, version: str, offset: float) -> dict[str, str]:
    """Install a package beside the project; return the variable that finds it."""
    place = folder.path.parent / f"site-{version}"
    information = place / f"tinylib-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: tinylib\nVersion: {version}\n"
    )
    (information / "RECORD").write_text("tinylib.py,,\n")
    (information / "top_level.txt").write_text("tinylib\n")
    (place / "tinylib.py").write_text(f"OFFSET = {offset}\n")
    return {"PYTHONPATH": str(place)}


def _run(folder: Folder, *words: str, **environment: str) -> str:
    done = folder.command(*(words or ("train.py", "--seed", "5")), **environment)  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr
    return folder.run_directories()[-1].name


def _first_cause(folder: Folder, first: str, second: str) -> dict[str, Any]:
    done = folder.command("diff", first, second, "--json")
    assert done.returncode == 6, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["verdict"] == "different"
    cause: dict[str, Any] = document["causes"][0]
    assert cause["rank"] == 1
    return cause


@pytest.fixture
def project(folder: Folder) -> dict[str, str]:
    """A project with a script, a data file and a library; the variables it runs with."""
    folder.write("train.py", SCRIPT)
    folder.write("data.csv", "1.5\n2.5\n")
    return _library(folder, "1.0", 0.25)


def test_nothing_changed_is_identical(folder: Folder, project: dict[str, str]) -> None:
    """The same again: exit status 0, and no cause is sought."""
    first, second = _run(folder, **project), _run(folder, **project)

    done = folder.command("diff", first, second, "--json")

    assert done.returncode == 0, done.stdout
    document = json.loads(done.stdout)
    assert (document["verdict"], document["causes"]) == ("identical", [])


def test_seed_is_named(folder: Folder, project: dict[str, str]) -> None:
    """Another seed moves every generator, and is the first cause."""
    runs = [_run(folder, "train.py", "--seed", seed, **project) for seed in ("5", "6")]

    assert "the seed was 5 and is 6" in _first_cause(folder, *runs)["sentence"]


def test_parameter_is_named(folder: Folder, project: dict[str, str]) -> None:
    """A parameter that was set is the first cause."""
    words = ("train.py", "--seed", "5", "--params", "scale=2.0")
    runs = [_run(folder, **project), _run(folder, *words, **project)]

    assert "scale" in _first_cause(folder, *runs)["sentence"]


def test_line_of_code_is_named(folder: Folder, project: dict[str, str]) -> None:
    """One line of the script: the file is named, and the line is shown."""
    first = _run(folder, **project)
    folder.write("train.py", SCRIPT.replace("scale * sum", "2 * scale * sum"))
    second = _run(folder, **project)

    assert _first_cause(folder, first, second)["sentence"] == "train.py has changed"
    shown = folder.command("diff", first, second).stdout
    assert "+    value = 2 * scale * sum(numbers)" in shown


def test_byte_of_data_is_named(folder: Folder, project: dict[str, str]) -> None:
    """One byte of a data file: the file is named."""
    first = _run(folder, **project)
    folder.write("data.csv", "1.5\n2.6\n")

    assert (
        "data.csv" in _first_cause(folder, first, _run(folder, **project))["sentence"]
    )


def test_version_of_a_package_is_named(folder: Folder, project: dict[str, str]) -> None:
    """A package that the script imports, in another version."""
    runs = [_run(folder, **project), _run(folder, **_library(folder, "2.0", 0.5))]

    sentence = _first_cause(folder, *runs)["sentence"]
    assert sentence == "tinylib was 1.0 and is 2.0"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_number_of_threads_is_named(
    folder: Folder, project: dict[str, str], name: str
) -> None:
    """What the user has set, and not what else follows it."""
    runs = [_run(folder, **project, **{name: number}) for number in ("1", "2")]

    assert _first_cause(folder, *runs)["sentence"] == f"{name} was 1 and is 2"


def test_hash_seed_is_named(folder: Folder, project: dict[str, str]) -> None:
    """The order of a set of words, which follows PYTHONHASHSEED."""
    runs = []
    for number in ("1", "2"):
        done = folder.python("train.py", **project, PYTHONHASHSEED=number)  # type: ignore[arg-type]
        assert done.returncode == 0, done.stderr
        runs.append(folder.run_directories()[-1].name)
    # Started directly, each has drawn a seed of its own, which comes first.
    causes = json.loads(folder.command("diff", *runs, "--json").stdout)["causes"]

    assert any("PYTHONHASHSEED" in cause["sentence"] for cause in causes)


def test_what_draws_from_the_system_is_named(folder: Folder) -> None:
    """No seed repeats it, so it is what is said when nothing has changed."""
    folder.write(
        "train.py",
        "import secrets\nfrom ml_experiment import job\n\n\n@job\ndef main():\n"
        "    return {'value': secrets.randbelow(10**9)}\n\n\n"
        "if __name__ == '__main__':\n    main()\n",
    )
    runs = [_run(folder), _run(folder)]

    sentence = _first_cause(folder, *runs)["sentence"]
    assert "operating system" in sentence or "secrets" in sentence
