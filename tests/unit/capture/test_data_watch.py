"""The watch sees what user code reads, costs little and never gets in the way."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.capture.data import DataWatch, watch_files
from ml_experiment.capture.data_paths import PathFilter
from ml_experiment.record.journal import Journal, read_journal


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Watched:
    """A watch on a real journal."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run" / "journal.jsonl"
        self.path.parent.mkdir()
        self.journal = Journal(self.path)
        self.watch = watch_files(self.journal, ignore=[self.path.parent])

    def opened(self) -> list[str]:
        """Return the names of the files that were reported, in order."""
        events = read_journal(self.path)
        return [
            Path(event["path"]).name for event in events if event["event"] == "opened"
        ]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Watch this process for the time of a test; the hook itself stays for good."""
    watched = Watched(tmp_path)
    yield watched
    watched.watch.stop()
    watched.journal.close()


def _file(folder: Path, name: str, content: bytes = b"1,2\n") -> Path:
    """Make a file without opening it in this process in a way the watch would see."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    script = "import sys; open(sys.argv[1], 'wb').write(bytes.fromhex(sys.argv[2]))"
    command = [sys.executable, "-c", script, str(path), content.hex()]
    subprocess.run(command, check=True)
    return path


def test_a_file_that_is_read_is_reported_with_its_state(
    tmp_path: Path, watched: Watched
) -> None:
    """Path, size and time of change are in the event."""
    path = _file(tmp_path, "train.csv")

    path.read_text()

    status = path.stat()
    [event] = read_journal(watched.path)
    assert event["event"] == "opened"
    assert event["path"] == str(path)
    assert event["size"] == 4
    assert event["mtime_ns"] == status.st_mtime_ns


def test_a_file_that_is_read_again_is_reported_once(
    tmp_path: Path, watched: Watched
) -> None:
    """Reading in a loop does not fill the journal."""
    path = _file(tmp_path, "train.csv")

    for _ in range(5):
        path.read_bytes()

    assert watched.opened() == ["train.csv"]


def test_a_file_that_was_changed_by_others_is_reported_again(
    tmp_path: Path, watched: Watched
) -> None:
    """Each state in which it was read is told."""
    path = _file(tmp_path, "train.csv")
    path.read_bytes()

    _file(tmp_path, "train.csv", b"1,2,3\n")
    path.read_bytes()

    assert watched.opened() == ["train.csv", "train.csv"]


