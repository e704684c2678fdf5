"""What the run of a group has in MLflow beyond what every run has: its trials, and the best."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.masking import mask_mapping
from ml_experiment.tracking.child_runs import Parent
from ml_experiment.tracking.children import Children
from ml_experiment.tracking.group_journal import ENDED_STATES, GroupJournal
from ml_experiment.tracking.names import param_text
from ml_experiment.tracking.store import open_store


if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient

    from ml_experiment.errors import TrackingError
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.outcome import Outcome
    from ml_experiment.tracking.group_journal import GroupTale
    from ml_experiment.tracking.open_run import OpenRun
    from ml_experiment.tracking.second_hand import SecondHand
    from ml_experiment.tracking.settings import Settings

_COUNT_EVERY_S = 2.0
_MOST_SHOWN = 50
_TRIALS_DURING_UPLOAD = 16


class OpenGroup:
    """The group's part of a run that is being told.

    Args:
        client: An open store.
        open_run: The group's run in MLflow.
        journal: What there is to tell.
        second: Another process to share the work with.
    """

    def __init__(
        self,
        client: MlflowClient,
        open_run: OpenRun,
        journal: GroupJournal,
        second: SecondHand | None = None,
    ) -> None:
        self._open_run = open_run
        self._journal = journal
        published = open_run.state.value
        parent = Parent(
            run=open_run.run,
            manifest=open_run.manifest,
            mlflow_run_id=open_run.mlflow_run_id,
            experiment_id=str(published.experiment_id),
        )
        self.children = Children(client, open_run.settings, parent, journal, second)
        self._next_count = 0.0

    @property
    def has_news(self) -> bool:
        """Whether a trial has something to tell that the group's journal does not say."""
        return self.children.has_news

    def step(self, *, until: Callable[[], bool]) -> None:
        """Tell MLflow of the trials, and of how the search gets on.

        Args:
            until: Whether there is something else to do first.
        """
        if self._journal.tale.settings:
            self._open_run.send_tags(_search_tags(self._journal.tale))
        self.children.step(until=until)
        if time.monotonic() >= self._next_count:
            self._open_run.send_tags(_progress_tags(self._journal.tale))
            self._next_count = time.monotonic() + _COUNT_EVERY_S

    def get_ahead(self) -> None:
        """Have trials published while the files of the group are."""
        self.children.lend_ahead(_TRIALS_DURING_UPLOAD)

    def close(self, outcome: Outcome) -> TrackingError | None:
        """Close the trials' runs, and tell the result of the search.

        Returns:
            What could not be uploaded of a trial; ``None`` if there is nothing.
        """
        tale = self._journal.tale
        failure = self.children.close(outcome.ended)
        self._open_run.send_tags(_progress_tags(tale))
        names = self._journal.account.param_names
        best = _best_params(tale)
        if outcome.succeeded:
            # MLflow keeps a parameter as it was first told, so it is told at the end only.
            self._open_run.send_params(
                {names[name]: text for name, text in best.items()}
            )
        else:
            self._open_run.send_tags(best)
        return failure


def _search_tags(tale: GroupTale) -> dict[str, str]:
    """Return the tags that say how is searched."""
    settings = tale.settings
    tags = {
        "ml_experiment.sampler": _with_options(settings.get("sampler")),
        "ml_experiment.pruner": _with_options(settings.get("pruner")),
        "ml_experiment.metric": ", ".join(
            f"{name} ({direction})"
            for name, direction in zip(tale.metrics, tale.directions, strict=False)
        ),
    }
    tags |= {
        f"ml_experiment.{name}": str(settings[name])
        for name in ("lookahead", "num_trials", "workers")
        if name in settings
    }
    return {name: text for name, text in tags.items() if text}


def _with_options(chosen: object) -> str:
    if not isinstance(chosen, dict):
        return str(chosen or "none").lower()
    name, options = str(chosen.get("name")), chosen.get("options")
    if not options:
        return name
    return f"{name} {json.dumps(mask_mapping(options), ensure_ascii=False)}"


def _progress_tags(tale: GroupTale) -> dict[str, str]:
    """Return the tags that say how the search gets on."""
    tags = {
        f"ml_experiment.trials_{state}": str(tale.count(state))
        for state in ENDED_STATES
    }
    if tale.best is not None:
        tags["ml_experiment.best_trial"] = str(tale.best.number)
    elif len(tale.directions) > 1 and (front := tale.front()):
        shown = ", ".join(str(trial.number) for trial in front[:_MOST_SHOWN])
        more = len(front) - _MOST_SHOWN
        tags["ml_experiment.best_trials"] = shown + (f" (+{more})" if more > 0 else "")
    return tags


def _best_params(tale: GroupTale) -> dict[str, str]:
    """Return the parameters of the best trial."""
    if tale.best is None:
        return {}
    params = mask_mapping(tale.best_params)
    return {f"best.{name}": param_text(value) for name, value in params.items()}


def publisher_of_trials(
    run: RunDirectory, settings: Settings
) -> Callable[[str, str], Callable[[int], TrackingError | None]]:
    """Return what a second process publishes trials with; nothing is opened yet.

    Args:
        run: The group's run directory.
        settings: Where to publish.
    """

    def begin(
        mlflow_run_id: str, experiment_id: str
    ) -> Callable[[int], TrackingError | None]:
        parent = Parent(
            run=run,
            manifest=read_manifest(run),
            mlflow_run_id=mlflow_run_id,
            experiment_id=experiment_id,
        )
        client = open_store(settings)
        return Children(client, settings, parent, GroupJournal(run, 0)).end

    return begin
