"""Whether a group that was interrupted can go on: nothing that matters may have changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.config.models import to_document
from ml_experiment.errors import ConfigError, RecordError
from ml_experiment.record.directory import read_json
from ml_experiment.record.journal import read_journal
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.masking import mask_mapping
from ml_experiment.record.outcome import read_outcome


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml_experiment.config.models import JobConfig
    from ml_experiment.record.directory import RunDirectory

# They say what a group is called, not what it does.
_HARMLESS = frozenset({"description", "tags", "storage"})
_SHOWN = 60


def unfinished_group(
    runs: Sequence[RunDirectory], config: JobConfig, script: Path
) -> RunDirectory:
    """Return the latest unfinished group of this name and script.

    Raises:
        ConfigError: There is none.
    """
    finished = False
    for run in reversed(runs):
        manifest = read_manifest(run)
        if (manifest.kind, manifest.name) != ("group", config.name):
            continue
        if Path(manifest.script) != script:
            continue
        outcome = read_outcome(run)
        if outcome is None or not outcome.succeeded:
            return run
        finished = True
    reason = "its groups are all finished" if finished else "it has no group here"
    raise ConfigError(
        f"nothing to resume for '{config.name}': {reason}",
        source="--resume",
        hint="leave --resume out to start a new group",
    )


def differences(run: RunDirectory, config: JobConfig) -> list[str]:
    """Return what has changed since a group began, a sentence each; empty if nothing has.

    Args:
        run: The group's run directory.
        config: The config as it is now.
    """
    return [*_config(run, config), *_code(run), *_data(run)]


def _config(run: RunDirectory, config: JobConfig) -> Iterator[str]:
    before = read_json(run.config) or {}
    after: dict[str, Any] = mask_mapping(to_document(config))
    for name in sorted({*before, *after} - _HARMLESS):
        if before.get(name) != after.get(name):
            was, now = _shown(before.get(name)), _shown(after.get(name))
            yield f"config: {name} was {was} and is {now}"
    spaces: list[Any] = [each.get("param_space") for each in (before, after)]
    if spaces[0] == spaces[1] and _names(spaces[0]) != _names(spaces[1]):
        # The parameters are drawn in their order.
        was, now = (_shown(", ".join(map(str, space or ()))) for space in spaces)
        yield f"config: the order of param_space was {was} and is {now}"


def _names(value: object) -> object:
    """Return the names in a nested mapping, in their order."""
    if not isinstance(value, dict):
        return None
    return [(name, _names(inner)) for name, inner in value.items()]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _code(run: RunDirectory) -> Iterator[str]:
    part = _part(run, "source")
    root = Path(str(part.get("root", "")))
    digests = {
        str(root / item["path"]): item["sha256"] for item in part.get("files", [])
    }
    loaded = {
        path
        for event in read_journal(run.journal)
        if event["event"] == "modules"
        for path in event["modules"].values()
    }
    for path in sorted(loaded | {read_manifest(run).script}):
        if path in digests and digests[path] != _digest(Path(path)):
            yield f"code: {path} has changed"


def _data(run: RunDirectory) -> Iterator[str]:
    for item in _part(run, "data").get("files", []):
        recorded = item.get("sha256")
        if recorded is not None and recorded != _digest(Path(item["path"])):
            yield f"data: {item['path']} has changed"


def _part(run: RunDirectory, name: str) -> dict[str, Any]:
    try:
        return read_json(run.part(name)) or {}
    except RecordError:
        return {}


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
