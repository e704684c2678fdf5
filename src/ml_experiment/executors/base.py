"""What an executor is: it runs trials somewhere and hands their results back.

An executor knows nothing of searching. It is given trials, each of them complete, and
gives back a result for each, in whatever order they end. What runs inside a worker is the
*host*: it imports the user's script, and executes one trial at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ml_experiment.errors import ConfigError, unknown_name


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml_experiment.executors.resources import WorkerPlan
    from ml_experiment.search.messages import StudyDescription, TrialResult, TrialTask

ENTRY_POINTS = "ml_experiment.executors"
DEFAULT_HOST = "ml_experiment.drive.trial_host:ScriptHost"
_BUILT_IN = {"processes": "ml_experiment.executors.processes:ProcessExecutor"}


@dataclass(frozen=True, kw_only=True)
class WorkerHello:
    """What a worker is told first: enough to import the user's script.

    Attributes:
        script: Absolute path of the script.
        cwd: Folder that the group works in.
        seed: The group's seed: what the script draws while it is imported comes from it.
        host: What executes the trials, as ``module:class``.
    """

    script: str
    cwd: str
    seed: int
    host: str = DEFAULT_HOST


@dataclass(frozen=True, kw_only=True)
class WorkerSetup:
    """What a worker is told second, when the driver knows what the group is.

    Attributes:
        study: What the replica of the study is made from.
        config: The group's config, as ``config.models.to_document`` gives it.
        metrics: Names of the optimised metrics, in the order of the study's directions.
        job: Module and qualified name of the job's function, as the driver sees it;
            ``None`` for the script's only job, or its ``main``.
        data: Folder of the shared data; ``None`` where the job has no data loader.
    """

    study: StudyDescription
    config: Mapping[str, Any]
    metrics: tuple[str, ...]
    job: tuple[str, str] | None = None
    data: str | None = None


# Somebody who kills workers by chance hardly ever meets the same trial so often; what is met
# each time is the trial itself, or a kernel without memory that does not say so.
MOST_STARTS = 10


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A trial that has no result, through no fault of its own: run it again.

    Its worker was killed from outside, by a signal that programs hardly send to themselves.
    If it happens ``MOST_STARTS`` times, the trial has failed.

    Attributes:
        number: Number of the trial.
        reason: What happened, for people.
        seconds: How long it had run.
    """

    number: int
    reason: str
    seconds: float = 0.0


class TrialHost(Protocol):
    """What executes trials inside a worker. Made with a ``WorkerHello``.

    Making it imports the user's script; whatever it raises then ends the group.
    """

    def prepare(self, setup: WorkerSetup) -> None:
        """Get ready for the group's trials."""

    def execute(self, task: TrialTask) -> TrialResult:
        """Execute a trial. Whatever the user's code does, a result is returned."""


class Executor(Protocol):
    """Executes trials.

    The order is: ``start``, ``describe``, then any number of ``submit`` and ``wait``, then
    ``shutdown``, which may come at any time, and more than once.
    """

    slots: int
    """How many trials run at once."""

    @property
    def free(self) -> int:
        """How many trials can be submitted now."""

    def start(self) -> None:
        """Start the workers, and do not wait for them: they import the user's script."""

    def describe(self, setup: WorkerSetup) -> None:
        """Tell the workers what the group is; once, before the first ``submit``."""

    def submit(self, task: TrialTask) -> None:
        """Have a trial executed.

        ``task.told`` holds the trials told since the task that was submitted before this
        one; the executor sees to it that each worker gets what it has not seen yet.

        Raises:
            RuntimeError: No slot is free.
        """

    def wait(self, timeout_s: float | None = None) -> Sequence[TrialResult | Broken]:
        """Return the trials that have ended since the last call.

        Waits for at least one, at most ``timeout_s`` seconds; ``None`` for no limit. The
        sequence is empty if none ended in time, or if none is running.

        Raises:
            ScriptError: The workers cannot be used: the script cannot be imported there.
        """

    def shutdown(self, *, force: bool = False) -> None:
        """End the workers; trials that are running are lost.

        Args:
            force: Kill them at once, and all that they have started.
        """


class ExecutorFactory(Protocol):
    """Makes an executor."""

    def __call__(
        self,
        plan: WorkerPlan,
        hello: WorkerHello,
        *,
        environment: Mapping[str, str],
        folder: Path,
    ) -> Executor:
        """Make an executor, and start nothing.

        Args:
            plan: How many workers, and what each may use.
            hello: What they are told first.
            environment: Environment of the workers, but for what the plan sets.
            folder: Existing folder for what workers print outside of trials.
        """


def executor_factory(name: str) -> ExecutorFactory:
    """Return the executor of that name, of this package or of any that is installed.

    Raises:
        ConfigError: There is none.
    """
    from importlib.metadata import EntryPoint, entry_points

    ours = {
        known: EntryPoint(known, value, ENTRY_POINTS)
        for known, value in _BUILT_IN.items()
    }
    if name not in ours:  # looking through all that is installed takes its time
        ours |= {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in ours:
        raise ConfigError(f"no executor '{name}'; {unknown_name(name, sorted(ours))}")
    factory: ExecutorFactory = ours[name].load()
    return factory
