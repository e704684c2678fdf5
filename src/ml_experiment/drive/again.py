"""Repeat one run of a script that calls its jobs itself: the others are not recorded."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.record.reproduction import Launch


if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable

    from ml_experiment.config.models import JobConfig
    from ml_experiment.drive.context import ProcessContext
    from ml_experiment.drive.spec import JobSpec
    from ml_experiment.record.directory import RunDirectory

    Execute = Callable[
        [
            ProcessContext,
            JobSpec,
            RunDirectory,
            JobConfig,
            inspect.BoundArguments,
        ],
        Any,
    ]


def this_launch(call: int, session_seed: int) -> Launch:
    """Return how this process was started.

    Args:
        call: How many runs it has started before.
        session_seed: What it was seeded with at first.
    """
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    spec = getattr(main, "__spec__", None)
    return Launch(
        argv=tuple(sys.argv[1:]),
        main=None if path is None else str(Path(path).absolute()),
        module=None if spec is None else str(spec.name),
        call=call,
        session_seed=session_seed,
    )


def is_before(context: ProcessContext) -> bool:
    """Return whether the run that is repeated comes later than the next call."""
    launch = None if context.repeats is None else context.repeats.launch
    return launch is not None and context.calls < launch.call


def rehearse(
    context: ProcessContext,
    spec: JobSpec,
    bound: inspect.BoundArguments,
    execute: Execute,
) -> Any:
    """Execute a call that came before the run, with its seed, and keep nothing of it."""
    from ml_experiment.drive.direct import DirectStart

    seed = context.next_drawn_seed()
    context.rehearses = True
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = DirectStart(spec, bound, drawn_seed=seed, runs_root=Path(folder))
            return execute(context, spec, start.run, start.config, bound)
    finally:
        context.rehearses = False
