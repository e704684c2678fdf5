"""Execute the trials of a group inside a worker: the job's function, with a trial around it.

An executor finds this class by its name. Each trial is executed by the very code that
executes an experiment, and leaves the same traces in a run directory of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.config.environment import load_environment
from ml_experiment.data_loader import loaded_once
from ml_experiment.drive.console import DescriptorCapture, OwnStreams
from ml_experiment.drive.context import process_context
from ml_experiment.drive.late_trial import LateTrial
from ml_experiment.drive.observers import enable_autologging, reporting
from ml_experiment.drive.parameters import bind, to_json
from ml_experiment.drive.script_module import ScriptModule, install_hooks
from ml_experiment.drive.trial_call import TrialCall
from ml_experiment.drive.trial_end import LoadedLibraries, LocalModules, record_end
from ml_experiment.errors import MissingMetricError, ResultError
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.journal import Journal
from ml_experiment.record.masking import mask_mapping
from ml_experiment.trial import current_trial
from ml_experiment.worker import Execution, execute, user_traceback


if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from ml_experiment.config.models import JobConfig
    from ml_experiment.drive.spec import JobSpec
    from ml_experiment.executors.base import WorkerHello, WorkerSetup
    from ml_experiment.search.messages import TrialResult, TrialTask

_REASON_LIMIT = 2000
_NO_PRUNER = frozenset({"", "none", "nop"})


class ScriptHost:
    """Executes trials of the job that a script defines.

    Args:
        hello: Which script; it is imported now.
    """

    def __init__(self, hello: WorkerHello) -> None:
        self._cwd = hello.cwd
        install_hooks(hello.seed)
        self._script = ScriptModule(hello.script)
        self._environment = load_environment(Path(hello.cwd))
        self._streams = OwnStreams()  # as the script's import has left them
        self._modules = LocalModules()
        self._libraries = LoadedLibraries(self._modules)
        self._setup: WorkerSetup | None = None
        self._deterministic = "warn"
        self._ready: tuple[JobSpec, JobConfig | None, LateTrial] | None = None

    def prepare(self, setup: WorkerSetup) -> None:
        """Find the job, and get ready for the study.

        Raises:
            ScriptError: The script has no such job.
        """
        spec = self._script.job(setup.job)
        config: JobConfig | None = None
        if spec.callbacks:
            from ml_experiment.config.models import from_document

            config = from_document(setup.config)
        enable_autologging(spec)
        self._deterministic = str(setup.config.get("deterministic", "warn")).lower()
        self._setup = setup
        self._ready = spec, config, LateTrial(setup.study)

    def execute(self, task: TrialTask) -> TrialResult:
        """Execute a trial, and return how it ended, whatever the user's code does."""
        if self._ready is None:
            raise RuntimeError("prepare() comes before execute()")
        began = time.monotonic()
        trial = self._ready[2]
        trial.begin(task)
        run = RunDirectory(task.run_path)
        process_context().data.ignore(run.path.parent)
        os.chdir(self._cwd)  # where the last trial has left us is none of this one's
        self._streams.put_back()
        console = DescriptorCapture(run)
        console.start()
        ending: dict[str, Any]
        try:
            ending = self._run(task, trial.get, run)
        finally:
            console.stop()
        result = trial.result(seconds=time.monotonic() - began, **ending)
        if result.user_attrs or result.system_attrs:
            # Anything may be in there, and the driver has none of the script's classes.
            from ml_experiment.search.results import settled

            result = settled(result, len(result.values or ()))
        files = process_context().data.shared.seen
        return dataclasses.replace(result, files=files) if files else result

    def _run(
        self, task: TrialTask, trial: Callable[[], optuna.Trial], run: RunDirectory
    ) -> dict[str, Any]:
        """Execute a trial with its console diverted; how it ended, in words of results."""
        journal = Journal(run.journal)
        try:
            call = self._body(task, trial, run, journal)
            if call.pruned is not None:
                return {"state": "pruned", "reason": call.pruned}
            return {"state": "complete", "values": call.values}
        except BaseException as error:  # noqa: BLE001 - whatever it is, the group goes on
            _note_files(error)
            _say(_traceback(error), run)
            return {
                "state": "failed",
                "reason": _reason(error),
                "cause": _cause(error),
            }
        finally:
            journal.close()

    def _body(
        self,
        task: TrialTask,
        trial: Callable[[], optuna.Trial],
        run: RunDirectory,
        journal: Journal,
    ) -> TrialCall:
        assert self._ready is not None  # noqa: S101 - execute() has looked
        assert self._setup is not None  # noqa: S101
        spec, config, _ = self._ready
        context = process_context()
        call = TrialCall(
            spec.callbacks,
            reporting(journal),
            trial=trial,
            metrics=self._setup.metrics,
            prunes=self._setup.study.pruner[0] not in _NO_PRUNER,
        )
        with ExitStack() as stack:
            context.reporter.bind(journal)
            stack.callback(context.reporter.unbind)
            context.mlflow.start(run, self._environment)
            stack.callback(context.mlflow.stop)
            stack.enter_context(loaded_once(spec.data_loader, read=self._shared_data()))
            stack.enter_context(current_trial(trial))
            context.enter()
            stack.callback(context.leave)
            bound = bind(spec.function, (), {}, task.params)

            def begin() -> None:
                journal.write("modules", modules=self._modules.now())
                context.data.renew()
                context.splits.renew()
                context.control.choose(self._deterministic)
                context.control.begin(task.seed, force=True)

            def end() -> None:
                before = self._modules.version
                modules = self._modules.now()
                record_end(context, run, journal, self._libraries)
                if self._modules.version != before:
                    journal.write("modules", modules=modules)

            execution = Execution(
                run=run,
                journal=journal,
                config=config,
                params=mask_mapping(to_json(bound)),
                callbacks=call,
                begin=begin,
                end=end,
                kept=context.data.shared.keep,
            )
            execute(
                execution,
                lambda: call.call(lambda: spec.function(*bound.args, **bound.kwargs)),
            )
            if call.pruned is not None:
                journal.write("note", text=call.pruned)
        return call

    def _shared_data(self) -> Callable[[], Any] | None:
        """Return what gives the data that the driver has shared."""
        if self._setup is None or self._setup.data is None:
            return None
        from ml_experiment.sharing import load_shared

        folder = Path(self._setup.data)
        return lambda: load_shared(folder)


