"""Restore the source of a run into a folder of its own, such that it runs there."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json
from ml_experiment.verify.new_folder import new_folder


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ml_experiment.record.directory import RunDirectory

_LARGEST_TREE = 1_000_000_000
_MOST_FILES = 100_000
_LARGEST_READ = 64_000_000
# What reading an archive raises; the second line is of headers that mean harm.
_UNREADABLE = (
    *(tarfile.TarError, EOFError, OSError, zlib.error),
    *(ValueError, OverflowError, RecursionError),
)


@dataclass(frozen=True)
class RestoredTree:
    """A tree that runs: ``cd cwd && PYTHONPATH=... python script``.

    Attributes:
        root: Top folder of the project.
        script: The script.
        cwd: The working directory of the run; ``root`` if it was elsewhere.
        python_path: Folders that modules were imported from, beside the script's own;
            to be put first on ``PYTHONPATH``.
    """

    root: Path
    script: Path
    cwd: Path
    python_path: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Plan:
    """Which part of the archive goes where: archive prefix to folder."""

    root: Path
    outside: dict[str, Path]

    def target(self, name: PurePosixPath) -> Path:
        for prefix, folder in self.outside.items():
            if name.is_relative_to(prefix):
                return folder / name.relative_to(prefix)
        return self.root / name


def restore_source(run: RunDirectory, destination: Path) -> RestoredTree:
    """Unpack the source of a run.

    The tree is as it was when the run began: uncommitted changes and untracked modules
    that were imported are in it. Folders that lay beside the project lie beside it again.

    Args:
        run: The run.
        destination: A folder that is empty or does not exist yet.

    Raises:
        RecordError: The run has no source, its archive is broken, unsafe or not the one
            that was recorded, or the destination is not empty.
    """
    part = _read_part(run)
    with new_folder(destination, RecordError) as target:
        return _restore(run, part, target)


def _read_part(run: RunDirectory) -> dict[str, Any]:
    part = read_json(run.part("source"))
    if part is None:
        raise RecordError(f"{run.path}: the source of this run was not recorded")
    if "missing" in part:
        raise RecordError(
            f"{run.path}: the source of this run was not recorded: {part['missing']}"
        )
    if not run.source_archive.is_file():
        raise RecordError(
            f"{run.source_archive} is gone; the source cannot be restored"
        )
    return part


def _refuse_other_archive(run: RunDirectory, part: dict[str, Any]) -> None:
    """Refuse an archive that is not the recorded one: other code would pass for it."""
    recorded = part.get("archive_sha256")
    if recorded is None:
        return
    with run.source_archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != recorded:
        raise RecordError(
            f"{run.source_archive} is not as it was recorded: its SHA-256 is {found}, "
            f"and {run.part('source').name} has {recorded}\n"
            "  take the run directory from a copy of it, or from MLflow or a crate"
        )


def _restore(run: RunDirectory, part: dict[str, Any], target: Path) -> RestoredTree:
    extras = [extra for extra in part.get("extra_roots") or [] if "prefix" in extra]
    cwd = part.get("cwd")
    near = [cwd, *(extra.get("relative") for extra in extras)]
    root = _place_of_root(str(part.get("root", "")), target, near)
    outside = {
        str(extra["prefix"]): _place_of_extra(root, target, extra) for extra in extras
    }
    root.mkdir(parents=True, exist_ok=True)
    try:
        _unpack(run.source_archive, _Plan(root, outside), target)
    except _UNREADABLE as error:
        raise RecordError(
            f"{run.source_archive} cannot be unpacked: {error}"
        ) from error
    _refuse_other_archive(run, part)
    script = part.get("script")
    if script is None:
        raise RecordError(f"{run.path}: the script was not recorded")
    if _lists(part, str(script)) and not (root / str(script)).is_file():
        raise RecordError(
            f"{run.source_archive} has no {script}, the script of the run"
        )
    folder = _inside(root / cwd, target) if cwd else root
    folder.mkdir(parents=True, exist_ok=True)
    imports = [_inside(root / name, target) for name in part.get("import_roots") or []]
    return RestoredTree(
        root=root,
        script=_inside(root / str(script), target),
        cwd=folder,
        python_path=tuple(dict.fromkeys([*imports, *outside.values()])),
    )


def _lists(part: dict[str, Any], name: str) -> bool:
    """Return whether a file should be in the archive: what was typed in is in no file."""
    return any(item.get("path") == name for item in part.get("files") or [])


def _place_of_root(original: str, target: Path, near: Iterable[str | None]) -> Path:
    """Return where the project goes: deep enough for what lay above or beside it."""
    levels = max(
        (PurePosixPath(path or ".").parts.count("..") for path in near), default=0
    )
    if levels == 0:
        return target
    names = [part for part in PurePosixPath(original).parts if part not in {"/", ".."}]
    return target.joinpath(*names[-levels:])


def _place_of_extra(root: Path, target: Path, extra: dict[str, Any]) -> Path:
    relative = extra.get("relative")
    if relative is None:
        return _inside(target / str(extra["prefix"]), target)
    return _inside(root / str(relative), target)


def _inside(path: Path, target: Path) -> Path:
    """Return a path without ``..``, which must lead to a place below the target.

    Raises:
        RecordError: It leads elsewhere.
    """
    plain = Path(os.path.normpath(path))
    if plain != target and target not in plain.parents:
        raise RecordError(f"{path} would lie outside of {target}: the record is unsafe")
    return plain


def check_source_archive(archive: Path) -> None:
    """Read a source archive to its end without unpacking anything.

    Raises:
        RecordError: It is broken, too large, or would write outside of its folder.
    """
    try:
        with _opened(archive) as tar:
            for _ in _bounded(archive, tar):
                pass
    except _UNREADABLE as error:
        raise RecordError(f"{archive} cannot be unpacked: {error}") from error


class _Bounded:
    """A stream that refuses to give more than a source archive may hold.

    A header may ask for any number of bytes, which would all be read into memory.
    """

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise RecordError(f"a source archive asks for {size} bytes at once: unsafe")
        return self._stream.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        if position > _LARGEST_TREE * 2:
            raise RecordError("a source archive is too large to be one: unsafe")
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    with gzip.open(archive) as stream:
        bounded = cast("IO[bytes]", _Bounded(stream))
        with tarfile.open(fileobj=bounded, mode="r:") as tar:
            yield tar


def _bounded(archive: Path, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the files of an archive that is no larger than a source may be."""
    total = 0
    for count, header in enumerate(_safe(tar)):
        total += header.size
        if total > _LARGEST_TREE or count >= _MOST_FILES:
            raise RecordError(f"{archive} is too large to be the source of a run")
        yield header


def _unpack(archive: Path, plan: _Plan, target: Path) -> None:
    with _opened(archive) as tar:
        for header in _bounded(archive, tar):
            path = _inside(plan.target(PurePosixPath(header.name)), target)
            content = tar.extractfile(header)
            if content is None:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file)
            path.chmod(0o755 if header.mode & 0o100 else 0o644)


def _safe(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the files of an archive; refuse names that lead out of it, and links."""
    for header in tar:
        name = PurePosixPath(header.name)
        if name.is_absolute() or ".." in name.parts:
            raise RecordError(f"{header.name!r} leads out of the archive: it is unsafe")
        if header.isdir():
            continue
        if not header.isreg():
            raise RecordError(f"{header.name!r} is neither a file nor a folder: unsafe")
        yield header