def test_readers_of_every_kind_are_seen(
    tmp_path: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``os.open``, gzip, bytes and relative paths, NumPy, pandas and SQLite."""
    import numpy as np
    import pandas as pd

    plain, packed = (
        _file(tmp_path, "os.bin"),
        _file(tmp_path, "a.gz", gzip.compress(b"1")),
    )
    _file(tmp_path, "relative.txt")
    _file(tmp_path, "bytes.txt")
    table = _file(tmp_path, "table.csv", b"a,b\n1,2\n")
    array = tmp_path / "array.npy"
    script = "import sys, numpy; numpy.save(sys.argv[1], [1, 2])"
    subprocess.run([sys.executable, "-c", script, str(array)], check=True)
    base = _file(tmp_path, "base.sqlite", b"")
    monkeypatch.chdir(tmp_path)

    os.close(os.open(plain, os.O_RDONLY))
    with gzip.open(packed) as file:
        file.read()
    Path("relative.txt").read_text()
    with open(os.fsencode(tmp_path / "bytes.txt"), "rb") as file:  # noqa: PTH123
        file.read()
    np.load(array)
    pd.read_csv(table)
    sqlite3.connect(base).close()

    assert watched.opened() == [
        *("os.bin", "a.gz", "relative.txt", "bytes.txt"),
        *("array.npy", "table.csv", "base.sqlite"),
    ]


def test_what_the_run_wrote_itself_is_not_its_input(
    tmp_path: Path, watched: Watched
) -> None:
    """A file written and then read, also under another name, is a product."""
    written, renamed = tmp_path / "model.pkl", tmp_path / "final.pkl"
    written.write_bytes(b"model")
    written.read_bytes()

    written.rename(renamed)
    renamed.read_bytes()

    assert watched.opened() == []


def test_a_file_updated_in_place_is_an_input(tmp_path: Path, watched: Watched) -> None:
    """What is opened for reading and writing had content from before."""
    path = _file(tmp_path, "state.bin")

    with path.open("r+b") as file:
        file.write(b"9")
    path.read_bytes()

    assert watched.opened() == ["state.bin"]


def test_a_scratch_file_of_a_child_process_is_not_an_input(
    tmp_path: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a child has left in a temporary file for its parent is the run's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    watch = watch_files(watched.journal)
    watched.watch.stop()

    _file(tmp_path, "tmpa1b2c3d4/answer.txt").read_bytes()
    _file(tmp_path, "results/data.csv").read_bytes()
    watch.stop()

    assert watched.opened() == ["data.csv"]


def test_a_data_set_that_the_run_downloads_is_an_input(
    tmp_path: Path, watched: Watched
) -> None:
    """The first run, which fills a library's data folder, records the data as well."""
    path = tmp_path / "scikit_learn_data" / "covertype.bin"
    path.parent.mkdir()
    path.write_bytes(b"data")

    path.read_bytes()

    assert watched.opened() == ["covertype.bin"]


def test_code_and_the_run_directory_are_not_data(
    tmp_path: Path, watched: Watched
) -> None:
    """Sources, compiled files, secrets, folders and the run's own files are passed over."""
    for name in ("module.py", "module.so", ".env", "key.pem", ".ml_experiment/x.csv"):
        _file(tmp_path, name).read_bytes()
    _file(watched.path.parent, "config.json").read_bytes()
    Path("/proc/self/status").read_bytes() if sys.platform == "linux" else None
    os.close(os.open(tmp_path, os.O_RDONLY))
    with pytest.raises(FileNotFoundError):
        (tmp_path / "gone.csv").read_bytes()

    assert watched.opened() == []


def test_a_data_set_inside_of_a_package_is_data(watched: Watched) -> None:
    """scikit-learn's iris flowers come from a file, and that file is the data set."""
    from sklearn.datasets import load_iris

    load_iris()

    assert "iris.csv" in watched.opened()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v/site-packages/sklearn/datasets/data/iris.csv", True),
        ("/v/site-packages/sklearn/datasets/images/china.jpg", True),
        ("/v/site-packages/x-1.0.dist-info/RECORD.csv", False),
        ("/v/site-packages/matplotlib/mpl-data/matplotlibrc", False),
        ("/v/site-packages/matplotlib/mpl-data/images/home.png", False),
        ("/v/site-packages/certifi/cacert.pem", False),
        ("/home/u/weights.pth", True),
        ("/home/u/params.yaml", True),
        ("/tmp/x.csv", True),
        ("/etc/mime.types", False),
        ("/dev/shm/joblib", False),
        ("/home/u/mlflow.db", False),
        ("/home/u/.config_of_mine/a.json", True),
    ],
)
def test_paths_are_told_apart(path: str, expected: bool) -> None:
    """What the path alone says."""
    assert expected == PathFilter().is_data(path)


def test_caches_of_libraries_in_the_home_folder_are_not_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A font list in ``~/.cache`` is nobody's data; a downloaded data set there is."""
    monkeypatch.setenv("HOME", "/home/u")
    paths = PathFilter()

    assert not paths.is_data("/home/u/.cache/matplotlib/fontlist.json")
    assert not paths.is_data("/home/u/.config/matplotlib/style")
    assert paths.is_data("/home/u/.cache/huggingface/data.arrow")


def test_a_project_that_is_its_own_environment_has_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the folders of an environment are passed over, not all that lies in it."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    paths = PathFilter()

    assert paths.is_data(f"{tmp_path}/data.csv")
    assert not paths.is_data(f"{tmp_path}/share/icons.csv")


def test_a_stopped_watch_reports_nothing_and_can_be_started_again(
    tmp_path: Path, watched: Watched
) -> None:
    """The hook stays in the interpreter, silent."""
    path = _file(tmp_path, "a.csv")
    watched.watch.stop()
    path.read_bytes()
    before = watched.opened()

    watched.watch.start()
    path.read_bytes()

    assert before == []
    assert watched.opened() == ["a.csv"]


