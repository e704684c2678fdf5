"""The run directory: everything a run leaves on disk, and the only truth about it.

This module owns every file name. Documents are written to a temporary name and renamed,
so a reader sees the old one or the new one, never half of one.

    .ml_experiment/
      .gitignore            written once: nothing in here is ever committed by accident
      runs/<run id>/
        manifest.json       what was asked: kind, name, script, seed, when, by which command
        config.json         the resolved config, secrets masked
        submitted/          the config file as the user wrote it, and the script
        journal.jsonl       what happened, in order (see ``journal``)
        stdout.log stderr.log   the job's two streams, written by the job itself
        console.txt         both streams in the order in which they were seen
        parts/<name>.json   what was captured: software, hardware, source, data, ...
        source/             source.tar.gz, changes.diff: enough to restore a tree that runs
        artifacts/<name>/   what ``main`` gave as artifacts
        requirements.txt    installable: ``pip install -r``
        outcome.json        how it ended; written once, by whoever closed the run
        result.json         of a trial: what the search was told of it
        record.json         the eight aspects, made when the run is closed
        report.html         of a group: figures, and a table of its trials
        comparison.json     of a run that repeats an earlier one: what is the same
        published.json      how far MLflow has been told
        order.json          what the driver is to do; it deletes this when it has read it
        owner.lock          held by the supervisor while it lives
        driver.lock         held by the driver while it lives
        capture.lock        held until the parts are complete
        publisher.lock      held by whoever publishes just now
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import time
from pathlib import Path

from ml_experiment.errors import RecordError


ROOT_NAME = ".ml_experiment"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_drafts = itertools.count()
_IGNORE_EVERYTHING = "# Made by ml-experiment.\n*\n"


def new_run_id() -> str:
    """Return an identifier that sorts by time and is unique: ``20260131-235959-1231a2b``.

    It is date, time, and then three digits of milliseconds and four random ones. The time
    is UTC: that of a place goes back once a year, and another place has another.
    """
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{int(now * 1000) % 1000:03d}{secrets.token_hex(2)}"


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that no reader ever sees a part of it."""
    descriptor, name = _draft_beside(path)
    try:
        # File names need not be valid Unicode; JSON holds them as lone surrogates.
        with os.fdopen(
            descriptor, "w", encoding="utf-8", errors="surrogatepass"
        ) as file:
            file.write(text)
        os.replace(name, path)  # noqa: PTH105 - written for every trial: no objects
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _draft_beside(path: Path) -> tuple[int, str]:
    """Open a new file in the same folder; return its descriptor and its name.

    As ``tempfile`` does it, with names that are counted and not drawn: a third of the time.
    """
    while True:
        name = f"{path.parent}/.{path.name}.{os.getpid()}-{next(_drafts)}"
        with contextlib.suppress(FileExistsError):  # left by a process that was killed
            return os.open(name, _NEW_FILE, 0o600), name


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as strict JSON (no NaN), atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text + "\n")


def read_json(path: Path) -> dict[str, object] | None:
    """Return the JSON object in ``path``, or ``None`` where there is no such file.

    Raises:
        RecordError: The file is not a JSON object, or cannot be read.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not JSON: {error}") from error
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read: {error.strerror or error}"
        ) from error
    if not isinstance(value, dict):
        raise RecordError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


class RunDirectory:
    """Paths of one run. Making the object touches nothing on disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.manifest = self.path / "manifest.json"
        self.config = self.path / "config.json"
        self.submitted = self.path / "submitted"
        self.order = self.path / "order.json"
        self.journal = self.path / "journal.jsonl"
        self.stdout = self.path / "stdout.log"
        self.stderr = self.path / "stderr.log"
        self.console = self.path / "console.txt"
        self.parts = self.path / "parts"
        self.source = self.path / "source"
        self.source_archive = self.source / "source.tar.gz"
        self.source_changes = self.source / "changes.diff"
        self.artifacts = self.path / "artifacts"
        self.requirements = self.path / "requirements.txt"
        self.outcome = self.path / "outcome.json"
        self.result = self.path / "result.json"
        self.record = self.path / "record.json"
        self.report = self.path / "report.html"
        self.comparison = self.path / "comparison.json"
        self.published = self.path / "published.json"
        self.owner_lock = self.path / "owner.lock"
        self.capture_lock = self.path / "capture.lock"
        self.driver_lock = self.path / "driver.lock"
        self.publisher_lock = self.path / "publisher.lock"

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    @property
    def run_id(self) -> str:
        """The run's own identifier (not MLflow's)."""
        return self.path.name

    def part(self, name: str) -> Path:
        """Path of the captured part ``name``."""
        return self.parts / f"{name}.json"

    @classmethod
    def create(cls, root: str | Path, run_id: str | None = None) -> RunDirectory:
        """Create an empty run directory below ``root``.

        Args:
            root: The folder that holds ``runs/``; made, with a ``.gitignore``, if absent.
            run_id: Identifier of the run; drawn if ``None``.

        Raises:
            RecordError: Nothing can be written there.
        """
        home = Path(root).absolute()
        directory = cls(home / "runs" / (run_id or new_run_id()))
        try:
            home.mkdir(parents=True, exist_ok=True)
            ignore = home / ".gitignore"
            if not ignore.exists():
                write_atomically(ignore, _IGNORE_EVERYTHING)
            directory.path.mkdir(parents=True)
            for folder in directory.folders:
                folder.mkdir()
        except OSError as error:
            raise RecordError(
                f"no run directory can be made in {home}: {error.strerror or error}\n"
                "  set ML_EXPERIMENT_HOME to a folder that can be written"
            ) from error
        return directory

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that every run directory has."""
        return (self.parts, self.source, self.artifacts, self.submitted)

    def trial(self, number: int) -> RunDirectory:
        """Return the run directory of a trial of this group."""
        return RunDirectory(self.path / "trials" / f"{number:05d}")

    def trials(self) -> list[RunDirectory]:
        """Return the run directories of the trials of this group, in order."""
        return [RunDirectory(path) for path in sorted(self.path.glob("trials/[0-9]*"))]

    def remove(self) -> None:
        """Delete the run directory and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def all_runs(root: str | Path) -> list[RunDirectory]:
    """Return the run directories below ``root``, oldest first."""
    folder = Path(root) / "runs"
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if (path / "manifest.json").is_file()]
    return [RunDirectory(path) for path in sorted(found)]
