"""What a group's run directory says, as the report needs it.

Only files are read here, and what is missing or broken in one trial is said of that trial:
a report must be there exactly when something went wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ml_experiment.config.json_values import decode
from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json
from ml_experiment.record.journal import JournalReader, read_journal
from ml_experiment.record.locks import is_held
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.outcome import read_outcome


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class MetricData:
    """A metric that is optimised: its name, and ``minimize`` or ``maximize``."""

    name: str
    direction: str


@dataclass(frozen=True, kw_only=True)
class TrialData:
    """One trial.

    Attributes:
        number: Its number, from 0.
        state: ``complete``, ``pruned``, ``failed``, ``running`` or ``unfinished`` (its
            group is over, and it has no result).
        values: The metrics, in the group's order; empty unless complete.
        params: The parameters that were drawn.
        distributions: From what, each as Optuna's JSON.
        intermediate_values: Values reported, by step.
        seed: The trial's seed.
        seconds: How long it ran.
        started: Seconds since the epoch; ``None`` if it never began.
        ended: Seconds since the epoch.
        run_id: Its run in MLflow; else its run directory's name.
        reason: Why it failed or was pruned.
        depends_on_time: It was ended from outside.
    """

    number: int
    state: str
    values: tuple[float, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    distributions: Mapping[str, str] = field(default_factory=dict)
    intermediate_values: Mapping[int, float] = field(default_factory=dict)
    seed: int | None = None
    seconds: float | None = None
    started: float | None = None
    ended: float | None = None
    run_id: str = ""
    reason: str = ""
    depends_on_time: bool = False


@dataclass(frozen=True, kw_only=True)
class GroupData:
    """A group and its trials.

    Attributes:
        manifest: What was asked.
        outcome: How it ended; ``None`` while it has not.
        running: Its processes are alive.
        config: The resolved config.
        search: What the driver said of it: ``sampler``, ``pruner``, ``lookahead`` ...
        metrics: What is optimised.
        trials: In the order of their numbers.
        mlflow_run_id: The parent run, once published.
    """

    manifest: Manifest
    outcome: Outcome | None
    running: bool
    config: Mapping[str, Any]
    search: Mapping[str, Any]
    metrics: tuple[MetricData, ...]
    trials: tuple[TrialData, ...]
    mlflow_run_id: str | None

    @cached_property
    def complete(self) -> tuple[TrialData, ...]:
        """The trials that have values."""
        return tuple(trial for trial in self.trials if trial.state == "complete")

    @cached_property
    def best(self) -> tuple[TrialData, ...]:
        """The best trial; of several metrics, the trials that none surpasses in all."""
        complete = self.complete
        if len(self.metrics) == 1:
            sign = -1 if self.metrics[0].direction == "maximize" else 1
            return tuple(sorted(complete, key=lambda trial: sign * trial.values[0])[:1])
        # Least first: whoever surpasses a trial comes before it.
        front: list[tuple[tuple[float, ...], TrialData]] = []
        for losses, trial in sorted(
            ((self._losses(trial), trial) for trial in complete),
            key=lambda pair: pair[0],
        ):
            if not any(_surpasses(other, losses) for other, _ in front):
                front.append((losses, trial))
        return tuple(sorted((each for _, each in front), key=lambda each: each.number))

    def _losses(self, trial: TrialData) -> tuple[float, ...]:
        return tuple(
            -value if metric.direction == "maximize" else value
            for value, metric in zip(trial.values, self.metrics, strict=True)
        )

    @property
    def param_names(self) -> tuple[str, ...]:
        """Names of all parameters that any trial drew, in the order of appearance."""
        return tuple(
            dict.fromkeys(name for trial in self.trials for name in trial.params)
        )


def _surpasses(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def report_data(run: RunDirectory) -> GroupData:
    """Read a group's run directory.

    Raises:
        RecordError: It is no run directory, or not a group's.
    """
    manifest = read_manifest(run)
    if manifest.kind != "group":
        raise RecordError(
            f"run {run.run_id} is no group but a single {manifest.kind}\n"
            f"  `ml-experiment show {run.run_id}` shows what is recorded of it"
        )
    outcome = read_outcome(run)
    running = outcome is None and (is_held(run.owner_lock) or is_held(run.driver_lock))
    config = _decoded(run.config)
    search = _search(run, config)
    metrics = _metrics(search)
    trials = tuple(
        _checked(trial, len(metrics)) for trial in _trials(run, running=running)
    )
    return GroupData(
        manifest=manifest,
        outcome=outcome,
        running=running,
        config=config,
        search=search,
        metrics=metrics,
        trials=trials,
        mlflow_run_id=_mlflow_id(run),
    )


def _decoded(path: Path) -> dict[str, Any]:
    document = decode(read_json(path) or {})
    return document if isinstance(document, dict) else {}


def _mlflow_id(run: RunDirectory) -> str | None:
    try:
        found = (read_json(run.published) or {}).get("mlflow_run_id")
    except RecordError:
        return None
    return None if found is None else str(found)


def _search(run: RunDirectory, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the driver said of its search; before it spoke, what was asked."""
    metric = config.get("metric")
    asked = metric if isinstance(metric, list) else [metric or {}]
    search: dict[str, Any] = {
        "metrics": [str(each.get("name") or "value") for each in asked],
        "directions": [str(each.get("direction") or "minimize") for each in asked],
        **{name: config.get(name) for name in ("sampler", "pruner", "num_trials")},
    }
    for event in read_journal(run.journal):
        if event["event"] == "group":
            search |= event
    return search


