"""The status of a run is true, however it ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ml_experiment.record.locks import is_held


if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from conftest import Folder


def _script(body: str, imports: str = "import os, signal, sys, time") -> str:
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    return (
        f"{imports}\nfrom ml_experiment import job\n\n@job\ndef main():\n"
        f"    print('first line', flush=True)\n{indented}\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )


@pytest.mark.parametrize(
    ("body", "status", "reason", "exit_status"),
    [
        pytest.param(
            "raise ValueError('no such luck')",
            "FAILED",
            "ValueError: no such luck",
            1,
            id="raises",
        ),
        pytest.param("sys.exit(3)", "FAILED", "sys.exit(3)", 3, id="sys.exit(3)"),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
            "KILLED",
            "SIGTERM",
            128 + signal.SIGTERM,
            id="SIGTERM",
        ),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGKILL)",
            "KILLED",
            "SIGKILL",
            128 + signal.SIGKILL,
            id="SIGKILL",
        ),
        pytest.param(
            "import ctypes; ctypes.string_at(0)",
            "FAILED",
            "SIGSEGV",
            128 + signal.SIGSEGV,
            id="segmentation fault",
        ),
        pytest.param(
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
            "x = bytearray(1 << 31)",
            "FAILED",
            "MemoryError",
            1,
            id="out of memory under a limit",
        ),
        pytest.param("os._exit(0)", "FAILED", "left in main", 1, id="os._exit(0)"),
    ],
)
def test_end_is_told_as_it_was(
    folder: Folder, body: str, status: str, reason: str, exit_status: int
) -> None:
    """Status, reason and console are kept; MLflow and the exit status agree."""
    folder.write("train.py", _script(body))

    done = folder.command("--name", "Fails", "train.py")

    record = folder.record()
    assert record["outcome"]["status"] == status
    assert reason in record["outcome"]["reason"]
    assert done.returncode == exit_status
    (published,) = folder.mlflow_runs("Fails")
    assert published.info.status == status
    assert reason in published.data.tags["ml_experiment.status_reason"]
    (run,) = folder.run_directories()
    assert "first line\n" in (run / "console.txt").read_text()


def test_traceback_is_the_users_own(folder: Folder) -> None:
    """No frame of the tool stands in the traceback that the user reads."""
    folder.write("train.py", _script("raise ValueError('x')"))

    done = folder.command("train.py")

    assert "Traceback (most recent call last)" in done.stderr
    assert "ml_experiment/" not in done.stderr
    assert "train.py" in folder.record()["outcome"]["traceback"]


def test_failure_after_main_is_no_success(folder: Folder) -> None:
    """A script that fails after its job is a failed run."""
    folder.write(
        "train.py", _script("return {'a': 1}") + "    raise KeyError('late')\n"
    )

    done = folder.command("train.py")

    assert done.returncode == 1
    assert "after main" in folder.record()["outcome"]["reason"]


def _wait_for(condition: Callable[[], object], what: str, limit_s: float = 60) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, f"waited in vain for {what}"
        time.sleep(0.01)


def _started_long_run(folder: Folder) -> tuple[subprocess.Popen[bytes], int]:
    """Start a job that waits for ever; return the command and the job's process id."""
    # Closed by hand: an interrupt while a file is being disposed of is lost in Python.
    body = (
        "with open('pid', 'w') as file:\n"
        "    file.write(str(os.getpid()) + '\\n')\n"
        "time.sleep(600)"
    )
    folder.write("train.py", _script(body))
    command = folder.start("--name", "Long", "train.py")
    pid = folder.path / "pid"
    _wait_for(
        lambda: pid.exists() and pid.read_text().endswith("\n"), "the job's start"
    )
    return command, int(pid.read_text())


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - a zombie is not alive
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("victim", ["command", "job"])
def test_termination_of_either_process_ends_both(folder: Folder, victim: str) -> None:
    """SIGTERM to the command or to the job: KILLED, and nothing stays behind."""
    command, job = _started_long_run(folder)

    os.kill(command.pid if victim == "command" else job, signal.SIGTERM)

    assert command.wait(60) == 128 + signal.SIGTERM
    assert not _is_alive(job)
    assert folder.record()["outcome"]["status"] == "KILLED"
    (published,) = folder.mlflow_runs("Long")
    assert published.info.status == "KILLED"


