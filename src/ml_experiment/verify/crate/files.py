"""The files of a crate, described one by one."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.crate.entities import reference
from ml_experiment.verify.crate.layout import (
    CODE_FOLDER,
    INDEX,
    LICENCE,
    PREVIEW,
    README,
)


if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_experiment.verify.crate.contents import Contents
    from ml_experiment.verify.crate.entities import Graph
    from ml_experiment.verify.crate.items import Item
    from ml_experiment.verify.crate.software import Software

_MEDIA_TYPES = {
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".diff": "text/x-diff",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".gz": "application/gzip",
}
_UNKNOWN = "application/octet-stream"
# Python's own: the tables of the system would make the answer another one elsewhere.
_TABLE = mimetypes.MimeTypes(filenames=())
_MEANINGS = {
    "manifest.json": "What was asked: kind, script, command, seed, time",
    "config.json": "The resolved configuration, secrets masked",
    "journal.jsonl": "What happened during the run, in order",
    "stdout.log": "What the run wrote to its standard output",
    "stderr.log": "What the run wrote to its standard error",
    "console.txt": "Both streams in the order in which they were seen",
    "source/source.tar.gz": "The code of the run, enough to restore a tree that runs",
    "source/changes.diff": "The difference of the code to its commit",
    "requirements.txt": "The installed packages",
    "outcome.json": "How the run ended",
    "record.json": "The record: eight aspects of the run's reproducibility",
    "report.html": "Report of the group",
}
_OWN: dict[str, tuple[str, dict[str, Any]]] = {
    README: ("About this crate", {"about": reference("./")}),
    LICENCE: ("Licence of the project", {"@type": ["File", "CreativeWork"]}),
    INDEX: ("Where the run and its data are in this crate", {}),
}


def describe_files(
    graph: Graph, items: Iterable[Item], contents: Contents, software: Software
) -> None:
    """Add an entity for each file.

    Args:
        graph: What they are added to.
        items: The files.
        contents: Where things are in the crate.
        software: What the code needs.
    """
    for item in items:
        if item.name == PREVIEW:
            _add_preview(graph, item)
            continue
        below = item.name.removeprefix(contents.run_folder + "/")
        description, more = _OWN.get(item.name, (_MEANINGS.get(below), {}))
        if item.name == contents.script:
            more = software.of_script(graph)
        elif item.name.startswith(CODE_FOLDER + "/") and item.name.endswith(".py"):
            more = software.of_module(graph)
        known = {
            "name": PurePosixPath(item.name).name,
            "description": description,
            "encodingFormat": media_type(item.name),
        }
        graph.add_file(item, **(known | more))


def _add_preview(graph: Graph, item: Item) -> None:
    # RO-Crate wants it to be no file among the others.
    graph.add(
        PREVIEW,
        "CreativeWork",
        name="Preview",
        about=reference("./"),
        encodingFormat="text/html",
        contentSize=str(item.size),
        sha256=item.sha256,
    )


def media_type(name: str) -> str:
    """Return the media type of a file, by its name alone."""
    suffix = PurePosixPath(name).suffix.lower()
    return _MEDIA_TYPES.get(suffix) or _TABLE.guess_type(name)[0] or _UNKNOWN
