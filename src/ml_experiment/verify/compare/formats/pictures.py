"""Pictures and PDF documents, without the notes on when and by what they were made."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.compare.finding import (
    SAME,
    Comparer,
    Finding,
    Sameness,
    combined,
    different,
    judged,
    same_but,
)
from ml_experiment.verify.compare.formats.unpacking import inflated


if TYPE_CHECKING:
    from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n"
_NOTES = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf"})
_ASIDE = frozenset({b"tIME", b"IEND"})
# Keywords under which a library says what and when it wrote.
_OF_WRITER = frozenset(
    {b"software", b"creation time", b"date:create", b"date:modify", b"date:timestamp"}
)
_DEEP = (b"\x10\x02", b"\x10\x04", b"\x10\x06")  # 16 bits of each colour: read as 8
_EXACT = frozenset({"1", "L", "LA", "I", "F", "RGB", "RGBA", "CMYK"})
_OTHER = different("other pixels")
_PDF_NOTES = re.compile(
    rb"/(?:CreationDate|ModDate)\s*(?:\([^)]*\)|<[^>]*>)"
    rb"|/ID\s*\[[^\]]*\]"
    rb"|/(?:Producer|Creator)\s*\((?:[^()\\]|\\.|\([^)]*\))*\)"
    rb"|<(xmp:\w*Date|xmpMM:\w+ID)>.*?</\1>"
    rb"|^\d{10} \d{5} [nf]\s*$|startxref\s+\d+|/Length \d+",
    re.MULTILINE,
)


def compare_png(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare two PNG pictures; ``None`` if one of them is broken."""
    del name, rtol
    try:
        before, after = _png(old), _png(new)
    except (struct.error, zlib.error, ValueError):
        return None
    if before == after:
        if not compare.same_inputs and _notes(old) != _notes(new):
            return different("other notes in the file")
        return same_but("notes in the file, or how it was compressed")
    if before[0][:8] != after[0][:8]:
        sizes = [struct.unpack(">II", each[0][:8]) for each in (before, after)]
        return different(f"{_size(sizes[0])} and {_size(sizes[1])} pixels")
    found = compare_pixels(old, new)
    if before[1:] != after[1:] and before[0][8:10] in _DEEP:
        return found if found and found.sameness > Sameness.CLOSE else _OTHER
    return found or _OTHER


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
        elif kind not in _NOTES | _ASIDE:
            other.append(kind + content)
    if not head:
        raise ValueError("no head")
    return head, inflated(b"".join(pixels)), *other


def _notes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return what somebody has noted in a picture, and not the library that wrote it."""
    return [
        (kind, content)
        for kind, content in _chunks(data)
        if kind in _NOTES and content.partition(b"\0")[0].lower() not in _OF_WRITER
    ]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(PNG)
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def compare_pixels(old: bytes, new: bytes) -> Finding | None:
    """Compare two pictures of any format; ``None`` if nothing here can read them."""
    try:
        frames = [_frames(each) for each in (old, new)]
    except (ImportError, OSError, ValueError, SyntaxError, EOFError):
        return None
    if len(frames[0]) != len(frames[1]):
        return different(f"{len(frames[0])} and {len(frames[1])} frames")
    if len(frames[0]) == 1:
        found = _compare_frames(frames[0][0], frames[1][0])
    else:
        pairs = zip(*frames, strict=True)
        found = combined(
            (f"frame {number}", _compare_frames(*pair))
            for number, pair in enumerate(pairs, start=1)
        )
    return found if found.sameness else same_but("how it was stored")


def _frames(data: bytes) -> list[Any]:
    """Return the pixels of each frame, as they are or in RGB of eight bits."""
    import numpy as np
    from PIL import Image, ImageSequence

    with Image.open(io.BytesIO(data)) as picture:
        return [
            np.asarray(
                frame
                if frame.mode in _EXACT or frame.mode.startswith("I;")
                else frame.convert("RGBA")
            )
            for frame in ImageSequence.Iterator(picture)
        ]


def _compare_frames(old: Any, new: Any) -> Finding:
    import numpy as np

    if old.shape[:2] != new.shape[:2]:
        sizes = [(each.shape[1], each.shape[0]) for each in (old, new)]
        return different(f"{_size(sizes[0])} and {_size(sizes[1])} pixels")
    if old.shape != new.shape or old.dtype != new.dtype:
        return different("pixels of other kinds, such as grey and coloured")
    apart = np.abs(old.astype(float) - new.astype(float))
    apart = apart.reshape(*old.shape[:2], -1).max(axis=2)
    count = int((apart != 0).sum())
    if not count:
        return SAME
    scale = f" of {np.iinfo(old.dtype).max}" if old.dtype.kind == "u" else ""
    return different(
        f"{count} of {apart.size} pixels differ, by at most {apart.max():g}{scale}"
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
