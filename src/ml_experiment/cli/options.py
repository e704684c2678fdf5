"""The options of ``run``, as the manual names them.

Values are strings here: they are checked where config files are, by the same rules and
with the same words.
"""

from __future__ import annotations

from typing import Annotated

import typer


_GROUPS_ONLY = "Only for groups."
_FILE_OR_DICT = "FILE | DICT"

Scripts = Annotated[
    list[str] | None,
    typer.Argument(
        help="Scripts to run, in this order; instead of the config's `run`."
    ),
]
ConfigFile = Annotated[
    str | None,
    typer.Option("--config_file", metavar="FILE", help="YAML or JSON file of the job."),
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="Name of the job.")
]
Kind = Annotated[
    str | None,
    typer.Option("--kind", metavar="[job|experiment|group]", help="Kind of the job."),
]
Params = Annotated[
    str | None,
    typer.Option(
        "--params",
        metavar=_FILE_OR_DICT,
        help="Parameters: a file, a dict such as \"{'C': 10}\", or `C=10; kernel=rbf`. "
        "They are merged over those of the config file.",
    ),
]
ParamSpace = Annotated[
    str | None,
    typer.Option(
        "--param_space",
        metavar=_FILE_OR_DICT,
        help=f"Distributions to draw parameters from, merged likewise. {_GROUPS_ONLY}",
    ),
]
NumTrials = Annotated[
    str | None,
    typer.Option(
        "--num_trials", metavar="POSITIVE_INT", help=f"Number of trials. {_GROUPS_ONLY}"
    ),
]
TimeoutPerTrial = Annotated[
    str | None,
    typer.Option(
        "--timeout_per_trial",
        metavar="POSITIVE_FLOAT",
        help=f"Seconds after which a trial is stopped. {_GROUPS_ONLY}",
    ),
]
Sampler = Annotated[
    str | None,
    typer.Option(
        "--sampler", metavar="NAME", help=f"Name of the Optuna sampler. {_GROUPS_ONLY}"
    ),
]
Pruner = Annotated[
    str | None,
    typer.Option(
        "--pruner", metavar="NAME", help=f"Name of the Optuna pruner. {_GROUPS_ONLY}"
    ),
]
MetricKey = Annotated[
    str | None,
    typer.Option(
        "--metric_key",
        metavar="TEXT",
        help=f"Name of the metric to optimise. {_GROUPS_ONLY}",
    ),
]
MetricDirection = Annotated[
    str | None,
    typer.Option(
        "--metric_direction",
        metavar="[minimize|maximize]",
        help=f"Which values of the metric are good. {_GROUPS_ONLY}",
    ),
]
DockerImage = Annotated[
    str | None,
    typer.Option(
        "--docker_image", metavar="TEXT", help="Docker image to run the job in."
    ),
]
Dockerfile = Annotated[
    str | None,
    typer.Option(
        "--dockerfile",
        metavar="FILE",
        help="Dockerfile of the image to run the job in.",
    ),
]
DockerContext = Annotated[
    str | None,
    typer.Option(
        "--docker_context", metavar="DIRECTORY", help="Build context of the Dockerfile."
    ),
]
DockerBuildArgs = Annotated[
    str | None,
    typer.Option(
        "--docker_build_args",
        metavar=_FILE_OR_DICT,
        help="Build arguments of the Dockerfile.",
    ),
]
RayOptions = Annotated[
    str | None,
    typer.Option(
        "--ray_config",
        metavar=_FILE_OR_DICT,
        help="Arguments of `ray.init`: address, num_cpus, num_gpus, ...",
    ),
]
Seed = Annotated[
    str | None,
    typer.Option(
        "--seed",
        metavar="INT",
        help="Seed of the run; drawn and recorded if not given.",
    ),
]
Deterministic = Annotated[
    str | None,
    typer.Option(
        "--deterministic",
        metavar="[true|warn|false]",
        help="Whether frameworks must be, should be, or need not be deterministic.",
    ),
]
DataGlobs = Annotated[
    list[str] | None,
    typer.Option(
        "--data", metavar="GLOB", help="Data files to digest, seen being read or not."
    ),
]
Tags = Annotated[
    str | None,
    typer.Option("--tags", metavar=_FILE_OR_DICT, help="Tags of the run."),
]
Description = Annotated[
    str | None,
    typer.Option("--description", metavar="TEXT", help="What this run is about."),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the latest unfinished group of this name."
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Resume although config, code or data have changed."),
]
