"""Compare two files or folders: by their bytes, and if these differ by what they say."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_experiment.verify.compare.finding import (
    SAME,
    Comparer,
    Finding,
    Sameness,
    combined,
    different,
    named_parts,
)
from ml_experiment.verify.compare.formats.archives import (
    compare_archives,
    compare_compressed,
    compare_hdf5,
    compare_parquet,
)
from ml_experiment.verify.compare.formats.databases import SQLITE, compare_sqlite
from ml_experiment.verify.compare.formats.numbers import compare_npy
from ml_experiment.verify.compare.formats.pickles import compare_pickles
from ml_experiment.verify.compare.formats.pictures import (
    PNG,
    compare_pdf,
    compare_pixels,
    compare_png,
)
from ml_experiment.verify.compare.formats.texts import compare_markup, compare_texts


if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Finding", "Sameness", "compare_bytes", "compare_files"]

_LARGEST = 500_000_000  # bytes: what is larger is compared by its bytes alone
_LARGEST_TEXT = 200_000_000  # bytes: its lines and cells take many times that
_BLOCK = 1 << 20
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PACKED = (
    *(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"]\x00\x00"),
    *(b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"),  # zlib, as joblib writes it
)
_PICTURES = (b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*")
_MARKUP = frozenset({"svg", "html", "htm", "xml", "xhtml"})


def compare_files(
    old: Path, new: Path, *, rtol: float = 0.0, same_inputs: bool = True
) -> Finding:
    """Compare two files or folders.

    Args:
        old: The first.
        new: The second.
        rtol: Relative difference that is tolerated of numbers in them.
        same_inputs: Nothing but the clock can have made a difference, so what looks like
            a time or a date of the run is taken for one.
    """
    compare = _Comparer(same_inputs=same_inputs)
    if old.is_dir() != new.is_dir():
        return different("a folder and a file")
    if not old.is_dir():
        return _compare_two(old, new, rtol, compare)
    sides = [
        {
            path.relative_to(top).as_posix(): path
            for path in sorted(top.rglob("*"))
            if path.is_file()
        }
        for top in (old, new)
    ]
    both, found = named_parts(*sides)
    found += [
        (name, _compare_two(sides[0][name], sides[1][name], rtol, compare))
        for name in both
    ]
    return combined(found)


def _compare_two(old: Path, new: Path, rtol: float, compare: Comparer) -> Finding:
    try:
        sizes = old.stat().st_size, new.stat().st_size
        if max(sizes) > _LARGEST:
            return _compare_large(old, new, sizes)
        contents = old.read_bytes(), new.read_bytes()
    except OSError as error:
        return different(f"cannot be read: {error.strerror}")
    return compare(old.name, *contents, rtol)


def _compare_large(old: Path, new: Path, sizes: tuple[int, int]) -> Finding:
    if sizes[0] != sizes[1]:
        return different(f"{sizes[0]} and {sizes[1]} bytes")
    position = 0
    with old.open("rb") as one, new.open("rb") as other:
        while block := one.read(_BLOCK):
            if block != other.read(_BLOCK):
                return different(f"other bytes from about byte {position} on")
            position += len(block)
    return SAME


def compare_bytes(
    name: str, old: bytes, new: bytes, rtol: float, *, same_inputs: bool = True
) -> Finding:
    """Compare the contents of two files.

    Args:
        name: Name of the file.
        old: Content of the first.
        new: Content of the second.
        rtol: Relative difference that is tolerated of numbers in them.
        same_inputs: As of `compare_files`.
    """
    if old == new:
        return SAME
    found = None
    # A broken file may fail in any way, and its bytes can be compared nevertheless.
    with contextlib.suppress(Exception):
        compare = _Comparer(same_inputs=same_inputs)
        found = _by_format(name, old, new, rtol, compare)
    return found or _raw(old, new)


@dataclass(frozen=True, kw_only=True)
class _Comparer:
    """Compares what is in files as the files themselves are compared."""

    same_inputs: bool

    def __call__(self, name: str, old: bytes, new: bytes, rtol: float, /) -> Finding:
        return compare_bytes(name, old, new, rtol, same_inputs=self.same_inputs)


def _by_format(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare by what both say that they are; ``None`` if that leads to nothing."""

    def both(*heads: bytes) -> bool:
        return old.startswith(heads) and new.startswith(heads)

    found: Finding | None = None
    if both(PNG):
        found = compare_png(name, old, new, rtol, compare)
    elif both(b"%PDF"):
        found = compare_pdf(name, old, new, rtol)
    elif both(b"\x93NUMPY"):
        found = compare_npy(name, old, new, rtol)
    elif both(b"\x89HDF\r\n"):
        found = compare_hdf5(name, old, new, rtol, compare)
    elif both(b"PAR1"):
        found = compare_parquet(name, old, new, rtol, compare)
    elif both(SQLITE):
        found = compare_sqlite(name, old, new, rtol, compare)
    elif both(*_ZIP):
        found = compare_archives(name, old, new, rtol, compare)
    elif both(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        found = compare_pickles(name, old, new, rtol, compare)
    elif both(*_PICTURES):
        found = compare_pixels(old, new)
    elif both(*_PACKED):
        found = compare_compressed(name, old, new, rtol, compare)
    if found is None:
        found = _as_text(name, old, new, rtol, compare)
    if found is None and (_is_tar(old) and _is_tar(new)):
        found = compare_archives(name, old, new, rtol, compare)
    return found


def _as_text(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    if name.rpartition(".")[2].lower() in _MARKUP or old.lstrip()[:5] in {
        b"<?xml",
        b"<html",
        b"<!DOC",
        b"<svg ",
    }:
        return compare_markup(name, old, new, rtol, compare)
    if max(len(old), len(new)) > _LARGEST_TEXT:
        return None
    return compare_texts(name, old, new, rtol, compare)


def _is_tar(data: bytes) -> bool:
    return data[257:262] == b"ustar"


def _raw(old: bytes, new: bytes) -> Finding:
    if len(old) != len(new):
        return different(f"{len(old)} and {len(new)} bytes")
    first, count = _apart(old, new)
    return different(f"{count} of {len(old)} bytes differ, the first at {first}")


def _apart(old: bytes, new: bytes) -> tuple[int, int]:
    """Return the first byte that differs, and how many do."""
    import numpy as np

    before, after = (np.frombuffer(each, np.uint8) for each in (old, new))
    places = np.flatnonzero(before != after)
    return int(places[0]), len(places)
