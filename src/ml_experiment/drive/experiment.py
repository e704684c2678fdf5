"""Execute a job once, as one run: the run the command line prepared, or a new one."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.callbacks.dispatch import CallbackDispatcher
from ml_experiment.capture.determinism import loaded_libraries
from ml_experiment.capture.modules import local_modules
from ml_experiment.config.environment import load_environment
from ml_experiment.config.json_values import decode
from ml_experiment.data_loader import loaded_once
from ml_experiment.drive.again import is_before, rehearse, this_launch
from ml_experiment.drive.context import ProcessContext, process_context
from ml_experiment.drive.observers import enable_autologging, reporting
from ml_experiment.drive.parameters import bind, json_value, to_json
from ml_experiment.drive.whereabouts import stay_silent, tell_at_end
from ml_experiment.record.directory import write_json
from ml_experiment.record.journal import Journal
from ml_experiment.record.locks import hold
from ml_experiment.record.manifest import read_manifest, write_manifest
from ml_experiment.record.masking import mask_mapping
from ml_experiment.worker import Execution, execute


if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Mapping

    from ml_experiment.config.models import JobConfig
    from ml_experiment.drive.spec import JobSpec
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.manifest import Manifest

_JOB = "job"
_GROUP = "group"


def run_job(spec: JobSpec, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call the job's function as a run, and return what it returned.

    Raises:
        ParameterError: The parameters do not fit; nothing has been run.
    """
    context = process_context()
    if context.inside_run:
        return spec.function(*args, **kwargs)
    repeated = context.repeats
    if context.prepared is not None:
        if is_before(context):
            bound = bind(spec.function, args, kwargs, {})
            return rehearse(context, spec, bound, _run)
        run, order = context.prepared
        context.prepared = None
        if order.config["kind"] == _GROUP:
            return _run_group(context, spec, run, order.config)
        # A script that calls its job itself gives it its parameters, as it did before.
        calls_itself = repeated is not None and repeated.launch is not None
        given: Any = {} if calls_itself else decode(order.config["params"])
        bound = bind(spec.function, args, kwargs, given)
        config = _for_callbacks(spec, order.config)
        return _run(context, spec, run, config, bound)
    if repeated is not None:
        raise SystemExit(0)  # what came later was no part of the run
    return _run_directly(context, spec, bind(spec.function, args, kwargs, {}))


def _run_group(
    context: ProcessContext,
    spec: JobSpec,
    run: RunDirectory,
    document: Mapping[str, object],
) -> dict[str, float]:
    """Execute a group; return the optimised metrics of its best trial."""
    from ml_experiment.config.models import GroupConfig, from_document
    from ml_experiment.drive.group import GroupDriver
    from ml_experiment.drive.one_trial import OneTrial

    config = from_document(document)
    assert isinstance(config, GroupConfig)  # noqa: S101 - its kind says so
    manifest = _note_options(run, spec)
    with ExitStack() as stack:
        journal = _open_journal(context, run, stack)
        environment = load_environment(Path(manifest.cwd))
        driver: list[GroupDriver | OneTrial] = []

        def data_are_loaded() -> None:
            # From here on it is Optuna that seeds and opens, and no code of the user's.
            context.data.stop()
            stack.enter_context(context.control.observations.quiet())
            context.searches = True
            stay_silent()

        def drive() -> None:
            repeats = context.repeats
            if repeats is not None and repeats.trial is not None:
                one = OneTrial(
                    spec,
                    config,
                    run,
                    manifest,
                    journal,
                    repeats=repeats,
                    on_loaded=data_are_loaded,
                )
                driver.append(one)
                one.drive()
                return
            storage = config.storage or environment.optuna_storage
            group = GroupDriver(
                spec,
                config,
                run,
                manifest,
                journal,
                storage=storage,
                on_loaded=data_are_loaded,
                repeats=repeats,
            )
            driver.append(group)
            group.drive()

        context.enter()
        stack.callback(context.leave)
        execute(
            Execution(
                run=run,
                journal=journal,
                config=config,
                params=mask_mapping(
                    {k: json_value(v) for k, v in config.params.items()}
                ),
                callbacks=CallbackDispatcher(spec.callbacks, reporting(journal)),
                begin=lambda: _begin(context, manifest, journal),
                end=lambda: _end(context, run, journal),
            ),
            drive,
        )
        context.searches = False
        tell_at_end()
        return driver[0].best


def _for_callbacks(spec: JobSpec, document: Mapping[str, object]) -> JobConfig | None:
    """Return the config as callbacks see it; without them there is no need to build it."""
    if not spec.callbacks:
        return None
    from ml_experiment.config.models import from_document

    return from_document(document)


