"""Open a crate: look at everything first, then unpack what is as it was exported."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import ChangedCrateError, CrateError, UnsafeCrateError
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.manifest import read_manifest
from ml_experiment.verify.crate.checks import (
    check_metadata,
    read_digests,
    read_index,
    refuse_other_files,
)
from ml_experiment.verify.crate.documents import check_documents
from ml_experiment.verify.crate.items import chunks
from ml_experiment.verify.crate.layout import (
    DATA_FOLDER,
    DIGESTS,
    INDEX,
    METADATA,
    RUN_FOLDER,
    Index,
)
from ml_experiment.verify.crate.safety import safe_members
from ml_experiment.verify.new_folder import new_folder
from ml_experiment.verify.restore import check_source_archive


if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST_DOCUMENT = 200_000_000
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_crate(path: Path) -> bool:
    """Return whether a file looks like a crate: it is a zip file, by name or content."""
    return path.is_file() and (path.suffix == ".zip" or zipfile.is_zipfile(path))


def refuse_unpacked(path: Path) -> None:
    """Say what to give in place of a crate that was unpacked into a folder.

    Raises:
        CrateError: It is one.
    """
    if all((path / name).is_file() for name in (METADATA, INDEX, DIGESTS)):
        raise CrateError(
            f"{path} is a crate that was unpacked; give the zip file\n"
            f"  to make it again: cd {shlex.quote(str(path))} && zip -r ../again.crate.zip ."
        )


def open_crate(path: Path, scratch: Path) -> RunDirectory:
    """Unpack a crate, if it is harmless and as it was when it was exported.

    Args:
        path: The zip file.
        scratch: A folder that is empty or not there yet. It holds the crate afterwards;
            after a refusal it is as it was before. Nothing else is written to.

    Returns:
        The run directory in the scratch folder.

    Raises:
        UnsafeCrateError: It would reach outside of its folder, or is a zip bomb.
        ChangedCrateError: A file was changed, removed or added.
        CrateError: It is no crate that this release reads, or the folder is not empty.
    """
    with new_folder(scratch, CrateError) as target:
        return _open(path, target)


def crate_data(scratch: Path) -> dict[str, Path]:
    """Return the data files of a crate that was opened, by the paths that the run read.

    Args:
        scratch: The folder that ``open_crate`` unpacked the crate into.
    """
    folder = Path(os.path.abspath(scratch))  # noqa: PTH100
    try:
        index = read_index((folder / INDEX).read_bytes())
    except FileNotFoundError:
        return {}
    return {entry.path: folder / entry.file for entry in index.data}


def _open(path: Path, target: Path) -> RunDirectory:
    try:
        with zipfile.ZipFile(path) as archive:
            return _unpack_checked(path, archive, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise CrateError(f"{path} is no zip file that can be read: {error}") from error
    except UnicodeError as error:
        raise UnsafeCrateError(f"{path}: a member's name cannot be read") from error
    except FileNotFoundError:
        raise CrateError(f"{path} is not there") from None
    except OSError as error:
        raise CrateError(f"{path} cannot be opened: {error}") from error


def _unpack_checked(path: Path, archive: zipfile.ZipFile, target: Path) -> RunDirectory:
    files = safe_members(archive, path.stat().st_size)
    for name in (METADATA, INDEX, DIGESTS):
        if name not in files:
            raise CrateError(
                f"{path} has no {name}, so it is no crate of `ml-experiment export`"
            )
    digests = read_digests(_read(archive, files[DIGESTS]))
    index = read_index(_read(archive, files[INDEX]))
    check_metadata(_read(archive, files[METADATA]), digests)
    refuse_other_files(files, digests)
    run = target / _run_folder(index, digests)
    _refuse_full_disk(files, target)
    for name, member in files.items():
        _unpack(archive, member, target / name, digests.get(name))
    return _checked_run(RunDirectory(run))


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.file_size > _LARGEST_DOCUMENT:
        raise UnsafeCrateError(f"{member.filename!r} is too large: {member.file_size}")
    return archive.read(member)


def _run_folder(index: Index, digests: Mapping[str, str]) -> str:
    """Return where the run is; refuse an index that points elsewhere."""
    folder, _, run_id = index.run.partition("/")
    if folder != RUN_FOLDER or not _RUN_ID.fullmatch(run_id):
        raise CrateError(f"{INDEX} of the crate: no run can be at {index.run!r}")
    for entry in index.data:
        listed = digests.get(entry.file)
        below = entry.file.startswith(DATA_FOLDER + "/")
        if not below or listed is None or listed != entry.sha256:
            raise ChangedCrateError(
                f"{INDEX} of the crate: {entry.file!r} is not a data file of it"
            )
    return index.run


def _refuse_full_disk(files: Mapping[str, zipfile.ZipInfo], target: Path) -> None:
    needed = sum(member.file_size for member in files.values())
    free = shutil.disk_usage(target).free
    if needed > free:
        raise CrateError(f"the crate needs {needed} bytes in {target}; {free} are free")


def _unpack(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, sha256: str | None
) -> None:
    """Write one file, never more of it than was said."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open(member) as source, target.open("xb") as file:
            for chunk in chunks(source):
                size += len(chunk)
                if size > member.file_size:
                    raise UnsafeCrateError(
                        f"unsafe crate: {member.filename!r} is larger than it says"
                    )
                digest.update(chunk)
                file.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ChangedCrateError(
            f"the crate is damaged at {member.filename!r}: {error}"
        ) from error
    if sha256 is not None and digest.hexdigest() != sha256:
        raise ChangedCrateError(
            f"the crate is not as it was exported: {member.filename!r} was changed"
        )


def _checked_run(run: RunDirectory) -> RunDirectory:
    check_documents(run)
    manifest = read_manifest(run)
    if manifest.run_id != run.run_id:
        raise CrateError(
            f"the crate says that its run is {run.run_id}, and the run that it is "
            f"{manifest.run_id}"
        )
    for folder in run.folders:
        folder.mkdir(exist_ok=True)
    if run.source_archive.is_file():
        check_source_archive(run.source_archive)
    return run
