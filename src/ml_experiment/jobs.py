"""The ``@job`` decorator: the one line that a researcher adds to a script."""

from __future__ import annotations

import functools
import inspect
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

from ml_experiment.autolog import AutologgingBackend, check_backends
from ml_experiment.callbacks.dispatch import check_callbacks
from ml_experiment.data_loader import check_data_loader
from ml_experiment.drive.context import process_context
from ml_experiment.drive.spec import JobSpec
from ml_experiment.errors import ConfigError, unknown_name


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ml_experiment.callbacks.base import Callback
    from ml_experiment.config.models import Metric
    from ml_experiment.data_loader import DataLoader

P = ParamSpec("P")
R = TypeVar("R")


class ConfigFields(TypedDict, total=False):
    """Fields of the config that the decorator may give as well.

    They are used where the config file and the command line say nothing.
    """

    name: str
    seed: int
    deterministic: bool | str
    data: Sequence[str]
    tags: Mapping[str, str]
    description: str


class Job(Generic[P, R]):
    """A function that is recorded when it is called, and otherwise a function.

    Calling it runs the function and returns what the function returns. A generator
    function is run to its end at once; what is returned yields the same values again.
    ``job.function`` is the function itself, for calling it unrecorded.
    """

    is_ml_experiment_job = True

    def __init__(self, spec: JobSpec) -> None:
        self.spec = spec
        self.function: Callable[P, R] = spec.function
        functools.update_wrapper(self, spec.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function as a run of its own, or as part of the one that is on."""
        from ml_experiment.drive.experiment import run_job
        from ml_experiment.worker import strip_own_frames

        try:
            result: R = run_job(self.spec, args, kwargs)
        except BaseException as error:
            strip_own_frames(error)
            raise
        return result

    def __repr__(self) -> str:
        return f"<job {self.__module__}.{self.__qualname__}>"  # type: ignore[attr-defined]

    def __reduce__(self) -> str:
        # By name, as functions are pickled.
        return str(self.__qualname__)  # type: ignore[attr-defined]


@overload
def job(func: Callable[P, R], /) -> Job[P, R]: ...


@overload
def job(
    func: None = None,
    *,
    callbacks: Iterable[Callback] | Callback | None = None,
    autologging_backends: Sequence[AutologgingBackend]
    | AutologgingBackend
    | None = None,
    optimization_metric: Metric | str | None = None,
    data_loader: type[DataLoader] | DataLoader | None = None,
    log_seeds: bool = True,
    log_system_info: bool = True,
    delete_if_failed: bool = False,
    **kwargs: Unpack[ConfigFields],
) -> Callable[[Callable[P, R]], Job[P, R]]: ...


def job(
    func: Callable[P, R] | None = None,
    *,
    callbacks: Iterable[Callback] | Callback | None = None,
    autologging_backends: Sequence[AutologgingBackend]
    | AutologgingBackend
    | None = None,
    optimization_metric: Metric | str | None = None,
    data_loader: type[DataLoader] | DataLoader | None = None,
    log_seeds: bool = True,
    log_system_info: bool = True,
    delete_if_failed: bool = False,
    **kwargs: Unpack[ConfigFields],
) -> Job[P, R] | Callable[[Callable[P, R]], Job[P, R]]:
    """Make a function a job: every call of it is recorded as a run.

    Use it bare (``@job``) or with arguments (``@job(callbacks=[...])``).

    Args:
        func: The job's function, usually ``main``. Its parameters are the job's. It may
            return nothing, a dict of metrics, ``(metrics, artifacts)``, or be a generator
            that yields these step by step. An artifact is the path of a file or folder.
        callbacks: Told of the job's events.
        autologging_backends: Frameworks whose own logging through MLflow is switched on.
        optimization_metric: What a group optimises; a single experiment ignores it.
        data_loader: ``DataLoader`` class (or instance) whose data is loaded once.
        log_seeds: Record the seeds that the script itself sets.
        log_system_info: Record hardware and software.
        delete_if_failed: Leave nothing behind if the run fails.
        kwargs: Fields of the config, used where config file and command line say nothing:
            ``name``, ``seed``, ``deterministic``, ``data``, ``tags``, ``description``.

    Raises:
        ConfigError: One of the arguments is wrong.
        TypeError: ``func`` is not a function that can be a job.

    Example:
        >>> from ml_experiment import job
        >>> @job
        ... def main(C=1.0, kernel="rbf"):
        ...     return {"accuracy": 0.97}
    """
    unknown = [name for name in kwargs if name not in ConfigFields.__annotations__]
    if unknown:
        known = [*inspect.signature(job).parameters, *ConfigFields.__annotations__]
        known = [name for name in known if name not in {"func", "kwargs"}]
        raise ConfigError(
            f"unknown argument; {unknown_name(unknown[0], known)}",
            source="@job",
            field=unknown[0],
        )

    def decorate(function: Callable[P, R]) -> Job[P, R]:
        return Job(
            JobSpec(
                function=_check_function(function),
                callbacks=check_callbacks(callbacks),
                autologging_backends=check_backends(autologging_backends),
                optimization_metric=optimization_metric,
                data_loader=check_data_loader(data_loader),
                log_seeds=log_seeds,
                log_system_info=log_system_info,
                delete_if_failed=delete_if_failed,
                config=dict(kwargs),
            )
        )

    return decorate if func is None else decorate(func)


def _check_function(function: Any) -> Callable[..., Any]:
    if isinstance(function, Job):
        raise TypeError("@job: the function is a job already; use @job once")
    if not callable(function) or isinstance(function, type):
        got = type(function).__name__
        raise TypeError(f"@job: expected a function, got {got}")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            "@job: the function is asynchronous; decorate a plain one that calls "
            "asyncio.run()"
        )
    checked: Callable[..., Any] = function
    return checked


# Imported for `from ml_experiment import job` in a plain script: what the script does
# before its job is decorated is then seen as well.
process_context().install(observed_from_start=False)