def test_a_second_run_is_told_again_what_it_reads(
    tmp_path: Path, watched: Watched
) -> None:
    """What the first run read is news to the second; what both share is told once."""
    shared, own = _file(tmp_path, "shared.csv"), _file(tmp_path, "own.csv")
    product = tmp_path / "product.csv"
    shared.read_bytes()
    watched.watch.renew()
    own.read_bytes()
    product.write_bytes(b"1")
    first = watched.opened()

    watched.watch.renew()
    for path in (shared, own, product):
        path.read_bytes()

    assert first == ["shared.csv", "own.csv"]
    assert watched.opened()[2:] == ["own.csv", "product.csv"]


class _BrokenSink:
    """A journal on a full disk."""

    def __init__(self) -> None:
        self.calls = 0

    def write(self, event: str, **fields: Any) -> None:
        """Fail."""
        self.calls += 1
        raise OSError(28, f"No space left on device: {event} {fields}")


def test_a_journal_that_fails_does_not_fail_the_user(tmp_path: Path) -> None:
    """An exception in an audit hook would break ``open``; there is none."""
    path = _file(tmp_path, "a.csv")
    sink = _BrokenSink()
    watch = DataWatch(sink)
    watch.start()

    try:
        content = path.read_bytes()
    finally:
        watch.stop()

    assert content == b"1,2\n"
    assert sink.calls == 1


