"""The runs of a group's trials in MLflow: one for each trial, whatever happens.

A trial's run is found by the tag that it is created with, and what has been told of it is
noted in the trial's own ``published.json``, last of all: whatever a publisher was doing
when it was killed is done again by the next one.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import TrackingError
from ml_experiment.tracking.child import Child
from ml_experiment.tracking.child_runs import (
    DELETED,
    Parent,
    by_run_id,
    delete_doubles,
    runs_of_trials,
)
from ml_experiment.tracking.group_journal import RUNNING
from ml_experiment.tracking.one_session import forget_earlier, session_of_new_run
from ml_experiment.tracking.state import StateFile
from ml_experiment.tracking.told import REASON_TAG
from ml_experiment.tracking.trial_facts import (
    PARENT_TAG,
    STATE_TAG,
    UNFINISHED,
    common_tags,
    ending_of,
    note_published,
    state_tags,
    trial_directory,
    trial_tags,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.tracking.group_journal import GroupJournal, TrialTale
    from ml_experiment.tracking.second_hand import SecondHand
    from ml_experiment.tracking.settings import Settings
    from ml_experiment.tracking.trial_facts import Ending

_LIVE_EVERY_S = 1.0
_MOST_LENT = 6
_FEWEST_LENT = 2  # with more than these it does not run out of work


class Children:
    """Keeps the runs of the trials up to date.

    Args:
        client: An open store.
        settings: Where it is.
        parent: The group's run.
        journal: What there is to tell of the trials.
        second: Another process to share the work with.
    """

    def __init__(
        self,
        client: MlflowClient,
        settings: Settings,
        parent: Parent,
        journal: GroupJournal,
        second: SecondHand | None = None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._parent = parent
        self._journal = journal
        self._common_tags = common_tags(
            parent.run, parent.manifest, parent.mlflow_run_id
        )
        self._index = self._search()
        self._open: dict[int, Child] = {}
        self._next_look = 0.0
        self._failures: dict[int, TrackingError] = {}
        self._second = second
        self._elsewhere: set[int] = set()

    @property
    def has_news(self) -> bool:
        """Whether a trial that runs may have something to tell."""
        return bool(self._journal.news) or (
            bool(self._open) and time.monotonic() >= self._next_look
        )

    def step(self, *, until: Callable[[], bool]) -> None:
        """Tell MLflow of the trials that started, got on or ended.

        Args:
            until: Whether there is something else to do first.
        """
        self._collect()
        news = self._journal.news
        while news and not until():
            self._lend(news)
            number = self._next_of(news)
            if number is None:
                break
            trial = self._journal.tale.trials[number]
            if number in self._elsewhere:
                self._look_again()
            if trial.state == RUNNING:
                self._begin(trial)
            else:
                self._end(trial, trial.ended or trial.started)
            del news[number]  # only now: what fails is tried again
        if time.monotonic() >= self._next_look:
            for child in self._open.values():
                child.send_live()
            self._next_look = time.monotonic() + _LIVE_EVERY_S

    def lend_ahead(self, trials: int) -> None:
        """Give the second process enough to do while this one does something else.

        Args:
            trials: How many it could publish meanwhile.
        """
        self._lend(self._journal.news, trials)

    def close(self, ended: float) -> TrackingError | None:
        """Leave no trial running: the group is over.

        Args:
            ended: When it ended, in seconds since the epoch.

        Returns:
            What could not be uploaded of a trial; ``None`` if there is nothing.
        """
        self._collect(wait=True)
        if self._journal.news:
            self.step(until=lambda: False)  # what it has left undone
        for trial in self._journal.tale.trials.values():
            if trial.state == RUNNING:
                self._end(trial, ended)
        known = {trial.run_id for trial in self._journal.tale.trials.values()}
        for run_id, found in self._index.items():
            if run_id not in known and found.info.status == "RUNNING":
                self._terminate(found, ended)
        if not self._settings.is_database:
            delete_doubles(self._client, self._all_runs(), self._index)
        return next(iter(self._failures.values()), None)

    def end(self, number: int) -> TrackingError | None:
        """Tell all of one trial that has ended, as the second process.

        Returns:
            What could not be uploaded; ``None`` if there is nothing.
        """
        self._journal.read()
        trial = self._journal.tale.trials[number]
        self._end(trial, trial.ended or trial.started)
        return self._failures.pop(number, None)

    def delete(self) -> None:
        """Delete them all: the group is not wanted."""
        self._look_again()
        for found in self._index.values():
            if found.info.lifecycle_stage != DELETED:
                self._client.delete_run(found.info.run_id)

    def _next_of(self, news: dict[int, None]) -> int | None:
        """Return the trial to tell of next: one that has ended, if there is one.

        Meanwhile many a short trial ends that would be told to run.
        """
        trials = self._journal.tale.trials
        for _ in range(2):
            for number in news:
                if trials[number].state != RUNNING:
                    return number
            self._journal.read()
        return next(iter(news), None)

    # Sharing the work.

    def _lend(self, news: dict[int, None], ahead: int = 0) -> None:
        """Give the second process a part of the queue, if it has little to do."""
        self._collect()
        if self._second is None or len(self._second.lent) > _FEWEST_LENT + ahead:
            return
        trials = self._journal.tale.trials
        new = [
            number
            for number in news
            if trials[number].state != RUNNING
            and number not in self._open
            and number not in self._elsewhere
            and trials[number].run_id not in self._index
        ]
        # Such that both would be done at the same time, if nothing more came.
        lent = len(self._second.lent)
        count = min((len(new) + ahead - lent) // 2, _MOST_LENT + ahead - lent, len(new))
        if count <= 0:
            return
        part = new[-count:]
        parent = self._parent
        self._elsewhere.update(part)
        if not self._second.lend(parent.mlflow_run_id, parent.experiment_id, part):
            self._do_without()
            return
        for number in part:
            del news[number]

    def _collect(self, *, wait: bool = False) -> None:
        """Take note of what the second process has done.

        Args:
            wait: Until it has done everything.
        """
        while self._second is not None and self._second.lent:
            try:
                done = self._second.done(wait=wait)
            except (TrackingError, OSError, ValueError) as error:
                sys.stderr.write(f"going on alone: {error}\n")
                self._do_without()
                return
            for number, failure in done:
                if failure is not None:
                    self._failures[number] = TrackingError(failure)
            if not wait:
                return

    def _do_without(self) -> None:
        """Take back what was lent: the second process is of no more use."""
        if self._second is not None:
            self._second.stop()
            self._journal.news |= dict.fromkeys(self._second.lent)
            self._second = None

    def _look_again(self) -> None:
        """Learn of the runs that the second process has made."""
        if self._elsewhere:
            self._index = self._search()
            lent = [] if self._second is None else self._second.lent
            self._elsewhere = set(lent)

    def _search(self) -> dict[str, Run]:
        """Return the runs that there are, by our identifier."""
        return by_run_id(self._all_runs())

    def _all_runs(self) -> Iterator[Run]:
        return runs_of_trials(
            self._client, self._parent.experiment_id, self._parent.run.run_id
        )

    def _begin(self, trial: TrialTale) -> None:
        """Create the run of a trial that has started, or take it up again."""
        run = trial_directory(self._parent.run, trial)
        found = self._index.get(trial.run_id)
        if found is not None and found.info.lifecycle_stage == DELETED:
            return
        child = self._child(trial, run)
        if found is None:
            child.tags |= state_tags(RUNNING, trial.attempt)
            found = self._create(trial, child)
        else:
            forget_earlier(self._client, found, trial.started)
            told = found.data.tags
            child.take_up(found, state_tags(RUNNING, trial.attempt, before=told))
        child.mlflow_run_id = found.info.run_id
        self._open[trial.number] = child
        self._note(run, found, state="open", error=None)

    def _child(self, trial: TrialTale, run: RunDirectory) -> Child:
        child = Child(self._client, self._settings, run, trial)
        child.tags = self._common_tags | trial_tags(trial)
        return child

    def _create(self, trial: TrialTale, child: Child) -> Run:
        created = self._client.create_run(
            self._parent.experiment_id,
            start_time=int(trial.started * 1000),
            tags=child.initial_tags(),
            run_name=f"Trial {trial.number}",
        )
        self._index[trial.run_id] = created
        return created

    def _end(self, trial: TrialTale, over: float) -> None:
        """Tell all that there is of a trial, its final status last."""
        run = trial_directory(self._parent.run, trial)
        ending = ending_of(trial, run, over)
        found = self._index.get(trial.run_id)
        if found is not None and found.info.lifecycle_stage == DELETED:
            return
        child = self._open.pop(trial.number, None)
        if child is not None and child.trial.started != trial.started:
            child = None  # of an earlier attempt
        if child is None:
            if found is not None and self._is_told(
                run, found, int(ending.ended * 1000)
            ):
                return
            if found is None:
                child, found = self._begin_ended(trial, run, ending)
            else:
                forget_earlier(self._client, found, trial.started)
                child = self._child(trial, run)
                # A database refuses doubles by itself.
                child.in_doubt = not self._settings.is_database
        assert found is not None  # noqa: S101 - an open child has been found or created
        child.mlflow_run_id, child.trial = found.info.run_id, trial
        told = found.data.tags
        child.tags |= state_tags(
            ending.state, trial.attempt, ending.reason, before=told
        )
        failure = child.close(ending)
        told[REASON_TAG] = ending.reason  # it may be tried again
        self._failures.pop(trial.number, None)
        if failure is not None:
            self._failures[trial.number] = failure
        self._note(
            run,
            found,
            state="pending" if failure is not None else "closed",
            closed=failure is None,
            error=None if failure is None else str(failure),
            outcome_ended=int(ending.ended * 1000),
        )

    def _begin_ended(
        self, trial: TrialTale, run: RunDirectory, ending: Ending
    ) -> tuple[Child, Run]:
        """Create the run of a trial that has ended meanwhile, and tell what is quick."""
        final = state_tags(ending.state, trial.attempt, ending.reason)

        def begin() -> tuple[Child, Run]:
            child = self._child(trial, run)
            child.tags |= final
            found = self._create(trial, child)
            child.mlflow_run_id = found.info.run_id
            return child, found

        if self._settings.scheme != "sqlite":
            return begin()
        try:
            with session_of_new_run(self._client):
                child, found = begin()
                child.tell()
                if not child.has_files:
                    child.close(ending)
                return child, found
        except Exception as error:  # noqa: BLE001 - what is wrong is met again, and told
            sys.stderr.write(f"trial {trial.number}, step by step: {error}\n")
        self._index = self._search()
        child = self._child(trial, run)
        known = self._index.get(trial.run_id)
        return begin() if known is None else (child, known)

    def _note(self, run: RunDirectory, found: Run, **changes: Any) -> None:
        """Note in the trial's run directory how far MLflow has been told."""
        note_published(
            run,
            self._settings,
            mlflow_run_id=found.info.run_id,
            experiment_id=self._parent.experiment_id,
            artifact_uri=self._settings.mask(str(found.info.artifact_uri)),
            **changes,
        )

    def _is_told(self, run: RunDirectory, found: Run, ended_ms: int) -> bool:
        """Return whether an earlier publisher has told all of a trial."""
        noted = StateFile(run, self._settings.masked_uri).value
        return (
            noted.closed
            and noted.mlflow_run_id == found.info.run_id
            and noted.outcome_ended == ended_ms
            and found.info.status != "RUNNING"
            and found.data.tags.get(PARENT_TAG) == self._parent.mlflow_run_id
        )

    def _terminate(self, found: Run, ended: float) -> None:
        self._client.set_tag(found.info.run_id, STATE_TAG, UNFINISHED)
        self._client.set_terminated(found.info.run_id, "KILLED", int(ended * 1000))
