"""A place of its own for each time that a run is run again."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ml_experiment.errors import NotReproducibleError, RecordError
from ml_experiment.verify.restore import RestoredTree, restore_source


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.reproduce.facts import Facts

_PREFIX = "ml-experiment-"
_MOST_FOLDERS = 5000


@dataclass(frozen=True)
class Scratch:
    """A restored project.

    Attributes:
        top: Folder that holds it; nothing is written outside of this one.
        tree: Where its script, its working directory and its modules are.
    """

    top: Path
    tree: RestoredTree


@contextmanager
def scratch_folder(*, keep: bool) -> Iterator[Path]:
    """Give an empty folder, and remove it afterwards.

    Args:
        keep: Leave it where it is.
    """
    # Links resolved: on macOS the folder of temporary files is behind one.
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix=_PREFIX)))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def restore(facts: Facts, top: Path) -> Scratch:
    """Restore the project of a run, with the folders that it had.

    It lies below ``top`` at its full original path, so that what it finds in its path is
    what it found before, and what lay beside it can lie beside it again.

    Raises:
        NotReproducibleError: Its archive is broken or unsafe.
    """
    root = PurePosixPath(str(facts.source["root"]).replace("\\", "/"))
    names = [part for part in root.parts if part not in {"/", "..", "."}]
    try:
        tree = restore_source(facts.run, top.joinpath(*names))
        _make_folders(facts, tree)
    except RecordError as error:
        raise NotReproducibleError(str(error)) from error
    except OSError as error:  # below another folder its path may be too long
        raise NotReproducibleError(
            f"the project of {facts.run.run_id} cannot be restored: {error}"
        ) from error
    return Scratch(top, tree)


def _make_folders(facts: Facts, tree: RestoredTree) -> None:
    for name in list(facts.source.get("folders") or [])[:_MOST_FOLDERS]:
        folder = Path(os.path.normpath(tree.root / str(name)))
        if folder.is_relative_to(tree.root):
            folder.mkdir(parents=True, exist_ok=True)
