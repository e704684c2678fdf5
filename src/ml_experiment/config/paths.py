"""Find the files that a config names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.config.literals import shown
from ml_experiment.errors import ConfigError, nearest


if TYPE_CHECKING:
    from collections.abc import Sequence


def find_script(text: str, folders: Sequence[Path]) -> Path:
    """Return the absolute path of a script.

    Args:
        text: The path as it was written.
        folders: Where a relative path may begin, the first one first.

    Raises:
        ConfigError: There is no such script, or it is no Python file.
    """
    path = _find(text, folders, "script")
    if path.is_dir():
        raise ConfigError(f"got the folder {shown(text)}; a Python file is needed")
    if path.suffix != ".py":
        raise ConfigError(f"got {shown(text)}; a Python file (.py) is needed")
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{shown(text)} cannot be read: permission denied")
    return path


def find_file(text: str, folders: Sequence[Path]) -> Path:
    """Return the absolute path of a file.

    Raises:
        ConfigError: There is no such file.
    """
    path = _find(text, folders, "file")
    if path.is_dir():
        raise ConfigError(f"got the folder {shown(text)}; a file is needed")
    return path


def find_folder(text: str, folders: Sequence[Path]) -> Path:
    """Return the absolute path of a folder.

    Raises:
        ConfigError: There is no such folder.
    """
    path = _find(text, folders, "folder")
    if not path.is_dir():
        raise ConfigError(f"got the file {shown(text)}; a folder is needed")
    return path


def _find(text: str, folders: Sequence[Path], what: str) -> Path:
    tried = []
    for folder in folders:
        try:
            path = folder / Path(text).expanduser()
            if path.exists():
                # Without "..", and with the script's own name even if it is a link.
                return (
                    path.parent.resolve() / path.name if path.name else path.resolve()
                )
        except (OSError, ValueError, RuntimeError):
            raise ConfigError(f"got {shown(text)}, which cannot be a path") from None
        tried.append(path)
    places = dict.fromkeys(str(path.parent) for path in tried)
    raise ConfigError(
        f"no such {what}: {shown(text)}; looked in {' and '.join(places)}",
        hint=_suggestion(tried),
    )


def _suggestion(tried: Sequence[Path]) -> str | None:
    for path in tried:
        try:
            names = sorted(each.name for each in path.parent.iterdir())
        except OSError:
            continue
        near = nearest(path.name, names)
        if near is not None:
            return f"did you mean {path.parent / near}?"
    return None