def _cause(error: BaseException) -> str:
    if isinstance(error, MissingMetricError):
        return "metric"
    return "result" if isinstance(error, ResultError) else "exception"


def _note_files(error: BaseException) -> None:
    """Note the files that a trial has failed over: another one may have been at them."""
    shared = process_context().data.shared
    known: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in known:  # `raise error from error`
        known.add(id(each))
        with contextlib.suppress(Exception):  # the user's own exception class
            for name in (
                getattr(each, "filename", None),
                getattr(each, "filename2", None),
            ):
                if isinstance(name, (str, bytes, os.PathLike)):
                    shared.seek(os.fsdecode(name))
            if isinstance(each, OSError) and not each.filename:
                shared.seek_made()  # it does not say which
        each = each.__cause__ or each.__context__


def _say(text: str, run: RunDirectory) -> None:
    """Write to the trial's standard error, also if the user's code has closed it."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except Exception:  # noqa: BLE001 - it may be anything by now
        with run.stderr.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)


def _reason(error: BaseException) -> str:
    name = type(error).__name__
    try:
        message = str(error).strip()
    except Exception:  # noqa: BLE001 - the user's own exception class
        message = "its message cannot be made"
    if isinstance(error, SystemExit):
        return f"the script called sys.exit({error.code!r})"
    if isinstance(error, ResultError):
        return message
    return f"{name}: {message}"[:_REASON_LIMIT] if message else name


def _traceback(error: BaseException) -> str:
    try:
        return user_traceback(error)
    except Exception:  # noqa: BLE001 - the user's own exception class
        return f"{type(error).__name__}\n"
