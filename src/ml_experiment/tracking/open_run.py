"""One run that exists in MLflow: send it what the run directory holds, and close it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import TrackingError
from ml_experiment.tracking.evidence import artifact_place, lay_out, size_of
from ml_experiment.tracking.faults import explain
from ml_experiment.tracking.names import MOST_METRICS, name_tags
from ml_experiment.tracking.runs import Runs
from ml_experiment.tracking.sending import Sender
from ml_experiment.tracking.state import EVIDENCE
from ml_experiment.tracking.store import patiently, waiting
from ml_experiment.tracking.told import (
    REASON_TAG,
    aspect_tags,
    first_tags,
    git_tags,
    seed_tags,
    verdict_tags,
)


if TYPE_CHECKING:
    from mlflow import MlflowClient

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.outcome import Outcome
    from ml_experiment.tracking.settings import Settings
    from ml_experiment.tracking.state import StateFile
    from ml_experiment.tracking.told import Artifact, JournalAccount, Point


@dataclass(kw_only=True)
class OpenRun:
    """A run in MLflow that is being told.

    Attributes:
        run: The run directory.
        mlflow_run_id: MLflow's identifier of the run.
        manifest: What was asked of the run.
        settings: Where MLflow is.
        state: How far MLflow has been told; kept up to date.
        journal: What there is to tell.
        client: An open store.
        given: Tags that the run has already; user code may have changed them since.
        in_doubt: Metrics may have been sent by an earlier publisher that did not note it.
    """

    run: RunDirectory
    mlflow_run_id: str
    manifest: Manifest
    settings: Settings
    state: StateFile
    journal: JournalAccount
    client: MlflowClient
    given: dict[str, str]
    in_doubt: bool
    _sender: Sender = field(init=False)
    _git: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._sender = Sender(self.client, self.mlflow_run_id, self.given)

    def send_journal(self) -> None:
        """Send the parameters, metrics and tags that are known by now."""
        self.journal.read()
        account = self.journal.account
        if account.params:
            self._sender.send_params(self.settings.mask_all(account.params))
            account.params.clear()
        self._send_metrics(account.points)
        self._git = self._git or git_tags(self.run)
        self.send_tags(seed_tags(account) | self._git)
        self._sender.send_tags(
            name_tags("metric", account.metric_names)
            | name_tags("param", account.param_names)
            | name_tags("tag", account.tag_names)
        )
        self.state.save(state="open", error=None)

    def note_running(self) -> None:
        """Blank the reason of an end that was none: the group was resumed."""
        self.send_tags({REASON_TAG: ""})

    def send_params(self, params: dict[str, str]) -> None:
        """Send parameters, by names that MLflow takes; secrets are masked."""
        self._sender.send_params(self.settings.mask_all(params))

    def send_tags(self, tags: dict[str, str]) -> None:
        """Send tags that are not there yet; secrets are masked."""
        names = self.journal.account.tag_names
        masked = self.settings.mask_all(tags)
        self._sender.send_tags({names[key]: text for key, text in masked.items()})

    def _send_metrics(self, events: list[tuple[int, list[Point]]]) -> None:
        while events:
            count, batch = _together(events)
            if self.in_doubt:
                batch, self.in_doubt = self._sender.missing(batch), False
            self._sender.send_points(batch)
            self.state.save(offset=events[count - 1][0])
            del events[:count]

    def send_artifacts(self) -> None:
        """Upload the newest version of each artifact of the user's."""
        digests = self.state.value.digests
        for artifact in self.journal.account.artifacts.values():
            if digests.get(artifact.name) != artifact.digest:
                self._send_artifact(artifact)

    def _send_artifact(self, artifact: Artifact) -> None:
        path = self.run.path / artifact.path
        place = artifact_place(self.run, artifact.path)
        try:
            with waiting(patiently(size_of(path))):
                if path.is_dir():
                    inside = f"{place}/{path.name}"
                    self.client.log_artifacts(self.mlflow_run_id, str(path), inside)
                else:
                    self.client.log_artifact(self.mlflow_run_id, str(path), place)
        except Exception:
            if path.exists():
                raise
            return  # replaced just now; the journal will say by what
        self.state.value.digests[artifact.name] = artifact.digest
        self._note_uploaded(place)

    def _note_uploaded(self, place: str) -> None:
        places = dict.fromkeys([*self.state.value.artifacts, place])
        self.state.save(artifacts=list(places))

    def _send_evidence(self) -> None:
        if EVIDENCE in self.state.value.artifacts:
            return
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            script = self.manifest.script_name
            largest = lay_out(self.run, script, folder, self.settings.secrets)
            with waiting(patiently(largest)):
                self.client.log_artifacts(self.mlflow_run_id, name)
        self._note_uploaded(EVIDENCE)

    def close(self, outcome: Outcome, manifest: Manifest, *, unwanted: bool) -> None:
        """Upload everything, and give the run its final status.

        Args:
            outcome: How the run ended.
            manifest: As it is at the end: the decorator's tags are in it.
            unwanted: It is to be deleted.
        """
        tags = aspect_tags(self.run) | verdict_tags(self.run)
        names = self.journal.account.tag_names
        self._sender.send_tags(
            self.settings.mask_all(first_tags(self.run, manifest, names))
        )
        self.send_tags(tags | {REASON_TAG: outcome.reason})
        failure = None if unwanted else self.upload()
        # Last of all, so that whoever sees the status sees the rest, too. It is true even if
        # the artifact store is away, and whatever user code has told MLflow.
        ended = int(outcome.ended * 1000)
        self.client.set_terminated(self.mlflow_run_id, outcome.status, ended)
        if unwanted:
            self.client.delete_run(self.mlflow_run_id)
        if self.state.value.in_doubt:
            runs = Runs(self.client, self.settings)
            runs.delete_doubles(self.mlflow_run_id, self.manifest)
        if failure is not None:
            raise failure

    def upload(self) -> TrackingError | None:
        """Upload the evidence and all artifacts of a closed run that are not there yet.

        Returns:
            Why that failed; ``None`` if it did not.
        """
        try:
            self._send_evidence()
            self.send_artifacts()
        except Exception as error:  # noqa: BLE001 - told when the status is set
            place = str(self.state.value.artifact_uri)
            failure = TrackingError(explain(error, self.settings, place))
            failure.__cause__ = error
            return failure
        return None


def _together(events: list[tuple[int, list[Point]]]) -> tuple[int, list[Point]]:
    """Return how many events go into one request, and their points."""
    batch = list(events[0][1])
    count = 1
    for _, points in events[1:]:
        if len(batch) + len(points) > MOST_METRICS:
            break
        batch += points
        count += 1
    return count, batch
