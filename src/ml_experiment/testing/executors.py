# ruff: noqa: S101 - these are tests
"""What every executor must do, as tests: derive a class from ``ExecutorContract``.

Example:
    >>> class TestMyExecutor(ExecutorContract):
    ...     @pytest.fixture
    ...     def factory(self) -> ExecutorFactory:
    ...         return MyExecutor
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.errors import ScriptError
from ml_experiment.executors.base import Broken, WorkerHello, WorkerSetup
from ml_experiment.executors.resources import Slot, WorkerPlan
from ml_experiment.record.directory import RunDirectory
from ml_experiment.search.messages import StudyDescription, TrialResult, TrialTask


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ml_experiment.executors.base import Executor, ExecutorFactory

LIMIT_S = 60.0
SQUARE = """
from ml_experiment import job

@job
def main(x):
    return {"loss": x * x}

if __name__ == "__main__":
    raise SystemExit("this is no worker")
"""


class Group:
    """A group of trials of one script, given to an executor by hand.

    Args:
        executor: Executes them.
        folder: An existing folder of its own.
        pruner: Name and options of the pruner.
        metrics: Names of the optimised metrics.
        timeout_s: Limit of each trial.
        job: See ``WorkerSetup``.
    """

    def __init__(
        self,
        executor: Executor,
        folder: Path,
        *,
        pruner: tuple[str, Mapping[str, Any]] = ("nop", {}),
        metrics: tuple[str, ...] = ("loss",),
        timeout_s: float | None = None,
        job: tuple[str, str] | None = None,
    ) -> None:
        self.executor = executor
        self.folder = folder
        self._timeout_s = timeout_s
        self._told: list[Any] = []
        self._submitted_told = 0
        self.setup = WorkerSetup(
            study=StudyDescription(
                name="group",
                directions=("minimize",) * len(metrics),
                sampler=("random", {}),
                pruner=pruner,
                space={},
                seed=7,
            ),
            config={"name": "group", "kind": "group", "run": ["s.py"], "num_trials": 9},
            metrics=metrics,
            job=job,
        )

    def task(self, number: int, *, seed: int | None = None, **params: Any) -> TrialTask:
        """Return a trial with these parameters, its run directory made anew."""
        from optuna.trial import TrialState, create_trial

        run = self.run(number)
        run.remove()
        run.path.mkdir(parents=True)
        for folder in run.folders:
            folder.mkdir()
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = number
        trial._trial_id = number  # noqa: SLF001 - as the driver's study has it
        told = tuple(self._told[self._submitted_told :])
        self._submitted_told = len(self._told)
        return TrialTask(
            number=number,
            seed=number if seed is None else seed,
            run_path=str(run.path),
            params=params,
            told=told,
            told_count=len(self._told),
            between=(),
            trial=trial,
            timeout_s=self._timeout_s,
        )

    def tell(self, number: int, value: float, values: Mapping[int, float]) -> None:
        """Add a finished trial to what all later trials are told."""
        from optuna.trial import create_trial

        trial = create_trial(value=value, intermediate_values=dict(values))
        trial.number = number
        trial._trial_id = number  # noqa: SLF001
        self._told.append(trial)

    def run(self, number: int) -> RunDirectory:
        """Return the run directory of a trial."""
        return RunDirectory(self.folder / "trials" / f"{number:05d}")

    def events(self, number: int, kind: str) -> list[dict[str, Any]]:
        """Return the events of one kind in a trial's journal."""
        lines = self.run(number).journal.read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        return [event for event in events if event["event"] == kind]

    def one(self, number: int, **params: Any) -> TrialResult | Broken:
        """Execute one trial alone."""
        self.executor.submit(self.task(number, **params))
        (result,) = self.collect(1)
        return result

    def result(self, number: int, **params: Any) -> TrialResult:
        """Execute one trial alone, which is not broken."""
        result = self.one(number, **params)
        assert isinstance(result, TrialResult), result
        return result

    def all(self, tasks: Sequence[TrialTask]) -> list[TrialResult]:
        """Execute trials, as many at once as there are slots; in order of number."""
        results: list[TrialResult | Broken] = []
        left = list(tasks)
        limit = time.monotonic() + LIMIT_S
        while len(results) < len(tasks) and time.monotonic() < limit:
            while left and self.executor.free:
                self.executor.submit(left.pop(0))
            results += self.executor.wait(1.0)
        assert len(results) == len(tasks)
        found = [each for each in results if isinstance(each, TrialResult)]
        return sorted(found, key=lambda each: each.number)

    def collect(self, count: int) -> list[TrialResult | Broken]:
        """Wait until so many trials have ended."""
        results: list[TrialResult | Broken] = []
        limit = time.monotonic() + LIMIT_S
        while len(results) < count and time.monotonic() < limit:
            results += self.executor.wait(1.0)
        assert len(results) == count
        return results


