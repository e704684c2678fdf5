"""Run directories of groups, written as the driver and its workers do."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

from tests.integration.places import RunOnDisk

from ml_experiment.record.directory import RunDirectory, write_json
from ml_experiment.record.journal import Journal, encode_number
from ml_experiment.record.manifest import Manifest, write_manifest
from ml_experiment.record.outcome import Outcome, write_outcome


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.integration.places import Workplace

NAME = "search"


class GroupOnDisk(RunOnDisk):
    """A group, and its trials."""

    @classmethod
    def create(
        cls,
        place: Workplace,
        *,
        num_trials: int = 3,
        metrics: Sequence[str] = ("loss",),
        directions: Sequence[str] = ("minimize",),
        **manifest: Any,
    ) -> GroupOnDisk:
        """Begin a group in a user's folder."""
        run = place.new_run(NAME, kind="group", **manifest)
        group = cls(run.directory, run.journal)
        group.begin(num_trials=num_trials, metrics=metrics, directions=directions)
        return group

    def begin(self, **settings: Any) -> None:
        """The driver says what is searched, and how."""
        fields: dict[str, Any] = {
            "sampler": {"name": "tpe", "options": {"n_startup_trials": 5}},
            "pruner": None,
            "lookahead": 8,
            "workers": 2,
            "slots": 2,
            "seed": 7,
        }
        self.journal.write("group", **fields | settings)

    def trial(self, number: int) -> RunDirectory:
        """Return the run directory of a trial."""
        return RunDirectory(self.directory.path / "trials" / f"{number:05d}")

    def run_id(self, number: int) -> str:
        """Return our identifier of a trial."""
        return f"{self.directory.run_id}-t{number:05d}"

    def start_trial(self, number: int, attempt: int = 0, **params: Any) -> Journal:
        """A trial starts, from the beginning; return its journal."""
        trial = self.trial(number)
        shutil.rmtree(trial.path, ignore_errors=True)
        for folder in trial.folders:
            folder.mkdir(parents=True)
        manifest = Manifest(
            run_id=self.run_id(number),
            kind="trial",
            name=NAME,
            script="/home/ann/train.py",
            cwd="/home/ann",
            command=["ml-experiment"],
            started_by="cli",
            created=time.time(),
            seed=100 + number,
            seed_drawn=False,
        )
        write_manifest(trial, manifest)
        trial.stdout.touch()
        trial.stderr.touch()
        self.journal.write(
            "trial_started",
            number=number,
            run_id=self.run_id(number),
            path=f"trials/{number:05d}",
            params=params,
            seed=100 + number,
            attempt=attempt,
        )
        journal = Journal(trial.journal)
        journal.write("started", params={"fixed": 1, **params}, pid=1)
        return journal

    def end_trial(
        self,
        number: int,
        *values: float,
        state: str = "complete",
        reason: str = "",
        cause: str = "",
        attempt: int = 0,
    ) -> None:
        """A trial ends: its outcome first, then the group's journal."""
        status: Any = "FINISHED"
        if state == "failed":
            status = "KILLED" if cause == "timeout" else "FAILED"
        outcome = Outcome(status=status, reason=reason, ended=time.time())
        write_outcome(self.trial(number), outcome)
        self.journal.write(
            "trial_ended",
            number=number,
            state=state,
            values=[encode_number(value) for value in values] or None,
            reason=reason,
            cause=cause,
            seconds=0.25,
            attempt=attempt,
        )

    def whole_trial(self, number: int, value: float, **params: Any) -> None:
        """A trial starts, gives its metric, and ends."""
        journal = self.start_trial(number, **params)
        journal.write("metrics", step=None, metrics={"loss": encode_number(value)})
        journal.close()
        self.end_trial(number, value)

    def best(self, number: int, value: float, params: Mapping[str, Any]) -> None:
        """The driver says which trial is the best."""
        self.journal.write("best", number=number, values=[value], params=params)

    def result(self, number: int, **fields: Any) -> None:
        """A trial's result is on disk."""
        write_json(self.trial(number).path / "result.json", fields)

    def close_group(self, status: Any = "FINISHED", reason: str = "") -> None:
        """The supervisor closes the group, now."""
        self.close(status, reason)
        outcome = Outcome(status=status, reason=reason, ended=time.time())
        write_outcome(self.directory, outcome)

    def resume(self) -> None:
        """A new driver goes on with the group."""
        self.directory.outcome.unlink()
        self.directory.record.unlink()


def runs_of(place: Workplace) -> tuple[Any, dict[int, Any]]:
    """Return the one parent run, and the trials' runs by number; no run is doubled."""
    runs = place.mlflow_runs(NAME)
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    found = {int(run.data.tags["ml_experiment.trial"]): run for run in children}
    assert len(found) == len(children), "a trial has two runs"
    for run in children:
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    return parent, found
