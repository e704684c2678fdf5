"""A run becomes one file, from the command line, as somebody else receives it."""

from __future__ import annotations

import json
import shutil
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.verify.crate import crate_data, open_crate
from ml_experiment.verify.restore import restore_source


if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Folder


SCRIPT = """\
import random
from ml_experiment import job
from tools import scaled


@job
def main(factor=2, fail=False):
    with open("rows.csv") as file:
        rows = [float(line) for line in file]
    if fail:
        raise ValueError("no <good> rows")
    with open("model.txt", "w") as file:
        file.write(str(random.random()))
    return {"mean": scaled(sum(rows) / len(rows), factor)}, {"model": "model.txt"}


if __name__ == "__main__":
    main()
"""

GROUP = """\
name: search
kind: group
run: train.py
num_trials: 4
seed: 3
metric: {name: mean, direction: maximize}
param_space: {factor: "uniform(1, 3)"}
"""


@pytest.fixture
def project(folder: Folder) -> Folder:
    """A project with a module, a data file and a licence."""
    folder.write("train.py", SCRIPT)
    folder.write("tools.py", "def scaled(value, factor):\n    return value * factor\n")
    folder.write("rows.csv", "1\n2\n6\n")
    folder.write("LICENSE", "Use it.\n")
    return folder


def exported(project: Folder, *words: str) -> Path:
    """Run, export the run with these words, and return the crate."""
    (run,) = project.run_directories()
    done = project.command("export", run.name, *words)
    assert done.returncode == 0, done.stderr
    return project.path / done.stdout.rpartition("  ")[0]


def graph_of(crate: Path) -> dict[str, dict[str, Any]]:
    """Return the entities of a crate."""
    with zipfile.ZipFile(crate) as archive:
        document = json.loads(archive.read("ro-crate-metadata.json"))
    return {entity["@id"]: entity for entity in document["@graph"]}


def test_an_experiment_becomes_a_crate_that_stands_alone(
    project: Folder, tmp_path: Path
) -> None:
    """Code, data, licence and record are in the file, after the project is gone."""
    assert project.command("train.py", "--seed", "5").returncode == 0
    (run,) = project.run_directories()
    record = json.loads((run / "record.json").read_text())
    crate = tmp_path / "received.zip"
    exported(project, "--with-data").rename(crate)
    shutil.rmtree(project.path)

    opened = open_crate(crate, tmp_path / "opened")

    assert json.loads(opened.record.read_text()) == record
    tree = restore_source(opened, tmp_path / "tree")
    assert tree.script.read_text() == SCRIPT
    (data,) = crate_data(tmp_path / "opened").values()
    assert data.read_text() == "1\n2\n6\n"
    assert (tmp_path / "opened" / "LICENSE").read_text() == "Use it.\n"
    entities = graph_of(crate)
    assert entities["#metric/mean"]["value"] == 6.0
    assert entities["#param/factor"]["value"] == 2
    assert any(name.endswith("artifacts/model/model.txt") for name in entities)


def test_a_group_becomes_a_workflow_run(project: Folder) -> None:
    """All of its trials are in it, as actions."""
    project.write("group.yaml", GROUP)
    done = project.command("--config_file", "group.yaml")
    assert done.returncode == 0, done.stderr

    entities = graph_of(exported(project))

    profiles = [each["@id"] for each in entities["./"]["conformsTo"]]
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles
    trials = [name for name in entities if name.startswith("#trial/")]
    assert {name for name in trials if name.count("/") == 1} == {
        f"#trial/{number}" for number in range(4)
    }


def test_a_failed_run_is_exported_as_one(project: Folder) -> None:
    """Its reason stands in the crate."""
    assert project.command("train.py", "--params", "fail=True").returncode == 1

    entities = graph_of(exported(project))

    (action,) = [each for each in entities.values() if each["@type"] == "CreateAction"]
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert "no <good> rows" in action["error"]


def test_a_job_is_exported_too(project: Folder) -> None:
    """A computation that is not tracked has a record all the same."""
    assert project.command("train.py", "--kind", "job").returncode == 0

    entities = graph_of(exported(project))

    assert "job" in entities["./"]["keywords"]