def test_interrupt_is_recorded(folder: Folder) -> None:
    """Ctrl-C ends the job, closes the run and gives status 130."""
    command, _ = _started_long_run(folder)

    os.killpg(command.pid, signal.SIGINT)

    assert command.wait(60) == 130
    assert "interrupted" in folder.record()["outcome"]["reason"]


def test_kill_of_the_whole_group_is_set_right_by_sync(folder: Folder) -> None:
    """After SIGKILL of everything, sync closes the run and publishes it, once."""
    command, job = _started_long_run(folder)

    os.killpg(command.pid, signal.SIGKILL)
    command.wait(60)
    _wait_for(lambda: not _is_alive(job), "the job's death")
    synced = folder.command("sync")
    again = folder.command("sync")

    assert (synced.returncode, again.returncode) == (0, 0), synced.stderr
    assert "nothing to do" in again.stdout
    record = folder.record()
    assert record["outcome"]["status"] == "KILLED"
    (published,) = folder.mlflow_runs("Long")
    assert published.info.status == "KILLED"


@pytest.mark.parametrize("word", ["sync", "reproduce"])
def test_what_a_killed_run_was_is_still_being_recorded(
    folder: Folder, word: str
) -> None:
    """The run is closed when its description is complete, not with half of it."""
    folder.write("train.py", _script("open('pid', 'w').close()\ntime.sleep(600)"))
    slow = _slow_git(folder)
    command = slow.start("--name", "Long", "train.py")
    _wait_for((folder.path / "pid").exists, "the job's start")
    _wait_for((folder.path.parent / "asked").exists, "a look at the source")
    os.killpg(command.pid, signal.SIGKILL)
    command.wait(60)
    (run,) = folder.run_directories()
    assert not (run / "source" / "source.tar.gz").exists()

    closing = folder.start(word, *([run.name] if word == "reproduce" else []))
    _wait_for(lambda: is_held(run / "owner.lock"), "somebody who closes the run")
    (folder.path.parent / "go").touch()

    if word == "sync":
        assert closing.wait(60) == 0
    else:
        _wait_for((run / "outcome.json").exists, "the run's end")
        closing.terminate()
        closing.wait(60)
    assert (run / "source" / "source.tar.gz").exists()
    record = folder.record(run.name)
    assert record["aspects"]["preprocessing"]["status"] == "recorded"
    assert record["aspects"]["software"]["status"] == "recorded"


def _slow_git(folder: Folder) -> Folder:
    """Return the folder as a repository, with a git that answers when it is told to."""
    folder.run("git", "init", "--quiet", timeout_s=60)
    top = folder.path.parent
    git = top / "bin" / "git"
    git.parent.mkdir()
    git.write_text(
        f"#!/bin/sh\ntouch '{top}/asked'\n"
        f"while [ ! -e '{top}/go' ]; do sleep 0.05; done\n"
        f"exec '{shutil.which('git')}' \"$@\"\n"
    )
    git.chmod(0o755)
    path = f"{git.parent}:{folder.environment['PATH']}"
    return replace(folder, environment=folder.environment | {"PATH": path})


def test_kill_of_the_supervisor_ends_the_job(folder: Folder) -> None:
    """A job does not run on unseen when its supervisor is killed."""
    command, job = _started_long_run(folder)

    command.kill()
    command.wait(60)

    _wait_for(lambda: not _is_alive(job), "the job's end")
    folder.command("sync")
    assert folder.record()["outcome"]["status"] == "KILLED"


@pytest.mark.parametrize("name", ["manifest.json", "outcome.json"])
def test_a_damaged_run_hides_no_other(folder: Folder, name: str) -> None:
    """A power failure may leave an empty file: it is named, and the others go on."""
    folder.write("good.py", _script("return {'x': 1.0}"))
    for _ in range(2):
        folder.command("good.py")
    damaged, healthy = folder.run_directories()
    (damaged / name).write_text("")
    (healthy / "published.json").unlink()

    listed, synced = folder.command("list"), folder.command("sync")

    assert listed.returncode == 0
    assert healthy.name in listed.stdout
    assert f"{damaged.name} is damaged" in listed.stderr
    assert synced.returncode == 1
    assert damaged.name in synced.stderr
    assert json.loads((healthy / "published.json").read_text())["closed"]


