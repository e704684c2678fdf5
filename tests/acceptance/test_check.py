"""``ml-experiment check``: what is said of clean projects, bad ones, and none at all."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from conftest import Folder

ROOT = Path(__file__).parents[2]
CLEAN = """\
import numpy as np
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from features import scaled
from ml_experiment import job


@job
def main(C=1.0):
    X, y = load_iris(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=7)
    X_train, X_val = scaled(X_train, X_val)
    model = SVC(C=C).fit(X_train, y_train)
    trivial = DummyClassifier().fit(X_train, y_train)
    noise = np.random.default_rng().normal()
    return {
        "val_accuracy": model.score(X_val, y_val),
        "trivial_accuracy": trivial.score(X_val, y_val),
        "noise": noise,
    }


if __name__ == "__main__":
    main()
"""
FEATURES = """\
from sklearn.preprocessing import StandardScaler


def scaled(train, other):
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(other)
"""


@pytest.fixture
def clean(folder: Folder) -> Folder:
    """A careful project, as many are."""
    folder.write("train.py", CLEAN)
    folder.write("features.py", FEATURES)
    folder.write("svm.yaml", "name: svm\nseed: 7\nparams: {C: 2}\nrun: train.py\n")
    names = ("numpy", "scikit-learn")
    pins = "".join(f"{name}=={version(name)}\n" for name in names)
    folder.write("requirements.txt", pins)
    folder.write(".gitignore", ".ml_experiment/\nmlflow.db*\n")
    commit(folder)
    return folder


def commit(folder: Folder) -> None:
    """Commit all there is in a folder."""
    identity = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        done = folder.run("git", *identity, *words, timeout_s=60)
        assert done.returncode == 0, done.stderr


def document(folder: Folder, *words: str) -> dict[str, Any]:
    """Return what ``check --json`` prints."""
    done = folder.command("check", "--json", *words)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_clean_project_passes_the_strict_check(clean: Folder) -> None:
    """Nothing is found in a careful project, neither before a run nor after it."""
    for words in (["svm.yaml"], ["train.py"], ["."], []):
        done = clean.command("check", "--strict", *words)

        assert done.returncode == 0, done.stdout
        assert done.stdout.startswith("no findings\nlevel: auditable")

    assert clean.command("--config_file", "svm.yaml").returncode == 0
    assert clean.command("check", "--strict").returncode == 0


def test_findings_are_lines_that_tools_understand(clean: Folder) -> None:
    """Each is ``file:line: severity: message [code]``, with the remedy below."""
    clean.write("train.py", CLEAN.replace("random_state=7", "test_size=0.2"))

    done = clean.command("check", "svm.yaml")

    lines = done.stdout.splitlines()
    assert lines[0].startswith("train.py:14: warning: train_test_split has no seed")
    assert lines[0].endswith("[no-split-seed]")
    assert lines[1] == "    random_state=0"


def test_warnings_fail_the_strict_check_only(clean: Folder) -> None:
    """Without ``--strict`` a job that can run is no failure."""
    clean.write("features.py", FEATURES + "\n# changed\n")

    assert clean.command("check").returncode == 0
    assert clean.command("check", "--strict").returncode == 1


def test_what_cannot_run_fails_every_check(clean: Folder) -> None:
    """An error is a failure, and the others are told as well."""
    clean.write("features.py", "def scaled(:\n")

    done = clean.command("check")

    assert done.returncode == 1
    assert "features.py:1: error: this is no Python" in done.stdout
    assert "level: none" in done.stdout


def test_json_holds_findings_and_level(clean: Folder) -> None:
    """Programs get the whole of it."""
    clean.write(
        "train.py", CLEAN.replace("import numpy as np", "import numpy as np, uuid")
    )
    clean.write("features.py", FEATURES + "import os\nX = os.urandom(3)\n")

    found = document(clean)

    assert found["schema"] == "ml-experiment/check/1"
    assert found["level"]["name"] == "reviewable"
    assert found["level"]["missing_for_next"] == ["os-entropy"]
    entropy = next(f for f in found["findings"] if f["code"] == "os-entropy")
    assert entropy["aspect"] == "stochasticity"
    assert Path(entropy["file"]).name == "features.py"
    assert entropy["line"] == 8


def test_a_wrong_config_is_refused(clean: Folder) -> None:
    """It ends as a run of it would: status 2, with the line."""
    clean.write("svm.yaml", "name: svm\nrum: train.py\n")

    done = clean.command("check", "svm.yaml")

    assert done.returncode == 2
    assert "svm.yaml:2: rum" in done.stderr


def test_parameters_that_main_does_not_take_are_refused(clean: Folder) -> None:
    """What a run would refuse is refused before it."""
    clean.write("svm.yaml", "name: svm\nparams: {c: 2}\nrun: train.py\n")

    done = clean.command("check", "svm.yaml")

    assert done.returncode == 2
    assert "svm.yaml:2: params.c: unknown parameter 'c'" in done.stderr


@pytest.mark.parametrize("given", ["gone.yaml", "gone.py", "gone"])
def test_what_is_not_there_is_refused(clean: Folder, given: str) -> None:
    """A mistyped name is an error, not a clean project."""
    done = clean.command("check", given)

    assert done.returncode == 2
    assert given in done.stderr


def test_an_empty_folder_is_refused(folder: Folder) -> None:
    """There is nothing to be checked."""
    done = folder.command("check")

    assert done.returncode == 2
    assert "no config and no script with @job" in done.stderr


def test_the_examples_are_clean(folder: Folder) -> None:
    """What we show to users is what we ask of them."""
    for name in ("scripts", "experiments"):
        shutil.copytree(ROOT / "examples" / name, folder.path / "examples" / name)
    shutil.copy(ROOT / "examples" / "requirements.txt", folder.path / "examples")
    commit(folder)

    found = document(folder, "examples")["findings"]

    # Another version may be installed where these tests are run.
    assert [f for f in found if f["code"] != "wrong-version"] == []


def test_checking_imports_no_framework(clean: Folder) -> None:
    """It is fast, since it loads nothing of what it reads about."""
    code = (
        "import sys; from ml_experiment.cli.app import run_command;"
        "run_command(['check', 'svm.yaml']);"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & "
        "{'numpy', 'sklearn', 'pandas', 'mlflow', 'optuna', 'torch', 'train'}))"
    )

    done = clean.run(sys.executable, "-c", code, timeout_s=60)

    assert done.stdout.splitlines()[-1] == "[]"
