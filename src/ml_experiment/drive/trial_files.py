"""What the driver of a group keeps of its trials on disk, and reads again to go on."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, read_json, write_json
from ml_experiment.record.manifest import write_manifest
from ml_experiment.record.outcome import Outcome, Status, write_outcome
from ml_experiment.search.results import from_document, to_document


if TYPE_CHECKING:
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.search.messages import TrialResult
    from ml_experiment.search.order import Asked

RESULT = "result.json"
DRAWN = "drawn.json"


class TrialFiles:
    """The run directories of a group's trials.

    Args:
        group: The group's run directory.
        manifest: The group's manifest.
    """

    def __init__(self, group: RunDirectory, manifest: Manifest) -> None:
        self._group = group
        self._manifest = manifest

    def directory(self, number: int) -> RunDirectory:
        """Return the run directory of a trial."""
        return self._group.trial(number)

    def run_id(self, number: int) -> str:
        """Return the identifier of a trial's run."""
        return f"{self._group.run_id}-t{number:05d}"

    def prepare(self, asked: Asked) -> RunDirectory:
        """Make the directory of a trial that is about to run; what was there is gone."""
        run = self.directory(asked.number)
        if run.path.exists():
            shutil.rmtree(run.path)
        run.path.mkdir(parents=True)
        run.parts.mkdir()
        write_json(run.path / DRAWN, {"params": _plain(asked.params)})
        write_manifest(
            run,
            replace(
                self._manifest,
                run_id=self.run_id(asked.number),
                kind="trial",
                seed=asked.seed,
                seed_drawn=False,
                created=time.time(),
            ),
        )
        return run

    def close(self, result: TrialResult) -> None:
        """Write how a trial ended: its outcome first, then the result that counts."""
        run = self.directory(result.number)
        write_outcome(run, _outcome(result))
        write_json(run.result, to_document(result))

    def results(self) -> dict[int, TrialResult]:
        """Return the results that are on disk, in the order in which they came."""
        found = []
        for run in self._group.trials():
            try:
                document = read_json(run.result)
                if document is not None:
                    moment = run.result.stat().st_mtime_ns
                    found.append((moment, from_document(document)))
            except RecordError:
                continue  # written by halves: the trial runs again
        return {result.number: result for _, result in sorted(found, key=_moment)}

    def drawn(self) -> dict[int, dict[str, Any]]:
        """Return the drawn parameters that are on disk, by the number of the trial."""
        found: dict[int, dict[str, Any]] = {}
        for run in self._group.trials():
            try:
                document = read_json(run.path / DRAWN)
            except RecordError:
                continue
            if document is not None and isinstance(document.get("params"), dict):
                found[int(run.path.name)] = document["params"]  # type: ignore[assignment]
        return found


def _moment(found: tuple[int, TrialResult]) -> tuple[int, int]:
    return found[0], found[1].number


def _plain(params: Any) -> Any:
    from ml_experiment.config.json_values import encode

    return {name: encode(value) for name, value in params.items()}


def _outcome(result: TrialResult) -> Outcome:
    status: Status = "FINISHED"
    if result.state == "failed":
        status = "KILLED" if result.cause == "timeout" else "FAILED"
    return Outcome(status=status, reason=result.reason, ended=time.time())
