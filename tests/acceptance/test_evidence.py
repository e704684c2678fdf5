"""What was read and what was run can be told, and the code can be restored."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from conftest import Folder

READERS = {
    "open": "    with open('data.csv') as f:\n        total = sum(map(float, f.read().split()))\n",
    "numpy": "    import numpy as np\n    total = float(np.genfromtxt('data.csv').sum())\n",
    "pandas": "    import pandas as pd\n"
    "    total = float(pd.read_csv('data.csv', header=None)[0].sum())\n",
}


def _reading_script(body: str) -> str:
    head = "from ml_experiment import job\n@job\ndef main():\n"
    return f"{head}{body}    return {{'total': total}}\n"


def _data_files(record: dict[str, Any]) -> dict[str, str]:
    files = record["aspects"]["data_set"]["details"]["files"]
    return {item["relative"]: item["sha256"] for item in files if item.get("relative")}


@pytest.mark.parametrize("reader", READERS)
def test_data_file_is_seen_and_digested(folder: Folder, reader: str) -> None:
    """Whoever reads the file, it is in the record; one byte more changes the digest."""
    data = folder.write("data.csv", "1\n2\n3\n")
    folder.write("train.py", _reading_script(READERS[reader]))

    folder.command("train.py")
    first = _data_files(folder.record())
    expected = hashlib.sha256(data.read_bytes()).hexdigest()
    folder.write("data.csv", "1\n2\n4\n")
    folder.command("train.py")
    second = _data_files(folder.record())

    assert first == {"data.csv": expected}
    assert second.keys() == first.keys()
    assert second != first


def test_declared_data_is_digested_unread(folder: Folder) -> None:
    """The config's data globs cover what Python does not see being read."""
    folder.write("parts/a.bin", "a")
    folder.write("parts/b.bin", "b")
    folder.write("train.py", _reading_script("    total = 0\n"))

    folder.command("--data", "parts/*.bin", "train.py")

    assert set(_data_files(folder.record())) == {"parts/a.bin", "parts/b.bin"}


def _git(path: Path, *words: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(
        ["git", *identity, *words], cwd=path, check=True, capture_output=True
    )


@pytest.mark.parametrize("in_git", [True, False], ids=["git", "no git"])
def test_code_is_restored_and_runs(
    folder: Folder, tmp_path: Path, in_git: bool
) -> None:
    """A changed script and an untracked module come back as they were, and run."""
    script = "from ml_experiment import job\nimport helper\n@job\ndef main():\n"
    end = "if __name__ == '__main__':\n    main()\n"
    folder.write("train.py", script + "    return {'a': 1}\n" + end)
    if in_git:
        _git(folder.path, "init", "-q")
        _git(folder.path, "add", "train.py")
        _git(folder.path, "commit", "-qm", "one")
    folder.write("train.py", script + "    return {'a': helper.value}\n" + end)
    folder.write("helper.py", "value = 7\n")
    first = folder.command("train.py")
    folder.write("helper.py", "value = 8\n")

    restored = folder.command("restore", folder.run_directories()[0].name, "../again")

    assert first.returncode == 0, first.stderr
    assert restored.returncode == 0, restored.stderr
    again = tmp_path / "again"
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=again,
        env=folder.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = folder.command(
        "show", "--json", ML_EXPERIMENT_HOME=str(again / ".ml_experiment")
    )
    assert '"a": 7.0' in shown.stdout


def test_a_file_that_the_console_is_sent_to_is_no_source(folder: Folder) -> None:
    """The shell makes it before the run begins; a repetition does not miss it."""
    folder.write("train.py", _reading_script("    total = 1\n"))

    with (folder.path / "out.log").open("wb") as out:
        subprocess.run(
            [Path(sys.executable).with_name("ml-experiment"), "train.py"],
            cwd=folder.path,
            env=folder.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=True,
        )

    part = folder.run_directories()[0] / "parts" / "source.json"
    source = json.loads(part.read_text())
    assert [each["path"] for each in source["files"]] == ["train.py"]
    assert source["left_out"] == []


def test_git_state_is_under_mlflows_own_names(folder: Folder) -> None:
    """Commit, branch, dirty flag and diff stand where MLflow's pages look for them."""
    folder.write("train.py", _reading_script("    total = 1\n"))
    _git(folder.path, "init", "-q", "-b", "trunk")
    _git(folder.path, "add", ".")
    _git(folder.path, "commit", "-qm", "one")
    _git(
        folder.path,
        "remote",
        "add",
        "origin",
        "https://me:s3cret-token@example.org/x.git",
    )
    folder.write("train.py", _reading_script("    total = 2\n"))

    folder.command("--name", "Git", "train.py")

    (run,) = folder.mlflow_runs("Git")
    tags = run.data.tags
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["mlflow.source.git.branch"] == "trunk"
    assert tags["mlflow.source.git.dirty"] == "true"
    assert "+    total = 2" in tags["mlflow.source.git.diff"]
    assert "s3cret" not in str(tags)
    assert "s3cret" not in "".join(
        path.read_text(errors="replace")
        for path in folder.run_directories()[0].rglob("*")
        if path.is_file()
    )


def test_secrets_are_neither_shown_nor_stored(folder: Folder) -> None:
    """A password in a parameter or in the environment is nowhere on disk."""
    folder.write(
        "train.py",
        "from ml_experiment import job\n@job\ndef main(user, password):\n"
        "    assert len(password) == 12\n    return {'a': 1}\n",
    )

    done = folder.command(
        "--params",
        "user=me; password=hunter2-long",
        "train.py",
        AWS_SECRET_ACCESS_KEY="aws-hunter-secret",
    )

    assert done.returncode == 0, done.stderr
    stored = b"".join(
        path.read_bytes() for path in folder.path.rglob("*") if path.is_file()
    )
    for secret in (b"hunter2-long", b"aws-hunter-secret"):
        assert secret not in stored
        assert secret.decode() not in done.stdout + done.stderr


def test_server_that_never_was_is_made_up_for(folder: Folder) -> None:
    """Without a server the job succeeds and says what is pending; sync publishes it once."""
    folder.write("train.py", _reading_script("    total = 1\n"))
    nowhere = "http://127.0.0.1:9"

    done = folder.command("--name", "Later", "train.py", MLFLOW_TRACKING_URI=nowhere)
    synced = folder.command("sync")
    again = folder.command("sync")

    assert done.returncode == 0
    assert "ml-experiment sync" in done.stderr
    assert (synced.returncode, again.returncode) == (0, 0), synced.stderr
    assert "nothing to do" in again.stdout
    (run,) = folder.mlflow_runs("Later")
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"total": 1.0})
