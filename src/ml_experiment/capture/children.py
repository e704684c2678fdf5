"""Carry the control of randomness over to the processes that user code starts.

Processes made by ``multiprocessing``, ``concurrent.futures`` and joblib are given a seed
of their own, and so is every task that a pool of them takes: which process takes which
task is a matter of time, and must not matter. Nor must it with a pool of threads: there
the generators that a task makes depend on the task.
"""

# ruff: noqa: SLF001 - the places where all processes and tasks pass are private ones

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from ml_experiment.capture.callsite import caller, module_of, outside
from ml_experiment.capture.entropy import in_main_thread, task_of_a_thread
from ml_experiment.capture.turns import Turns
from ml_experiment.capture.when_imported import when_imported
from ml_experiment.config.seeding import derive_seed


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType, ModuleType

    from ml_experiment.capture.entropy import Entropy

_STARTERS = frozenset(
    {"os", "multiprocessing", "subprocess", "concurrent", "joblib", "sklearn", "loky"}
)
_PROCESS_BACKENDS = frozenset({"LokyBackend", "MultiprocessingBackend"})
# They begin tasks in the order in which they are given them.
_IN_ORDER = frozenset({"ThreadingBackend", "SequentialBackend"})


class ChildSide(Protocol):
    """What a child process does with the seed that it is given."""

    def begin_process(self, seed: int) -> None:
        """Everything in this process depends on ``seed`` from now on."""

    def begin_task(self, seed: int) -> None:
        """Everything in this task depends on ``seed``."""

    def end_task(self) -> None:
        """The task is over."""


# Set by ``seeds``, which is above this module; it makes the control where there is none.
_child_side: list[Callable[[], ChildSide]] = []


def provide_child_side(make: Callable[[], ChildSide]) -> None:
    """Tell how a child process gets at its own control."""
    _child_side[:] = [make]


def _own_side() -> ChildSide:
    if not _child_side:
        import ml_experiment.capture.seeds  # noqa: F401 - it provides itself
    return _child_side[0]()


class ControlledTarget:
    """The function of a process, called after the process has its seed.

    Args:
        target: The function.
        seed: The seed of the new process.
    """

    def __init__(self, target: Callable[..., Any], seed: int) -> None:
        self._target = target
        self._seed = seed
        self._parent = os.getpid()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        if os.getpid() != self._parent:
            _own_side().begin_process(self._seed)
        return self._target(*args, **kwargs)


