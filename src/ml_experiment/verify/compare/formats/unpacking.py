"""Take apart what is compressed, up to a size: a small file may hold a huge one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from typing import IO

LARGEST = 1_000_000_000  # bytes, unpacked


def _start(file: gzip.GzipFile | IO[bytes]) -> bytes:
    with file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError("too large")
    return content


def _gunzipped(data: bytes) -> bytes:
    return _start(gzip.GzipFile(fileobj=io.BytesIO(data)))


def _bunzipped(data: bytes) -> bytes:
    return _start(bz2.BZ2File(io.BytesIO(data)))


def _unxzed(data: bytes) -> bytes:
    return _start(lzma.LZMAFile(io.BytesIO(data)))


def inflated(data: bytes) -> bytes:
    """Return what zlib has compressed.

    Raises:
        ValueError: It is too large, cut off, or followed by something else.
        zlib.error: It is broken, or nothing of zlib.
    """
    unpacking = zlib.decompressobj()
    content = unpacking.decompress(data, LARGEST)
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("too large, cut off, or followed by something else")
    return content


# Each raises OSError, ValueError, EOFError or one of FAILURES for what is of another kind.
UNPACKERS = (_gunzipped, _bunzipped, _unxzed, inflated)
FAILURES = (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError)
