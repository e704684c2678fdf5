"""What a group that ran before left of its trials, for running them again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.config.json_values import decode, encode
from ml_experiment.drive.trial_files import DRAWN, RESULT, TrialFiles
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.journal import read_journal
from ml_experiment.record.manifest import read_manifest
from ml_experiment.search.messages import Recorded, TrialResult


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.search.order import Asked

# What the driver writes anew; all else of a trial that does not run again is copied.
_OWN = frozenset({"manifest.json", DRAWN, RESULT, "outcome.json", "published.json"})


class RecordedGroup:
    """The trials of a group that ran before.

    Args:
        path: Its run directory.
    """

    def __init__(self, path: str) -> None:
        run = RunDirectory(Path(path))
        files = TrialFiles(run, read_manifest(run))
        self._run = run
        self.results = files.results()
        self.drawn = files.drawn()
        self._timed = _timed_attempts(run)

    def trial(self, number: int) -> RunDirectory:
        """Return the run directory of a trial."""
        return self._run.trial(number)

    def drawn_as_values(self) -> dict[int, dict[str, Any]]:
        """Return the drawn parameters of all trials, as a search takes them."""
        return {
            number: {name: decode(value) for name, value in params.items()}
            for number, params in self.drawn.items()
        }

    def advice(self, number: int) -> Recorded | None:
        """Return what the search told a trial; ``None`` if that is not known."""
        result = self.results.get(number)
        return None if result is None else advice_of(result)

    def outcome_of(self, asked: Asked) -> TrialResult | None:
        """Return the recorded outcome of a trial that was ended from outside.

        ``None`` for a trial that is to be run: what it does, it will do again.
        """
        number = asked.number
        if self.drawn.get(number) != _plain(asked.params):
            return None  # another search: the recorded outcome is none of this trial's
        timed = self._timed.get((number, asked.attempt))
        if timed is not None:
            return timed
        result = self.results.get(number)
        if result is None or result.attempt != asked.attempt:
            return None
        return result if result.depends_on_time else None

    def lay(self, number: int, target: RunDirectory) -> None:
        """Copy what a trial left into a directory that was prepared for it."""
        source = self.trial(number).path
        for path in source.iterdir():
            if path.name in _OWN or path.name.endswith(".lock"):
                continue
            if path.is_dir():
                shutil.copytree(path, target.path / path.name, dirs_exist_ok=True)
            else:
                shutil.copy2(path, target.path / path.name)


def advice_of(result: TrialResult) -> Recorded:
    """Return what the search told a trial of which this is the result."""
    steps = result.intermediate_values
    pruned = result.state == "pruned" and bool(steps)
    return Recorded(params=result.params, pruned_at=max(steps) if pruned else None)


def _plain(params: Mapping[str, object]) -> dict[str, Any]:
    return {name: encode(value) for name, value in params.items()}


def _timed_attempts(run: RunDirectory) -> dict[tuple[int, int], TrialResult]:
    """Return the attempts that were ended from outside, and made again."""
    return {
        (int(event["number"]), int(event["attempt"])): TrialResult(
            number=int(event["number"]),
            attempt=int(event["attempt"]),
            state="failed",
            cause=event["cause"],
            reason=str(event["reason"]),
            depends_on_time=True,
            untouched=True,
        )
        for event in read_journal(run.journal)
        if event["event"] == "note" and event.get("depends_on_time")
    }
