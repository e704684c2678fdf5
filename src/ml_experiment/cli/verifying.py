"""The commands about what is recorded already: again, compared, exported, checked."""

from __future__ import annotations

import enum
from typing import Annotated

import typer


class Where(enum.Enum):
    """Where ``reproduce`` runs a run."""

    HERE = "here"
    VENV = "venv"
    DOCKER = "docker"


def check(
    config: Annotated[
        str | None,
        typer.Argument(
            help="Config file, script, or folder of these; default: the current folder."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail whatever is found, not errors only.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as JSON.")
    ] = False,
) -> None:
    """Find what stands in the way of reproducing a project, running nothing of it."""
    from ml_experiment.cli.check import check_project

    raise typer.Exit(check_project(config, strict=strict, as_json=as_json))


def reproduce(  # noqa: PLR0917 - Typer makes options of arguments
    ctx: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            help="Run id or its beginning, run directory, MLflow id, or crate; RUN:K is "
            "trial K of a group."
        ),
    ],
    env: Annotated[
        Where,
        typer.Option(
            help="Run in this environment, or in one with the recorded packages."
        ),
    ] = Where.HERE,
    rtol: Annotated[
        float,
        typer.Option(help="Relative difference of metrics and arrays to tolerate."),
    ] = 0.0,
    repeats: Annotated[
        int,
        typer.Option(
            help="Run so many times, and judge by how much these runs differ themselves."
        ),
    ] = 1,
    trial: Annotated[
        int | None, typer.Option(min=0, help="Of a group, only this trial.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Workers of a group; as for `run` if not given."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="DIR", help="A folder with data, as the project has them."
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the restored project, and say where.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the comparison as JSON.")
    ] = False,
) -> None:
    """Run a recorded run again, and say whether the result is the same."""
    from ml_experiment.cli.reproduce import reproduce_run

    del run, rtol, repeats, trial, workers, keep, as_json
    options = ctx.params | {"env": env.value, "data": data or []}
    raise typer.Exit(reproduce_run(options.pop("run"), options))


def diff(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="As for `show`; GROUP:K is trial K of a group.",
        ),
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Likewise.")],
    rtol: Annotated[
        float, typer.Option(help="Relative difference of numbers to tolerate.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say how two runs compare, and what changed between them."""
    from ml_experiment.cli.diff import diff_runs

    raise typer.Exit(diff_runs(first, second, rtol=rtol, as_json=as_json))


def export(
    run: Annotated[
        str,
        typer.Argument(help="Run id or its beginning, run directory, or MLflow id."),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File or folder to write to; default: NAME-RUN.crate.zip here.",
        ),
    ] = None,
    with_data: Annotated[
        bool,
        typer.Option(
            "--with_data", help="Take the data files that the run read along."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there.")
    ] = False,
    checklist: Annotated[
        str | None,
        typer.Option(
            "--checklist",
            metavar="[neurips|pineau]",
            help="Answer this checklist from the record instead, in Markdown.",
        ),
    ] = None,
) -> None:
    """Write a run as a research object (RO-Crate), or answer a checklist from it."""
    from ml_experiment.cli.export import export as export_run

    export_run(run, output, with_data=with_data, force=force, checklist=checklist)


def restore(
    run: Annotated[
        str,
        typer.Argument(help="Run id or its beginning, run directory, or MLflow id."),
    ],
    directory: Annotated[
        str, typer.Argument(help="A folder that is empty or not there.")
    ],
) -> None:
    """Restore the code of a run, as it was, into an empty folder."""
    from ml_experiment.cli.restore import restore_run

    restore_run(run, directory)