def _metrics(search: Mapping[str, Any]) -> tuple[MetricData, ...]:
    return tuple(
        MetricData(name=name, direction=direction)
        for name, direction in zip(
            search["metrics"], search["directions"], strict=False
        )
    )


def _trials(run: RunDirectory, *, running: bool) -> tuple[TrialData, ...]:
    open_state = "running" if running else "unfinished"
    return tuple(
        _trial(int(trial.path.name), trial, open_state)
        for trial in run.trials()
        if trial.path.name.isdecimal()
    )


def _trial(number: int, run: RunDirectory, open_state: str) -> TrialData:
    try:
        return _read_trial(number, run, open_state)
    except (RecordError, OSError, TypeError, ValueError, AttributeError) as error:
        reason = f"its record cannot be read: {error}"
        return TrialData(number=number, state="failed", reason=reason)


def _read_trial(number: int, run: RunDirectory, open_state: str) -> TrialData:
    manifest = read_json(run.manifest) or {}
    document: Any = decode(read_json(run.result) or {})
    outcome = read_outcome(run)
    state = str(document.get("state") or open_state)
    seconds = document.get("seconds")
    started, params = _beginning(run)
    ended = outcome.ended if outcome is not None else None
    if started is not None and seconds is not None:
        ended = started + float(seconds)
    values = document.get("values") or ()
    steps = document.get("intermediate_values") or {}
    return TrialData(
        number=number,
        state=state,
        values=tuple(float(each) for each in values) if state == "complete" else (),
        params=document.get("params") or params,
        distributions=document.get("distributions") or {},
        intermediate_values={int(step): float(each) for step, each in steps.items()},
        seed=_integer(manifest.get("seed")),
        seconds=None if seconds is None else float(seconds),
        started=started,
        ended=ended,
        run_id=_mlflow_id(run) or str(manifest.get("run_id") or run.run_id),
        reason=str(document.get("reason") or ""),
        depends_on_time=bool(document.get("depends_on_time")),
    )


def _checked(trial: TrialData, metrics: int) -> TrialData:
    """Return a trial; as failed if its record does not fit what is optimised."""
    if trial.state != "complete" or len(trial.values) == metrics:
        return trial
    reason = f"its record has {len(trial.values)} values for {metrics} metrics"
    return replace(trial, state="failed", values=(), reason=reason)


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _beginning(run: RunDirectory) -> tuple[float | None, Mapping[str, Any]]:
    """Return when a trial began, and with which parameters."""
    # Of several attempts, the last is the one that counts.
    found: tuple[float | None, Mapping[str, Any]] = (None, {})
    for event in JournalReader(run.journal).read():
        if event.get("event") == "started":
            found = (float(event["time"]), event.get("params") or {})
    return found
