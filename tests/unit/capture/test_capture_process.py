"""The capture process as the supervisor starts it: one real process a test."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.record.directory import RunDirectory, read_json, write_json
from ml_experiment.record.journal import Journal


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_PARTS = ("source", "hardware", "software", "data")
_BEFORE = 1_600_000_000  # seconds since the epoch; before any run


class Capture:
    """A run directory and the process that describes it."""

    def __init__(
        self, tmp_path: Path, *, break_source: bool = False, **manifest: Any
    ) -> None:
        self.project = tmp_path / "project"
        self.project.mkdir()
        (self.project / "train.py").write_text("print(1)\n")
        self.run = RunDirectory.create(self.project / ".ml_experiment")
        self.manifest: dict[str, object] = {
            "script": str(self.project / "train.py"),
            "cwd": str(self.project),
            "data": [],
            "created": time.time(),
            "log_system_info": True,
        }
        write_json(self.run.manifest, self.manifest | manifest)
        if break_source:
            self.run.source.rmdir()
            self.run.source.write_text("in the way of the folder")
        self.journal = Journal(self.run.journal)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ml_experiment.capture", str(self.run.path)],
            cwd=self.project,
            env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def opened(self, path: Path) -> None:
        """Tell of a file that was read."""
        state = path.stat()
        self.journal.write(
            "opened", path=str(path), size=state.st_size, mtime_ns=state.st_mtime_ns
        )

    def finish(self) -> str:
        """Say that the run is over; return what the process complained about."""
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors.decode()
        return errors.decode()

    def part(self, name: str) -> Any:
        """Return a part; ``None`` if it is not there."""
        return read_json(self.run.part(name))

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until something is so while the run is still on."""
        limit = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < limit
            assert self.process.poll() is None
            time.sleep(0.01)

    def close(self) -> None:
        """Leave nothing behind."""
        self.journal.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Capture]]:
    """Start capture processes that end with the test."""
    started: list[Capture] = []

    def make(**manifest: Any) -> Capture:
        started.append(Capture(tmp_path, **manifest))
        return started[-1]

    yield make
    for capture in started:
        capture.close()


def _data(path: Path) -> Path:
    """Write a file as one that was there before the run."""
    path.write_text("1,2\n")
    os.utime(path, (_BEFORE, _BEFORE))
    return path


def test_every_part_is_there_when_the_run_is_over(
    start: Callable[..., Capture],
) -> None:
    """Even of a run that ended at once, and without a word of complaint."""
    capture = start()

    errors = capture.finish()

    assert errors == ""
    assert all(capture.part(name) for name in _PARTS)
    assert not any("missing" in capture.part(name) for name in _PARTS)
    assert capture.run.source_archive.is_file()
    assert "pytest==" in capture.run.requirements.read_text()
    assert capture.part("data") == {
        "files": [],
        "count": 0,
        "bytes": 0,
        "digest": hashlib.sha256(b"").hexdigest(),
    }


def test_files_are_digested_while_the_run_goes_on(
    start: Callable[..., Capture],
) -> None:
    """A file that is deleted later has its digest already."""
    capture = start()
    path = _data(capture.project / "train.csv")
    capture.opened(path)
    capture.wait_for(lambda: (capture.part("data") or {}).get("count"))

    path.unlink()
    capture.finish()

    [item] = capture.part("data")["files"]
    assert item["sha256"] == hashlib.sha256(b"1,2\n").hexdigest()
    assert item["relative"] == "train.csv"


def test_many_files_are_taken_in_quickly(start: Callable[..., Capture]) -> None:
    """Twenty thousand files that are read one by one: the part is not written each time."""
    capture = start()
    folder = capture.project / "images"
    folder.mkdir()
    for number in range(20_000):
        capture.opened(_data(folder / str(number)))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    capture.finish()

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert capture.part("data")["count"] == 20_000
    assert after.ru_utime - before.ru_utime < 5


def test_the_last_words_of_the_journal_are_heard(start: Callable[..., Capture]) -> None:
    """What was read right before the end is digested after it."""
    capture = start()
    capture.wait_for(lambda: capture.part("data"))
    path = _data(capture.project / "late.csv")

    capture.opened(path)
    capture.finish()

    assert [item["relative"] for item in capture.part("data")["files"]] == ["late.csv"]


