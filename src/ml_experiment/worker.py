"""Execute one run in this interpreter: seed, call, collect, journal.

The same few lines run every experiment, wherever it was started from.
"""

from __future__ import annotations

import traceback
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ml_experiment.capture.callsite import is_user_file
from ml_experiment.capture.results import Collector, split_result
from ml_experiment.errors import MlExperimentError, ResultError


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from ml_experiment.callbacks.dispatch import CallbackDispatcher
    from ml_experiment.config.models import JobConfig
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Journal

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Execution:
    """All that executing one run needs.

    Attributes:
        run: Where the run is recorded.
        journal: Its journal, open for writing.
        config: What the callbacks are shown; ``None`` where there are none.
        params: The parameters as JSON values, for the journal.
        callbacks: Told of start, results and end.
        begin: Called right before the function: seeds, switches.
        end: Called right after it, however it ended: end states.
        kept: Called with the path of each artifact that has been copied.
        any_result: The function may return anything; what is no metrics is not recorded.
    """

    run: RunDirectory
    journal: Journal
    config: JobConfig | None
    params: Mapping[str, object]
    callbacks: CallbackDispatcher
    begin: Callable[[], None]
    end: Callable[[], None]
    kept: Callable[[Path], None] | None = None
    any_result: bool = False


def execute(execution: Execution, call: Callable[[], R]) -> R:
    """Run ``call`` as the body of a run and return what it returned.

    A generator is run to its end here, a step at a time; what is returned then is a new
    generator that yields the same values again.

    Raises:
        BaseException: Whatever the user's function raised, after it was journaled.
    """
    import os

    journal, config, callbacks = (
        execution.journal,
        execution.config,
        execution.callbacks,
    )
    run_id = execution.run.run_id
    journal.write("started", params=dict(execution.params), pid=os.getpid())
    callbacks.fire("on_job_start", config, run_id=run_id)
    failure: BaseException | None = None
    try:
        execution.begin()
        return _collect(execution, call())
    except BaseException as error:
        failure = error
        raise
    finally:
        execution.end()
        _journal_end(journal, failure)
        # Leaving by sys.exit(0) is no failure, so the callbacks are told of none.
        shown = None if _succeeded(failure) else failure
        callbacks.fire("on_job_end", config, shown, run_id=run_id)


def _succeeded(failure: BaseException | None) -> bool:
    return failure is None or (
        isinstance(failure, SystemExit) and failure.code in (None, 0)
    )


def _collect(execution: Execution, value: R) -> R:
    """Record what the function gave, step by step if it is a generator."""
    collector = Collector(execution.run, execution.journal, execution.kept)

    def record(result: object, step: int | None) -> None:
        try:
            metrics, artifacts = split_result(result)
        except ResultError:
            if execution.any_result:
                return
            raise
        collector.collect(metrics, artifacts, step)
        execution.callbacks.fire(
            "on_info_logged", execution.config, metrics, artifacts, step=step
        )

    if not isinstance(value, Generator):
        record(value, None)
        return value
    steps: list[object] = []
    returned: list[object] = []

    def run_to_its_end() -> Generator[object, None, None]:
        returned.append((yield from value))

    for number, step in enumerate(run_to_its_end()):
        record(step, number)
        steps.append(step)
    if returned[0] is not None or not steps:
        record(returned[0], None)
    return _replay(steps, returned[0])  # type: ignore[return-value]  # R is a generator here


def _replay(steps: list[object], returned: object) -> Generator[Any, None, object]:
    yield from steps
    return returned


def _journal_end(journal: Journal, failure: BaseException | None) -> None:
    if _succeeded(failure):
        journal.write("ended", status="FINISHED", reason="", exception=None)
        return
    assert failure is not None  # noqa: S101 - _succeeded(None) is true
    interrupted = isinstance(failure, KeyboardInterrupt)
    journal.write(
        "ended",
        status="KILLED" if interrupted else "FAILED",
        reason=_reason(failure),
        exception={
            "type": type(failure).__name__,
            "message": str(failure),
            "traceback": user_traceback(failure),
        },
    )


def _reason(failure: BaseException) -> str:
    if isinstance(failure, KeyboardInterrupt):
        return "interrupted from the keyboard (SIGINT)"
    if isinstance(failure, SystemExit):
        return f"the script called sys.exit({failure.code!r})"
    message = str(failure).strip()
    name = type(failure).__name__
    return f"{name}: {message}" if message else name


def user_traceback(failure: BaseException) -> str:
    """Return the traceback as Python prints it, without the frames of this package."""
    strip_own_frames(failure)
    return "".join(traceback.format_exception(failure))


def strip_own_frames(failure: BaseException) -> None:
    """Drop this package's frames from an exception's traceback, if others are left.

    What Python's library does between two of them goes as well. An error of this package
    in which no line of the user's is left has no traceback: it would explain nothing.
    """
    frames = _others(failure.__traceback__)
    if isinstance(failure, MlExperimentError) and not any(map(_is_users, frames)):
        failure.__traceback__ = None
        return
    if not frames:
        return
    for this, following in zip(frames, [*frames[1:], None], strict=True):
        this.tb_next = following
    failure.__traceback__ = frames[0]


def _others(frame: TracebackType | None) -> list[TracebackType]:
    """Return the frames that are neither this package's, nor a library's between two."""
    kept: list[TracebackType] = []
    between: list[TracebackType] = []
    after_own = False
    while frame is not None:
        if _is_own(frame.tb_frame.f_globals.get("__name__", "")):
            if not after_own:
                kept += between
            between, after_own = [], True
        elif _is_users(frame):
            kept += [*between, frame]
            between, after_own = [], False
        else:
            between.append(frame)
        frame = frame.tb_next
    return kept + between


def _is_users(frame: TracebackType) -> bool:
    return is_user_file(frame.tb_frame.f_code.co_filename)


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == "ml_experiment"
