"""What is uploaded of a run directory, and under which names."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from ml_experiment.record.masking import copy_masked
from ml_experiment.tracking.packing import ARCHIVE, pack


if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory

_CODE = "code"
_FIXED = ("record.json", "config.json", "requirements.txt", "console.txt")
_FOLDERS = (_CODE, "record", "source", "submitted", "artifacts")


def evidence(run: RunDirectory, script_name: str) -> Iterator[tuple[Path, str]]:
    """Yield the files that prove what was done, and the path of each in MLflow.

    Args:
        run: A closed run.
        script_name: Name of the user's script.
    """
    for path in (
        run.record,
        run.config,
        run.requirements,
        run.console,
        run.report,
        run.comparison,
    ):
        if path.is_file():
            yield path, path.name
    for path in _files(run.submitted):
        if path.name == script_name:
            yield path, f"{_CODE}/{path.name}"
        elif path.name in _FIXED + _FOLDERS:
            yield path, f"submitted/{path.name}"
        else:
            yield path, path.name
    for folder, place in ((run.source, "source"), (run.parts, "record/parts")):
        for path in _files(folder):
            yield path, f"{place}/{path.relative_to(folder).as_posix()}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def artifact_place(run: RunDirectory, path: str) -> str:
    """Return the folder in MLflow of an artifact that lies at ``path`` in the run.

    It is its name, unless the run's own evidence is called so.

    Args:
        run: The run.
        path: Below the run directory, such as ``artifacts/model/model.pt``.
    """
    inside = (run.path / path).relative_to(run.artifacts).parent.as_posix()
    first = inside.partition("/")[0]
    own = {*_FIXED, *_FOLDERS, *(file.name for file in run.submitted.glob("*"))}
    return f"artifacts/{inside}" if first in own or inside == "." else inside


def lay_out(
    run: RunDirectory, script_name: str, folder: Path, secrets: AbstractSet[str]
) -> int:
    """Lay the evidence out in ``folder`` as MLflow is to hold it, secrets masked.

    Returns:
        Size of the largest file in bytes.
    """
    largest = 0
    for source, place in evidence(run, script_name):
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if secrets and source.suffix not in {".gz", ".zip"}:
            copy_masked(source, target, secrets)
        else:
            link(source, target)
        largest = max(largest, target.stat().st_size)
    archive = folder / "record" / ARCHIVE
    archive.parent.mkdir(exist_ok=True)
    pack(run, archive, secrets)
    return max(largest, archive.stat().st_size)


def link(source: Path, target: Path) -> None:
    """Let ``target`` be ``source``; a copy where there are no links."""
    try:
        target.symlink_to(source)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def size_of(path: Path) -> int:
    """Return the bytes of the largest file at or below ``path``."""
    if path.is_file():
        return path.stat().st_size
    sizes = (item.stat().st_size for item in path.rglob("*") if item.is_file())
    return max(sizes, default=0)
