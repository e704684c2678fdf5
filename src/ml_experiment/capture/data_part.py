"""The part ``data``: which files were read, with their digests.

A file is named by its path and, for comparing runs on different machines, by a label that
does not depend on where the project lies.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ml_experiment.capture.data_paths import PathFilter
from ml_experiment.capture.packages import owner_of
from ml_experiment.capture.times import written_since
from ml_experiment.record.directory import write_atomically


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ml_experiment.capture.digests import DigestCache

LISTED = 1000
_SITE_MARKS = ("/site-packages/", "/dist-packages/")


@dataclass
class DataFile:
    """One file that was read, or declared to be read.

    Attributes:
        path: Absolute path.
        relative: The path from the working directory, if it is inside.
        size: Bytes, when it was read.
        sha256: Digest of the content; ``None`` if it could not be had.
        source: ``opened`` (seen) or ``declared`` (by a glob under ``data:``).
        package: The distribution that brought it, if one did.
        changed_since_read: It was no longer the same when the run was over.
        reason: Why there is no digest.
    """

    path: str
    relative: str | None
    size: int
    sha256: str | None
    source: Literal["opened", "declared"]
    package: str | None = None
    changed_since_read: bool = False
    reason: str | None = None

    @property
    def label(self) -> str:
        """Name of the file that is the same wherever the project lies."""
        if self.relative is not None:
            return self.relative
        for mark in _SITE_MARKS:
            if mark in self.path:
                return f"package:{self.path.rpartition(mark)[2]}"
        return Path(self.path).name


@dataclass(frozen=True)
class _State:
    size: int
    mtime_ns: int


def _state_of(path: str | Path) -> _State:
    status = os.stat(path)  # noqa: PTH116 - mostly a path as text
    return _State(status.st_size, status.st_mtime_ns)


class DataFiles:
    """Collects the data files of a run and digests them.

    A file that has come about while the run went on is the run's own, and no input of it,
    even if it was not seen how: native code writes files, and so do other programs. It is
    listed by its path alone. What libraries have downloaded is an input nevertheless.

    Args:
        cwd: Working directory of the run.
        patterns: Globs that the config declares as data, relative to ``cwd``.
        cache: Of digests.
        ignore: Folders whose files are none of the user's data.
        began: When the run began, in seconds since the epoch.
    """

    def __init__(
        self,
        cwd: Path,
        patterns: Iterable[str],
        cache: DigestCache,
        ignore: Iterable[Path] = (),
        *,
        began: float,
    ) -> None:
        self._cwd = cwd
        self._patterns = list(patterns)
        self._cache = cache
        self._ignore = tuple(f"{path}{os.sep}" for path in ignore)
        self._files: dict[str, DataFile] = {}
        self._states: dict[str, _State] = {}
        self._unmatched: list[str] = []
        self._began = began
        self._made: set[str] = set()
        self.changed = True

    def add_opened(self, event: Mapping[str, Any]) -> None:
        """Digest the file of an ``opened`` event."""
        path = str(event["path"])
        state = _State(int(event["size"]), int(event["mtime_ns"]))
        known = self._files.get(path)
        if known is not None:
            known.source = "opened"
            known.changed_since_read |= state != self._states[path]
        elif self._is_made(path, state, float(event.get("time") or time.time())):
            self._made.add(path)
        else:
            self._add(path, state, "opened")
        self.changed = True

    def _is_made(self, path: str, state: _State, read: float) -> bool:
        """Return whether a file was written between the run's beginning and its reading."""
        during = written_since(state.mtime_ns, self._began, read)
        return during and not PathFilter.is_download(path)

    def add_declared(self) -> None:
        """Digest the files that the config declares and that are there now."""
        self._unmatched = []
        for pattern in self._patterns:
            matched = False
            for path in self._matches(pattern):
                matched = True
                if path not in self._files:
                    self._add(path, _state_of(path), "declared")
                    self.changed = True
            if not matched:
                self._unmatched.append(pattern)

    def finish(self) -> None:
        """The run is over: see what has appeared, and what has changed."""
        self.add_declared()
        for path, file in self._files.items():
            try:
                state = _state_of(path)
            except OSError:
                continue  # gone by now, but it was digested when it was read
            file.changed_since_read |= state != self._states[path]
        self.changed = True

    def _add(
        self, path: str, state: _State, source: Literal["opened", "declared"]
    ) -> None:
        digest, reason = self._digest(Path(path), state)
        file = DataFile(
            path=path,
            relative=self._relative(path),
            size=state.size,
            sha256=digest,
            source=source,
            package=owner_of(path),
            reason=reason,
        )
        self._files[path] = file
        self._states[path] = state

    def _digest(self, path: Path, state: _State) -> tuple[str | None, str | None]:
        """Return the digest of a file as it was read, or the reason why there is none."""
        try:
            if _state_of(path) == state:
                digest = self._cache.digest(path)
                if _state_of(path) == state:
                    return digest, None
            return None, "overwritten by the run before it could be digested"
        except FileNotFoundError:
            return None, "gone before it could be digested"
        except OSError as error:
            return None, f"cannot be read: {error.strerror or error}"

    def _relative(self, path: str) -> str | None:
        try:
            return Path(path).relative_to(self._cwd).as_posix()
        except ValueError:
            return None

    def _matches(self, pattern: str) -> Iterator[str]:
        full = os.path.join(self._cwd, os.path.expanduser(pattern))  # noqa: PTH111, PTH118
        for path in sorted(glob.glob(full, recursive=True)):  # noqa: PTH207 - absolute too
            name = os.path.abspath(path)  # noqa: PTH100
            if os.path.isdir(name):  # noqa: PTH112
                yield from self._below(name)
            elif os.path.isfile(name) and not name.startswith(self._ignore):  # noqa: PTH113
                yield name

    def _below(self, folder: str) -> Iterator[str]:
        for root, folders, names in os.walk(folder):
            folders.sort()
            if f"{root}{os.sep}".startswith(self._ignore):
                folders.clear()
                continue
            for name in sorted(names):
                path = os.path.join(root, name)  # noqa: PTH118
                if os.path.isfile(path):  # noqa: PTH113
                    yield path

    def write_part(self, part: Path) -> dict[str, object]:
        """Return the part's JSON object; list all files beside it if they are many.

        Args:
            part: Where the part is going to lie; the full list lies beside it.
        """
        files = sorted(self._files.values(), key=lambda file: file.path)
        document: dict[str, object] = {
            "files": [_document(file) for file in files[:LISTED]],
            "count": len(files),
            "bytes": sum(file.size for file in files),
            "digest": combined_digest(files),
        }
        if self._made:
            document["made_by_run"] = sorted(self._made)[:LISTED]
        if self._unmatched:
            document["unmatched"] = list(self._unmatched)
        if len(files) > LISTED:
            full = part.with_name("data-files.jsonl")
            lines = (json.dumps(_document(file), ensure_ascii=False) for file in files)
            write_atomically(full, "\n".join(lines) + "\n")
            document["all_files"] = full.name
        self.changed = False
        return document


def _document(file: DataFile) -> dict[str, object]:
    document = asdict(file)
    if file.reason is None:
        del document["reason"]
    return document


def combined_digest(files: Iterable[DataFile]) -> str:
    """Return one digest over the labels and contents of all files, in any order."""
    lines = sorted(f"{file.label}\0{file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
