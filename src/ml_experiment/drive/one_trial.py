"""Run one trial of a recorded group again: its parameters, its seed, and no search.

It is executed by a worker, as it was in its group, so that it meets the very same process:
seeded alike, with as many threads, with the same data mapped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.drive.group import GroupFailedError, check_job, describe_study
from ml_experiment.drive.group_events import GroupEvents
from ml_experiment.drive.objective import objective_of
from ml_experiment.drive.recorded import RecordedGroup, advice_of
from ml_experiment.drive.trial_files import TrialFiles
from ml_experiment.drive.trial_workers import workers_of
from ml_experiment.errors import RecordError
from ml_experiment.executors.base import MOST_STARTS, Broken
from ml_experiment.executors.resources import plan_again
from ml_experiment.record.manifest import read_manifest
from ml_experiment.search.again import asked_again
from ml_experiment.search.results import completed, settled


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.config.models import GroupConfig
    from ml_experiment.drive.spec import JobSpec
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Journal
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.reproduction import Reproduction
    from ml_experiment.search.asked import Asked
    from ml_experiment.search.messages import TrialResult


class OneTrial:
    """Drives one trial of a group that ran before.

    Args:
        spec: The job.
        config: The group's config.
        run: The new group's run directory.
        manifest: What was asked.
        journal: Its journal, open for writing.
        repeats: The group that ran before, and the number of the trial.
        on_loaded: Called when the data are loaded.

    Raises:
        ConfigError: The config does not fit the job.
        RecordError: The trial has no recorded result.
    """

    def __init__(
        self,
        spec: JobSpec,
        config: GroupConfig,
        run: RunDirectory,
        manifest: Manifest,
        journal: Journal,
        *,
        repeats: Reproduction,
        on_loaded: Callable[[], None],
    ) -> None:
        check_job(spec, config, manifest)
        self._spec, self._config, self._run = spec, config, run
        self._manifest, self._on_loaded = manifest, on_loaded
        self._objective = objective_of(config, spec)
        self._study = describe_study(config, self._objective, manifest.seed)
        self._recorded = RecordedGroup(repeats.recorded)
        self._plan = plan_again(config, workers=1, variables=repeats.worker_switches)
        self._files = TrialFiles(run, manifest)
        self._events = GroupEvents(
            journal, spec.callbacks, config, self._files, cwd=manifest.cwd
        )
        self._number = int(repeats.trial or 0)
        self.best: dict[str, float] = {}

    def drive(self) -> None:
        """Run the trial.

        Raises:
            GroupFailedError: It has not succeeded.
        """
        result = self._recorded.results.get(self._number)
        if result is None:
            raise RecordError(f"trial {self._number} has no recorded result")
        asked = self._asked(result)
        lookahead = self._config.lookahead
        self._events.group(
            self._study,
            num_trials=1,
            lookahead=lookahead if isinstance(lookahead, int) else None,
            metrics=self._objective.names,
            workers=1,
        )
        if result.depends_on_time:
            self._on_loaded()
            self._take(asked, result)
        else:
            self._execute(asked, result)

    def _take(self, asked: Asked, result: TrialResult) -> None:
        """Take the outcome of a trial that was ended from outside."""
        run = self._files.prepare(asked)
        self._recorded.lay(asked.number, run)
        self._events.trial_started(asked, {**self._config.params, **asked.params})
        self._events.replayed(result)
        self._close(asked, result)

    def _execute(self, asked: Asked, result: TrialResult) -> None:
        with workers_of(
            self._spec,
            self._config,
            self._run,
            self._manifest,
            self._events.journal,
            plan=self._plan,
            study=self._study,
            metrics=self._objective.names,
            on_loaded=self._on_loaded,
        ) as executor:
            params = {**self._config.params, **asked.params}
            for _ in range(MOST_STARTS):
                run = self._files.prepare(asked)
                task = asked.task(
                    run_path=str(run.path),
                    params=params,
                    told=(),
                    timeout_s=self._config.timeout_per_trial,
                    recorded=advice_of(result),
                )
                executor.submit(task)
                self._events.trial_started(asked, params)
                ended = next(iter(executor.wait()))
                if not isinstance(ended, Broken):
                    break
                self._events.broken(ended)
            else:
                raise GroupFailedError(f"its worker was killed {MOST_STARTS} times")
        self._close(asked, settled(ended, len(self._objective.names)))

    def _close(self, asked: Asked, result: TrialResult) -> None:
        result = completed(result, asked.trial)
        self._files.close(result)
        self._events.trial_ended(result, asked)
        if result.state == "failed":
            raise GroupFailedError(f"trial {self._number} failed: {result.reason}")
        if result.values is not None:
            self._events.best(result)
            self.best = dict(zip(self._objective.names, result.values, strict=True))

    def _asked(self, result: TrialResult) -> Asked:
        """Return the trial as its group's driver had asked for it."""
        number = self._number
        drawn = self._recorded.drawn_as_values().get(number)
        if drawn is None:
            raise RecordError(f"the parameters of trial {number} were not recorded")
        seed = read_manifest(self._recorded.trial(number)).seed
        return asked_again(self._study, result, drawn, seed)
