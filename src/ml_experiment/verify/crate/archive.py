"""Writing a crate as a zip file: the same bytes for the same content."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import CrateError
from ml_experiment.verify.crate.layout import DIGESTS, digest_line


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.verify.crate.items import Item

_BEFORE_ALL_TIME = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can tell
_UNIX = 3
_READABLE = 0o100644
_LARGE = 1 << 31
# What shrinks more than this looks like a bomb to whoever opens it.
_MOST_SHRUNK = 100
_SAMPLE = 1 << 20


def write_archive(items: Sequence[Item], destination: Path) -> None:
    """Write the files and the list of their digests, or nothing.

    Args:
        items: The files, in any order.
        destination: The zip file; one that is there is replaced at the end.

    Raises:
        CrateError: It cannot be written, or a file changed meanwhile.
    """
    from ml_experiment.verify.crate.items import Item

    ordered = sorted(items, key=lambda item: item.name)
    lines = "".join(digest_line(item.name, item.sha256) for item in ordered)
    ordered.append(Item.of_text(DIGESTS, lines))
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=destination.parent, prefix=".crate.")
        unfinished = Path(name)
        try:
            with (
                os.fdopen(descriptor, "wb") as file,
                zipfile.ZipFile(file, "w") as zip_,
            ):
                for item in ordered:
                    _add(zip_, item)
            unfinished.chmod(0o644)
            unfinished.replace(destination)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or error
        raise CrateError(f"{destination} cannot be written: {reason}") from error


def _add(archive: zipfile.ZipFile, item: Item) -> None:
    header = zipfile.ZipInfo(item.name, _BEFORE_ALL_TIME)
    header.create_system = _UNIX
    header.external_attr = _READABLE << 16
    header.compress_type = _method(item)
    header.file_size = item.size
    with archive.open(header, "w", force_zip64=item.size >= _LARGE) as member:
        for chunk in item.read():
            member.write(chunk)


def _method(item: Item) -> int:
    """Compress, unless it would shrink beyond belief (an array of zeros, say)."""
    if item.size < _SAMPLE:
        return zipfile.ZIP_DEFLATED
    shrunk = zlib.compressobj()
    length = sum(len(shrunk.compress(chunk)) for chunk in item.read())
    length += len(shrunk.flush())
    too_good = item.size > _MOST_SHRUNK * max(length, 1)
    return zipfile.ZIP_STORED if too_good else zipfile.ZIP_DEFLATED
