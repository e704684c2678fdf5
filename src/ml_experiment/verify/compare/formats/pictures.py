"""Pictures and PDF documents, without the notes on when and by what they were made."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import TYPE_CHECKING

from ml_experiment.verify.compare.finding import Finding, different, judged, same_but


if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n"
_NOTES = frozenset({b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf", b"IDAT", b"IEND"})
_PDF_NOTES = re.compile(
    rb"/(?:CreationDate|ModDate)\s*(?:\([^)]*\)|<[^>]*>)"
    rb"|/ID\s*\[[^\]]*\]"
    rb"|/(?:Producer|Creator)\s*\((?:[^()\\]|\\.|\([^)]*\))*\)"
    rb"|<(xmp:\w*Date|xmpMM:\w+ID)>.*?</\1>"
    rb"|^\d{10} \d{5} [nf]\s*$|startxref\s+\d+|/Length \d+",
    re.MULTILINE,
)


def compare_png(name: str, old: bytes, new: bytes, rtol: float) -> Finding | None:
    """Compare two PNG pictures; ``None`` if one of them is broken."""
    del name, rtol
    try:
        before, after = _png(old), _png(new)
    except (struct.error, zlib.error, ValueError):
        return None
    if before == after:
        return same_but("notes in the file, or how it was compressed")
    if before[0][:8] != after[0][:8]:
        sizes = [struct.unpack(">II", each[0][:8]) for each in (before, after)]
        return different(f"{_size(sizes[0])} and {_size(sizes[1])} pixels")
    return compare_pixels(old, new) or different("other pixels")


def _size(size: tuple[int, ...]) -> str:
    return f"{size[0]} x {size[1]}"


def _png(data: bytes) -> tuple[bytes, ...]:
    """Return head, pixels and whatever changes how they look."""
    head, pixels, other = b"", [], []
    for kind, content in _chunks(data):
        if kind == b"IHDR":
            head = content
        elif kind == b"IDAT":
            pixels.append(content)
        elif kind not in _NOTES:
            other.append(kind + content)
    if not head:
        raise ValueError("no head")
    return head, zlib.decompress(b"".join(pixels)), *other


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(PNG)
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def compare_pixels(old: bytes, new: bytes) -> Finding | None:
    """Compare two pictures of any format; ``None`` if nothing here can read them."""
    try:
        import numpy as np
        from PIL import Image

        arrays = [
            np.asarray(Image.open(io.BytesIO(each)).convert("RGBA")).astype(int)
            for each in (old, new)
        ]
    except (ImportError, OSError, ValueError, SyntaxError):
        return None
    before, after = arrays
    if before.shape != after.shape:
        shapes = [(each.shape[1], each.shape[0]) for each in arrays]
        return different(f"{_size(shapes[0])} and {_size(shapes[1])} pixels")
    apart = np.abs(before - after).max(axis=2)
    count = int((apart > 0).sum())
    if not count:
        return same_but("how it was stored")
    return different(
        f"{count} of {apart.size} pixels differ, by at most {int(apart.max())} of 255"
    )


def compare_pdf(name: str, old: bytes, new: bytes, rtol: float) -> Finding | None:
    """Compare two PDF documents without their dates and identifiers."""
    del name, rtol
    before, after = (_PDF_NOTES.sub(b"", each) for each in (old, new))
    found = judged(before, after, "its dates")
    if found is not None:
        return found
    pages = [len(re.findall(rb"/Type\s*/Page\b", each)) for each in (old, new)]
    if pages[0] != pages[1]:
        return different(f"{pages[0]} and {pages[1]} pages")
    return None
