"""What the run directory of a trial has to tell MLflow, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_experiment.config.json_values import decode
from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, read_json
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.outcome import read_outcome
from ml_experiment.tracking.group_journal import RUNNING
from ml_experiment.tracking.names import LONGEST_TAG, Names, param_text, shortened
from ml_experiment.tracking.told import RUN_ID_TAG, first_tags


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.outcome import Outcome, Status
    from ml_experiment.tracking.group_journal import TrialTale

GROUP_TAG = "ml_experiment.group"
STATE_TAG = "ml_experiment.trial_state"
PARENT_TAG = "mlflow.parentRunId"
UNFINISHED = "unfinished"

_LOST = "the group ended before this trial did"
_RESULT = "result.json"


@dataclass(frozen=True)
class Ending:
    """How a trial ended, in MLflow's words.

    Attributes:
        state: Optuna's state, or ``unfinished``.
        status: MLflow's, which knows of no pruning.
        reason: For people; may be empty.
        ended: Seconds since the epoch.
    """

    state: str
    status: Status
    reason: str
    ended: float


def trial_directory(group: RunDirectory, trial: TrialTale) -> RunDirectory:
    """Return the run directory of a trial."""
    return RunDirectory(group.path / trial.path)


def ending_of(trial: TrialTale, run: RunDirectory) -> Ending:
    """Return how a trial ended that is told to have ended, or whose group is over."""
    outcome = _outcome(run)
    if trial.state == RUNNING:
        if outcome is None:
            return Ending(UNFINISHED, "KILLED", _LOST, trial.started)
        state = "complete" if outcome.succeeded else "failed"
        return Ending(state, outcome.status, outcome.reason, outcome.ended)
    status: Status = "FINISHED"
    if trial.state == "failed":
        killed = outcome is not None and outcome.status == "KILLED"
        status = "KILLED" if killed or trial.cause == "timeout" else "FAILED"
    ended = trial.ended if outcome is None else outcome.ended
    reason = trial.reason or ("" if outcome is None else outcome.reason)
    return Ending(trial.state, status, reason, ended or trial.started)


def _outcome(run: RunDirectory) -> Outcome | None:
    try:
        return read_outcome(run)
    except (RecordError, TypeError):
        return None  # the journal of the group tells as much


def started_at(trial: TrialTale, run: RunDirectory) -> float:
    """Return when a trial began, in seconds since the epoch."""
    manifest = _manifest(run)
    return trial.started if manifest is None else manifest.created


def _manifest(run: RunDirectory) -> Manifest | None:
    try:
        return read_manifest(run)
    except RecordError:
        return None


def trial_tags(
    trial: TrialTale, group: RunDirectory, manifest: Manifest, parent: str, names: Names
) -> dict[str, str]:
    """Return the tags that the run of a trial has from its beginning.

    Args:
        trial: The trial.
        group: Its group's run directory.
        manifest: Of the group.
        parent: MLflow's identifier of the group's run.
        names: Gives tags of the user's a name that MLflow takes.
    """
    tags = first_tags(group, manifest, names)
    tags.pop("mlflow.note.content", None)
    tags |= {
        PARENT_TAG: parent,
        "ml_experiment.kind": "trial",
        "ml_experiment.seed": str(trial.seed),
        "ml_experiment.trial": str(trial.number),
        GROUP_TAG: group.run_id,
        RUN_ID_TAG: trial.run_id,
    }
    return tags


def state_tags(state: str, attempt: int, reason: str = "") -> dict[str, str]:
    """Return the tags that say how a trial stands."""
    tags = {STATE_TAG: state}
    if attempt:
        tags["ml_experiment.attempt"] = str(attempt)
    if reason:
        tags["ml_experiment.status_reason"] = shortened(
            reason, LONGEST_TAG, "outcome.json"
        )
    return tags


def trial_params(
    trial: TrialTale, run: RunDirectory, names: Names, called_with: Mapping[str, str]
) -> dict[str, str]:
    """Return the parameters of a trial: those drawn, and those it was called with.

    Args:
        trial: The trial.
        run: Its run directory.
        names: Gives parameters a name that MLflow takes.
        called_with: What the trial's own journal tells, by the names of MLflow.
    """
    params = {names[name]: param_text(value) for name, value in trial.params.items()}
    params |= called_with
    for name, value in _suggested(run).items():
        # ``layers[0]`` is a part of ``layers``, which is there.
        if _root(name) not in params:
            params[names[name]] = param_text(value)
    return params


def _suggested(run: RunDirectory) -> Mapping[str, Any]:
    """Return what the trial itself drew, too, as its result tells."""
    try:
        document = read_json(run.path / _RESULT) or {}
        found = decode(document.get("params") or {})
    except Exception:  # noqa: BLE001 - a file of a later release must not stop the rest
        return {}
    return found if isinstance(found, dict) else {}


def _root(name: str) -> str:
    for mark in ".[":
        name = name.partition(mark)[0]
    return name


def console_files(run: RunDirectory) -> Iterable[Any]:
    """Yield the files of a trial's console that hold anything."""
    for path in (run.stdout, run.stderr):
        try:
            if path.stat().st_size:
                yield path
        except FileNotFoundError:
            continue
