"""Collects files for the source archive, and says what it left out and why."""

from __future__ import annotations

import contextlib
import math
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.capture.archive import Entry
from ml_experiment.capture.consoles import console_files
from ml_experiment.capture.git import read_committed
from ml_experiment.capture.selection import (
    LARGEST_ARCHIVE,
    LARGEST_FILE,
    LARGEST_TRACKED_FILE,
    is_debris,
    is_secret,
    is_source,
    walk,
)
from ml_experiment.capture.times import written_since
from ml_experiment.record.masking import MASK


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LARGEST_POINTER = 1024
_OWN = "written while the run went on"


def located(path: Path) -> Path:
    """Return a path with the links of its folder resolved, but not its own."""
    return Path(os.path.realpath(path.parent)) / path.name


def import_root(name: str, path: Path) -> Path:
    """Return the folder on the import path that a module was found in.

    Args:
        name: Full name of the module, such as ``package.module``.
        path: Its file.
    """
    parts = name.split(".")
    place = path.parent
    if path.name.partition(".")[0] != "__init__":
        parts = parts[:-1]
    for part in reversed(parts):
        if place.name != part:
            break
        place = place.parent
    return place


class Collector:
    """Reads files as they are now.

    Args:
        secrets: Texts that are masked in what is collected, if they are unmistakable.
        replacements: Content to take instead of a file's own, by path.
        began: When the run began, in seconds since the epoch: what was written after that
            is the run's own, and of a tracked file the commit has what the run began with;
            infinity to take all as it is.
    """

    def __init__(
        self,
        secrets: Collection[str],
        replacements: Mapping[Path, bytes],
        began: float = math.inf,
    ) -> None:
        self.replacements = replacements
        self._began = began
        self._consoles = console_files()
        self.files: dict[str, dict[str, object]] = {}
        self.left_out: list[dict[str, str]] = []
        self.from_commit: list[str] = []
        self._secrets = [text.encode() for text in secrets if _is_unmistakable(text)]
        self._entries: dict[str, Entry] = {}
        self._total = 0

    def take(self) -> dict[str, Entry]:
        """Return what was collected since the last call."""
        entries, self._entries = self._entries, {}
        return entries

    def leave_out(self, name: str, reason: str, *, once: bool = False) -> None:
        """Note that a file is not in the archive, and why.

        Args:
            name: Its path from the root.
            reason: Why.
            once: Not if it has been noted already.
        """
        if not once or all(item["path"] != name for item in self.left_out):
            self.left_out.append({"path": name, "reason": reason})

    def add_all(
        self, root: Path, names: Iterable[str], *, tracked: bool = False
    ) -> None:
        """Add files of a project, code before anything else.

        Args:
            root: Top folder of the project.
            names: Paths from there.
            tracked: They are under version control: data among them, too.
        """
        for name in sorted(names, key=lambda name: (not is_source(name), name)):
            path = root / name
            if path.is_symlink() and path.is_dir():
                self._add_linked_folder(name, path, tracked=tracked)
            else:
                self.add(name, path, tracked=tracked)

    def _add_linked_folder(self, name: str, path: Path, *, tracked: bool) -> None:
        """Add the source files behind a link to a folder, as if they were in it."""
        target = Path(os.path.realpath(path))
        if target in path.absolute().parents:
            self.leave_out(name, "a link to a folder that it lies in")
            return
        for inside in walk(target, ()):
            if is_source(inside):
                self.add(f"{name}/{inside}", target / inside, tracked=tracked)

    def add(
        self, name: str, path: Path, *, tracked: bool = False, wanted: bool = False
    ) -> None:
        """Add one file, or note why not.

        Args:
            name: Its name in the archive.
            path: Where it is.
            tracked: It is under version control.
            wanted: It was imported, so it is needed whatever it looks like.
        """
        if name in self.files or is_debris(name):
            return
        try:
            status = path.stat()
            if self._is_console(status) and not tracked:
                return
            reason = self._objection(name, status, tracked=tracked, wanted=wanted)
            data = b"" if reason else path.read_bytes()
            # Looked at after reading: it may have been written meanwhile.
            if (
                reason is None
                and not wanted
                and self.is_made_by_run(path, tracked=tracked)
            ):
                earlier = self._committed(name, path) if tracked else None
                data = earlier or b""
                reason = _OWN if earlier is None else None
        except OSError as error:
            reason, data, status = f"cannot be read: {error.strerror}", b"", None
        if reason is not None or status is None:
            self.leave_out(name, str(reason))
            return
        self._keep(name, path, data, executable=bool(status.st_mode & stat.S_IXUSR))

    def _committed(self, name: str, path: Path) -> bytes | None:
        """Return what a file held before the run wrote it; ``None`` if nobody knows."""
        earlier = read_committed(path)
        if earlier is not None:
            self.from_commit.append(name)
        return earlier

    def is_made_by_run(self, path: Path, *, tracked: bool) -> bool:
        """Return whether a file was written since the run began, and not by its user.

        Somebody may well go on with tracked code, which may be imported as it is now.

        Args:
            path: The file.
            tracked: It is under version control.

        Raises:
            OSError: It cannot be asked.
        """
        if tracked and path.suffix == ".py":
            return False
        status = path.stat()
        written = written_since(status.st_mtime_ns, self._began)
        return written or self._is_console(status)

    def _is_console(self, status: os.stat_result) -> bool:
        """Return whether what the commands of the run print goes to a file."""
        return (status.st_dev, status.st_ino) in self._consoles

    def written_of(self, root: Path, names: Iterable[str]) -> list[str]:
        """Return those of some tracked files that were written since the run began.

        Args:
            root: Top folder of the project.
            names: Paths from there.
        """
        found = []
        for name in names:
            path = root / name
            with contextlib.suppress(OSError):
                if path.is_file() and self.is_made_by_run(path, tracked=True):
                    found.append(name)
        return found

    def _objection(
        self, name: str, status: os.stat_result, *, tracked: bool, wanted: bool
    ) -> str | None:
        """Return the reason against a file, or ``None``."""
        if not stat.S_ISREG(status.st_mode):
            return "not a regular file"
        if is_secret(name) and not wanted:
            return "a file of this name holds credentials"
        if not (tracked or wanted or is_source(name)):
            return "not source code by its name"
        largest = LARGEST_TRACKED_FILE if tracked or wanted else LARGEST_FILE
        if status.st_size > largest:
            return f"larger than {largest // 1_000_000} MB ({status.st_size} bytes)"
        if self._total + status.st_size > LARGEST_ARCHIVE:
            return f"the archive holds {LARGEST_ARCHIVE // 1_000_000} MB already"
        return None

    def _keep(self, name: str, path: Path, data: bytes, *, executable: bool) -> None:
        replacement = self.replacements.get(path)
        masked = self.mask(data) if replacement is None else replacement
        entry = Entry(masked, executable)
        document: dict[str, object] = {
            "path": name,
            "sha256": entry.sha256,
            "size": len(masked),
        }
        if masked != data:
            document["masked"] = True
        if path.is_symlink():
            document["link_to"] = str(path.readlink())
        if len(data) < _LARGEST_POINTER and data.startswith(_LFS_POINTER):
            document["lfs_pointer"] = True
        self._entries[name] = entry
        self._total += len(masked)
        self.files[name] = document

    def mask(self, data: bytes) -> bytes:
        """Return a content with the known secrets masked."""
        for secret in self._secrets:
            data = data.replace(secret, MASK.encode())
        return data


def _is_unmistakable(secret: str) -> bool:
    """Return whether a secret is found in code only where it is meant."""
    mixed = any(c.isdigit() for c in secret) and any(c.isalpha() for c in secret)
    return len(secret) >= (8 if mixed else 16)