def _open_journal(
    context: ProcessContext, run: RunDirectory, stack: ExitStack
) -> Journal:
    """Open the run's journal, and say that this process drives the run."""
    context.data.ignore(run.path)
    if context.repeats is not None:
        context.data.ignore(Path(context.repeats.recorded))
    lock = hold(run.driver_lock)
    if lock is not None:
        stack.callback(lock.release)
    journal = Journal(run.journal)
    stack.callback(journal.close)
    context.reporter.bind(journal)
    stack.callback(context.reporter.unbind)
    return journal


def _run_directly(
    context: ProcessContext, spec: JobSpec, bound: inspect.BoundArguments
) -> Any:
    """Execute a run that this process starts itself: ``python script.py``, or a call."""
    from ml_experiment.drive.direct import DirectStart

    launch = this_launch(context.calls, context.session_seed)
    start = DirectStart(
        spec, bound, drawn_seed=context.next_drawn_seed(), launch=launch
    )
    start.begin()
    try:
        return _run(context, spec, start.run, start.config, bound)
    finally:
        start.end()


def _run(
    context: ProcessContext,
    spec: JobSpec,
    run: RunDirectory,
    config: JobConfig | None,
    bound: inspect.BoundArguments,
) -> Any:
    """Execute a run whose directory is there."""
    manifest = _note_options(run, spec)
    with ExitStack() as stack:
        journal = _open_journal(context, run, stack)
        if manifest.kind != _JOB and not context.rehearses:
            context.mlflow.start(run, load_environment(Path(manifest.cwd)))
            stack.callback(context.mlflow.stop)
        if manifest.kind != _JOB:
            enable_autologging(spec)
        tell = _telling_what_was_loaded(journal)
        stack.enter_context(loaded_once(spec.data_loader, on_loaded=tell))
        context.enter()
        stack.callback(context.leave)
        execution = Execution(
            run=run,
            journal=journal,
            config=config,
            params=mask_mapping(to_json(bound)),
            callbacks=CallbackDispatcher(spec.callbacks, reporting(journal)),
            begin=lambda: _begin(context, manifest, journal),
            end=lambda: _end(context, run, journal),
            any_result=manifest.kind == _JOB,
        )
        return execute(execution, lambda: spec.function(*bound.args, **bound.kwargs))


def _note_options(run: RunDirectory, spec: JobSpec) -> Manifest:
    """Add to the manifest what only the decorator knows."""
    manifest = read_manifest(run)
    seed = spec.config.get("seed")
    if seed is not None and manifest.seed_drawn:  # computed: not to be read in the text
        manifest = dataclasses.replace(manifest, seed=int(seed), seed_drawn=False)
    manifest = dataclasses.replace(
        manifest,
        log_seeds=spec.log_seeds,
        log_system_info=spec.log_system_info,
        delete_if_failed=spec.delete_if_failed,
    )
    tags = {str(key): str(value) for key, value in spec.config.get("tags", {}).items()}
    manifest = dataclasses.replace(
        manifest,
        tags=tags | manifest.tags,
        description=manifest.description or spec.config.get("description"),
    )
    write_manifest(run, manifest)
    return manifest


def _begin(context: ProcessContext, manifest: Manifest, journal: Journal) -> None:
    """Seed, and record the modules that have been imported up to here."""
    journal.write("modules", modules=local_modules())
    context.data.renew()
    context.splits.renew()
    given = not manifest.seed_drawn
    context.control.choose(manifest.deterministic)
    if context.repeats is not None:
        context.control.restore(context.repeats.start_states)
    context.control.begin(manifest.seed, force=given, goes_on=True)


def _end(context: ProcessContext, run: RunDirectory, journal: Journal) -> None:
    """Record what only this process can tell, and only now."""
    steps = {
        "stochasticity": context.control.end,
        "libraries": loaded_libraries,
    }
    for name, describe in steps.items():
        try:
            write_json(run.part(name), json_value(describe()))
        except Exception as error:  # noqa: BLE001 - the user's result matters more
            reason = f"{type(error).__name__}: {error}"
            journal.write("note", text=f"{name} could not be captured: {reason}")
    journal.write("modules", modules=local_modules())


def _telling_what_was_loaded(journal: Journal) -> Callable[[object], None]:
    def tell(value: object) -> None:
        from ml_experiment.sharing import describe

        for fields in describe(value).events():
            journal.write("loaded", **fields)

    return tell
