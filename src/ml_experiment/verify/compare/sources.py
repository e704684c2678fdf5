"""The text of the source that was recorded of a run."""

from __future__ import annotations

import ast
import re
import tarfile
from typing import TYPE_CHECKING

from ml_experiment.record.directory import RunDirectory


if TYPE_CHECKING:
    from collections.abc import Collection

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


def same_program(
    old: str | None, new: str | None, *, aside: Collection[str] = ()
) -> bool:
    """Return whether two texts are the same program: but for comments and layout.

    Args:
        old: The first.
        new: The second.
        aside: Names of parameters whose defaults do not count.
    """
    if old is None or new is None:
        return False
    try:
        trees = ast.parse(old), ast.parse(new)
        for tree in trees:
            _drop_defaults(tree, aside)
        return ast.dump(trees[0]) == ast.dump(trees[1])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _drop_defaults(tree: ast.Module, names: Collection[str]) -> None:
    """Replace the defaults of parameters of these names by nothing in particular."""
    for node in ast.walk(tree) if names else ():
        if not isinstance(node, ast.arguments):
            continue
        positional = [*node.posonlyargs, *node.args]
        first = len(positional) - len(node.defaults)
        for number, each in enumerate(positional[first:]):
            if each.arg in names:
                node.defaults[number] = ast.Constant(None)
        for number, each in enumerate(node.kwonlyargs):
            if each.arg in names and node.kw_defaults[number] is not None:
                node.kw_defaults[number] = ast.Constant(None)


def uses_sets(side: Evidence, paths: set[str]) -> bool:
    """Return whether the code has what depends on the order of sets, by its looks."""
    return any(_SETS.search(read_source(side, path) or "") for path in paths)
