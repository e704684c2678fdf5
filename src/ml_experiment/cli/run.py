"""``ml-experiment [run]``: from the command line to finished runs."""

from __future__ import annotations

import os
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.cli.signature import check_against_script, completed
from ml_experiment.config.environment import load_environment
from ml_experiment.config.loading import load
from ml_experiment.config.models import JobTypes
from ml_experiment.errors import ConfigError
from ml_experiment.record.directory import all_runs
from ml_experiment.record.prepare import Request
from ml_experiment.supervise.start import Terminal, exit_status, resume_job, run_job


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_experiment.cli.progress import GroupProgress
    from ml_experiment.config.loading import Loaded
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.supervise.session import Closed
    from ml_experiment.supervise.waiting import Waiting


_NO_FIELDS = frozenset({"config_file", "scripts", "resume", "force"})
_SHOWN_CHANGES = 8


def run_scripts(options: Mapping[str, Any], waiting: Waiting | None) -> int:
    """Run the scripts of a config, one after the other, until one fails.

    Args:
        options: The options of the command, by name; ``None`` where not given.
        waiting: What waits for the first run; ``None`` for nothing.

    Returns:
        The exit status of the command: 0 if every script succeeded.

    Raises:
        ConfigError: Config or command line are wrong; nothing has been run or written.
    """
    config_file = options["config_file"]
    path = None if config_file is None else Path(config_file)
    overrides = {
        name: value
        for name, value in options.items()
        # An option that may be repeated is empty if it is not given.
        if name not in _NO_FIELDS and value not in (None, [], ())
    }
    loaded = load(path, overrides, options["scripts"] or [])
    config = loaded.config
    _refuse_what_is_to_come(loaded)
    for script in config.run:
        check_against_script(loaded, Path(script))
    given = config.model_fields_set
    if path is None:
        # The script's own name is a stopgap.
        given = given - {"name"} | overrides.keys()
    configs = [completed(config, Path(script), given) for script in config.run]
    cwd = Path.cwd()
    environment = load_environment(cwd)
    resume = Resumption(force=options["force"]) if options["resume"] else None
    for number, script in enumerate(config.run, start=1):
        request = Request(
            config=configs[number - 1],
            script=Path(script),
            cwd=cwd,
            command=["ml-experiment", *sys.argv[1:]],
            started_by="cli",
            environment=environment,
            config_file=path,
            drawn_seed=None if waiting is None else waiting.drawn_seed,
        )
        status = _run_one(request, resume, waiting)
        waiting = None
        if status != 0:
            _say_what_was_left(config.run[number:])
            return status
    return 0


def _run_one(
    request: Request, resume: Resumption | None, waiting: Waiting | None
) -> int:
    environment = request.environment
    began = time.monotonic()
    _flush()
    variables = (
        dict(os.environ)
        | environment.dotenv
        | {"MLFLOW_TRACKING_URI": environment.tracking_uri}
    )
    shown: list[GroupProgress] = []
    terminal = Terminal(
        stdout=_descriptor(sys.stdout),
        stderr=_descriptor(sys.stderr),
        on_look=_progress(shown) if request.config.kind is JobTypes.GROUP else None,
        waiting=waiting,
    )
    if resume is None:
        run, closed = run_job(request, variables, terminal)
    else:
        run, forced = resume.find(request)
        closed = resume_job(run, request, variables, terminal, forced=forced)
    for display in shown:
        display.finish()
    _say_how_it_ended(run, closed, time.monotonic() - began)
    if closed.outcome.status == "KILLED" and run.path.exists():
        _say_how_to_go_on(request)
    return exit_status(closed)


@dataclass(frozen=True)
class Resumption:
    """The wish to go on with a group.

    Attributes:
        force: Go on although something has changed.
    """

    force: bool

    def find(self, request: Request) -> tuple[RunDirectory, list[str]]:
        """Return the group to go on with, and what has changed since.

        Raises:
            ConfigError: There is none, it is running, or something has changed.
        """
        from ml_experiment.supervise.recover import recover
        from ml_experiment.verify.resume import differences, unfinished_group

        config = request.config
        if config.kind is not JobTypes.GROUP:
            raise ConfigError(
                f"only groups can be resumed, and this is kind {config.kind.value}",
                source="--resume",
            )
        run = unfinished_group(
            all_runs(request.environment.runs_root), config, request.script
        )
        if recover(run) == "running":
            raise ConfigError(f"{run.run_id} is running", source="--resume")
        changes = differences(run, config)
        if changes and not self.force:
            raise ConfigError(
                f"{run.run_id} cannot go on, as something has changed\n  "
                + "\n  ".join(changes[:_SHOWN_CHANGES]),
                source="--resume",
                hint="change it back, start anew without --resume, or add --force",
            )
        return run, changes


def group_display() -> Callable[[RunDirectory], Callable[[], None]]:
    """Return what makes the progress display of a group."""
    return _progress([])


def _progress(
    shown: list[GroupProgress],
) -> Callable[[RunDirectory], Callable[[], None]]:
    """Return what makes the progress display of a group; it is put into ``shown``."""

    def begin(run: RunDirectory) -> Callable[[], None]:
        from ml_experiment.cli.progress import GroupProgress

        before = run.journal.stat().st_size if run.journal.exists() else 0
        display = GroupProgress(run, sys.stderr, resumed_at=before)
        shown.append(display)
        return display.update

    return begin


def _descriptor(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _say_how_it_ended(run: RunDirectory, closed: Closed, seconds: float) -> None:
    from ml_experiment.cli.text import closing_line
    from ml_experiment.record.manifest import read_manifest

    deleted = read_manifest(run).delete_if_failed and not closed.outcome.succeeded
    print(closing_line(run, closed.outcome, seconds), file=sys.stderr)
    if closed.pending is not None:
        print(
            f"warning: not published yet: {closed.pending}\n"
            "  the run is safe on disk; `ml-experiment sync` publishes it",
            file=sys.stderr,
        )
    elif deleted:
        print("  removed, as @job(delete_if_failed=True) asks", file=sys.stderr)
    if deleted and closed.pending is None:
        run.remove()


def _say_how_to_go_on(request: Request) -> None:
    if request.config.kind is JobTypes.GROUP:
        more = [] if "--resume" in request.command else ["--resume"]
        words = shlex.join([*request.command, *more])
        print(f"  {words}  goes on with it", file=sys.stderr)


def _say_what_was_left(scripts: list[str]) -> None:
    if scripts:
        print(f"not run: {', '.join(scripts)}", file=sys.stderr)


def _refuse_what_is_to_come(loaded: Loaded) -> None:
    """Refuse, before anything is written, what this release only knows the words of."""
    config = loaded.config
    if config.docker_config is not None:
        raise _refusal(
            loaded,
            "docker_config",
            "this release runs jobs on the host only",
            hint="leave docker_config out",
        )
    if config.ray_config is not None and config.ray_config.address is not None:
        raise _refusal(
            loaded,
            "ray_config.address",
            f"got {config.ray_config.address!r}; this release uses this machine only",
            hint="leave the address out",
        )


def _refusal(
    loaded: Loaded, field: str, problem: str, hint: str | None = None
) -> ConfigError:
    place = loaded.find_place(tuple(field.split(".")))
    return ConfigError(
        problem, source=place.source, line=place.line, field=field, hint=hint
    )
