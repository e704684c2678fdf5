"""What the run directory of a trial has to tell MLflow, as plain values."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_experiment.config.json_values import decode
from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, read_json
from ml_experiment.record.masking import mask_mapping
from ml_experiment.record.outcome import read_outcome
from ml_experiment.tracking.group_journal import RUNNING
from ml_experiment.tracking.names import (
    LONGEST_TAG,
    Names,
    name_tags,
    param_text,
    shortened,
)
from ml_experiment.tracking.state import StateFile
from ml_experiment.tracking.told import REASON_TAG, RUN_ID_TAG, first_tags


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.outcome import Outcome, Status
    from ml_experiment.tracking.group_journal import GroupJournal, TrialTale
    from ml_experiment.tracking.settings import Settings

GROUP_TAG = "ml_experiment.group"
TRIAL_TAG = "ml_experiment.trial"
STATE_TAG = "ml_experiment.trial_state"
PARENT_TAG = "mlflow.parentRunId"
UNFINISHED = "unfinished"

_LOST = "the group ended before this trial did"
_SAME_MOMENT_S = 0.5  # two processes told the time


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


def ending_of(trial: TrialTale, run: RunDirectory, over: float) -> Ending:
    """Return how a trial ended that is told to have ended, or whose group is over.

    Args:
        trial: The trial.
        run: Its run directory.
        over: When the group ended, or now; seconds since the epoch.
    """
    outcome = _outcome(run)
    if outcome is not None and outcome.ended < trial.started - _SAME_MOMENT_S:
        outcome = None  # of an earlier attempt
    if trial.state == RUNNING:
        if outcome is None:
            return Ending(UNFINISHED, "KILLED", _LOST, over)
        # The driver died after it had closed the trial, and before it could say so.
        state = "complete" if outcome.succeeded else "failed"
        state = str(_result(run).get("state") or state)
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


def _result(run: RunDirectory) -> Mapping[str, Any]:
    try:
        return read_json(run.result) or {}
    except RecordError:
        return {}


def common_tags(group: RunDirectory, manifest: Manifest, parent: str) -> dict[str, str]:
    """Return the tags that all trials of a group have.

    Args:
        group: The group's run directory.
        manifest: Of the group.
        parent: MLflow's identifier of the group's run.
    """
    names = Names()
    tags = first_tags(group, manifest, names) | name_tags("tag", names)
    tags.pop("mlflow.note.content", None)
    return tags | {
        PARENT_TAG: parent,
        "ml_experiment.kind": "trial",
        GROUP_TAG: group.run_id,
    }


def trial_tags(trial: TrialTale) -> dict[str, str]:
    """Return the tags that tell a trial from the others."""
    return {
        "ml_experiment.seed": str(trial.seed),
        TRIAL_TAG: str(trial.number),
        RUN_ID_TAG: trial.run_id,
    }


def state_tags(
    state: str,
    attempt: int,
    reason: str = "",
    *,
    before: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the tags that say how a trial stands.

    Args:
        state: Optuna's state, or ``unfinished``.
        attempt: How often it was tried before.
        reason: For people; may be empty.
        before: The tags that its run has already: a reason among them that is not true any
            more is blanked, because tags cannot be deleted by the request that sets others.
    """
    tags = {STATE_TAG: state}
    if attempt:
        tags["ml_experiment.attempt"] = str(attempt)
    if reason or (before or {}).get(REASON_TAG):
        tags[REASON_TAG] = shortened(reason, LONGEST_TAG, "outcome.json")
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
    drawn = mask_mapping(trial.params)
    params = {names[name]: param_text(value) for name, value in drawn.items()}
    params |= called_with
    for name, value in mask_mapping(_suggested(run)).items():
        # ``layers[0]`` is a part of ``layers``, which is there.
        if _root(name) not in params:
            params[names[name]] = param_text(value)
    return params


def _suggested(run: RunDirectory) -> Mapping[str, Any]:
    """Return what the trial itself drew, too, as its result tells."""
    try:
        found = decode(_result(run).get("params") or {})
    except (TypeError, ValueError, KeyError):
        return {}  # a later release may write it differently
    return found if isinstance(found, dict) else {}


def _root(name: str) -> str:
    for mark in ".[":
        name = name.partition(mark)[0]
    return name


def console_files(run: RunDirectory) -> Iterator[Path]:
    """Yield the files of a trial's console that hold anything."""
    for path in (run.stdout, run.stderr):
        try:
            if path.stat().st_size:
                yield path
        except FileNotFoundError:
            continue


def note_published(run: RunDirectory, settings: Settings, **changes: Any) -> None:
    """Note in the trial's run directory how far MLflow has been told.

    Args:
        run: The trial's run directory; if it is gone, nothing is noted.
        settings: Where it is published.
        **changes: Fields of ``Published``.
    """
    with suppress(FileNotFoundError):
        StateFile(run, settings.masked_uri).save(**changes)


def tell_waiting_trials(
    group: RunDirectory, settings: Settings, journal: GroupJournal, reason: str
) -> None:
    """Tell code that waits for the run of its trial that there may be none.

    Args:
        group: The group's run directory.
        settings: Where it is published.
        journal: What is told of the trials.
        reason: For people, without credentials.
    """
    for trial in journal.tale.trials.values():
        run = trial_directory(group, trial)
        if trial.state == RUNNING and not run.published.exists():
            note_published(run, settings, error=reason)
