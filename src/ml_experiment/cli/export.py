"""``export``: a run as a research object, or its answers to a checklist."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.cli.lookup import find_run, sound
from ml_experiment.cli.text import size
from ml_experiment.config.environment import load_environment
from ml_experiment.errors import ConfigError, CrateError
from ml_experiment.record.directory import write_atomically
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.masking import known_secrets


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory

_ODD = re.compile(r"[^\w.-]+")


def export(
    name: str,
    output: str | None,
    *,
    with_data: bool,
    force: bool,
    checklist: str | None,
) -> None:
    """Write a crate, or the answers to a checklist, and say where.

    Args:
        name: What ``find_run`` takes.
        output: The file to write, or a folder.
        with_data: Take the data files along.
        force: Replace a file that is there.
        checklist: The checklist to answer; a crate is written if ``None``.

    Raises:
        RunNotFoundError: There is no such run.
        ConfigError: The file is to lie in a folder that is not there.
        RecordError: The run is damaged.
        CrateError: The run cannot be exported, or the file is there already.
    """
    run = sound(find_run(name))
    if checklist is not None:
        _answer(run, checklist, output, force=force)
        return
    from ml_experiment.verify.crate.export import export_run

    environment = load_environment(Path.cwd())
    path = export_run(
        run,
        _destination(run, output),
        with_data=with_data,
        replace=force,
        secrets=known_secrets(dict(os.environ) | environment.dotenv),
    )
    print(f"{path}  {size(path.stat().st_size)}")
    print(f"  ml-experiment reproduce {shlex.quote(str(path))}", file=sys.stderr)


def _destination(run: RunDirectory, output: str | None) -> Path:
    from ml_experiment.verify.crate.layout import SUFFIX

    manifest = read_manifest(run)
    plain = _ODD.sub("-", manifest.name).strip("-.") or "run"
    default = f"{plain}-{manifest.run_id}{SUFFIX}"
    if output is None:
        return Path(default)
    return _given(output, default)


def _given(output: str, default: str) -> Path:
    """Return the file that is meant by an option: a file, or a folder for it.

    Raises:
        ConfigError: It lies in a folder that is not there.
    """
    path = Path(output).expanduser()
    if path.is_dir():
        return path / default
    if not path.parent.is_dir():
        raise ConfigError(
            f"got {output}, but there is no folder {path.parent}", source="--output"
        )
    return path


def _answer(
    run: RunDirectory, checklist: str, output: str | None, *, force: bool
) -> None:
    from ml_experiment.verify.questionnaires import answer_checklist

    text = answer_checklist(run, checklist)
    if output is None:
        print(text, end="")
        return
    path = _given(output, f"{checklist}-{run.run_id}.md")
    if path.exists() and not force:
        raise CrateError(f"{path} exists; `--force` replaces it")
    try:
        write_atomically(path, text)
    except OSError as error:
        raise CrateError(f"{path} cannot be written: {error.strerror}") from error
    print(path)
