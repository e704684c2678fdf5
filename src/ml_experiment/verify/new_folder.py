"""A folder to unpack something in: all of it, or the folder is as it was before."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.errors import MlExperimentError


@contextlib.contextmanager
def new_folder(path: Path, error: type[MlExperimentError]) -> Iterator[Path]:
    """Make a folder to be filled; empty it, or remove it, if that fails.

    Args:
        path: A folder that is empty or not there yet.
        error: Raised if it is neither, or cannot be made.

    Yields:
        The absolute path of the folder; links in it stay as they are.
    """
    target = Path(os.path.abspath(path))  # noqa: PTH100 - `..` is taken out, links are not
    created = _claim(target, error)
    try:
        yield target
    except BaseException:
        _clear(target, created=created)
        raise


def _claim(target: Path, error: type[MlExperimentError]) -> bool:
    """Make the folder; return whether it is new."""
    try:
        target.mkdir(parents=True)
    except FileExistsError:
        if not target.is_dir():
            raise error(f"{target} is not a folder") from None
        if any(target.iterdir()):
            raise error(
                f"{target} is not empty; give a folder that is empty or not there yet"
            ) from None
        return False
    except OSError as reason:
        raise error(f"{target} cannot be made: {reason.strerror}") from reason
    return True


def _clear(target: Path, *, created: bool) -> None:
    if created:
        shutil.rmtree(target, ignore_errors=True)
        return
    for path in target.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
