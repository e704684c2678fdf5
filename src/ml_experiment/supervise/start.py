"""Run a prepared order from the command line: start everything, wait, close."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from ml_experiment.config.determinism import available_cpus, child_environment
from ml_experiment.launchers.local import start_driver
from ml_experiment.record.prepare import Request, prepare_run, write_order
from ml_experiment.supervise.companions import Companions, companion_environment
from ml_experiment.supervise.processes import Child
from ml_experiment.supervise.session import Closed, Signals, Supervisor


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.record.directory import RunDirectory

PUBLISHED_KINDS = ("experiment", "group")


def run_job(
    request: Request,
    environment: Mapping[str, str],
    *,
    stdout: int | None,
    stderr: int | None,
) -> tuple[RunDirectory, Closed]:
    """Execute one run from its request to its close.

    Args:
        request: What is to be run.
        environment: The environment of the command, with the ``.env`` file in it.
        stdout: File descriptor to show the job's standard output on, or ``None``.
        stderr: The same for standard error.
    """
    run, manifest = prepare_run(request)
    write_order(run, request.config, request.script, request.cwd)
    companions = Companions(
        run,
        cwd=request.cwd,
        environment=companion_environment(environment),
        publish=manifest.kind in PUBLISHED_KINDS,
    )
    supervisor = Supervisor(run, companions, stdout=stdout, stderr=stderr)
    job_environment = child_environment(
        seed=manifest.seed,
        deterministic=manifest.deterministic,
        cpus=available_cpus(),
        current_env=dict(environment),
    )
    job_environment["ML_EXPERIMENT_SUPERVISOR"] = str(os.getpid())
    child = Child(start_driver(run, request.cwd, job_environment))
    with Signals(child.terminate) as signals:
        supervisor.watch(child)
        signals.job_ended()
        return run, supervisor.close(child.exit_code)


def exit_status(closed: Closed) -> int:
    """Return the command's exit status for a closed run; 0 means success, and only that."""
    outcome = closed.outcome
    if outcome.succeeded:
        return 0
    if outcome.signal is None and outcome.status == "KILLED":
        return 128 + signal.SIGINT
    return outcome.exit_code or 1
