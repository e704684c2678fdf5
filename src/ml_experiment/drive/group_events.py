"""What happens in a group, said to the journal and to the callbacks."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.callbacks.dispatch import CallbackDispatcher
from ml_experiment.drive.parameters import json_value
from ml_experiment.errors import MlExperimentError
from ml_experiment.record.journal import encode_number, read_journal
from ml_experiment.record.masking import mask_mapping


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ml_experiment.callbacks.base import Callback
    from ml_experiment.config.models import GroupConfig
    from ml_experiment.drive.beside import Judged
    from ml_experiment.drive.trial_files import TrialFiles
    from ml_experiment.executors.base import Broken
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Journal
    from ml_experiment.search.messages import StudyDescription, TrialResult
    from ml_experiment.search.order import Asked


# What the trials read and import is read and imported by the group.
_OF_THE_GROUP = frozenset({"opened", "modules", "split", "seeded"})
_GATHERED_LIMIT = 10_000


class TrialFailedError(MlExperimentError):
    """A trial failed; callbacks are given it as the exception."""


class GroupEvents:
    """Tells the journal and the callbacks of the events of a group.

    Args:
        journal: The group's journal.
        callbacks: The job's callbacks.
        config: What they are shown.
        files: The trials on disk.
        cwd: Working directory of the group.
    """

    def __init__(
        self,
        journal: Journal,
        callbacks: Iterable[Callback],
        config: GroupConfig,
        files: TrialFiles,
        *,
        cwd: str,
    ) -> None:
        self.journal = journal
        self._config = config
        self._files = files
        self._callbacks = CallbackDispatcher(callbacks, self._report)
        self._best: tuple[int, ...] = ()
        self._gathered: set[str] = set()
        self._replayed: set[int] = set()
        self._cwd = cwd
        self._shared = 0
        self._started: set[tuple[int, int]] = set()

    def _report(self, reason: str, details: str) -> None:
        self.note(reason)
        sys.stderr.write(f"ml-experiment: {reason}\n{details}")

    def note(self, text: str) -> None:
        """Say something that a reader of the record should know."""
        self.journal.write("note", text=text)

    def group(
        self,
        description: StudyDescription,
        *,
        num_trials: int,
        lookahead: int | None,
        metrics: Iterable[str],
        workers: int,
    ) -> None:
        """The search is about to begin, or to go on."""
        sampler, options = description.sampler
        pruner, pruner_options = description.pruner
        self.journal.write(
            "group",
            num_trials=num_trials,
            metrics=list(metrics),
            directions=list(description.directions),
            sampler={"name": sampler, "options": json_value(options)},
            pruner={"name": pruner, "options": json_value(pruner_options)},
            lookahead=lookahead,
            workers=workers,
            slots=workers,
            seed=description.seed,
        )

    def resumed(self, results: int, told: int) -> None:
        """The search goes on after an interruption."""
        self.note(f"resumed with the results of {results} trials, {told} of them told")

    def trial_started(self, asked: Asked, params: Mapping[str, Any]) -> None:
        """A trial was handed to a worker."""
        number = asked.number
        self.journal.write(
            "trial_started",
            number=number,
            run_id=self._files.run_id(number),
            path=f"trials/{number:05d}",
            params=_told(params),
            seed=asked.seed,
            attempt=asked.attempt,
        )
        if (
            number,
            asked.attempt,
        ) not in self._started:  # it may be run again as it was
            self._started.add((number, asked.attempt))
            self._callbacks.fire(
                "on_trial_start", self._config, asked.trial, dict(asked.params)
            )

    def _gather(self, number: int) -> None:
        """Take over what belongs to the record of the group, once for all its trials."""
        for event in read_journal(self._files.directory(number).journal):
            if event["event"] not in _OF_THE_GROUP:
                continue
            fields = {name: value for name, value in event.items() if name != "time"}
            key = json.dumps(fields, sort_keys=True)
            if key not in self._gathered and len(self._gathered) < _GATHERED_LIMIT:
                self._gathered.add(key)
                self.journal.write(fields.pop("event"), **fields)

    def trial_ended(self, result: TrialResult, asked: Asked) -> None:
        """A trial has the result that counts."""
        if result.number not in self._replayed:  # it has read and imported nothing here
            self._gather(result.number)
        values = result.values
        suggested = {  # by the script itself
            name: value
            for name, value in result.params.items()
            if name not in asked.trial.params
        }
        self.journal.write(
            "trial_ended",
            number=result.number,
            state=result.state,
            values=None
            if values is None
            else [encode_number(value) for value in values],
            reason=result.reason,
            cause=result.cause,
            seconds=result.seconds,
            attempt=result.attempt,
            **({"suggested": _told(suggested)} if suggested else {}),
        )
        failed = result.state == "failed"
        self._callbacks.fire(
            "on_trial_end",
            self._config,
            asked.trial,
            values[0] if values else None,
            TrialFailedError(result.reason) if failed else None,
        )

    def retried(self, result: TrialResult) -> None:
        """A trial failed and runs again, with another seed."""
        self.journal.write(
            "note",
            text=f"trial {result.number} failed at attempt {result.attempt} and is tried "
            f"again: {result.reason}",
            number=result.number,
            attempt=result.attempt,
            cause=result.cause,
            reason=result.reason,
            depends_on_time=result.depends_on_time,
        )

    def replayed(self, result: TrialResult) -> None:
        """A trial does not run again: what ended it before is not sure to happen again."""
        self.note(
            f"trial {result.number} is not run again, as it was ended from outside: its "
            f"recorded outcome is taken ({result.reason})"
        )
        self._replayed.add(result.number)

    def broken(self, ended: Broken) -> None:
        """A worker was killed from outside; its trial runs again as it was."""
        self._again(ended.number, ended.reason)

    def shared(self, path: str) -> None:
        """Several trials write the same file: whoever watches should know of the first."""
        self._shared += 1
        self.journal.write(
            "note",
            text=f"more than one trial writes '{self._name(path)}': those that ran at the "
            "same time run again, and all run one at a time as long as they do. If it is "
            "each trial's own, put Trial.get_current().number into its name",
            shared=path,
            show=self._shared == 1,
        )

    def spoilt(self, judged: Judged) -> None:
        """A trial used files that others wrote at the same time; it runs again by itself."""
        others = ", ".join(f"trial {number}" for number in judged.others)
        name = self._name(judged.clash or "")
        self._again(
            judged.ended.number, f"it used '{name}' at the same time as {others}"
        )

    def _again(self, number: int, reason: str) -> None:
        text = f"trial {number} runs again: {reason}"
        self.journal.write("note", text=text, again=number)

    def _name(self, path: str) -> str:
        """Return a path as the user would write it."""
        with contextlib.suppress(ValueError):
            return Path(path).relative_to(self._cwd).as_posix()
        return path

    def best(self, best: TrialResult | None) -> None:
        """Say which trial is the best, if it is another one than before."""
        if best is None or best.values is None or (best.number,) == self._best:
            return
        self._best = (best.number,)
        self.journal.write(
            "best",
            number=best.number,
            values=[encode_number(value) for value in best.values],
            params=_told(best.params),
        )


def _told(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return parameters as the journal has them."""
    return mask_mapping({name: json_value(item) for name, item in params.items()})


def shared_before(run: RunDirectory) -> list[str]:
    """Return the files that trials shared before their group was interrupted."""
    return [
        str(event["shared"])
        for event in read_journal(run.journal)
        if event["event"] == "note" and event.get("shared")
    ]
