"""Packages that are installed in no site folder: what ``pip install --target`` has put there.

Such a folder is named by ``PYTHONPATH``, and code of the user's may lie in it as well. So it
counts by what the packages say that they have installed.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


@cache
def installed_elsewhere() -> tuple[str, ...]:
    """Return how the paths of all files begin that such packages consist of."""
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folders = [Path(os.path.abspath(each)) for each in named if each]  # noqa: PTH100
    found: set[str] = set()
    for folder in folders:
        for name in _installed_in(folder):
            path = os.path.join(folder, name)  # noqa: PTH118 - a trailing "/" is kept
            found |= {path, os.path.realpath(path) + os.sep * name.endswith(os.sep)}
    return tuple(sorted(found))


def _installed_in(folder: Path) -> set[str]:
    """Return the files, and the folders with a trailing ``/``, of installed packages."""
    try:
        records = [each / "RECORD" for each in folder.glob("*.dist-info")]
    except OSError:
        return set()
    return {top for record in records for top in _tops(record)}


def _tops(record: Path) -> set[str]:
    try:
        lines = record.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    paths = (line.split(",", 1)[0] for line in lines)
    tops = {head + slash for head, slash, _ in (path.partition("/") for path in paths)}
    return tops - {"", "/", "../"}
