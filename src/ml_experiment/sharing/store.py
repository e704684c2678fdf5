"""A value on disk: written once by the driver, mapped by every worker.

    FOLDER/
      bytes.bin      what arrays, tables, sparse matrices and tensors are made of
      value.pickle   the rest, with references into it; written last, atomically

The file of bytes is mapped copy-on-write: all processes share the same memory, whatever
a library does to "its" array stays in the process, and nothing can crash on a page that
may not be written. The arrays themselves are marked read-only, so that Python code that
changes one is told by NumPy (``copy()`` gives an array that may be changed). Tensors know
no such mark: a change of one is seen until the value is loaded again.
"""

from __future__ import annotations

import contextlib
import gc
import io
import mmap
import os
import pickle
import struct
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.sharing.content import Description, describe
from ml_experiment.sharing.faults import SharingError, cannot_be_pickled
from ml_experiment.sharing.pickling import PROTOCOL, ValuePickler, ValueUnpickler


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import IO, Self

BYTES_NAME = "bytes.bin"
VALUE_NAME = "value.pickle"
# Wide vector instructions want it so.
_ALIGNMENT = 64
_POSITION = struct.Struct("<Q")


def load_and_share(load: Callable[[], object], folder: Path) -> Description:
    """Call ``load`` once and share what it returns, keeping no copy here.

    Args:
        load: The user's ``load_data``; what it raises is raised.
        folder: As for ``share``.

    Raises:
        SharingError: What it returned cannot be shared.
    """
    description = _load_and_share(load, folder)
    _give_back_memory()
    return description


def _load_and_share(load: Callable[[], object], folder: Path) -> Description:
    value = load()
    share(value, folder)
    return describe(value)


def _give_back_memory() -> None:
    """Hand what the value took back to the system, as far as the allocator can."""
    gc.collect()
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def share(value: object, folder: Path) -> None:
    """Write a value such that ``load_shared`` finds it.

    Args:
        value: Arrays, tables, sparse matrices and tensors in any nesting are written a
            chunk at a time, with no copy of a contiguous one; the rest is pickled.
        folder: Where to; made if absent. It needs as many bytes as the value has, and is
            best deleted when the last worker is gone.

    Raises:
        SharingError: A part of the value cannot be pickled, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(value, folder)
    except OSError as error:
        (folder / BYTES_NAME).unlink(missing_ok=True)
        raise SharingError(
            f"what load_data returned cannot be written to {folder}: "
            f"{error.strerror or error}"
        ) from error


def _write(value: object, folder: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{VALUE_NAME}.")
    try:
        with os.fdopen(descriptor, "wb") as rest:
            with _ByteFile(folder / BYTES_NAME) as store:
                pickler = ValuePickler(rest, store)
                _dump(pickler, value)
            end_of_value = rest.tell()
            pickle.dump(pickler.blocks, rest, PROTOCOL)
            rest.write(_POSITION.pack(end_of_value))
        Path(name).replace(folder / VALUE_NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _dump(pickler: ValuePickler, value: object) -> None:
    try:
        pickler.dump(value)
    except (OSError, MemoryError):
        raise
    except Exception as fault:
        raise cannot_be_pickled(value, fault, _try_to_pickle) from fault


class _ByteFile:
    """The file of bytes while it is written."""

    def __init__(self, path: Path) -> None:
        # A map of an earlier value must stay whole: never write into an old file.
        path.unlink(missing_ok=True)
        self._file: IO[bytes] = path.open("wb", buffering=0)
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, pieces: Iterable[memoryview]) -> tuple[int, int]:
        """Write a block at the next aligned place; return its offset and its length."""
        self._write(memoryview(bytes(-self._position % _ALIGNMENT)))
        start = self._position
        for piece in pieces:
            self._write(piece)
        return start, self._position - start

    def _write(self, piece: memoryview) -> None:
        while piece:
            written = self._file.write(piece) or 0
            self._position += written
            piece = piece[written:]


class _NoBytes:
    """Takes bytes and forgets them."""

    def append(self, pieces: Iterable[memoryview]) -> tuple[int, int]:
        """Forget a block; its pieces are not even made."""
        del pieces
        return 0, 0


def _try_to_pickle(part: object) -> None:
    ValuePickler(io.BytesIO(), _NoBytes()).dump(part)


def load_shared(folder: Path) -> Any:
    """Return the value that was shared, its arrays as read-only maps of one file.

    Every call gives new containers and tensors over the same memory, so that what one
    trial does to them is not seen by the next.

    Args:
        folder: Where ``share`` put it.

    Raises:
        SharingError: There is none.
    """
    # Only here: a file of the user's that is not found is none of ours.
    try:
        content = _mapped(folder / BYTES_NAME)
        rest = (folder / VALUE_NAME).open("rb")
    except FileNotFoundError as error:
        raise SharingError(f"no shared data in {folder}") from error
    with rest:
        return _read(rest, content)


def _read(rest: IO[bytes], content: Any) -> Any:
    # The list of blocks is behind the value, and where it begins is at the very end.
    rest.seek(-_POSITION.size, os.SEEK_END)
    rest.seek(*_POSITION.unpack(rest.read()))
    blocks = pickle.load(rest)  # noqa: S301 - written by this program's own driver
    rest.seek(0)
    return ValueUnpickler(rest, content, blocks).load()


def _mapped(path: Path) -> Any:
    size = path.stat().st_size
    if size == 0:
        return bytearray()
    with path.open("rb") as file:
        try:
            return mmap.mmap(
                file.fileno(),
                size,
                flags=mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0),
                prot=mmap.PROT_READ | mmap.PROT_WRITE,
            )
        except OSError:
            # A system that counts private maps as memory may have too little of it.
            return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
