"""Run a prepared order from the command line: start everything, wait, close."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_experiment.config.determinism import available_cpus, child_environment
from ml_experiment.launchers.local import start_driver
from ml_experiment.record.directory import read_json, write_json
from ml_experiment.record.journal import read_journal
from ml_experiment.record.manifest import read_manifest, write_manifest
from ml_experiment.record.prepare import Request, prepare_run, write_order
from ml_experiment.supervise.companions import Companions
from ml_experiment.supervise.processes import Child
from ml_experiment.supervise.session import Closed, Signals, Supervisor
from ml_experiment.supervise.waiting import companion_environment, driver_environment


if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.supervise.waiting import Waiting

PUBLISHED_KINDS = ("experiment", "group")


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where a run is shown while it goes on.

    Attributes:
        stdout: File descriptor of standard output; ``None`` for nowhere.
        stderr: The same of standard error.
        on_look: Given the run directory, returns what is called now and then while the
            job runs; ``None`` for nothing.
        waiting: What waits for a run, and may be taken; ``None`` for nothing.
    """

    stdout: int | None
    stderr: int | None
    on_look: Callable[[RunDirectory], Callable[[], None]] | None = None
    waiting: Waiting | None = None


def run_job(
    request: Request, environment: Mapping[str, str], terminal: Terminal
) -> tuple[RunDirectory, Closed]:
    """Execute one run from its request to its close.

    Args:
        request: What is to be run.
        environment: The environment of the command, with the ``.env`` file in it.
        terminal: Where it is shown.
    """
    run, manifest = prepare_run(request)
    closed = _supervise(run, manifest, request, environment, terminal)
    return run, closed


def resume_job(
    run: RunDirectory,
    request: Request,
    environment: Mapping[str, str],
    terminal: Terminal,
    *,
    forced: Sequence[str] = (),
) -> Closed:
    """Go on with a group that was interrupted.

    Args:
        run: Its run directory; nobody else may be at it.
        request: What is to be run, as it is asked for now.
        environment: The environment of the command, with the ``.env`` file in it.
        terminal: Where it is shown.
        forced: What has changed since, in spite of which it is to go on; recorded.
    """
    manifest = read_manifest(run)
    manifest = replace(manifest, forced=[*manifest.forced, *forced])
    write_manifest(run, manifest)
    _reopen(run)
    return _supervise(run, manifest, request, environment, terminal, goes_on=True)


def _reopen(run: RunDirectory) -> None:
    """Take back that the run is closed, here and for the publisher."""
    run.order.unlink(missing_ok=True)
    run.outcome.unlink(missing_ok=True)
    run.record.unlink(missing_ok=True)
    published = read_json(run.published)
    if published is None:
        return
    sent = [name for name in published.get("artifacts", []) if name != run.record.name]  # type: ignore[attr-defined]
    reopened = {"closed": False, "state": "open", "error": None, "artifacts": sent}
    write_json(run.published, published | reopened)


def _supervise(
    run: RunDirectory,
    manifest: Manifest,
    request: Request,
    environment: Mapping[str, str],
    terminal: Terminal,
    *,
    goes_on: bool = False,
) -> Closed:
    write_order(run, request)
    with Signals() as signals:  # before anything is there that they could leave behind
        companions = Companions(
            run,
            cwd=request.home,
            environment=companion_environment(environment),
            publish=manifest.kind in PUBLISHED_KINDS,
            waiting=None if terminal.waiting is None else terminal.waiting.publisher,
            python=request.python,
        )
        supervisor = Supervisor(
            run,
            companions,
            stdout=terminal.stdout,
            stderr=terminal.stderr,
            goes_on=goes_on,
        )
        job_environment = driver_environment(
            _job_environment(manifest, request, environment)
        )
        on_look = None if terminal.on_look is None else terminal.on_look(run)
        waiting = _waiting_driver(run, request, job_environment, terminal.waiting)
        child = Child(
            waiting or start_driver(run, request.cwd, job_environment, request.python)
        )
        signals.job_started(child, waited=waiting is not None)
        supervisor.watch(child, on_look=on_look)
        signals.job_ended()
        closed = supervisor.close(_exit_code(run, request, child))
        return replace(closed, interrupted=signals.interrupted)


def _waiting_driver(
    run: RunDirectory,
    request: Request,
    environment: Mapping[str, str],
    waiting: Waiting | None,
) -> subprocess.Popen[bytes] | None:
    """Return the process that waits for a job, if there is one and it is fit for this."""
    if waiting is None or request.python is not None:
        return None
    return waiting.driver.take(run, request.script, request.cwd, environment)


def _exit_code(run: RunDirectory, request: Request, child: Child) -> int | None:
    """Return what the end of the process says of the run; ``None`` if it says nothing.

    A script that calls its job itself goes on afterwards, and what becomes of it is none of
    the run's affair.
    """
    ended = any(event["event"] == "ended" for event in read_journal(run.journal))
    return None if request.launch is not None and ended else child.exit_code


def _job_environment(
    manifest: Manifest, request: Request, environment: Mapping[str, str]
) -> dict[str, str]:
    chosen = child_environment(
        seed=manifest.seed,
        deterministic=manifest.deterministic,
        cpus=available_cpus(),
        current_env=dict(environment),
    )
    if request.reproduction is None:
        return chosen
    # As it was then, and not as this machine or its user would have it.
    switches = request.reproduction.switches
    chosen |= {name: value for name, value in switches.items() if value is not None}
    return {
        name: value
        for name, value in chosen.items()
        if switches.get(name, value) is not None
    }


def exit_status(closed: Closed) -> int:
    """Return the command's exit status for a closed run; 0 means success, and only that."""
    outcome = closed.outcome
    if outcome.succeeded:
        return 0
    if outcome.signal is None and outcome.status == "KILLED":
        return 128 + signal.SIGINT
    return outcome.exit_code or 1
