"""What is to be checked: the jobs of a config, of a script, or of a folder."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.config.loading import load
from ml_experiment.config.paths import find_script
from ml_experiment.config.reading import read_file
from ml_experiment.errors import ConfigError
from ml_experiment.verify.checklist.decorators import decorators
from ml_experiment.verify.checklist.module import Module, Unreadable


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.config.loading import Loaded

_CONFIGS = frozenset({".yaml", ".yml", ".json"})
_FOREIGN_FOLDERS = frozenset(
    {
        *("node_modules", "__pycache__", "site-packages", "dist-packages", "mlruns"),
        *("mlartifacts", "build", "dist", "venv", "env", "virtualenv", "wandb"),
    }
)
_MOST_FILES = 20_000
_LARGEST_BYTES = 2_000_000
# Cheap to look for, before a file is parsed.
_HAS_RUN = re.compile(rb"""^[\s{,]*["']?run["']?\s*:""", re.MULTILINE)
_HAS_JOB = re.compile(rb"ml_experiment\b[^\n]*\bjob\b|\bml_experiment\.job\b")
_DECORATED = re.compile(rb"^\s*@[\w.]+", re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """One job.

    Attributes:
        loaded: Its config, and where each value was written.
        config_file: The file it came from; ``None`` for a script alone.
        scripts: What it runs.
        cwd: The folder that it is run in.
    """

    loaded: Loaded
    config_file: Path | None
    scripts: tuple[Path, ...]
    cwd: Path


def find_targets(given: str | None) -> list[Target]:
    """Return the jobs that are meant.

    Args:
        given: A config file, a script, or a folder; ``None`` for the current folder.

    Raises:
        ConfigError: There is no job there, or a config is wrong.
    """
    path = Path.cwd() if given is None else Path(given).expanduser().absolute()
    if path.is_dir():
        return _in_folder(path)
    if path.suffix not in {".py", *_CONFIGS} and not path.exists():
        raise ConfigError("no such file or folder", source=given)
    if path.suffix == ".py":
        return [_of_script(find_script(given or "", [Path.cwd()]), Path.cwd())]
    return [_of_config(path, Path.cwd(), given=Path(given) if given else path)]


def _of_config(path: Path, cwd: Path, *, given: Path) -> Target:
    with contextlib.chdir(cwd):
        loaded = load(given)
    scripts = tuple(Path(each) for each in loaded.config.run)
    return Target(loaded, path, scripts, cwd)


def _of_script(path: Path, cwd: Path) -> Target:
    return Target(load(None, scripts=[str(path)]), None, (path,), cwd)


def _in_folder(folder: Path) -> list[Target]:
    found: list[Target] = []
    scripts: list[Path] = []
    for path in walk(folder):
        if path.suffix in _CONFIGS and _is_ours(path):
            found.append(_config_anywhere(path, folder))
        elif path.suffix == ".py" and _is_job_script(path):
            scripts.append(path)
    run = {os.path.realpath(each) for target in found for each in target.scripts}
    found += [
        _of_script(path, _home(path, folder))
        for path in scripts
        if os.path.realpath(path) not in run
    ]
    if not found:
        raise ConfigError(
            "no config and no script with @job in this folder",
            source=folder,
            hint="ml-experiment check job.yaml, or ml-experiment check train.py",
        )
    return found


def _home(path: Path, folder: Path) -> Path:
    cwd = Path.cwd()
    return cwd if path.is_relative_to(cwd) else folder


def _config_anywhere(path: Path, folder: Path) -> Target:
    """Return the job of a config that may be meant to be run in one of several folders.

    Raises:
        ConfigError: It is wrong wherever it is run.
    """
    above = [each for each in path.parents if (each / ".git").exists()][:1]
    first: ConfigError | None = None
    for cwd in dict.fromkeys([_home(path, folder), folder, *above]):
        try:
            return _of_config(path, cwd, given=path)
        except ConfigError as error:
            first = first or error
    assert first is not None  # noqa: S101 - there was one folder at least
    raise first


def _is_ours(path: Path) -> bool:
    """Return whether a file is a config of a job: it names scripts to run."""
    try:
        if path.stat().st_size > _LARGEST_BYTES or not path.is_file():
            return False
        if not _HAS_RUN.search(path.read_bytes()):
            return False
        value = read_file(path).value
    except (OSError, ConfigError):
        return False
    if not isinstance(value, dict) or "name" not in value:
        return False
    run = value.get("run")
    scripts = run if isinstance(run, list) else [run]
    return bool(scripts) and all(
        isinstance(each, str) and each.strip().endswith(".py") for each in scripts
    )


def _is_job_script(path: Path) -> bool:
    try:
        if path.stat().st_size > _LARGEST_BYTES or not path.is_file():
            return False
        data = path.read_bytes()
    except OSError:
        return False
    if not (_HAS_JOB.search(data) and _DECORATED.search(data)):
        return False
    try:
        return bool(decorators(Module(path, "__main__")))
    except Unreadable:
        return False


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files of a project, sorted; not those of environments and tools.

    Links to folders are not followed, so there is no loop.
    """
    count = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not _is_foreign(root, each))
        for name in sorted(names):
            count += 1
            if count > _MOST_FILES:
                return
            yield Path(root, name)


def _is_foreign(root: str, name: str) -> bool:
    if name.startswith(".") or name in _FOREIGN_FOLDERS or name.endswith(".egg-info"):
        return True
    return os.path.exists(os.path.join(root, name, "pyvenv.cfg"))  # noqa: PTH110, PTH118
