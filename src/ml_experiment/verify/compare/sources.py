"""The text of the source that was recorded of a run."""

from __future__ import annotations

import ast
import re
import tarfile
from typing import TYPE_CHECKING

from ml_experiment.record.directory import RunDirectory


if TYPE_CHECKING:
    from ml_experiment.verify.compare.evidence import Evidence

_LARGEST = 2_000_000  # bytes
_SETS = re.compile(r"\b(?:set|frozenset|hash)\(|\.(?:union|intersection|difference)\(")


def read_source(side: Evidence, path: str) -> str | None:
    """Return the text of a source file; ``None`` if it cannot be had.

    Args:
        side: The run.
        path: Where the file is in the project.
    """
    archive = side.run.source_archive
    if not archive.is_file():  # a trial has that of its group
        archive = RunDirectory(side.run.path.parents[1]).source_archive
    try:
        with tarfile.open(archive, "r:*") as files:
            member = files.getmember(path)
            content = files.extractfile(member) if member.size <= _LARGEST else None
            return None if content is None else content.read().decode("utf-8")
    except (OSError, KeyError, EOFError, ValueError, RecursionError, tarfile.TarError):
        return None


def same_program(old: str | None, new: str | None) -> bool:
    """Return whether two texts are the same program: but for comments and layout."""
    if old is None or new is None:
        return False
    try:
        return ast.dump(ast.parse(old)) == ast.dump(ast.parse(new))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def uses_sets(side: Evidence, paths: set[str]) -> bool:
    """Return whether the code has what depends on the order of sets, by its looks."""
    return any(_SETS.search(read_source(side, path) or "") for path in paths)
