"""Bring MLflow up to date with a run directory: as often as you like, to the same end.

Everything here can be cut off at any point and done again. MLflow's run is found by a tag that
it is created with; metrics carry the journal's own time, so that one sent twice is one; files
have fixed names; the final status comes last.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ml_experiment.errors import MlExperimentError, TrackingError
from ml_experiment.record.locks import hold
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.outcome import read_outcome
from ml_experiment.tracking.faults import explain
from ml_experiment.tracking.group_journal import GroupJournal
from ml_experiment.tracking.names import LONGEST_TAG, shortened
from ml_experiment.tracking.settings import Settings
from ml_experiment.tracking.state import EVIDENCE, Published, StateFile
from ml_experiment.tracking.store import open_store, patiently, waiting
from ml_experiment.tracking.told import REASON_TAG, JournalAccount, first_tags
from ml_experiment.tracking.trial_facts import tell_waiting_trials


if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.outcome import Outcome
    from ml_experiment.tracking.group import OpenGroup
    from ml_experiment.tracking.open_run import OpenRun
    from ml_experiment.tracking.runs import Runs
    from ml_experiment.tracking.second_hand import SecondHand

__all__ = ["Published", "Publisher", "Settings", "publish"]

_OTHER_PUBLISHER_S = 30.0
_PLAIN_JOB = "job"
_GROUP = "group"
_LOOK_EVERY_S = {False: 0.25, True: 0.05}  # whether it is a group: of many short trials
_NOT_CLOSED = "the run is not closed; `ml-experiment sync` closes it"


class Publisher:
    """Publishes one run. Only one may work on a run at a time; see ``publish``.

    Args:
        run: The run directory.
        settings: Where to publish.
        second: Another process to share the trials of a group with.

    Raises:
        RecordError: The directory is not a run directory.
    """

    def __init__(
        self,
        run: RunDirectory,
        settings: Settings,
        second: SecondHand | None = None,
    ) -> None:
        self._run = run
        self._second = second
        self._settings = settings
        self._manifest = read_manifest(run)
        self._state = StateFile(run, settings.masked_uri)
        self._journal = self._new_journal(self._state.value.offset)
        self._open: OpenRun | None = None
        self._group: OpenGroup | None = None

    def _new_journal(self, sent: int) -> JournalAccount:
        if self._manifest.kind == _GROUP:
            return GroupJournal(self._run, sent)
        return JournalAccount(self._run, sent)

    @property
    def look_every_s(self) -> float:
        """Seconds between two looks for news."""
        return _LOOK_EVERY_S[self._manifest.kind == _GROUP]

    @property
    def published(self) -> Published:
        """How far MLflow has been told."""
        return self._state.value

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell since the last ``step``."""
        return (
            self._open is None
            or self._journal.has_grown
            or bool(self._journal.account.points)
            or self._run.outcome.exists()
            or (self._group is not None and self._group.has_news)
        )

    def step(self) -> bool:
        """Tell MLflow all that there is to tell now.

        Returns:
            Whether the run is closed and wholly published.

        Raises:
            TrackingError: MLflow cannot be reached or refuses; call again later.
        """
        try:
            return self._step()
        except TrackingError:
            self._forget()  # what was under way is in doubt; look at it again
            raise
        except Exception as error:
            self._forget()
            raise TrackingError(explain(error, self._settings)) from error

    def note_trouble(self, reason: str) -> None:
        """Note what is wrong just now, while there is hope.

        Args:
            reason: For people, without credentials.
        """
        self._state.save(error=reason)
        if isinstance(self._journal, GroupJournal):
            self._journal.read()
            tell_waiting_trials(self._run, self._settings, self._journal, reason)

    def give_up(self, reason: str = _NOT_CLOSED) -> None:
        """Note why something is pending.

        Args:
            reason: For people, without credentials.
        """
        self._state.save(state="pending", error=reason)

    def _forget(self) -> None:
        self._open = self._group = None
        if self._second is not None:
            self._second.stop()
            self._second = None
        if isinstance(self._journal, GroupJournal):
            # Of the trials all is told again that is not there.
            self._journal.news = dict.fromkeys(self._journal.tale.trials)

    def _step(self) -> bool:
        if self._manifest.kind == _PLAIN_JOB:
            return self._done()
        # The outcome is read first: what is read after it is all there will ever be.
        outcome = read_outcome(self._run)
        if self._state.value.closed and not self._goes_on(outcome):
            return True
        if outcome is not None:
            # The driver has added to it what only the decorator knows.
            self._manifest = read_manifest(self._run)
        self._state.save()
        client = open_store(self._settings)
        with waiting(patiently()):
            if self._open is None:
                self._open = self._find_or_create(client, outcome)
            if self._open is None:
                return True
            self._open.send_journal()
            unwanted = self._is_unwanted(outcome)
            if outcome is not None and self._group is not None and not unwanted:
                self._group.get_ahead()
                self._open.upload()
            self._send_trials(client, self._open, outcome)
            if outcome is None:
                self._open.note_running()
                self._open.send_artifacts()
                return False
            failure = None if self._group is None else self._group.close(outcome)
            self._open.close(outcome, self._manifest, unwanted=unwanted)
            if self._group is not None and unwanted:
                self._group.children.delete()
            elif failure is not None:
                raise failure
        return self._done(outcome=outcome)

    def _goes_on(self, outcome: Outcome | None) -> bool:
        """Return whether a group that was told to be over was taken up again."""
        if self._manifest.kind != _GROUP:
            return False
        told = self._state.value.outcome_ended
        if outcome is not None and told in {None, int(outcome.ended * 1000)}:
            return False
        again = [name for name in self._state.value.artifacts if name != EVIDENCE]
        self._state.save(closed=False, state="connecting", artifacts=again)
        return True

    def _send_trials(
        self, client: MlflowClient, open_run: OpenRun, outcome: Outcome | None
    ) -> None:
        if not isinstance(self._journal, GroupJournal):
            return
        if self._group is None:
            from ml_experiment.tracking.group import OpenGroup

            self._group = OpenGroup(client, open_run, self._journal, self._second)
        # The end of the group is news: its files are uploaded beside the last trials.
        self._group.step(until=lambda: outcome is None and self._run.outcome.exists())

    def _done(self, note: str | None = None, outcome: Outcome | None = None) -> bool:
        ended = None if outcome is None else int(outcome.ended * 1000)
        self._state.save(
            state="closed",
            closed=True,
            error=note,
            in_doubt=False,
            outcome_ended=ended,
        )
        return True

    def _is_unwanted(self, outcome: Outcome | None) -> bool:
        failed = outcome is not None and not outcome.succeeded
        return failed and self._manifest.delete_if_failed

    def _find_or_create(
        self, client: MlflowClient, outcome: Outcome | None
    ) -> OpenRun | None:
        """Return the run in MLflow; ``None`` if there is, rightly, none."""
        from ml_experiment.tracking.open_run import OpenRun
        from ml_experiment.tracking.runs import Runs

        runs = Runs(client, self._settings)
        found = runs.find(self._state.value.mlflow_run_id, self._manifest)
        unwanted = self._is_unwanted(outcome)
        is_new = found is None
        given: dict[str, str] = {}
        if found is None:
            if unwanted:
                self._done()
                return None
            found, given = self._create(runs)
        elif found.info.lifecycle_stage == "deleted":
            self._done(None if unwanted else "the run was deleted in MLflow", outcome)
            return None
        elif found.info.status != "RUNNING" and self._manifest.kind == _GROUP:
            client.update_run(found.info.run_id, status="RUNNING")  # it was resumed
        self._state.save(
            mlflow_run_id=found.info.run_id,
            experiment_id=found.info.experiment_id,
            artifact_uri=self._settings.mask(str(found.info.artifact_uri)),
            state="open",
            error=None,
        )
        return OpenRun(
            run=self._run,
            mlflow_run_id=found.info.run_id,
            manifest=self._manifest,
            settings=self._settings,
            state=self._state,
            journal=self._journal,
            client=client,
            given={REASON_TAG: found.data.tags.get(REASON_TAG, ""), **given},
            # A database refuses doubles by itself.
            in_doubt=not is_new and not self._settings.is_database,
        )

    def _create(self, runs: Runs) -> tuple[Run, dict[str, str]]:
        """Create the run; return it with the tags that it was given."""
        if self._state.value.mlflow_run_id is not None:
            # It is not there any more, and neither is what was sent to it.
            self._state.forget()
            self._journal = self._new_journal(0)
        tags = first_tags(self._run, self._manifest, self._journal.account.tag_names)
        before = self._state.value.in_doubt
        self._state.save(in_doubt=True)
        masked = self._settings.mask_all(tags)
        cut = {
            key: shortened(text, LONGEST_TAG, "manifest.json")
            for key, text in masked.items()
        }
        created = runs.create(self._manifest, cut)
        self._state.save(in_doubt=before)
        return created, masked


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
                publisher.give_up()
        except MlExperimentError as error:
            publisher.give_up(str(error))
        return publisher.published
    finally:
        lock.release()
