"""Lock files of the project: the environment as its maker meant it to be."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory

_NAMES = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pixi.lock")
_PATTERN = re.compile(r"pylock(\.[^.]+)?\.toml")  # PEP 751


def copy_lock_files(folders: Iterable[Path], run: RunDirectory) -> list[dict[str, str]]:
    """Copy the lock files beside the source of a run.

    Args:
        folders: Where to look; of two files of one name the first is taken.
        run: Where to copy them.

    Returns:
        Path, digest and copy of each.
    """
    found: dict[str, dict[str, str]] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            known = path.name in _NAMES or _PATTERN.fullmatch(path.name)
            if known and path.name not in found and path.is_file():
                data = path.read_bytes()
                (run.source / path.name).write_bytes(data)
                found[path.name] = {
                    "path": str(path),
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "copy": f"source/{path.name}",
                }
    return list(found.values())
