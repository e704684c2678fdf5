"""What a run directory has to tell MLflow, as plain values."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json
from ml_experiment.record.journal import JournalReader, decode_number
from ml_experiment.record.masking import without_credentials
from ml_experiment.tracking.names import LONGEST_TAG, Names, param_text, shortened


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Event
    from ml_experiment.record.manifest import Manifest

RUN_ID_TAG = "ml_experiment.run_id"
REASON_TAG = "ml_experiment.status_reason"
VERDICT_TAG = "ml_experiment.verdict"
REPRODUCES_TAG = "ml_experiment.reproduces"

_LARGEST_STEP = 2**63 - 1


class Point(NamedTuple):
    """One value of one metric.

    Attributes:
        key: Its name as MLflow takes it.
        value: Exact; may be NaN or infinite.
        timestamp: Milliseconds since the epoch.
        step: From 0; 0 for a plain return, too.
    """

    key: str
    value: float
    timestamp: int
    step: int


class Artifact(NamedTuple):
    """The newest version of an artifact of the user's.

    Attributes:
        name: As the user called it.
        path: Of the file or folder, below the run directory.
        digest: SHA-256.
    """

    name: str
    path: str
    digest: str


@dataclass
class Account:
    """What the journal has told so far.

    Attributes:
        params: Name to text.
        points: Metrics to be sent: the offset after the event, and its values.
        artifacts: Name to newest version.
        seeds: Call to its values and places, in order.
    """

    params: dict[str, str] = field(default_factory=dict)
    points: list[tuple[int, list[Point]]] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    seeds: dict[str, list[str]] = field(default_factory=dict)
    metric_names: Names = field(default_factory=Names)
    param_names: Names = field(default_factory=Names)
    tag_names: Names = field(default_factory=Names)


class JournalAccount:
    """Reads the journal as it grows.

    It reads from the beginning even if metrics have been sent before: names depend on all
    that came earlier.

    Args:
        run: The run.
        sent: Bytes of the journal whose metrics have been sent.
    """

    def __init__(self, run: RunDirectory, sent: int) -> None:
        self._path = run.journal
        self._reader = JournalReader(run.journal)
        self._sent = sent
        self.account = Account()

    @property
    def has_grown(self) -> bool:
        """Whether something was written since the last call of ``read``."""
        try:
            return self._path.stat().st_size > self._reader.offset
        except FileNotFoundError:
            return False

    def read(self) -> None:
        """Take in what was written since the last call."""
        for event in self._reader.read():
            # What a later release may write differently must not stop what is understood.
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                self._take(event)

    def _take(self, event: Event) -> None:
        match event.get("event"):
            case "started":
                names = self.account.param_names
                for name, value in event["params"].items():
                    self.account.params[names[str(name)]] = param_text(value)
            case "metrics":
                points = self._points(event)
                if self._reader.offset > self._sent:
                    self.account.points.append((self._reader.offset, points))
            case "artifact":
                name = str(event["name"])
                self.account.artifacts[name] = Artifact(
                    name, str(event["path"]), str(event.get("sha256"))
                )
            case "seeded":
                call = str(event["call"])
                said = f"{event['value']} ({event['where']})"
                self.account.seeds.setdefault(call, []).append(said)
            case _:
                pass

    def _points(self, event: Event) -> list[Point]:
        names = self.account.metric_names
        timestamp = int(float(event["time"]) * 1000)
        step = min(int(event.get("step") or 0), _LARGEST_STEP)
        return [
            Point(names[str(name)], _number(value), timestamp, step)
            for name, value in event["metrics"].items()
        ]


def _number(value: float | str) -> float:
    try:
        return decode_number(value)
    except OverflowError:  # an integer beyond the largest float
        return math.inf if str(value)[0] != "-" else -math.inf


def first_tags(run: RunDirectory, manifest: Manifest, names: Names) -> dict[str, str]:
    """Return the tags that a run has from its beginning."""
    tags = {names[key]: str(value) for key, value in manifest.tags.items()}
    tags |= {
        "mlflow.source.name": manifest.script_name,
        "mlflow.source.type": "LOCAL",
        "mlflow.user": manifest.user,
        "ml_experiment.kind": manifest.kind,
        "ml_experiment.seed": str(manifest.seed),
        RUN_ID_TAG: run.run_id,
    }
    tags |= _reproduction_tags(manifest)
    if manifest.description:
        tags["mlflow.note.content"] = manifest.description
    return {key: value for key, value in tags.items() if value}


def _reproduction_tags(manifest: Manifest) -> dict[str, str]:
    """Return the tags that lead from a reproduction to the run that it repeats."""
    earlier = manifest.reproduces
    if earlier is None:
        return {}
    tags = {REPRODUCES_TAG: str(earlier.get("run_id") or "")}
    if earlier.get("mlflow_run_id"):
        tags[f"{REPRODUCES_TAG}.mlflow_run_id"] = str(earlier["mlflow_run_id"])
    if earlier.get("trial") is not None:
        tags[f"{REPRODUCES_TAG}.trial"] = str(earlier["trial"])
    return tags


def verdict_tags(run: RunDirectory) -> dict[str, str]:
    """Return the tag of a comparison that was made before the run was published."""
    try:
        comparison = read_json(run.comparison) or {}
    except RecordError:
        return {}
    verdict = comparison.get("verdict")
    return {} if verdict is None else {VERDICT_TAG: str(verdict)}


def seed_tags(account: Account) -> dict[str, str]:
    """Return a tag for each call by which user code seeded something."""
    return {
        f"ml_experiment.seeded.{call}": "; ".join(said)
        for call, said in account.seeds.items()
    }


def git_tags(run: RunDirectory) -> dict[str, str]:
    """Return MLflow's own tags of the commit and of what was not committed."""
    try:
        source = read_json(run.part("source")) or {}
    except RecordError:
        source = {}
    git = source.get("git")
    if not isinstance(git, dict):
        return {}
    remote = git.get("remote")
    found = {
        "commit": git.get("commit"),
        "branch": git.get("branch"),
        "repoURL": without_credentials(str(remote)) if remote else None,
        "dirty": str(bool(git.get("dirty"))).lower(),
    }
    tags = {
        f"mlflow.source.git.{name}": str(value)
        for name, value in found.items()
        if value
    }
    try:
        diff = run.source_changes.read_text(encoding="utf-8", errors="replace")
    except OSError:
        diff = ""
    if diff:
        tags["mlflow.source.git.diff"] = shortened(
            diff, LONGEST_TAG, "source/changes.diff"
        )
    return tags


def aspect_tags(run: RunDirectory) -> dict[str, str]:
    """Return a tag for each aspect of the record; none while there is no record."""
    try:
        record: dict[str, Any] = read_json(run.record) or {}
    except RecordError:
        return {}
    tags = {}
    for name, aspect in record.get("aspects", {}).items():
        status = str(aspect["status"])
        said = status if status == "recorded" else f"{status}: {aspect['summary']}"
        tags[f"ml_experiment.aspect.{name}"] = said
    return tags
