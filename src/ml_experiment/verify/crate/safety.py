"""Which zip files are opened at all: nothing in them may reach further than its folder."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from ml_experiment.errors import CrateError, UnsafeCrateError
from ml_experiment.verify.crate.items import folded
from ml_experiment.verify.crate.layout import DIGESTS, INDEX, METADATA, RUN_FOLDER


if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterable

MOST_FILES = 500_000
MOST_BYTES = 1_000_000_000_000
# A zip file may hold this many times its own size; deflate reaches a thousand times.
MOST_EXPANSION = 200
FREE_BYTES = 200_000_000  # a small one may expand more, up to this
# A document is read whole, and takes tens of times its size in memory. An export stores
# what shrinks more than a hundred times, so none of its documents is beyond this.
FREE_DOCUMENT_BYTES = 32_000_000
MOST_DOCUMENT_EXPANSION = 110

_ENCRYPTED = 0x1
_STORED, _DEFLATED = 0, 8
_DOCUMENT = re.compile(
    rf"{re.escape(METADATA)}|{re.escape(INDEX)}|{re.escape(DIGESTS)}|"
    rf"{RUN_FOLDER}/[^/]+/(trials/[^/]+/)?(parts/)?[^/]+\.jsonl?"
)
_DRIVE = re.compile(r"[A-Za-z]:")


def safe_members(
    archive: zipfile.ZipFile, archive_bytes: int
) -> dict[str, zipfile.ZipInfo]:
    """Return the files of a zip file by name, if all of them are harmless.

    Nothing is unpacked; the directory of the zip file tells.

    Args:
        archive: The zip file.
        archive_bytes: Its size.

    Raises:
        UnsafeCrateError: A name leads elsewhere, is there twice, or is of a link; or the
            whole, or a document, would be far larger than it is in the zip file.
        CrateError: It is encrypted, compressed in an unusual way, or damaged.
    """
    members = archive.infolist()
    if len(members) > MOST_FILES:
        raise UnsafeCrateError(
            f"the crate has {len(members)} files; at most {MOST_FILES} are opened"
        )
    files = {}
    for member in members:
        _refuse_name(member)
        _refuse_kind(member)
        if not member.is_dir():
            files[member.filename] = member
    _refuse_doubles(members)
    _refuse_size(files.values(), archive_bytes)
    _refuse_overlap(members)
    _refuse_large_documents(files.values())
    return files


def _refuse_name(member: zipfile.ZipInfo) -> None:
    # What stands in the file: the library cuts names at a zero byte.
    name = member.orig_filename
    parts = name.removesuffix("/").split("/")
    problem = None
    if name.startswith("/") or _DRIVE.match(name):
        problem = "is an absolute path"
    elif ".." in parts:
        problem = "leads out of the crate"
    elif "\\" in name:
        problem = "has a backslash, which leads elsewhere on some systems"
    elif "\0" in name:
        problem = "has a zero byte in it"
    elif "" in parts or "." in parts:
        problem = "is not the plain name of a file"
    if problem:
        raise UnsafeCrateError(f"unsafe crate: the member {name!r} {problem}")


def _refuse_kind(member: zipfile.ZipInfo) -> None:
    name = member.filename
    if member.flag_bits & _ENCRYPTED:
        raise CrateError(f"the crate is encrypted ({name!r}); decrypt it first")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise UnsafeCrateError(f"unsafe crate: the member {name!r} is a link")
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise UnsafeCrateError(f"unsafe crate: the member {name!r} is a special file")
    if member.compress_type not in {_STORED, _DEFLATED}:
        raise CrateError(
            f"the member {name!r} is compressed in a way that is not read here; "
            "allowed: stored, deflated"
        )


def _refuse_doubles(members: Iterable[zipfile.ZipInfo]) -> None:
    seen: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        key = folded(member.filename.removesuffix("/"))
        other = seen.setdefault(key, member)
        if other is not member:
            raise UnsafeCrateError(
                f"unsafe crate: {other.filename!r} and {member.filename!r} "
                "would be one file"
            )
    for key, member in seen.items():
        folder = key
        while folder := folder.rpartition("/")[0]:
            above = seen.get(folder)
            if above is not None and not above.is_dir():
                raise UnsafeCrateError(
                    f"unsafe crate: {above.filename!r} is a file, and "
                    f"{member.filename!r} is below it"
                )


def _refuse_size(members: Iterable[zipfile.ZipInfo], archive_bytes: int) -> None:
    total = sum(member.file_size for member in members)
    allowed = min(max(FREE_BYTES, MOST_EXPANSION * archive_bytes), MOST_BYTES)
    if total > allowed:
        raise UnsafeCrateError(
            f"unsafe crate: {archive_bytes} bytes would unpack to {total}, as in a zip "
            f"bomb; at most {allowed} are unpacked"
        )


def _refuse_large_documents(members: Iterable[zipfile.ZipInfo]) -> None:
    for member in members:
        if not _DOCUMENT.fullmatch(member.filename):
            continue
        expanded = MOST_DOCUMENT_EXPANSION * member.compress_size
        allowed = max(FREE_DOCUMENT_BYTES, expanded)
        if member.file_size > allowed:
            raise UnsafeCrateError(
                f"unsafe crate: the document {member.filename!r}, {member.compress_size} "
                f"bytes, would unpack to {member.file_size}, as in a zip bomb; at most "
                f"{allowed} are read"
            )


def _refuse_overlap(members: Iterable[zipfile.ZipInfo]) -> None:
    """Refuse members that share their bytes: a small file would be unpacked many times."""
    end, before = 0, ""
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < 0:
            raise CrateError(
                f"the crate is damaged: {member.filename!r} would begin before the zip "
                "file does, so its beginning is missing\n"
                "  copy or download it again"
            )
        if member.header_offset < end:
            raise UnsafeCrateError(
                f"unsafe crate: {before!r} and {member.filename!r} overlap, as in a zip "
                "bomb"
            )
        end, before = member.header_offset + member.compress_size, member.filename
