"""Maps of the user's own files, and whether the file behind one can be opened again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


# Linux's list of what a process has mapped, with the present name of each file.
_MAPPED = Path("/proc/self/maps")
_PATH_COLUMN = 5


def is_whole_file_map(numpy: Any, array: Any) -> bool:
    """Whether it is a read-only map of a file of the user's, and no part of one.

    The file must still be there under its name: one that was made in a temporary folder
    lives on in the map alone, and another process could not open it.
    """
    return (
        array.filename is not None
        and getattr(array, "mode", "") == "r"
        and not isinstance(array.base, numpy.ndarray)
        and (array.flags.c_contiguous or array.flags.f_contiguous)
        and _is_still_there(str(array.filename), array.__array_interface__["data"][0])
    )


def _is_still_there(name: str, address: int) -> bool:
    if not os.path.isfile(name):  # noqa: PTH113 - False, too, for what cannot be a name
        return False
    mapped = _mapped_file(address)
    # The kernel follows a file that is moved, and marks one that is deleted or replaced.
    return mapped is None or mapped == os.path.realpath(name)


def _mapped_file(address: int) -> str | None:
    """Return the name of the file that is mapped there; ``None`` if that is not known."""
    try:
        lines = _MAPPED.read_bytes().splitlines()
    except OSError:
        return None
    for line in lines:
        columns = line.split(maxsplit=_PATH_COLUMN)
        first, _, end = columns[0].partition(b"-")
        if int(first, 16) <= address < int(end, 16):
            return os.fsdecode(b"".join(columns[_PATH_COLUMN:]))
    return None