def test_imported_modules_are_added_to_the_source(
    start: Callable[..., Capture],
) -> None:
    """Modules from elsewhere come into archive and part."""
    capture = start()
    helper = capture.project.parent / "shared" / "helper.py"
    helper.parent.mkdir()
    helper.write_text("X = 1\n")

    capture.journal.write("modules", modules={"helper": str(helper)})
    capture.finish()

    [root] = capture.part("source")["extra_roots"]
    assert root["relative"] == "../shared"


def test_declared_data_is_digested(start: Callable[..., Capture]) -> None:
    """For readers that no hook sees."""
    capture = start(data=["*.bin"])
    (capture.project / "native.bin").write_bytes(b"x")

    capture.finish()

    [item] = capture.part("data")["files"]
    assert (item["relative"], item["source"]) == ("native.bin", "declared")


def test_the_variables_of_the_job_are_recorded(start: Callable[..., Capture]) -> None:
    """The job has variables that the process beside it has not."""
    capture = start()
    environ = os.environ | {"OMP_NUM_THREADS": "7"}
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE) as job:
        capture.journal.write("started", params={}, pid=job.pid)
        capture.wait_for(
            lambda: (
                (capture.part("software") or {})
                .get("environment", {})
                .get("OMP_NUM_THREADS")
                == "7"
            )
        )
        job.communicate(b"\n")

    capture.finish()

    assert capture.part("software")["environment"]["OMP_NUM_THREADS"] == "7"


@pytest.mark.parametrize("known", ["at the start", "later"])
def test_system_information_can_be_switched_off(
    start: Callable[..., Capture], known: str
) -> None:
    """By the decorator, which is heard of only when the script has been read."""
    capture = start(log_system_info=known == "later")
    capture.wait_for(lambda: capture.part("data"))

    write_json(capture.run.manifest, capture.manifest | {"log_system_info": False})
    capture.finish()

    for name in ("hardware", "software"):
        assert "switched off" in capture.part(name)["missing"]
    assert not capture.run.requirements.exists()
    assert "missing" not in capture.part("source")


def test_a_part_that_fails_says_so_and_the_others_are_made(
    start: Callable[..., Capture],
) -> None:
    """Nonsense in the journal and a source that cannot be written harm nothing else."""
    capture = start(break_source=True, data=["ok.bin"])
    (capture.project / "ok.bin").write_bytes(b"x")
    capture.journal.write("opened", nonsense=True)
    capture.journal.write("modules", modules={"x": "/nowhere/x.py"})

    errors = capture.finish()

    assert errors
    assert capture.part("source")["missing"]
    assert capture.part("data")["count"] == 1
    assert capture.part("hardware")["cpu"]


def test_without_a_manifest_there_is_nothing_to_describe(tmp_path: Path) -> None:
    """A wrong folder is said to be one."""
    answer = subprocess.run(
        [sys.executable, "-m", "ml_experiment.capture", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 2
    assert "manifest.json" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_supervisor_that_is_killed_does_not_leave_it_behind(tmp_path: Path) -> None:
    """The pipe breaks, the process finishes what is left and goes."""
    run = RunDirectory.create(tmp_path / "home")
    write_json(run.manifest, {"script": str(tmp_path / "a.py"), "cwd": str(tmp_path)})
    script = (
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'ml_experiment.capture', sys.argv[1]]\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())

        supervisor.send_signal(signal.SIGKILL)

    limit = time.monotonic() + 60
    while _is_alive(pid):
        assert time.monotonic() < limit
        time.sleep(0.01)
    assert read_json(run.part("data")) is not None


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not os.path.isdir("/proc/self")  # noqa: PTH112


def test_describing_a_small_project_costs_little(tmp_path: Path) -> None:
    """Less than 0.4 s of processor time, and no heavy import."""
    run = RunDirectory.create(tmp_path / ".ml_experiment")
    (tmp_path / "train.py").write_text("print(1)\n")
    write_json(
        run.manifest, {"script": str(tmp_path / "train.py"), "cwd": str(tmp_path)}
    )
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    script = (
        "import json, sys\n"
        "from ml_experiment.capture.__main__ import main\n"
        "main([sys.argv[1]])\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    answer = subprocess.run(
        [sys.executable, "-c", script, str(run.path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    heavy = {"numpy", "pandas", "mlflow", "pydantic", "psutil", "pynvml", "rich"}
    assert heavy.isdisjoint(json.loads(answer.stdout))
    assert spent < 0.4
