"""The packages that a project declares, in whatever files it does so."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ml_experiment.verify.checklist.pins import Malformed, Requirements, text_of
from ml_experiment.verify.checklist.requirement_lists import (
    TEXT_LOCKS,
    read_conda,
    read_requirements_text,
)
from ml_experiment.verify.checklist.requirement_tables import (
    read_lock,
    read_pipfile,
    read_pyproject,
    read_setup_cfg,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    Reader: TypeAlias = Callable[[Path, Requirements], bool]

_TEXT = (
    "requirements*.txt",
    "requirements*.in",
    "constraints*.txt",
    "requirements/*.txt",
)
_CONDA = ("environment*.yml", "environment*.yaml", "conda*.yml", "conda*.yaml")
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock*.toml")
_SILENT = ("setup.py",)  # declares packages, by a program that is not run here


def read_requirements(folders: Sequence[Path]) -> Requirements:
    """Return what the files in these folders, and between them, declare.

    Args:
        folders: The top of the project first; those of the scripts.
    """
    found = Requirements()
    root = folders[0]
    every = [root]
    for folder in folders[1:]:
        every += [
            each for each in (folder, *folder.parents) if each.is_relative_to(root)
        ]
    for folder in dict.fromkeys(every):
        for reader, names in (
            (read_requirements_text, _TEXT),
            (read_conda, _CONDA),
            (read_lock, _LOCKS),
            (read_pyproject, ("pyproject.toml",)),
            (read_pipfile, ("Pipfile", "Pipfile.lock")),
            (_read_opaque, TEXT_LOCKS),
            (read_setup_cfg, ("setup.cfg",)),
            (_read_silent, _SILENT),
        ):
            for path in _matching(folder, names):
                if _is_declaring(path, reader, found):
                    found.files.append(path)
    return found


def _is_declaring(path: Path, reader: Reader, found: Requirements) -> bool:
    """Read a file; one that cannot be understood is there all the same."""
    try:
        return reader(path, found)
    except Malformed as error:
        problem = error
    except OSError as error:
        problem = Malformed(f"cannot be read: {error.strerror or error}")
    except RecursionError:
        problem = Malformed("it is nested too deeply")
    found.unreadable.append((path, problem))
    return True


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    paths = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path for path in paths if path.is_file())


def _read_opaque(path: Path, found: Requirements) -> bool:
    found.locks.append(text_of(path))
    return True


def _read_silent(path: Path, found: Requirements) -> bool:
    del found
    return "install_requires" in text_of(path)
