"""Unified differences of code, config and packages between two runs."""

from __future__ import annotations

import difflib
import json
import tarfile
from typing import TYPE_CHECKING

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, read_json
from ml_experiment.record.manifest import read_manifest
from ml_experiment.verify.compare.code import left_out, used_files
from ml_experiment.verify.compare.evidence import read_evidence


if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 500_000  # bytes of a file whose lines are compared
_MOST_FILES = 5000


def changes(old: RunDirectory, new: RunDirectory) -> Iterator[tuple[str, list[str]]]:
    """Yield what differs: a heading, and the lines of a unified difference.

    Args:
        old: The first run; of a trial, its group is looked at.
        new: The second run.
    """
    before, after = (_home(run) for run in (old, new))
    yield from _code(before, after)
    for name, texts in (
        ("config", [_config(run) for run in (before, after)]),
        ("packages", [_text(run) for run in (before, after)]),
    ):
        lines = _unified(name, texts[0], texts[1])
        if lines:
            yield name, lines


def _home(run: RunDirectory) -> RunDirectory:
    if read_manifest(run).kind == "trial":
        return RunDirectory(run.path.parents[1])
    return run


def _code(old: RunDirectory, new: RunDirectory) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of what was imported, and the names of the rest."""
    before, after = (_sources(run) for run in (old, new))
    sides = [read_evidence(run) for run in (old, new)]
    used = {path for side in sides for path in used_files(side)}
    rest = []
    for path in sorted((before.keys() | after.keys()) - left_out(*sides)):
        one, other = before.get(path, ""), after.get(path, "")
        if one == other:
            continue
        if path not in used:
            rest.append(path)
        elif one is None or other is None:
            yield f"code: {path}", ["(not text, or too large to be shown)"]
        else:
            yield f"code: {path}", _unified(path, one, other)
    if rest:
        yield "other files that differ, which no run imported", rest


def _sources(run: RunDirectory) -> dict[str, str | None]:
    """Return the text of each source file; ``None`` for what cannot be shown."""
    found: dict[str, str | None] = {}
    try:
        with tarfile.open(run.source_archive, "r:gz") as archive:
            for count, member in enumerate(archive):
                if count >= _MOST_FILES:
                    break
                if member.isreg():
                    found[member.name] = _read(archive, member)
    except (OSError, EOFError, ValueError, RecursionError, tarfile.TarError):
        return found
    return found


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str | None:
    if member.size > _LARGEST:
        return None
    content = archive.extractfile(member)
    if content is None:
        return None
    try:
        return content.read().decode("utf-8")
    except UnicodeDecodeError:
        return None


def _config(run: RunDirectory) -> str:
    try:
        document = read_json(run.config) or {}
    except RecordError:
        return ""
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True)


def _text(run: RunDirectory) -> str:
    try:
        text = run.requirements.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(lines)


def _unified(name: str, old: str, new: str) -> list[str]:
    return list(
        difflib.unified_diff(
            old.splitlines(),
            new.splitlines(),
            fromfile=f"first/{name}",
            tofile=f"second/{name}",
            lineterm="",
            n=2,
        )
    )
