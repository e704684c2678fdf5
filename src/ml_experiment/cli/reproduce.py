"""``reproduce``: run a recorded run again, and say whether it is the same."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.cli.lookup import find_run, sound
from ml_experiment.config.environment import load_environment
from ml_experiment.errors import ConfigError, NotReproducibleError, RunNotFoundError
from ml_experiment.record.directory import RunDirectory, read_json
from ml_experiment.record.manifest import read_manifest
from ml_experiment.verify.reproduce.scratch import scratch_folder
from ml_experiment.verify.reproduce.wish import Subject, Wish


if TYPE_CHECKING:
    from ml_experiment.config.environment import Environment
    from ml_experiment.supervise.start import Terminal
    from ml_experiment.verify.compare import Comparison

EXIT_DIFFERENT = 6
EXIT_NOT_COMPARABLE = 7

_MLFLOW_ID = re.compile(r"[0-9a-f]{32}")
_TRIAL = re.compile(r"(.+?)(?:/trials/|:)0*(\d+)/?")


def reproduce_run(name: str, options: dict[str, Any]) -> int:
    """Run a run again and print how it compares.

    Args:
        name: A run as ``find_run`` takes it, an MLflow run id, or a crate.
        options: The options of the command, by name.

    Returns:
        The exit status of the command.

    Raises:
        ConfigError: An option is wrong; nothing was run.
        RunNotFoundError: There is no such run.
    """
    _check(options)
    environment = load_environment(Path.cwd())
    os.environ.update(environment.dotenv)  # credentials of the server may be there
    as_json = bool(options["as_json"])
    with ExitStack() as stack:
        top = stack.enter_context(scratch_folder(keep=options["keep"]))
        try:
            subject = _subject(name, options["trial"], environment, top)
            _check_group(subject, options)
            wish = _wish(options, environment)
            return _reproduce(subject, wish, options, top)
        except NotReproducibleError as error:
            return _not_comparable(error, as_json=as_json)
        finally:
            if options["keep"]:
                _say(f"kept: {top}")


def _check(options: dict[str, Any]) -> None:
    if options["env"] == "docker":
        raise ConfigError(
            "got docker, which comes with the support of containers",
            source="--env",
            hint="--env venv installs the recorded packages beside your own",
        )
    if options["repeats"] < 1:
        raise ConfigError(
            f"got {options['repeats']}; at least 1 is needed", source="--repeats"
        )
    if not 0 <= options["rtol"] < 1:
        raise ConfigError(
            f"got {options['rtol']}; from 0 to less than 1 is allowed", source="--rtol"
        )
    for folder in options["data"]:
        if not Path(folder).is_dir():
            raise ConfigError(f"got {folder}, which is not a folder", source="--data")


def _check_group(subject: Subject, options: dict[str, Any]) -> None:
    """Refuse what means nothing for a group, or for anything else."""
    is_group = read_manifest(subject.run).kind == "group"
    if is_group and subject.trial is None and options["repeats"] > 1:
        raise ConfigError(
            "a group is not repeated: what noise does to a search is another search",
            source="--repeats",
            hint="--trial K repeats one trial of it",
        )
    if options["workers"] is not None and not is_group:
        raise ConfigError(
            f"{subject.run.run_id} is no group, so it has no workers",
            source="--workers",
        )


def _wish(options: dict[str, Any], environment: Environment) -> Wish:
    return Wish(
        command=("ml-experiment", *sys.argv[1:]),
        environment=environment,
        home=Path.cwd(),
        variables=dict(os.environ),
        terminal=_terminal(as_json=options["as_json"]),
        say=_say,
        where=options["env"],
        repeats=options["repeats"],
        workers=options["workers"],
        data=tuple(Path(folder).absolute() for folder in options["data"]),
    )


def _terminal(*, as_json: bool) -> Any:
    """Return what makes the terminal of a run; standard output belongs to the answer."""

    def make(is_group: bool) -> Terminal:
        from ml_experiment.cli.run import group_display
        from ml_experiment.supervise.start import Terminal

        sys.stdout.flush()
        sys.stderr.flush()
        return Terminal(
            stdout=2 if as_json else 1,
            stderr=2,
            on_look=group_display() if is_group else None,
        )

    return make


def _subject(
    name: str, trial: int | None, environment: Environment, top: Path
) -> Subject:
    """Find what is meant, and have its record in a folder."""
    from ml_experiment.verify.crate.opening import (
        crate_data,
        is_crate,
        open_crate,
        refuse_unpacked,
    )

    path = Path(name)
    if is_crate(path):
        run = open_crate(path, top / "crate")
        return _chosen(run, trial, data=crate_data(top / "crate"))
    refuse_unpacked(path)
    try:
        return _chosen(sound(find_run(name)), trial)
    except RunNotFoundError:
        reference = _TRIAL.fullmatch(name)
        if reference is not None:
            number = int(reference[2])
            _agree(trial, number, name)
            return _subject(reference[1], number, environment, top)
        if not _MLFLOW_ID.fullmatch(name):
            raise
    from ml_experiment.tracking.download import download_run
    from ml_experiment.tracking.settings import Settings

    settings = Settings(environment.tracking_uri, environment.artifact_root)
    _say(f"fetching {name} from {settings.masked_uri}")
    found = download_run(name, settings, top / "mlflow")
    return _chosen(
        found.run, found.trial if trial is None else trial, mlflow=found.mlflow_run_id
    )


def _agree(trial: int | None, number: int, name: str) -> None:
    """Refuse an option that names another trial than the argument does."""
    if trial not in {None, number}:
        raise ConfigError(
            f"got {trial}, but {name} is trial {number}", source="--trial"
        )


def _chosen(
    run: RunDirectory,
    trial: int | None,
    *,
    mlflow: str | None = None,
    data: dict[str, Path] | None = None,
) -> Subject:
    manifest = read_manifest(run)
    if manifest.kind == "trial":  # the directory of a trial was named
        number = int(run.path.name)
        _agree(trial, number, str(run.path))
        return _chosen(RunDirectory(run.path.parents[1]), number, mlflow=mlflow)
    if trial is not None:
        if manifest.kind != "group":
            raise ConfigError(
                f"{run.run_id} is no group, so it has no trials", source="--trial"
            )
        if not run.trial(trial).manifest.is_file():
            numbers = [int(each.path.name) for each in run.trials()]
            known = f"0 to {max(numbers)}" if numbers else "none"
            raise ConfigError(
                f"got {trial}; {run.run_id} has trials {known}", source="--trial"
            )
    published = read_json(run.published) or {}
    told = published.get("mlflow_run_id")
    return Subject(
        run=run,
        trial=trial,
        mlflow_run_id=mlflow or (None if told is None else str(told)),
        data=data or {},
    )


def _reproduce(subject: Subject, wish: Wish, options: dict[str, Any], top: Path) -> int:
    from ml_experiment.verify.reproduce.again import reproduce
    from ml_experiment.verify.reproduce.verdict import keep

    result = reproduce(subject, wish, rtol=options["rtol"], top=top)
    problem = keep(result.comparison, result.run, wish.environment)
    if problem:
        _say(f"warning: MLflow does not know the verdict: {problem}")
    for closed in result.closed:
        if closed.pending is not None:
            _say(
                f"warning: not published yet: {closed.pending}\n"
                "  the run is safe on disk; `ml-experiment sync` publishes it"
            )
    _print(result.comparison, result.run, as_json=options["as_json"])
    return exit_status(result.comparison)


def exit_status(comparison: Comparison) -> int:
    """Return the exit status that says what a comparison says."""
    from ml_experiment.verify.compare import Verdict

    statuses = {
        Verdict.DIFFERENT: EXIT_DIFFERENT,
        Verdict.NOT_COMPARABLE: EXIT_NOT_COMPARABLE,
    }
    return statuses.get(comparison.verdict, 0)


def _print(comparison: Comparison, run: RunDirectory, *, as_json: bool) -> None:
    if as_json:
        print(run.comparison.read_text(encoding="utf-8"), end="")
        return
    from rich.console import Console

    from ml_experiment.cli.comparison import print_comparison

    print_comparison(comparison, Console(highlight=False, soft_wrap=False))


def _not_comparable(error: NotReproducibleError, *, as_json: bool) -> int:
    if as_json:
        document = {"verdict": "not comparable", "reason": str(error)}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    print(f"not comparable: {error}", file=sys.stderr)
    return EXIT_NOT_COMPARABLE


def _say(text: str) -> None:
    print(text, file=sys.stderr)