@pytest.mark.parametrize(
    ("name", "content", "told", "is_listed"),
    [
        ("journal.jsonl", None, "journal.jsonl: cannot be read", False),
        ("journal.jsonl", '{"event": "metrics"}\n', "line 1 of", False),
        ("outcome.json", '{"status": 1}', "outcome.json", False),
        ("parts/source.json", '{"files": "x"}', "source.json cannot be used", True),
    ],
    ids=["folder", "event", "outcome", "part"],
)
def test_a_damaged_run_is_refused_by_name(
    folder: Folder, name: str, content: str | None, told: str, *, is_listed: bool
) -> None:
    """No traceback, and nothing is run."""
    folder.write("good.py", _script("return {'x': 1.0}"))
    for _ in range(2):
        folder.command("good.py")
    damaged, healthy = folder.run_directories()
    (damaged / name).unlink()
    if content is None:
        (damaged / name).mkdir()
    else:
        (damaged / name).write_text(content)
    (damaged / "record.json").unlink()

    listed = folder.command("list")
    refused = [
        folder.command("reproduce", damaged.name),
        folder.command("diff", damaged.name, healthy.name),
        folder.command("export", damaged.name),
    ]
    others = [
        folder.command("show", damaged.name),
        folder.command("restore", damaged.name, "restored"),
        folder.command("sync"),
    ]

    assert listed.returncode == 0
    assert healthy.name in listed.stdout
    assert (damaged.name in listed.stdout) == is_listed
    for done in refused:
        assert done.returncode == 1
        assert told in done.stderr
    for done in [*refused, *others]:
        assert "Traceback" not in done.stderr
    assert len(folder.run_directories()) == 2


def test_sync_leaves_a_live_run_alone(folder: Folder) -> None:
    """A run that goes on is not touched."""
    command, job = _started_long_run(folder)

    synced = folder.command("sync")

    assert "1 running" in synced.stdout
    assert _is_alive(job)
    command.terminate()
    command.wait(60)


def test_failed_run_leaves_nothing_when_asked(folder: Folder) -> None:
    """delete_if_failed removes the run here and in MLflow."""
    script = _script("raise ValueError('x')").replace(
        "@job", "@job(delete_if_failed=True)"
    )
    folder.write("train.py", script)

    done = folder.command("--name", "Gone", "train.py")

    assert done.returncode == 1
    assert folder.run_directories() == []
    runs = folder.mlflow_runs("Gone")
    assert [run for run in runs if run.info.lifecycle_stage == "active"] == []


def test_a_message_that_is_no_text_can_be_shown(folder: Folder) -> None:
    """Half a surrogate pair cannot be encoded; it is shown by its number."""
    folder.write("odd.py", _script("raise RuntimeError('\\ud800 ü\\x00')"))

    failed = folder.command("odd.py")
    run = folder.run_directories()[0].name
    shown, as_json = folder.command("show"), folder.command("show", "--json")
    again = folder.command("reproduce", run)

    assert failed.returncode == 1
    assert "RuntimeError: \\ud800 ü" in failed.stderr
    assert shown.returncode == 0
    assert "RuntimeError: \\ud800 ü" in shown.stdout
    assert json.loads(as_json.stdout)["outcome"]["status"] == "FAILED"
    assert again.returncode == 0, again.stderr
    assert "identical: " in again.stdout


@pytest.mark.parametrize("words", [["list"], ["show", "x"], ["train.py"], ["check"]])
def test_a_folder_that_was_removed_is_told(folder: Folder, words: list[str]) -> None:
    """Another window of the user's may have done that."""
    go = "mkdir gone && cd gone && rmdir ../gone"
    command = f"{go} && '{sys.executable}' -m ml_experiment {' '.join(words)}"

    done = folder.run("sh", "-c", command, timeout_s=60)

    assert done.returncode == 2
    assert done.stderr.startswith("error: the current folder is not there any more")