def test_a_credential_that_was_printed_is_not_published(project: Folder) -> None:
    """The value of a secret variable is in no text of the crate."""
    secret = "tr0ub4dor-and-3-more"
    printing = "import os\n" + SCRIPT.replace(
        "    if fail:", "    print(os.environ['MY_API_KEY'])\n    if fail:"
    )
    project.write("train.py", printing)
    assert project.command("train.py", MY_API_KEY=secret).returncode == 0
    (run,) = project.run_directories()
    done = project.command("export", run.name, "-o", "r.zip", MY_API_KEY=secret)

    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(project.path / "r.zip") as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    assert [name for name, text in texts.items() if secret.encode() in text] == []


def test_wrong_words_are_answered_with_what_to_do(project: Folder) -> None:
    """A file that is there, a run that is not, data that changed."""
    assert project.command("train.py").returncode == 0
    crate = exported(project)
    (run,) = project.run_directories()
    project.write("rows.csv", "1\n2\n7\n")

    again = project.command("export", run.name)
    other = project.command("export", "nothing")
    data = project.command("export", run.name, "--with_data", "--force")
    forced = project.command("export", run.name, "--force")

    assert (again.returncode, other.returncode, data.returncode) == (1, 1, 1)
    assert "--force" in again.stderr
    assert "no run 'nothing'" in other.stderr
    assert "rows.csv has changed since the run" in data.stderr
    assert forced.returncode == 0
    assert crate.is_file()


def test_a_folder_that_is_not_there_is_not_made(project: Folder) -> None:
    """It is a slip of the hand more often than a wish."""
    assert project.command("train.py").returncode == 0
    (run,) = project.run_directories()

    crate = project.command("export", run.name, "-o", "new/dir/x.zip")
    answers = project.command(
        "export", run.name, "--checklist", "neurips", "-o", "new/a.md"
    )

    for done in (crate, answers):
        assert done.returncode == 2
        assert "error: --output: got new/" in done.stderr
        assert "no folder new" in done.stderr
    assert not (project.path / "new").exists()


def test_a_crate_in_place_of_a_run_is_told(project: Folder) -> None:
    """One command takes crates, and the others say which."""
    assert project.command("train.py").returncode == 0
    crate = exported(project)
    (run,) = project.run_directories()

    for words in (["diff", crate.name, run.name], ["show", crate.name]):
        done = project.command(*words)
        assert done.returncode == 1
        assert "only `ml-experiment reproduce` takes crates" in done.stderr


def test_a_checklist_is_answered_on_the_screen_or_in_a_file(project: Folder) -> None:
    """The answers are those of the run; an unknown checklist is wrong usage."""
    assert project.command("train.py", "--seed", "5").returncode == 0
    (run,) = project.run_directories()

    shown = project.command("export", run.name, "--checklist", "pineau")
    written = project.command(
        "export", run.name, "--checklist", "neurips", "-o", "answers.md"
    )
    unknown = project.command("export", run.name, "--checklist", "nips")

    assert (shown.returncode, written.returncode, unknown.returncode) == (0, 0, 2)
    assert "Seed 5 (given)" in shown.stdout
    assert "`rows.csv`: 6 bytes" in (project.path / "answers.md").read_text()
    assert "allowed: neurips, pineau" in unknown.stderr
    assert not list(project.path.glob("*.zip"))


def test_export_does_not_wait_for_heavy_libraries(project: Folder) -> None:
    """Neither MLflow nor a framework is loaded to write a zip file."""
    assert project.command("train.py").returncode == 0
    (run,) = project.run_directories()
    code = (
        "import sys; from ml_experiment.cli.app import run_command; "
        f"run_command(['export', {run.name!r}]); "
        "print([n for n in ('mlflow', 'optuna', 'numpy') if n in sys.modules])"
    )

    done = project.python("-c", code)

    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    assert next(project.path.glob("*.zip")).stat().st_size > 0
