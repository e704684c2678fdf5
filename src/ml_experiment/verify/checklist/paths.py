"""Paths that are there on one machine only."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.readers import READS, may_write
from ml_experiment.verify.checklist.values import (
    argument,
    last_name,
    path_text,
)


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

_ABSOLUTE = re.compile(r"(/[\w.@ -]+){2,}/?|~[\w-]*(/.*)?|[A-Za-z]:[\\/].+|\\\\\w+\\.+")
_NOT_DATA = (*("/dev/", "/proc/", "/sys/", "/etc/", "/usr/bin/", "/bin/"),)
_LIKELY = re.compile(
    r"~|/(home|Users|mnt|media|data|datasets?|scratch|srv|root|work|nfs|gpfs|lustre"
    r"|Volumes|cluster|projects?|storage)/|[A-Za-z]:|\\\\"
)
_PATHS = frozenset(
    {"pathlib.Path", "pathlib.PosixPath", "pathlib.PurePath", "os.path.join"}
    | {"os.path.expanduser"}
)
_PATH_NAME = re.compile(
    r"(^|_)(path|dir|directory|folder|file|filename|root|data)s?$", re.IGNORECASE
)
_HOMES = frozenset({"pathlib.Path.home"})


def paths(module: Module, project: Project) -> Iterator[Finding]:
    """Find paths that are there on one machine only."""
    seen: set[int] = set()
    for node, text, is_read in _path_texts(module):
        problem = path_problem(text, project, is_read=is_read)
        if problem is None:
            problem = _upward_problem(text, module, project)
        line = getattr(node, "lineno", 0)
        if problem is not None and line not in seen:
            seen.add(line)
            yield at(module, node, *problem)
    for call, name in module.calls:
        if name in _HOMES and call.lineno not in seen:
            yield at(
                module,
                call,
                "data-outside-project",
                "the home folder is outside of the project: a copy of it will not have it",
                "keep data below the project, and write their paths from there",
            )


def path_problem(
    text: str, project: Project, *, is_read: bool
) -> tuple[str, str, str] | None:
    """Return code, message and remedy of a path that only this machine has.

    Args:
        text: The path.
        project: The project.
        is_read: It is sure that something is read from there. Else it has to look like
            the home of data: ``/health`` is no path of a file.
    """
    if not _ABSOLUTE.fullmatch(text) or text.startswith(_NOT_DATA) or text == "~":
        return None
    if not is_read and not _LIKELY.match(text) and not exists(Path(text)):
        return None
    full = os.path.expanduser(text)  # noqa: PTH111 - "~nobody" stays as it is
    if project.inside(full):
        message = f"{text} is an absolute path: it is there on this machine only"
        return "absolute-path", message, f'"{_relative(full, project)}"'
    return (
        "data-outside-project",
        f"{text} is outside of the project: a copy of it will not have it",
        "keep it below the project and write its path from there, as in data/...",
    )


def _relative(full: str, project: Project) -> str:
    return os.path.relpath(os.path.realpath(full), os.path.realpath(project.root))


def _path_texts(module: Module) -> Iterator[tuple[ast.expr, str, bool]]:
    """Yield texts that name a file or folder, and whether it is surely read."""
    for call, name in module.calls:
        given = argument(call, 0)
        reads = READS.fullmatch(name) is not None
        if given is None or not (reads or name in _PATHS) or _is_written(module, call):
            continue
        if reads and may_write(module, call, name):
            continue
        text = path_text(module, given)
        if text is not None:
            yield given, text, reads
    for node in module.nodes:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Constant(value=str(text)) as value,
            ) if is_path_name(name):
                yield value, text, False
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for default in _default_paths(node):
                    yield default, str(default.value), False
            case _:
                pass


def _default_paths(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[ast.Constant]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    given = positional[len(positional) - len(arguments.defaults) :]
    pairs = [
        *zip(given, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for each, default in pairs:
        if _is_text(default) and is_path_name(each.arg):
            yield default


def _is_text(node: ast.expr | None) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_path_name(name: str) -> bool:
    """Return whether something is called as if it were a path that is read."""
    return bool(_PATH_NAME.search(name)) and "out" not in name.lower()


def _is_written(module: Module, call: ast.Call) -> bool:
    """Return whether ``Path("...")`` is only there to be written to."""
    parent = module.parents.get(call)
    writers = {"write_text", "write_bytes", "mkdir", "touch", "unlink"}
    if isinstance(parent, ast.Attribute) and parent.attr in writers:
        return True
    return (
        isinstance(parent, ast.Call)
        and re.match(r"(to_|save|dump|write|makedirs|mkdir)", last_name(parent))
        is not None
    )


def _upward_problem(
    text: str, module: Module, project: Project
) -> tuple[str, str, str] | None:
    if not text.startswith("../"):
        return None
    for base in (project.owner(module).cwd, module.path.parent):
        if project.inside(os.path.join(base, text)):  # noqa: PTH118 - ".." stays
            return None
    return (
        "data-outside-project",
        f"{text} is outside of the project: a copy of it will not have it",
        "keep it below the project, as in data/...",
    )


def exists(path: Path) -> bool:
    """Return whether there is something; a name that is none is not our business."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return True


CHECKS = (paths,)
