"""The source archive: a compressed tar file that is the same for the same files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LARGE = 5_000_000


@dataclass(frozen=True)
class Entry:
    """One file of an archive.

    Attributes:
        data: Its content.
        executable: Whether it may be executed.
    """

    data: bytes
    executable: bool = False

    @property
    def sha256(self) -> str:
        """Digest of the content."""
        return hashlib.sha256(self.data).hexdigest()


def write_archive(path: Path, entries: Mapping[str, Entry]) -> str:
    """Write an archive in one step and return its SHA-256.

    Names are sorted, times are zero and owners are nobody, so that equal trees have equal
    archives.

    Args:
        path: Where to write it.
        entries: The files by their name in the archive.
    """
    size = sum(len(entry.data) for entry in entries.values())
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with (
            os.fdopen(descriptor, "wb") as file,
            gzip.GzipFile(
                filename="",
                mode="wb",
                compresslevel=1 if size > _LARGE else 6,
                fileobj=file,
                mtime=0,
            ) as compressed,
            tarfile.open(
                fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT
            ) as tar,
        ):
            for name in sorted(entries):
                tar.addfile(
                    _header(name, entries[name]), io.BytesIO(entries[name].data)
                )
        os.chmod(temporary, 0o644)  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108
        raise
    with path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def _header(name: str, entry: Entry) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = len(entry.data)
    header.mode = 0o755 if entry.executable else 0o644
    header.mtime = 0
    return header


def read_archive(path: Path) -> dict[str, Entry]:
    """Return the files of an archive that ``write_archive`` has written."""
    entries: dict[str, Entry] = {}
    with tarfile.open(path, "r:gz") as tar:
        for header in tar:
            content = tar.extractfile(header)
            if content is not None:
                entries[header.name] = Entry(content.read(), bool(header.mode & 0o100))
    return entries