class _ReadingSink:
    """A journal that opens files itself while it writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[str] = []

    def write(self, event: str, **fields: Any) -> None:
        """Note the event, and read a file on the way."""
        self.path.read_bytes()
        self.seen.append(f"{event} {Path(fields['path']).name}")


def test_the_watch_does_not_watch_itself(tmp_path: Path) -> None:
    """What is opened while an event is written causes no further event."""
    path, inner = _file(tmp_path, "a.csv"), _file(tmp_path, "inner.csv")
    sink = _ReadingSink(inner)
    watch = watch_files(sink)

    try:
        path.read_bytes()
    finally:
        watch.stop()

    assert sink.seen == ["opened a.csv"]


def test_threads_may_read_at_once(tmp_path: Path, watched: Watched) -> None:
    """Every file is reported, and every line of the journal is whole."""
    paths = [_file(tmp_path, f"{number}.csv") for number in range(8)]

    def read() -> None:
        for path in paths:
            path.read_bytes()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {path.name for path in paths} == set(watched.opened())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_reports_to_the_same_journal(
    tmp_path: Path, watched: Watched
) -> None:
    """Loaders that read in worker processes are seen."""
    path = _file(tmp_path, "child.csv")
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from ml_experiment.capture.data import watch_files\n"
        "from ml_experiment.record.journal import Journal\n"
        "watch_files(Journal(Path(sys.argv[1])))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    open(sys.argv[2]).read()\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
    )

    subprocess.run([sys.executable, "-c", script, watched.path, path], check=True)

    assert watched.opened() == ["child.csv"]


def test_the_hook_costs_microseconds(tmp_path: Path, watched: Watched) -> None:
    """Ten thousand openings of a known file take well below a second more."""
    path = str(_file(tmp_path, "a.csv"))

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(10_000):
            os.close(os.open(path, os.O_RDONLY))
        return time.perf_counter() - start

    on = min(measure() for _ in range(3))
    watched.watch.stop()
    off = min(measure() for _ in range(3))

    assert on - off < 0.5


def _names(paths: Iterable[str]) -> set[str]:
    return {Path(path).name for path in paths}


def test_a_file_that_the_run_writes_and_reads_is_used(
    tmp_path: Path, watched: Watched
) -> None:
    """Whoever else writes it meanwhile changes what the run does."""
    (tmp_path / "best.bin").write_bytes(b"1")
    (tmp_path / "plot.bin").write_bytes(b"1")
    (tmp_path / "best.bin").read_bytes()

    assert _names(watched.watch.shared.seen.made) == {"best.bin", "plot.bin"}
    assert _names(watched.watch.shared.seen.used) == {"best.bin"}


def test_a_file_that_others_write_meanwhile_is_used_by_its_reader(
    tmp_path: Path, watched: Watched
) -> None:
    """What it reads depends on when it does; what lay there before does not."""
    before = _file(tmp_path, "before.csv")
    time.sleep(0.03)  # the kernel's times of files are that coarse
    watched.watch.renew()
    meanwhile = _file(tmp_path, "meanwhile.csv")
    before.read_bytes()
    meanwhile.read_bytes()

    assert _names(watched.watch.shared.seen.used) == {"meanwhile.csv"}
    watched.watch.renew()
    assert not watched.watch.shared.seen.used | watched.watch.shared.seen.made


def test_what_is_made_for_several_is_not_used(tmp_path: Path, watched: Watched) -> None:
    """A log that all add to, a database, a lock, a file with a made-up name."""
    log = tmp_path / "calls.log"
    with log.open("a") as file:
        file.write("1\n")
    log.read_text()
    for _ in range(2):
        with sqlite3.connect(tmp_path / "all.db") as database:
            database.execute("create table if not exists numbers (n)")
        os.close(os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT))
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        product = Path(folder) / "model.bin"
        product.write_bytes(b"1")
        product.read_bytes()

    assert not watched.watch.shared.seen.used | watched.watch.shared.seen.made


@pytest.mark.parametrize("native", [True, False])
def test_an_artifact_is_used_if_it_was_written_in_the_run(
    tmp_path: Path, watched: Watched, *, native: bool
) -> None:
    """Whoever wrote it, and whatever time it bears."""
    old = _file(tmp_path, "old.bin")
    time.sleep(0.03)
    watched.watch.renew()
    new, inside = tmp_path / "new.bin", tmp_path / "folder" / "deep" / "inside.bin"
    for path in (new, inside):
        if native:
            _file(path.parent, path.name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old, path)  # with its time

    for path in (old, new, tmp_path / "folder"):
        watched.watch.shared.keep(path)

    assert _names(watched.watch.shared.seen.used) == {"new.bin", "folder"}


def test_a_file_that_is_moved_into_place_is_made(
    tmp_path: Path, watched: Watched
) -> None:
    """It was written under another name for a moment only."""
    (tmp_path / "part").write_bytes(b"1")
    (tmp_path / "part").replace(tmp_path / "whole")

    assert _names(watched.watch.shared.seen.made) >= {"whole"}


def test_a_file_that_is_written_and_read_by_one_opening_is_used(
    tmp_path: Path, watched: Watched
) -> None:
    """As ``numpy.memmap`` does; but a lock is for several."""
    with (tmp_path / "buffer").open("w+b") as file:
        file.write(b"1")
    with (tmp_path / "some.lock").open("w+b"):
        pass

    assert _names(watched.watch.shared.seen.used) == {"buffer"}


def test_what_is_removed_is_made_and_what_is_added_to_after_that(
    tmp_path: Path, watched: Watched
) -> None:
    """A log that begins anew is the run's own; a folder goes with all that is in it."""
    log, folder = _file(tmp_path, "log"), tmp_path / "folder"
    _file(folder / "deep", "file")
    log.unlink()
    with log.open("a") as file:
        file.write("1")
    log.read_text()
    shutil.rmtree(folder)

    seen = watched.watch.shared.seen
    assert _names(seen.made) == {"log", "folder"}
    assert _names(seen.used) == {"log"}


def test_what_a_program_finds_that_the_run_starts_is_used(
    tmp_path: Path, watched: Watched
) -> None:
    """What it reads is not seen; what is written later it cannot have read."""
    (tmp_path / "params").write_text("1")
    subprocess.run([sys.executable, "-c", ""], check=True)
    (tmp_path / "plot").write_text("1")

    assert _names(watched.watch.shared.seen.used) == {"params"}


def test_an_artifact_is_used_whatever_it_is(tmp_path: Path, watched: Watched) -> None:
    """Also code, and what a link leads to."""
    _file(tmp_path, "model.py")
    _file(tmp_path, "current")
    (tmp_path / "link").symlink_to("current")

    for name in ("model.py", "link"):
        watched.watch.shared.keep(tmp_path / name)

    seen = watched.watch.shared.seen
    assert _names(seen.used) == {"model.py", "link", "current"}
