"""Find the user's own modules that a script imports, without importing anything."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.module import Module, Unreadable


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_MODULES = 1000
_OWN = "ml_experiment"


class ModuleSet:
    """The modules of a project, as far as its scripts reach them.

    Attributes:
        modules: Those that could be read, scripts first.
        unreadable: Those that could not, with the reason.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.modules: list[Module] = []
        self.unreadable: list[tuple[Path, Unreadable]] = []
        self._seen: set[str] = set()
        self._local_tops: dict[Path, set[str]] = {}

    def add_script(self, script: Path) -> None:
        """Read a script and what it imports of the project's."""
        folders = search_path(script, self._root)
        waiting = [(script, "__main__")]
        while waiting and len(self._seen) < _MOST_MODULES:
            path, name = waiting.pop(0)
            module = self._read(path, name)
            if module is not None:
                waiting.extend(_imported_files(module, folders))

    def _read(self, path: Path, name: str) -> Module | None:
        real = os.path.realpath(path)
        if real in self._seen:
            return None
        self._seen.add(real)
        try:
            module = Module(path, name)
        except Unreadable as error:
            self.unreadable.append((path, error))
            return None
        self.modules.append(module)
        return module


def search_path(script: Path, root: Path) -> list[Path]:
    """Return the folders in which a script's own modules may be.

    Beside the script, what ``PYTHONPATH`` names, and where projects keep their packages;
    never the installed packages.
    """
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folders = [script.parent, *(Path(each) for each in named if each)]
    folders += [root, root / "src", Path.cwd()]
    return list(dict.fromkeys(folders))


def find_local(name: str, folders: Iterable[Path]) -> Path | None:
    """Return the file, or the folder without ``__init__.py``, of a dotted name."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for folder in folders:
        if not _is_file_or_folder(folder, parts[0]):
            continue
        base = folder.joinpath(*parts)
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path
        if base.is_dir():
            return base
    return None


def _is_file_or_folder(folder: Path, top: str) -> bool:
    if (folder / f"{top}.py").is_file():
        return True
    package = folder / top
    # An output folder that happens to be called like a library is none of its modules.
    return package.is_dir() and (
        any(package.glob("*.py")) or any(package.glob("*/__init__.py"))
    )


def _imported_files(module: Module, folders: list[Path]) -> Iterator[tuple[Path, str]]:
    for name in imported_names(module):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            dotted = ".".join(parts[:length])
            if length == 1 and (dotted == _OWN or dotted in sys.stdlib_module_names):
                break
            found = find_local(dotted, folders)
            if found is None:
                break
            if found.is_file():
                yield found, dotted


def imported_names(module: Module) -> Iterator[str]:
    """Yield the dotted names that a module imports, names in modules included."""
    for node in module.imports:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        else:
            source = module.source_of(node)
            if source:
                yield source
            for each in node.names:
                if each.name != "*":
                    yield f"{source}.{each.name}" if source else each.name
