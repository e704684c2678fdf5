"""What driver and worker tell each other about a trial. Plain values, made to be pickled."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from ml_experiment.record.file_use import NOTHING_USED, FileUse


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optuna.trial import FrozenTrial

State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True, kw_only=True)
class StudyDescription:
    """What a worker must know to hold a replica of the study.

    Attributes:
        name: Name of the study; Hyperband hashes it.
        directions: ``minimize`` or ``maximize``, one a metric.
        sampler: Name of the sampler, and its options.
        pruner: Name of the pruner, and its options.
        space: The distributions, as the config writes them.
        seed: The group's seed.
    """

    name: str
    directions: tuple[str, ...]
    sampler: tuple[str, Mapping[str, Any]]
    pruner: tuple[str, Mapping[str, Any]]
    space: Mapping[str, Any]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a trial was told by the search when it ran before, and is to be told again.

    Attributes:
        params: All parameters that were suggested, by Optuna's names.
        pruned_at: The step after whose report it was pruned; ``None`` if it was not.
    """

    params: Mapping[str, Any]
    pruned_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class TrialTask:
    """A trial to be executed.

    Attributes:
        number: Its number, from 0.
        seed: Its own seed.
        run_path: Its run directory, prepared.
        params: Parameters to call the job's function with: fixed and drawn ones.
        told: Trials told since the last task of this worker, in order.
        told_count: How many trials are told in all: the worker's replica must hold these.
        between: Trials asked but not told yet, with lower numbers, in order.
        trial: The trial itself, as asked: parameters, distributions, attributes.
        timeout_s: Seconds after which it is stopped; ``None`` for no limit.
        attempt: How often it was tried before.
        relative: What the driver's sampler foresaw for it, parameters of its own that it
            has yet to suggest included: values, and their distributions.
        recorded: What the search is to say instead of thinking for itself; ``None``: it
            thinks.

    What is Optuna's in a task stays a pickle until somebody looks at it: most trials never
    ask for theirs, and a worker then has no need to import Optuna.
    """

    number: int
    seed: int
    run_path: str
    params: Mapping[str, Any]
    told: tuple[FrozenTrial, ...]
    told_count: int
    between: tuple[FrozenTrial, ...]
    trial: FrozenTrial
    timeout_s: float | None = None
    attempt: int = 0
    relative: tuple[Mapping[str, Any], Mapping[str, Any]] = field(
        default_factory=lambda: ({}, {})
    )
    recorded: Recorded | None = None

    def __reduce__(self) -> tuple[Callable[..., TrialTask], tuple[object, ...]]:
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        optunas = {name: plain.pop(name) for name in _OPTUNAS}
        return _received, (plain, pickle.dumps(optunas, pickle.HIGHEST_PROTOCOL))

    def __getattr__(self, name: str) -> Any:
        packed = self.__dict__.get(_PACKED)
        if name not in _OPTUNAS or packed is None:
            raise AttributeError(name)
        self.__dict__.update(pickle.loads(packed))  # noqa: S301 - made by __reduce__
        del self.__dict__[_PACKED]
        return self.__dict__[name]


_OPTUNAS = ("told", "between", "trial", "relative")
_PACKED = "_packed"


def _received(plain: dict[str, Any], packed: bytes) -> TrialTask:
    task = object.__new__(TrialTask)
    task.__dict__.update(plain, **{_PACKED: packed})
    return task


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """How a trial ended.

    Attributes:
        number: Its number.
        state: ``complete``, ``pruned`` or ``failed``.
        values: The metrics that are optimised, in the study's order; ``None`` unless
            complete.
        reason: Why it failed or was pruned, for people.
        cause: What failed: ``exception`` (the user's code), ``timeout``, ``crash`` (a
            signal), ``memory`` (killed by the kernel), ``metric`` (what it returned has no
            such metric), ``result`` (it cannot be a result).
        depends_on_time: It was ended from outside, at a moment that may differ another time.
        params: Parameters suggested, those drawn by the driver included.
        distributions: Their distributions, each as Optuna's JSON.
        intermediate_values: Values reported, by step.
        user_attrs: As the trial's.
        system_attrs: Those that the trial did not have when it was asked for: successive
            halving keeps its rungs there.
        seconds: How long it ran.
        attempt: How often it was tried before.
        untouched: The trial was never looked at, so that the driver knows best what its
            parameters and distributions are: none are given here.
        files: What it has done to files; for the driver alone, and not kept on disk.
    """

    number: int
    state: State
    values: tuple[float, ...] | None = None
    reason: str = ""
    cause: Literal[
        "", "exception", "timeout", "crash", "memory", "metric", "result"
    ] = ""
    depends_on_time: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)
    distributions: Mapping[str, Any] = field(default_factory=dict)
    intermediate_values: Mapping[int, float] = field(default_factory=dict)
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    attempt: int = 0
    untouched: bool = False
    files: FileUse = NOTHING_USED


# What of a result is not kept on disk.
PASSING = frozenset({"files"})
