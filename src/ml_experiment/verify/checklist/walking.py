"""Walks through folders, whose files come in the order of the file system."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.order import where_order_shows
from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.values import last_name, sources


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

COLLECTING = frozenset({"append", "extend", "insert", "write", "writerow", "put"})
"""Methods that keep the order of what they are given."""
_PATHS = frozenset({"pathlib.Path", "pathlib.Path.cwd", "pathlib.Path.home"})
_LISTS = (ast.List, ast.ListComp)
_DEEPEST = 3  # names of names


def walks(module: Module, project: Project) -> Iterator[Finding]:
    """Find walks whose files are collected, and never sorted."""
    del project
    for call, name in module.calls:
        if not (name == "os.walk" or _is_walk_of_a_path(module, call)):
            continue
        if _is_collected(module, call):
            shown = name or ".walk()"
            fix = f"sorted({name or 'path.walk'}(...)), and sorted(files) in the loop"
            yield unsorted(module, call, shown, fix)


def unsorted(module: Module, call: ast.Call, shown: str, fix: str) -> Finding:
    """Return the finding that a call lists files, and nobody sorts them."""
    return at(
        module,
        call,
        "file-order",
        f"{shown} lists files in the order of the file system, which is another one on "
        "another machine",
        fix,
    )


def _is_walk_of_a_path(module: Module, call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=owner, attr="walk"):
            return _is_path(module, owner)
        case _:
            return False


def _is_path(module: Module, node: ast.expr, depth: int = 0) -> bool:
    match node:
        case (
            ast.Attribute(value=owner, attr="parent")
            | ast.Call(func=ast.Attribute(value=owner, attr="resolve" | "absolute"))
        ):
            return _is_path(module, owner, depth)
        case ast.Call(func=function):
            return module.resolve(function) in _PATHS
        case ast.BinOp(left=left, op=ast.Div()):
            return _is_path(module, left, depth)
        case ast.Name(id=name) if depth < _DEEPEST:
            found = list(sources(module, node, name))
            return bool(found) and all(_is_path(module, x, depth + 1) for x in found)
        case _:
            return False


def _is_collected(module: Module, call: ast.Call) -> bool:
    parent = module.parents.get(call)
    if isinstance(parent, ast.For) and parent.iter is call:
        return not _sorts(parent) and any(
            _keeps_order(module, each) for each in ast.walk(parent)
        )
    if not isinstance(parent, ast.comprehension) or parent.iter is not call:
        return False
    around = module.parents.get(parent)
    # What is looked up by its name needs no order.
    if around is None or isinstance(around, ast.DictComp) or _sorts(around):
        return False
    return where_order_shows(module, call, is_set=False) is not None


def _sorts(node: ast.AST) -> bool:
    calls = (each for each in ast.walk(node) if isinstance(each, ast.Call))
    return any("sort" in last_name(each).lower() for each in calls)


def _keeps_order(module: Module, node: ast.AST) -> bool:
    """Return whether something in a loop adds to a list or a file."""
    match node:
        case ast.Call():
            return last_name(node) in COLLECTING
        case ast.AugAssign(target=target, op=ast.Add(), value=value):
            if isinstance(value, _LISTS):
                return True
            # What is added to a number is a number: sizes, counts.
            return isinstance(target, ast.Name) and any(
                _is_list(each) for each in sources(module, node, target.id)
            )
        case _:
            return False


def _is_list(node: ast.expr) -> bool:
    match node:
        case ast.List() | ast.ListComp() | ast.Constant(value=str() | bytes()):
            return True
        case ast.Call(func=ast.Name(id="list")):
            return True
        case _:
            return False
