"""What somebody wants to have run again, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ml_experiment.config.environment import Environment
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.supervise.start import Terminal

Where = Literal["here", "venv"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A recorded run, wherever it came from.

    Attributes:
        run: Its run directory, or what was made of a crate or of MLflow's artifacts.
        trial: The only trial of a group that is meant; ``None`` for the whole run.
        mlflow_run_id: MLflow's identifier, if it is known.
        data: Data files that came along, by the path that the run read.
    """

    run: RunDirectory
    trial: int | None = None
    mlflow_run_id: str | None = None
    data: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How a run is to be run again.

    Attributes:
        command: The command line as it was typed.
        environment: Where the caller keeps runs, and where MLflow is.
        home: The caller's working directory.
        variables: The caller's environment.
        terminal: Where the run is shown; made for each time.
        say: Told what the user should know, a line or several.
        where: In this environment, or in one that is built.
        repeats: How often.
        workers: Of a group; ``None`` as for a new one.
        data: Folders that mirror the project's data.
    """

    command: tuple[str, ...]
    environment: Environment
    home: Path
    variables: Mapping[str, str]
    terminal: Callable[[bool], Terminal]
    say: Callable[[str], None]
    where: Where = "here"
    repeats: int = 1
    workers: int | None = None
    data: tuple[Path, ...] = ()
