"""Trials in worker processes on this machine: interpreters that import the script once.

One thread waits for all of them at once: for results, for the end of a process, for the
moment when a trial has used up its time.
"""

from __future__ import annotations

import dataclasses
import selectors
import time
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import ScriptError
from ml_experiment.executors.deaths import (
    CUT_OFF,
    cut_off,
    describe_exit,
    failed,
    from_outside,
    judge_death,
    timed_out,
)
from ml_experiment.executors.orphans import Reaper
from ml_experiment.executors.worker_process import WorkerProcess, message_of
from ml_experiment.record.memory import out_of_memory_kills
from ml_experiment.search.messages import TrialResult


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from ml_experiment.executors.base import Broken, WorkerHello, WorkerSetup
    from ml_experiment.executors.resources import Slot, WorkerPlan
    from ml_experiment.search.messages import TrialTask

# Where no descriptor tells of the end of a process, it is looked for this often.
_LOOK_S = 0.1
_STOP_S = 5.0
# A worker that is killed from outside while it starts is started again, but not for ever.
_STARTS = 20


class ProcessExecutor:
    """Executes trials in processes of this machine. See ``executors.base.Executor``.

    Args:
        plan: How many workers, and what each may use.
        hello: What they are told first.
        environment: Environment of the workers, but for what the plan sets.
        folder: Existing folder for what workers print outside of trials.
        driver_threads: See ``Slot.environment``.
    """

    def __init__(
        self,
        plan: WorkerPlan,
        hello: WorkerHello,
        *,
        environment: Mapping[str, str],
        folder: Path,
        driver_threads: int | None = None,
    ) -> None:
        self.slots = len(plan.slots)
        self._plan = plan
        self._hello = hello
        self._environments = {
            slot.number: slot.environment(environment, driver_threads=driver_threads)
            for slot in plan.slots
        }
        self._folder = folder
        self._setup: WorkerSetup | None = None
        self._workers: dict[int, WorkerProcess] = {}
        self._selector = selectors.DefaultSelector()
        self._told: list[FrozenTrial] = []
        self._finished: list[TrialResult | Broken] = []
        self._failed_starts = 0
        self._memory_kills = 0
        self._reaper = Reaper()
        self._failure: ScriptError | None = None

    @property
    def free(self) -> int:
        """How many trials can be submitted now."""
        return sum(worker.task is None for worker in self._workers.values())

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers, by slot."""
        return [worker.pid for _, worker in sorted(self._workers.items())]

    def start(self) -> None:
        """Start all workers at once, and do not wait for them."""
        self._memory_kills = out_of_memory_kills()
        self._reaper.start()
        for slot in self._plan.slots:
            self._start(slot)

    def describe(self, setup: WorkerSetup) -> None:
        """Tell the workers what the group is."""
        self._setup = setup
        for number, worker in self._workers.items():
            worker.channel.send(("setup", setup))
            self._listen(number)

    def submit(self, task: TrialTask) -> None:
        """Have a trial executed, by a worker that is ready if there is one.

        Raises:
            RuntimeError: No slot is free, or ``describe`` has not been called.
        """
        if self._setup is None:
            raise RuntimeError("describe() comes before submit()")
        idle = [
            (not worker.ready, number)
            for number, worker in self._workers.items()
            if worker.task is None
        ]
        if not idle:
            raise RuntimeError(f"all {self.slots} slots are taken")
        _, number = min(idle)
        self._remember(task)
        worker = self._workers[number]
        news = tuple(self._told[worker.seen : task.told_count])
        worker.seen = max(worker.seen, task.told_count)
        worker.begin(task, ("task", dataclasses.replace(task, told=news)))
        self._listen(number)

    def wait(self, timeout_s: float | None = None) -> Sequence[TrialResult | Broken]:
        """Return the trials that have ended since the last call.

        Raises:
            ScriptError: The script cannot be imported by the workers.
        """
        limit = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._look(self._pause(limit))
            if self._failure is not None:
                raise self._failure
            waiting = self.free < self.slots
            over = limit is not None and time.monotonic() >= limit
            if self._finished or over or not waiting:
                finished, self._finished = self._finished, []
                return finished

    def shutdown(self, *, force: bool = False) -> None:
        """End the workers; trials that are running are lost."""
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            if force or worker.task is not None or not worker.ready:
                worker.kill()
            else:
                worker.channel.send(("stop", None))
        limit = time.monotonic() + _STOP_S
        for worker in workers.values():
            if not worker.wait_for_end(max(0.0, limit - time.monotonic())):
                worker.kill()
                worker.wait_for_end(_STOP_S)
            worker.bury()
        self._selector.close()
        self._selector = selectors.DefaultSelector()
        self._reaper.stop()

    # Starting.

    def _start(self, slot: Slot) -> None:
        worker = WorkerProcess(
            self._environments[slot.number],
            self._folder / f"worker-{slot.number}.log",
            self._hello.cwd,
        )
        self._workers[slot.number] = worker
        self._selector.register(
            worker.channel.reading, selectors.EVENT_READ, slot.number
        )
        if worker.end is not None:
            self._selector.register(worker.end, selectors.EVENT_READ, slot.number)
        worker.channel.send(("hello", self._hello))
        if self._setup is not None:
            worker.channel.send(("setup", self._setup))
        self._listen(slot.number)
        self._reaper.watch(self.pids)

    def _listen(self, number: int) -> None:
        """Be told when a pipe that was full takes more."""
        worker = self._workers[number]
        registered = worker.channel.writing in self._selector.get_map()
        if worker.channel.pending and not registered:
            self._selector.register(
                worker.channel.writing, selectors.EVENT_WRITE, number
            )
        elif registered and not worker.channel.pending:
            self._selector.unregister(worker.channel.writing)

    def _remember(self, task: TrialTask) -> None:
        start = task.told_count - len(task.told)
        if start > len(self._told):
            raise RuntimeError(
                f"trials {len(self._told)} to {start - 1} were told to nobody"
            )
        # A trial that is tried again is told less than those before it were.
        self._told.extend(task.told[len(self._told) - start :])

    # Waiting.

    def _pause(self, limit: float | None) -> float | None:
        """Return for how long nothing needs to be done; ``None`` for ever."""
        if self._finished or self._failure is not None or self.free == self.slots:
            return 0.0
        moments = [worker.due for worker in self._workers.values()]
        times = [moment for moment in (limit, *moments) if moment is not None]
        pause = max(0.0, min(times) - time.monotonic()) if times else None
        if any(worker.end is None for worker in self._workers.values()):
            return _LOOK_S if pause is None else min(pause, _LOOK_S)
        return pause

    def _look(self, pause_s: float | None) -> None:
        """Take note of what has happened, after at most ``pause_s`` seconds."""
        events = self._selector.select(pause_s)
        stirred = {key.data for key, _ in events}
        stirred |= {i for i, worker in self._workers.items() if worker.end is None}
        for number in sorted(stirred):
            self._attend(number)
        now = time.monotonic()
        for worker in self._workers.values():
            if worker.due is not None and now >= worker.due:
                worker.act()

    def _attend(self, number: int) -> None:
        worker = self._workers[number]
        worker.channel.flush()
        self._listen(number)
        # Looked at first: what a worker has sent before it ended is read after this.
        ended = worker.has_ended()
        for value in worker.channel.receive():
            self._take(worker, *message_of(value))
        if ended:
            self._replace(number)
        elif worker.channel.ended:
            self._selector_forget(worker.channel.reading)
            worker.pipe_ended()  # it is gone by the next look

    def _take(self, worker: WorkerProcess, kind: str, content: Any) -> None:
        """Take note of a message."""
        if kind == "ready":
            self._failed_starts = 0
            worker.became_ready()
        elif kind == "failed":
            self._fail(content)
        elif worker.task is not None and not worker.timed_out:
            task, seconds = worker.task, worker.seconds
            worker.task = None
            if not isinstance(content, TrialResult):
                reason = f"its result cannot be read: {content!r}"
                content = failed(task, reason=reason, cause="result", seconds=seconds)
            self._finished.append(content)

    def _replace(self, number: int) -> None:
        """Put a fresh worker in the place of one that has ended."""
        worker = self._workers[number]
        for descriptor in (worker.channel.reading, worker.channel.writing, worker.end):
            if descriptor is not None:
                self._selector_forget(descriptor)
        exit_code = worker.bury()
        kills, before = out_of_memory_kills(), self._memory_kills
        self._memory_kills = kills
        if not worker.ready and not self._may_start_again(worker, exit_code):
            del self._workers[number]
            return
        task = worker.task
        self._start(self._plan.slots[number])
        if task is None:
            return
        if not worker.ready:
            # It never came to this trial.
            fresh = self._workers[number]
            news = tuple(self._told[: task.told_count])
            fresh.seen = task.told_count
            fresh.begin(task, ("task", dataclasses.replace(task, told=news)))
            self._listen(number)
        elif worker.timed_out:
            self._finished.append(timed_out(task, seconds=worker.seconds))
        elif worker.cut_off:
            self._finished.append(cut_off(task, seconds=worker.seconds))
        else:
            self._finished.append(
                judge_death(
                    task,
                    exit_code,
                    seconds=worker.seconds,
                    out_of_memory=kills > before,
                )
            )

    def _may_start_again(self, worker: WorkerProcess, exit_code: int) -> bool:
        self._failed_starts += 1
        killed = from_outside(exit_code) and not worker.cut_off
        if killed and self._failed_starts < _STARTS:
            return True
        words = worker.last_words()
        end = CUT_OFF if worker.cut_off else describe_exit(exit_code)
        self._fail(
            f"{self._hello.script}: a worker could not import it: {end}"
            + (f"\n{words}" if words else "")
        )
        return False

    def _fail(self, message: str) -> None:
        if self._failure is None:
            self._failure = ScriptError(message)

    def _selector_forget(self, descriptor: int) -> None:
        if descriptor in self._selector.get_map():
            self._selector.unregister(descriptor)
