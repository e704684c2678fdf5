"""Bring MLflow up to date with a run directory: as often as you like, to the same end.

Everything here can be cut off at any point and done again. MLflow's run is found by a tag that
it is created with; metrics carry the journal's own time, so that one sent twice is one; files
have fixed names; the final status comes last.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import MlExperimentError, TrackingError
from ml_experiment.record.locks import hold
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.outcome import read_outcome
from ml_experiment.tracking.evidence import artifact_place, lay_out, size_of
from ml_experiment.tracking.faults import explain
from ml_experiment.tracking.names import Names
from ml_experiment.tracking.settings import Settings
from ml_experiment.tracking.state import Published, StateFile
from ml_experiment.tracking.store import open_store, patiently, waiting
from ml_experiment.tracking.told import (
    Artifact,
    JournalAccount,
    aspect_tags,
    first_tags,
    git_tags,
    seed_tags,
)


if TYPE_CHECKING:
    from mlflow import MlflowClient

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.outcome import Outcome
    from ml_experiment.tracking.sending import Sender

__all__ = ["Published", "Publisher", "Settings", "publish"]

_OTHER_PUBLISHER_S = 30.0
_EVIDENCE = "record"
_NOT_CLOSED = "the run is not closed; `ml-experiment sync` closes it"


class Publisher:
    """Publishes one run. Only one may work on a run at a time; see ``publish``.

    Args:
        run: The run directory.
        settings: Where to publish.
    """

    def __init__(self, run: RunDirectory, settings: Settings) -> None:
        self._run = run
        self._settings = settings
        self._manifest = read_manifest(run)
        self._state = StateFile(run, settings.masked_uri)
        self._tag_names = Names()
        self._journal = JournalAccount(run, self._state.value.offset)
        self._client: MlflowClient | None = None
        self._sender: Sender | None = None
        self._resumed = self._state.value.offset > 0

    @property
    def published(self) -> Published:
        """How far MLflow has been told."""
        return self._state.value

    def step(self) -> bool:
        """Tell MLflow all that there is to tell now.

        Returns:
            Whether the run is closed and wholly published.

        Raises:
            TrackingError: MLflow cannot be reached or refuses; call again later.
        """
        if self._state.value.closed:
            return True
        try:
            return self._step()
        except TrackingError:
            raise
        except Exception as error:
            raise TrackingError(explain(error, self._settings)) from error

    def give_up(self, reason: str) -> None:
        """Note why something is pending.

        Args:
            reason: For people, without credentials.
        """
        self._state.save(state="pending", error=reason)

    def note_trouble(self, reason: str) -> None:
        """Note what is wrong just now, while there is hope."""
        self._state.save(error=reason)

    def note_open(self) -> None:
        """Note that the run goes on but that nobody watches it any more."""
        self._state.save(state="pending", error=_NOT_CLOSED)

    def _step(self) -> bool:
        # The outcome is read first: what is read after it is all there will ever be.
        outcome = read_outcome(self._run)
        if self._manifest.kind == "job":
            self._state.save(state="closed", closed=True)
            return True
        if self._state.value.mlflow_run_id is None:
            self._state.save()
        client = self._connect()
        with waiting(patiently()):
            if self._sender is None and not self._find_or_create(client, outcome):
                return True
            self._send_journal()
            if outcome is None:
                self._send_artifacts(client)
                return False
            self._close(client, outcome)
        return True

    def _connect(self) -> MlflowClient:
        self._client = open_store(self._settings)
        return self._client

    def _find_or_create(self, client: MlflowClient, outcome: Outcome | None) -> bool:
        """Set the sender; return whether there is anything to be sent."""
        from ml_experiment.tracking.runs import Runs
        from ml_experiment.tracking.sending import Sender

        runs = Runs(client, self._settings)
        found = runs.find(self._state.value.mlflow_run_id, self._manifest)
        if found is None:
            self._start_again()
            if self._is_unwanted(outcome):
                self._state.save(state="closed", closed=True, error=None)
                return False
            tags = first_tags(self._run, self._manifest, self._tag_names)
            tags = {key: self._settings.mask(text) for key, text in tags.items()}
            self._state.save(in_doubt=True)
            found = runs.create(self._manifest, tags)
        elif found.info.lifecycle_stage == "deleted":
            error = None if self._is_unwanted(outcome) else "deleted in MLflow"
            self._state.save(state="closed", closed=True, error=error)
            return False
        self._sender = Sender(client, found.info.run_id)
        self._state.save(
            mlflow_run_id=found.info.run_id,
            experiment_id=found.info.experiment_id,
            artifact_uri=self._settings.mask(str(found.info.artifact_uri)),
            state="open",
            error=None,
        )
        return True

    def _start_again(self) -> None:
        if self._state.value.offset or self._state.value.artifacts:
            self._state.forget()
            self._journal = JournalAccount(self._run, 0)
            self._resumed = False

    def _is_unwanted(self, outcome: Outcome | None) -> bool:
        failed = outcome is not None and not outcome.succeeded
        return failed and self._manifest.delete_if_failed

    def _send_journal(self) -> None:
        from ml_experiment.tracking.sending import name_tags

        assert self._sender is not None  # noqa: S101 - for the type checker
        self._journal.read()
        account = self._journal.account
        if account.params:
            self._sender.send_params(
                {key: self._settings.mask(text) for key, text in account.params.items()}
            )
            account.params.clear()
        self._send_metrics(self._sender)
        tags = (
            seed_tags(account)
            | git_tags(self._run)
            | name_tags("metric", account.metric_names)
            | name_tags("param", account.param_names)
            | name_tags("tag", self._tag_names)
        )
        self._send_tags(tags)
        self._state.save(state="open", error=None)

    def _send_tags(self, tags: dict[str, str]) -> None:
        assert self._sender is not None  # noqa: S101 - for the type checker
        masked = {
            self._tag_names[key]: self._settings.mask(text) for key, text in tags.items()
        }
        self._sender.send_tags(masked)

    def _send_metrics(self, sender: Sender) -> None:
        from ml_experiment.tracking.sending import MOST_METRICS

        waiting_points = self._journal.account.points
        while waiting_points:
            offset, batch = 0, []
            taken = 0
            for end, points in waiting_points:
                if batch and len(batch) + len(points) > MOST_METRICS:
                    break
                batch += points
                offset = end
                taken += 1
            sender.send_points(batch, may_be_there=self._resumed)
            self._resumed = False
            del waiting_points[:taken]
            self._state.save(offset=offset)

    def _send_artifacts(self, client: MlflowClient) -> None:
        for artifact in list(self._journal.account.artifacts.values()):
            if self._state.value.digests.get(artifact.name) != artifact.digest:
                self._send_artifact(client, artifact)

    def _send_artifact(self, client: MlflowClient, artifact: Artifact) -> None:
        path = self._run.path / artifact.path
        if not path.exists():
            return  # replaced just now; the journal will say by what
        place = artifact_place(self._run, artifact.path)
        run_id = self._state.value.mlflow_run_id
        with waiting(patiently(size_of(path))):
            if path.is_dir():
                client.log_artifacts(run_id, str(path), f"{place}/{path.name}")
            else:
                client.log_artifact(run_id, str(path), place)
        digests = self._state.value.digests | {artifact.name: artifact.digest}
        names = dict.fromkeys([*self._state.value.artifacts, artifact.name])
        self._state.save(digests=digests, artifacts=list(names))

    def _send_evidence(self, client: MlflowClient) -> None:
        if _EVIDENCE in self._state.value.artifacts:
            return
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            secrets = self._settings.secrets()
            largest = lay_out(self._run, self._manifest.script_name, folder, secrets)
            with waiting(patiently(largest)):
                client.log_artifacts(self._state.value.mlflow_run_id, name)
        self._state.save(artifacts=[*self._state.value.artifacts, _EVIDENCE])

    def _close(self, client: MlflowClient, outcome: Outcome) -> None:
        tags = aspect_tags(self._run)
        if outcome.reason:
            tags["ml_experiment.status_reason"] = outcome.reason
        self._send_tags(tags)
        failure = None if self._is_unwanted(outcome) else self._try_upload(client)
        run_id = self._state.value.mlflow_run_id
        # Last of all, so that whoever sees the status sees the rest, too. It is true even if
        # the artifact store is away.
        client.set_terminated(run_id, outcome.status, int(outcome.ended * 1000))
        if self._is_unwanted(outcome):
            client.delete_run(run_id)
        if self._state.value.in_doubt:
            from ml_experiment.tracking.runs import Runs

            Runs(client, self._settings).delete_doubles(run_id, self._manifest)
        if failure is not None:
            raise failure
        self._state.save(state="closed", closed=True, error=None, in_doubt=False)

    def _try_upload(self, client: MlflowClient) -> TrackingError | None:
        try:
            self._send_evidence(client)
            self._send_artifacts(client)
        except Exception as error:  # noqa: BLE001 - told when the status is set
            place = str(self._state.value.artifact_uri)
            failure = TrackingError(explain(error, self._settings, place))
            failure.__cause__ = error
            return failure
        return None


def publish(run: RunDirectory, settings: Settings) -> Published:
    """Publish all that a run directory holds, and close it in MLflow if it is closed here.

    Args:
        run: The run directory.
        settings: Where to publish.

    Returns:
        How far MLflow has been told: ``closed`` if nothing is pending, else ``error`` says why.

    Raises:
        RecordError: The directory is not a run directory.
        TrackingError: Another process is publishing this run just now.
    """
    lock = hold(run.publisher_lock)
    limit = time.monotonic() + _OTHER_PUBLISHER_S
    while lock is None and time.monotonic() < limit:
        time.sleep(0.05)
        lock = hold(run.publisher_lock)
    if lock is None:
        raise TrackingError(f"{run.run_id} is being published by another process")
    try:
        publisher = Publisher(run, settings)
        try:
            if not publisher.step():
                publisher.note_open()
        except MlExperimentError as error:
            publisher.give_up(str(error))
        return publisher.published
    finally:
        lock.release()
