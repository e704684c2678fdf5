"""What is known of a run that is to be exported, read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import CrateError
from ml_experiment.record.directory import read_json
from ml_experiment.record.journal import read_journal
from ml_experiment.record.locks import is_held
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.outcome import read_outcome


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Event
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.outcome import Outcome


@dataclass(frozen=True)
class TrialFacts:
    """A trial of a group.

    Attributes:
        number: From 0.
        run: Its run directory.
        state: ``complete``, ``pruned`` or ``failed``; ``None`` if it never ended.
        reason: Why it failed or was pruned.
        params: Parameters that were drawn.
        values: One for each metric of the group; none unless it is complete.
        started: Seconds since the epoch; ``None`` if unknown.
        seconds: How long it ran.
    """

    number: int
    run: RunDirectory
    state: str | None
    reason: str
    params: dict[str, Any]
    values: list[Any]
    started: float | None
    seconds: float | None


class Facts:
    """A run that is closed, for those who describe it.

    Args:
        run: Its run directory.

    Raises:
        CrateError: The run goes on, was never closed, or is a trial of a group.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.manifest: Manifest = read_manifest(run)
        self.outcome: Outcome = _outcome(run, self.manifest)
        self.events: list[Event] = read_journal(run.journal)
        self.config: dict[str, Any] = read_json(run.config) or {}

    def of_kind(self, kind: str) -> list[Event]:
        """Return the events of this kind."""
        return [event for event in self.events if event["event"] == kind]

    def part(self, name: str) -> dict[str, Any]:
        """Return a captured part; empty if it is missing."""
        part: dict[str, Any] = read_json(self.run.part(name)) or {}
        return {} if "missing" in part else part

    @property
    def is_group(self) -> bool:
        """Whether the run is a group."""
        return self.manifest.kind == "group"

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that the job's function was called with."""
        started = self.of_kind("started")
        return dict(started[0].get("params") or {}) if started else {}

    @property
    def metrics(self) -> dict[str, Any]:
        """The last value of each metric; of a group, those of its best trial."""
        last: dict[str, Any] = {}
        for event in self.of_kind("metrics"):
            last |= event["metrics"]
        best = self.best
        if best is not None:
            last |= dict(zip(self.metric_names, best["values"], strict=False))
        return last

    @property
    def metric_names(self) -> list[str]:
        """The metrics that a group optimises."""
        groups = self.of_kind("group")
        return list(groups[-1]["metrics"]) if groups else []

    @property
    def best(self) -> Event | None:
        """The best trial of a group."""
        bests = self.of_kind("best")
        return bests[-1] if bests else None

    @property
    def artifacts(self) -> list[Event]:
        """The artifacts, the last of each name."""
        return list({each["name"]: each for each in self.of_kind("artifact")}.values())

    def trials(self) -> list[TrialFacts]:
        """Return the trials of a group, in order."""
        return [_trial(run) for run in self.run.trials()]


def _outcome(run: RunDirectory, manifest: Manifest) -> Outcome:
    if manifest.kind == "trial":
        group = run.path.parents[1]
        raise CrateError(
            f"{run.path} is a trial of a group, and a group is exported whole\n"
            f"  ml-experiment export {group.name}"
        )
    if is_held(run.owner_lock) or is_held(run.driver_lock):
        raise CrateError(
            f"run {manifest.run_id} is still going on; export it when it has ended"
        )
    outcome = read_outcome(run)
    if outcome is None or not run.record.is_file():
        raise CrateError(
            f"run {manifest.run_id} was never closed: its processes are gone\n"
            "  `ml-experiment sync` closes it"
        )
    return outcome


def _trial(run: RunDirectory) -> TrialFacts:
    result: dict[str, Any] = read_json(run.result) or {}
    started = next(
        (each for each in read_journal(run.journal) if each["event"] == "started"), None
    )
    params = result.get("params") or (started or {}).get("params") or {}
    return TrialFacts(
        number=int(run.path.name),
        run=run,
        state=result.get("state"),
        reason=str(result.get("reason") or ""),
        params=dict(params),
        values=list(result.get("values") or []),
        started=started["time"] if started else None,
        seconds=result.get("seconds"),
    )


def moment(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
