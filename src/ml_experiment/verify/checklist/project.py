"""The project around the jobs: its modules, its configs, its folder."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ml_experiment.verify.checklist.decorators import is_job
from ml_experiment.verify.checklist.imports import ModuleSet, find_local, search_path
from ml_experiment.verify.checklist.repository import Repository, read_repository
from ml_experiment.verify.checklist.requirements import read_requirements
from ml_experiment.verify.checklist.targets import Target, walk
from ml_experiment.verify.checklist.values import keyword, words


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.verify.checklist.module import Module, Unreadable
    from ml_experiment.verify.checklist.pins import Requirements

_MARKS = (
    ".git",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "uv.lock",
)
_GPU = re.compile(r"cuda(:\d+)?|gpu|mps|rocm")
_SMALL_BYTES = 1_000_000


class TextFile:
    """A text file of the project.

    Attributes:
        path: The file.
        text: What is in it; nothing if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            self.text = ""


class Project:
    """What is known of a project without running anything of it.

    Args:
        targets: The jobs that are checked; one at least.

    Attributes:
        root: Its top folder.
        targets: The jobs.
        modules: The scripts and the project's own modules that they import.
        unreadable: Those of them that are no Python.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = list(targets)
        self.scripts = list(
            dict.fromkeys(script for target in targets for script in target.scripts)
        )
        self.root = find_root(self.scripts[0], targets[0].cwd)
        found = ModuleSet(self.root)
        for script in self.scripts:
            found.add_script(script)
        self.modules: list[Module] = found.modules
        self.unreadable: list[tuple[Path, Unreadable]] = found.unreadable

    @cached_property
    def config_texts(self) -> list[TextFile]:
        """The config files, as text."""
        files = [each.config_file for each in self.targets if each.config_file]
        return [TextFile(path) for path in dict.fromkeys(files)]

    @cached_property
    def repository(self) -> Repository:
        """What git knows of it."""
        return read_repository(self.root, self.files)

    @cached_property
    def requirements(self) -> Requirements:
        """The packages that it declares."""
        return read_requirements([self.root, *(each.parent for each in self.scripts)])

    @cached_property
    def files(self) -> list[Path]:
        """What a run depends on: configs, scripts and modules."""
        configs = [each.path for each in self.config_texts]
        modules = [each.path for each in self.modules]
        return [*configs, *modules, *(path for path, _ in self.unreadable)]

    @cached_property
    def references(self) -> frozenset[str]:
        """Every dotted name that some module uses."""
        return frozenset(
            name for module in self.modules for _, name in module.references
        )

    def is_local(self, name: str) -> bool:
        """Return whether a dotted name is one of the project's own modules."""
        return any(
            find_local(name, search_path(script, self.root)) is not None
            for script in self.scripts
        )

    @cached_property
    def asks_for_determinism(self) -> bool:
        """Whether every job demands deterministic algorithms."""
        return all(each.loaded.config.deterministic is True for each in self.targets)

    @cached_property
    def device(self) -> Literal["gpu", "cpu", "unknown"]:
        """Where the tensors are, as far as it is written down."""
        texts: set[str] = set()
        names: set[str] = set()
        for module in self.modules:
            texts.update(words(module.tree))
            names.update(node.attr for node in module.nodes if hasattr(node, "attr"))
        for target in self.targets:
            texts.update(str(each) for each in target.loaded.config.params.values())
        if "cuda" in names or any(_GPU.fullmatch(text) for text in texts):
            return "gpu"
        return "cpu" if "cpu" in texts else "unknown"

    @cached_property
    def data_declared(self) -> bool:
        """Whether some job, or some decorator, declares data files."""
        if any(each.loaded.config.data for each in self.targets):
            return True
        return any(
            keyword(call, "data") is not None
            for module in self.modules
            for call, name in module.calls
            if is_job(name)
        )

    @cached_property
    def other_texts(self) -> list[TextFile]:
        """The other Python and config files, small ones: a baseline may be there."""
        suffixes = {".py", ".yaml", ".yml", ".json"}
        return [
            TextFile(path)
            for path in walk(self.root)
            if path.suffix in suffixes and _is_small(path)
        ]

    def owner(self, module: Module) -> Target:
        """Return the job that a module belongs to, the first if to several."""
        for target in self.targets:
            if module.path in target.scripts:
                return target
        return self.targets[0]

    def inside(self, path: str) -> bool:
        """Return whether an absolute path is inside of the project."""
        real = os.path.realpath(path)
        return Path(real).is_relative_to(os.path.realpath(self.root))


def _is_small(path: Path) -> bool:
    try:
        return path.stat().st_size <= _SMALL_BYTES
    except OSError:
        return False


def find_root(script: Path, cwd: Path) -> Path:
    """Return the top folder of the project that a script belongs to.

    It is the git repository's; else the nearest folder above that has the marks of a
    project; else the current folder, if the script is in it; else the script's.
    """
    above = list(script.parents)
    for mark in _MARKS:
        for folder in above:
            if (folder / mark).exists():
                return folder
    return cwd if script.is_relative_to(cwd) else script.parent
