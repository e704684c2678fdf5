"""The commands of ``ml-experiment``, and the place where errors become exit statuses."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ml_experiment.cli.first_look import names_command, underscored
from ml_experiment.cli.options import (
    ConfigFile,
    DataGlobs,
    Description,
    Deterministic,
    DockerBuildArgs,
    DockerContext,
    Dockerfile,
    DockerImage,
    Force,
    Kind,
    MetricDirection,
    MetricKey,
    Name,
    NumTrials,
    Params,
    ParamSpace,
    Pruner,
    RayOptions,
    Resume,
    Sampler,
    Scripts,
    Seed,
    Tags,
    TimeoutPerTrial,
)
from ml_experiment.cli.verifying import check, diff, export, reproduce, restore
from ml_experiment.errors import ConfigError, MlExperimentError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.supervise.waiting import Waiting


EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class RunByDefault(TyperGroup):
    """``ml-experiment SCRIPT`` and ``ml-experiment --config_file ...`` mean ``run``."""

    _shows_help = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``run`` in front of a command line that names no command."""
        words = [underscored(word) for word in args]
        self._shows_help = not words or words[0] == "--help"
        if not names_command(words):
            words.insert(0, "run")
        remaining: list[str] = super().parse_args(ctx, words or ["--help"])
        return remaining

    def get_params(self, ctx: Any) -> list[Any]:
        """Show the options of ``run`` beside the command's own."""
        own = super().get_params(ctx)
        run = self.commands["run"]
        if ctx.resilient_parsing or self._shows_help:
            theirs = [item for item in run.params if item.name != "help"]
            return [*theirs, *own]
        return own

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Spell the usage as the manual does."""
        del ctx
        return ["[OPTIONS]", "[SCRIPTS]..."]


app = typer.Typer(
    cls=RunByDefault,
    name="ml-experiment",
    help="Run machine-learning experiments such that they can be run again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        from ml_experiment import __version__

        print(f"ml-experiment {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    del version


@app.command()
def run(
    ctx: typer.Context,
    scripts: Scripts = None,
    config_file: ConfigFile = None,
    name: Name = None,
    kind: Kind = None,
    params: Params = None,
    param_space: ParamSpace = None,
    num_trials: NumTrials = None,
    timeout_per_trial: TimeoutPerTrial = None,
    sampler: Sampler = None,
    pruner: Pruner = None,
    metric_key: MetricKey = None,
    metric_direction: MetricDirection = None,
    docker_image: DockerImage = None,
    dockerfile: Dockerfile = None,
    docker_context: DockerContext = None,
    docker_build_args: DockerBuildArgs = None,
    ray_config: RayOptions = None,
    seed: Seed = None,
    deterministic: Deterministic = None,
    data: DataGlobs = None,
    tags: Tags = None,
    description: Description = None,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Run a job; `ml-experiment [OPTIONS] [SCRIPTS]...` is short for this."""
    from ml_experiment.cli.run import run_scripts

    raise typer.Exit(run_scripts(ctx.params, ctx.obj))


@app.command()
def show(
    run: Annotated[
        str | None,
        typer.Argument(
            help="Run id or its beginning, run directory, or MLflow run id; default: "
            "the latest run."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the record as JSON.")
    ] = False,
) -> None:
    """Show what is recorded of a run."""
    from ml_experiment.cli.show import show_run

    show_run(run, as_json=as_json)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the runs of this folder, oldest first."""
    from ml_experiment.cli.show import list_runs

    list_runs(as_json=as_json)


@app.command()
def report(
    group: Annotated[
        str | None,
        typer.Argument(help="As for `show`; default: the latest group."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File or folder to write to; default: the group's run directory.",
        ),
    ] = None,
) -> None:
    """Write one HTML file about a group: figures, and a table of its trials."""
    from ml_experiment.cli.report import report_group

    report_group(group, output)


@app.command()
def sync() -> None:
    """Close runs that were killed, and publish what MLflow does not have yet."""
    from ml_experiment.cli.sync import sync_runs

    raise typer.Exit(sync_runs())


@app.command()
def ui(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port to listen on.")
    ] = 5000,
) -> None:
    """Open MLflow's web pages over the runs of this folder."""
    from ml_experiment.cli.ui import open_ui

    raise typer.Exit(open_ui(host, port))


for command in (check, reproduce, diff, export, restore):
    app.command()(command)


def run_command(
    arguments: Sequence[str] | None = None, *, waiting: Waiting | None = None
) -> int:
    """Run the command and return the exit status.

    Args:
        arguments: Words of the command line; those of this process if ``None``.
        waiting: What waits for the run that is to come; ``None`` for nothing.
    """
    if waiting is not None:
        # It takes a while to learn the options of all the others.
        app.registered_commands = [
            each for each in app.registered_commands if each.callback is run
        ]
    try:
        status: Any = app(
            args=None if arguments is None else list(arguments),
            prog_name="ml-experiment",
            standalone_mode=False,
            obj=waiting,
        )
    except MlExperimentError as error:
        return _report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:
        usage = _usage_error(error)
        if usage is None:
            raise
        return usage
    return status if isinstance(status, int) else 0


def _report(error: MlExperimentError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED


def _usage_error(error: Exception) -> int | None:
    """Print an error of the command line itself; ``None`` if it is another one."""
    code = getattr(error, "exit_code", None)
    format_message = getattr(error, "format_message", None)
    if code is None or format_message is None:
        return None
    print(f"error: {format_message()}", file=sys.stderr)
    print("  see `ml-experiment --help`", file=sys.stderr)
    return EXIT_USAGE
