"""A group: many trials, one search. The driver decides what runs next, and nobody else.

It asks for trials in a fixed order (``search.order``), has them executed somewhere
(``executors``), and keeps everything on disk before it tells the search: whoever kills it
at whatever moment, the same command with ``--resume`` comes to the same end.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from ml_experiment.config.entry_point import check_parameters, from_signature
from ml_experiment.config.models import (
    GroupConfig,
    PrunerConfig,
    SamplerConfig,
    to_document,
)
from ml_experiment.drive.beside import SideBySide
from ml_experiment.drive.group_events import GroupEvents, shared_before
from ml_experiment.drive.objective import Objective, objective_of
from ml_experiment.drive.recorded import RecordedGroup
from ml_experiment.drive.trial_files import TrialFiles
from ml_experiment.drive.trial_workers import workers_of
from ml_experiment.errors import MlExperimentError
from ml_experiment.executors.base import MOST_STARTS, Broken
from ml_experiment.executors.deaths import killed_each_time
from ml_experiment.executors.resources import plan_again, plan_workers
from ml_experiment.search.messages import StudyDescription
from ml_experiment.search.optuna_view import OptunaView
from ml_experiment.search.order import FixedOrder


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.drive.beside import Judged
    from ml_experiment.drive.spec import JobSpec
    from ml_experiment.executors.base import Executor
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Journal
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.reproduction import Reproduction
    from ml_experiment.search.messages import Recorded, TrialResult
    from ml_experiment.search.order import Asked


class GroupFailedError(MlExperimentError):
    """No trial of a group has succeeded."""


class GroupDriver:
    """Drives one group from its first trial to its last.

    Args:
        spec: The job.
        config: The group's config.
        run: The group's run directory.
        manifest: What was asked.
        journal: Its journal, open for writing.
        storage: Where the search is shown to Optuna's own tools.
        on_loaded: Called when the data are loaded: from here on no code of the user's
            runs in this process, but for callbacks.
        repeats: The earlier group that this one repeats.

    Raises:
        ConfigError: The config does not fit the job, the search or the machine.
    """

    def __init__(
        self,
        spec: JobSpec,
        config: GroupConfig,
        run: RunDirectory,
        manifest: Manifest,
        journal: Journal,
        *,
        storage: str,
        on_loaded: Callable[[], None],
        repeats: Reproduction | None = None,
    ) -> None:
        self._spec, self._config, self._run = spec, config, run
        self._manifest, self._on_loaded = manifest, on_loaded
        self._objective = objective_of(config, spec)
        check_job(spec, config, manifest)
        self._description = describe_study(config, self._objective, manifest.seed)
        lookahead = config.lookahead
        self._order = FixedOrder(
            self._description,
            num_trials=config.num_trials,
            lookahead=lookahead if isinstance(lookahead, int) else None,
            retries=config.retries,
            max_failures=config.max_failures,
        )
        self._recorded: RecordedGroup | None = None
        if repeats is None:
            self._plan = plan_workers(config)
        else:
            self._recorded = RecordedGroup(repeats.recorded)
            self._plan = plan_again(
                config, workers=repeats.workers, variables=repeats.worker_switches
            )
        self._files = TrialFiles(run, manifest)
        self._events = GroupEvents(
            journal, spec.callbacks, config, self._files, cwd=manifest.cwd
        )
        self._view = OptunaView(
            storage, f"{config.name} {manifest.run_id}", self._objective.directions
        )
        self._running: dict[int, Asked] = {}
        self._beside = SideBySide(len(self._plan.slots), shared_before(run))
        self._kills: Counter[int] = Counter()
        self._sent = 0  # how many told trials the executor knows

    @property
    def best(self) -> dict[str, float]:
        """The optimised metrics of the best trial; empty if none has succeeded."""
        best = self._order.best
        if best is None or best.values is None:
            return {}
        return dict(zip(self._objective.names, best.values, strict=True))

    def drive(self) -> None:
        """Run the trials that have not run yet.

        Raises:
            GroupFailedError: None of them has succeeded.
            SearchChangedError: The trials on disk are not those of this search.
        """
        self._announce()
        self._replay()
        if not self._order.done:
            with workers_of(
                self._spec,
                self._config,
                self._run,
                self._manifest,
                self._events.journal,
                plan=self._plan,
                study=self._description,
                metrics=self._objective.names,
                on_loaded=self._on_loaded,
            ) as executor:
                self._view.publish(self._order.told_trials())
                self._loop(executor)
        self._on_loaded()
        self._finish()

    def _announce(self) -> None:
        for line in self._plan.message.splitlines():
            sys.stderr.write(f"{line}\n")
        self._events.group(
            self._description,
            num_trials=self._order.limit,
            lookahead=self._order.lookahead,
            metrics=self._objective.names,
            workers=len(self._plan.slots),
        )

    def _replay(self) -> None:
        results = self._files.results()
        if results:
            told = self._order.replay(results, self._files.drawn())
            self._events.resumed(len(results), len(told))
        elif self._recorded is not None and self._order.lookahead is None:
            # What was drawn depended on the clock, so it cannot be drawn again.
            self._order.replay({}, self._recorded.drawn_as_values())

    def _loop(self, executor: Executor) -> None:
        while not self._order.done:
            while (
                executor.free
                and self._beside.may_begin
                and (asked := self._order.next_task()) is not None
            ):
                if not self._take_recorded(asked):
                    self._submit(executor, asked)
            if not self._running:
                return  # the sampler has no more, or too many have failed
            for ended in executor.wait():
                for judged in self._beside.end(ended):
                    self._take(judged)
            for name in self._beside.news():
                self._events.shared(name)

    def _take_recorded(self, asked: Asked) -> bool:
        """Take the outcome of a trial that was ended from outside, when it ran before."""
        result = None if self._recorded is None else self._recorded.outcome_of(asked)
        if result is None or self._recorded is None:
            return False
        run = self._files.prepare(asked)
        self._recorded.lay(asked.number, run)
        self._events.trial_started(asked, {**self._config.params, **asked.params})
        self._events.replayed(result)
        self._accept(result, asked)
        return True

    def _submit(self, executor: Executor, asked: Asked) -> None:
        run = self._files.prepare(asked)
        # What is drawn wins over what is fixed: a space can be laid over an experiment.
        params = {**self._config.params, **asked.params}
        executor.submit(
            asked.task(
                run_path=str(run.path),
                params=params,
                told=self._order.told_to(asked, self._sent),
                timeout_s=self._config.timeout_per_trial,
                recorded=self._advice(asked),
            )
        )
        self._sent = max(self._sent, asked.told_count)
        self._running[asked.number] = asked
        self._beside.begin(asked.number)
        self._events.trial_started(asked, params)

    def _take(self, judged: Judged) -> None:
        ended = judged.ended
        asked = self._running.pop(ended.number)
        if judged.clash is not None:
            self._events.spoilt(judged)
            self._order_again(asked)
        elif not isinstance(ended, Broken):
            self._accept(ended, asked)
        elif self._may_start_again(ended):
            # Killed from outside: nobody's fault, so it runs again as if nothing had been.
            self._events.broken(ended)
            self._order_again(asked)
        else:
            task = asked.task(run_path="", params={}, told=())
            self._accept(killed_each_time(task, ended), asked)

    def _may_start_again(self, ended: Broken) -> bool:
        """Count one more kill from outside, and tell if the trial may run once more."""
        self._kills[ended.number] += 1
        return self._kills[ended.number] < MOST_STARTS

    def _advice(self, asked: Asked) -> Recorded | None:
        """Return what the search is to tell a trial; ``None``: it thinks for itself."""
        if self._recorded is None or self._order.lookahead is not None:
            return None
        return self._recorded.advice(asked.number)

    def _accept(self, ended: TrialResult, asked: Asked) -> None:
        accepted = self._order.accept(ended)
        if accepted.retried:
            self._events.retried(accepted.result)
            return
        self._files.close(accepted.result)
        self._events.trial_ended(accepted.result, asked)
        if accepted.told:
            self._view.publish(self._order.told_trials())
            self._events.best(self._order.best)

    def _order_again(self, asked: Asked) -> None:
        self._order.give_back([asked])
        shutil.rmtree(self._files.directory(asked.number).path, ignore_errors=True)

    def _finish(self) -> None:
        self._view.publish(self._order.told_trials(), at_once=True)
        for problem in self._view.problems:
            self._events.note(f"Optuna's storage: {problem}")
        if self._order.stopped:
            self._events.note(self._order.stopped)
        start = self._order.may_depend_on_time_from
        if start is not None:
            self._events.note(
                f"from trial {start} on the search may differ another time: "
                + ("lookahead: none" if self._order.lookahead is None else "a timeout")
            )
        self._events.best(self._order.best)
        if self._order.best is None:
            reasons = [item.reason for item in self._order.results.values()]
            first = f"; the first one: {reasons[0]}" if reasons else ""
            raise GroupFailedError(
                f"none of {len(reasons)} trials has succeeded{first}\n"
                f"  their consoles are in {self._run.path / 'trials'}"
            )


def check_job(spec: JobSpec, config: GroupConfig, manifest: Manifest) -> None:
    """Check the group's parameters against the signature of the job's function.

    Raises:
        ParameterError: One is unknown or missing.
    """
    import inspect

    check_parameters(
        dict.fromkeys([*config.params, *config.param_space]),
        from_signature(inspect.signature(spec.function)),
        source=manifest.script,
    )


def describe_study(
    config: GroupConfig, objective: Objective, seed: int
) -> StudyDescription:
    """Return what a worker must know of the study of a group."""
    document: Any = to_document(config)
    return StudyDescription(
        name=config.name,
        directions=objective.directions,
        sampler=_named(config.sampler, "tpe"),
        pruner=_named(config.pruner, "nop"),
        space=document["param_space"],
        seed=seed,
    )


def _named(value: object, default: str) -> tuple[str, dict[str, Any]]:
    if value is None:
        return default, {}
    if isinstance(value, (SamplerConfig, PrunerConfig)):
        return str(value.name.value), dict(value.options)
    return str(getattr(value, "value", value)), {}
