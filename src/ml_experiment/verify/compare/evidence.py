"""What two runs are compared by: read from a run directory, whole or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, read_json
from ml_experiment.record.journal import decode_number, read_journal
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.outcome import read_outcome


if TYPE_CHECKING:
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.outcome import Outcome

TRIAL = "trial"
GROUP = "group"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of a run.

    Attributes:
        run: Its run directory.
        manifest: What was asked.
        outcome: How it ended; ``None`` if nobody has said.
        exception: Type and message of the exception that it ended with.
        config: The resolved config.
        params: What ``main`` was called with.
        metrics: Name, step and value, in the order in which they came.
        artifacts: By name: what the journal says of the last one of that name.
        splits: How data were split, in order.
        loaded: What ``load_data`` gave, in order.
        user_seeds: What user code has seeded.
        modules: The local modules that were imported, with their files.
        started: Its function was called, so its parameters are known.
        parts: The parts of the record by name; of a trial those of its group are in it.
        result: Of a trial: what the search was told.
    """

    run: RunDirectory
    manifest: Manifest
    outcome: Outcome | None
    exception: tuple[str, str] | None
    config: dict[str, Any]
    params: dict[str, Any]
    metrics: list[tuple[str, int | None, float]]
    artifacts: dict[str, dict[str, Any]]
    splits: list[dict[str, Any]]
    loaded: list[dict[str, Any]]
    user_seeds: list[dict[str, Any]]
    modules: dict[str, str]
    started: bool = True
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: dict[str, Any] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the run came to an end of its own."""
        return self.outcome is not None and self.outcome.status in {
            "FINISHED",
            "FAILED",
        }

    def as_far_as(self, other: Evidence) -> Evidence:
        """Return this run without the results that another one did not come to give."""
        reached = Counter(name for name, _, _ in other.metrics)
        kept = []
        for name, step, value in self.metrics:
            if reached[name] > 0:
                reached[name] -= 1
                kept.append((name, step, value))
        artifacts = {
            name: each
            for name, each in self.artifacts.items()
            if name in other.artifacts
        }
        return replace(self, metrics=kept, artifacts=artifacts)

    def part(self, name: str) -> dict[str, Any]:
        """Return a part of the record; empty if it is missing."""
        found = self.parts.get(name, {})
        return {} if "missing" in found else found

    def version_of(self, package: str) -> str | None:
        """Return the version of an installed distribution; ``None`` if it was not there."""
        found = (
            str(each.get("version"))
            for each in self.part("software").get("packages") or []
            if each.get("name") == package
        )
        return next(found, None)


_PARTS = ("software", "hardware", "libraries", "source", "data", "stochasticity")


def read_evidence(run: RunDirectory) -> Evidence:
    """Read what there is of a run.

    Raises:
        RecordError: The directory is not a run directory.
    """
    manifest = read_manifest(run)
    events = read_journal(run.journal)
    ended = [event for event in events if event.get("event") == "ended"]
    exception = (ended[-1].get("exception") if ended else None) or {}
    homes = [run]
    if manifest.kind == TRIAL:
        homes.append(RunDirectory(run.path.parents[1]))
    return Evidence(
        run=run,
        manifest=manifest,
        outcome=_quietly(lambda: read_outcome(run)),
        exception=(str(exception.get("type")), str(exception.get("message")))
        if exception
        else None,
        config=_document(homes[-1].config),
        params=dict(_last(events, "started").get("params") or {}),
        metrics=_metrics(events),
        artifacts={
            str(event["name"]): event for event in events if _is(event, "artifact")
        },
        splits=[event for event in events if _is(event, "split")],
        loaded=[event for event in events if _is(event, "loaded")],
        user_seeds=[event for event in events if _is(event, "seeded")],
        modules={
            name: path
            for event in events
            if _is(event, "modules")
            for name, path in event["modules"].items()
        },
        started=any(_is(event, "started") for event in events),
        parts={name: _part(homes, name) for name in _PARTS},
        result=_document(run.result) or None,
    )


def _is(event: dict[str, Any], kind: str) -> bool:
    return bool(event.get("event") == kind)


def _last(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next((event for event in reversed(events) if _is(event, kind)), {})


def _metrics(events: list[dict[str, Any]]) -> list[tuple[str, int | None, float]]:
    return [
        (str(name), event.get("step"), decode_number(value))
        for event in events
        if _is(event, "metrics")
        for name, value in event["metrics"].items()
    ]


def _part(homes: list[RunDirectory], name: str) -> dict[str, Any]:
    for home in homes:
        found = _document(home.part(name))
        if found:
            return found
    return {}


def _document(path: Any) -> dict[str, Any]:
    return _quietly(lambda: read_json(path)) or {}


def _quietly(read: Any) -> Any:
    try:
        return read()
    except (RecordError, OSError):
        return None
