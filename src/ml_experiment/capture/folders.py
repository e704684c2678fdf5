"""Which folders a project had when its run began: scripts expect to find them again.

An archive of source files does not say that ``figures/`` was there, and a script that saves
into a folder which is not there fails.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ml_experiment.capture.births import birth_of
from ml_experiment.capture.selection import is_skipped_folder, is_wide


if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

MOST_FOLDERS = 2000
_MOST_ENTRIES = 100_000


def folders_of(root: Path, *, before: float, ignore: Collection[str]) -> list[str]:
    """Return the folders of a project, by their paths from its root, sorted.

    A folder that the run itself has made meanwhile is left out: the script may insist on
    making it.

    Args:
        root: Top folder of the project.
        before: When the run began, in seconds since the epoch.
        ignore: Absolute paths of folders to keep out of.
    """
    if is_wide(root):
        return []
    found: list[str] = []
    waiting = [str(root)]
    cut = len(str(root).rstrip("/")) + 1
    seen = 0
    while waiting and len(found) < MOST_FOLDERS and seen < _MOST_ENTRIES:
        folder = waiting.pop(0)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            old = folder == str(root) or _is_older(folder, entries, before)
        except OSError:
            continue
        if not old:
            continue
        seen += len(entries)
        if len(folder) > cut:
            found.append(folder[cut:])
        waiting += [
            entry.path
            for entry in entries
            if entry.is_dir(follow_symlinks=False)
            and entry.path not in ignore
            and not is_skipped_folder(entry)
        ]
    return sorted(found)


def _is_older(
    folder: str, entries: Collection[os.DirEntry[str]], before: float
) -> bool:
    if os.stat(folder).st_ctime < before:  # noqa: PTH116 - thousands of them
        return True
    # The run may have written into it already.
    born = birth_of(folder)
    if born is not None:
        return born < before
    return any(entry.stat(follow_symlinks=False).st_ctime < before for entry in entries)