@contextmanager
def running(
    factory: ExecutorFactory,
    folder: Path,
    script: str = SQUARE,
    *,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[Group]:
    """Give a group of trials of ``script`` while its executor runs."""
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    executor = factory(
        WorkerPlan(slots=tuple(Slot(number=number) for number in range(workers))),
        WorkerHello(script=str(path), cwd=str(folder), seed=7),
        environment=os.environ | dict(environment or {}),
        folder=folder,
    )
    group = Group(executor, folder, **options)
    try:
        executor.start()
        executor.describe(group.setup)
        yield group
    finally:
        executor.shutdown(force=True)


class ExecutorContract:
    """Tests that every executor must pass."""

    @pytest.fixture
    def factory(self) -> ExecutorFactory:
        """Return what makes the executor: to be overridden."""
        raise NotImplementedError

    def test_every_trial_has_its_own_result(
        self, factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        """Results are those of the trials that were given, by their numbers."""
        with running(factory, tmp_path, workers=2) as group:
            results = group.all([group.task(i, x=float(i)) for i in range(6)])

        assert [each.values for each in results] == [(float(i * i),) for i in range(6)]
        assert {each.state for each in results} == {"complete"}

    def test_slots_are_taken_and_given_back(
        self, factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        """A trial takes a slot until it has ended; no more are taken than there are."""
        with running(factory, tmp_path, workers=2) as group:
            before = group.executor.free
            group.executor.submit(group.task(0, x=1))
            during = group.executor.free
            group.executor.submit(group.task(1, x=1))
            with pytest.raises(RuntimeError, match="slots"):
                group.executor.submit(group.task(2, x=1))
            group.collect(2)
            after = group.executor.free

        assert (before, during, after) == (2, 1, 2)

    def test_waiting_for_nothing_returns_at_once(
        self, factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        """Where no trial runs, there is nothing to wait for."""
        with running(factory, tmp_path) as group:
            found = list(group.executor.wait(None))

        assert found == []

    def test_the_users_exception_is_a_result(
        self, factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        """A trial that raises has failed, says why, and the next one is executed."""
        script = "from ml_experiment import job\n@job\ndef main(x):\n    return {'loss': 1 / x}"
        with running(factory, tmp_path, script) as group:
            bad, good = group.result(0, x=0), group.result(1, x=2)

        assert (bad.state, bad.cause) == ("failed", "exception")
        assert "ZeroDivisionError" in bad.reason
        assert good.values == (0.5,)

    def test_seeds_are_the_trials_own(
        self, factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        """What is random depends on the trial's seed, not on the trials before it."""
        script = (
            "import random\nfrom ml_experiment import job\n"
            "@job\ndef main():\n    return {'loss': random.random()}\n"
        )
        with running(factory, tmp_path, script) as group:
            first, other, again = (
                group.result(number, seed=seed) for number, seed in enumerate((5, 6, 5))
            )

        assert first.values == again.values != other.values

    def test_a_script_that_cannot_be_imported_is_a_script_error(
        self, factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        """The group is told once, with what Python says; nothing is tried for ever."""
        script = "import no_such_module_of_mine"
        with running(factory, tmp_path, script, workers=2) as group:
            group.executor.submit(group.task(0))
            with pytest.raises(ScriptError, match="no_such_module_of_mine"):
                group.collect(1)

    def test_shutdown_may_come_twice(
        self, factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        """Whoever cleans up need not know who has cleaned up before."""
        with running(factory, tmp_path) as group:
            group.executor.shutdown()
            group.executor.shutdown(force=True)