class SeededTask:
    """A task for a pool; in the main thread of this process it is the plain function.

    Args:
        function: The task.
        seed: Its seed.
    """

    def __init__(self, function: Callable[..., Any], seed: int) -> None:
        self._function = function
        self._seed = seed
        self._parent = os.getpid()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._function, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Execute the task."""
        if os.getpid() == self._parent:
            return self._call_here(*args, **kwargs)
        side = _own_side()
        side.begin_task(self._seed)
        try:
            return self._function(*args, **kwargs)
        finally:
            side.end_task()

    def _call_here(self, *args: Any, **kwargs: Any) -> Any:
        if in_main_thread():
            return self._function(*args, **kwargs)
        with task_of_a_thread(self._seed):
            return self._function(*args, **kwargs)


class ProcessHooks:
    """Gives seeds to the processes, and to the tasks of pools, that this process starts.

    Args:
        entropy: Where the seeds come from.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def install(self) -> None:
        """Hook the libraries that start processes, now or when they are imported."""
        when_imported("multiprocessing.process", self._hook_process)
        when_imported("multiprocessing.pool", self._hook_pool)
        when_imported("concurrent.futures.process", self._hook_executor)
        when_imported("concurrent.futures.thread", self._hook_executor)
        when_imported("joblib.parallel", self._hook_joblib)

    def _seed(self, kind: str, frame: FrameType | None) -> int | None:
        """Return a new seed for something that is started; ``None`` without control."""
        if self._entropy.seed is None:
            return None
        nearest = outside(frame, _STARTERS)
        module = "?" if nearest is None else module_of(nearest)
        number = self._entropy.number(kind, module)
        return self._entropy.seed_for(kind, module, str(number))

    def _hook_process(self, module: ModuleType) -> None:
        process: Any = vars(module)["BaseProcess"]
        original = process.start

        @functools.wraps(original)
        def start(this: Any) -> None:
            target = getattr(this, "_target", None)
            if target is None or isinstance(target, ControlledTarget):
                original(this)
                return
            seed = self._seed("process", caller())
            if seed is None:
                original(this)
                return
            this._target = ControlledTarget(target, seed)
            try:
                original(this)
            except BaseException:
                this._target = target
                raise

        process.start = start

    def _hook_pool(self, module: ModuleType) -> None:
        pool: Any = vars(module)["Pool"]
        generate, apply_async = pool._guarded_task_generation, pool.apply_async

        @functools.wraps(generate)
        def _guarded_task_generation(
            this: Any, result_job: Any, func: Any, iterable: Iterable[Any]
        ) -> Iterator[Any]:
            # Called in the user's thread; what it returns is consumed in another one.
            base = self._seed("pool", caller())
            tasks = generate(this, result_job, func, iterable)
            return tasks if base is None else _seeded(tasks, func, base)

        @functools.wraps(apply_async)
        def apply_async_seeded(this: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
            seed = self._seed("pool", caller())
            task = func if seed is None else SeededTask(func, seed)
            return apply_async(this, task, *args, **kwargs)

        pool._guarded_task_generation = _guarded_task_generation
        pool.apply_async = apply_async_seeded

    def _hook_executor(self, module: ModuleType) -> None:
        names = ("ProcessPoolExecutor", "ThreadPoolExecutor")
        (executor,) = (vars(module)[name] for name in names if name in vars(module))
        original = executor.submit

        @functools.wraps(original)
        def submit(this: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            seed = self._seed("executor", caller())
            task = fn if seed is None else SeededTask(fn, seed)
            return original(this, task, *args, **kwargs)

        executor.submit = submit

    def _hook_joblib(self, module: ModuleType) -> None:
        parallel: Any = vars(module)["Parallel"]
        original = parallel.__call__

        @functools.wraps(original)
        def call(this: Any, iterable: Iterable[Any]) -> Any:
            backend = getattr(this, "_backend", None)
            threads = bool(getattr(backend, "uses_threads", False))
            processes = type(backend).__name__ in _PROCESS_BACKENDS
            base = None
            if (threads or processes) and this.n_jobs != 1:
                base = self._seed("joblib", caller())
            if base is None:
                return original(this, iterable)
            turns = Turns() if type(backend).__name__ in _IN_ORDER else None
            # joblib tells the progress from the length, where there is one.
            sized = hasattr(iterable, "__len__")
            make = _SizedSeededCalls if sized else _SeededCalls
            return original(this, make(iterable, base, turns))

        parallel.__call__ = call


def _seeded(tasks: Iterable[Any], func: Any, base: int) -> Iterator[Any]:
    """Yield a pool's tasks, each with its seed."""
    for number, task in enumerate(tasks):
        job, index, function, *rest = task
        if function is func:  # else it is an error, on its way to the caller
            function = SeededTask(function, derive_seed(base, number))
        yield (job, index, function, *rest)


class _SeededCalls:
    """An iterable of joblib's delayed calls, each with its seed and, on threads, its turn."""

    def __init__(self, calls: Iterable[Any], base: int, turns: Turns | None) -> None:
        self._calls = calls
        self._base = base
        self._turns = turns

    def __iter__(self) -> Iterator[Any]:
        for number, (task, given, kwargs) in enumerate(self._calls):
            function, args = task, given
            if self._turns is not None:
                function, args = self._turns.arrange(number, task, given)
            yield SeededTask(function, derive_seed(self._base, number)), args, kwargs


class _SizedSeededCalls(_SeededCalls):
    def __len__(self) -> int:
        return len(self._calls)  # type: ignore[arg-type]


def is_child() -> bool:
    """Return whether ``multiprocessing``, or what is built on it, has started this process."""
    module = sys.modules.get("multiprocessing.process")
    return module is not None and module.parent_process() is not None
