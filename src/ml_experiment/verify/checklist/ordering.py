"""Orders that may be another one each time: of sets, of folders, of who is ready first."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.order import where_order_shows
from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.values import (
    argument,
    function_name,
    keyword,
    last_name,
    words,
)
from ml_experiment.verify.checklist.walking import COLLECTING, unsorted, walks


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

_LISTINGS = frozenset({"os.listdir", "os.scandir", "glob.glob", "glob.iglob"})
_LISTING_METHODS = {"iterdir": 0, "rglob": 1, "glob": 1}
_READY_FIRST = frozenset(
    {
        "concurrent.futures.as_completed",
        "asyncio.as_completed",
        "dask.distributed.as_completed",
    }
)
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)


def sets(module: Module, project: Project) -> Iterator[Finding]:
    """Find sets whose order shows."""
    del project
    for node in module.nodes:
        if not isinstance(node, ast.expr) or not _is_set(module, node):
            continue
        shown = where_order_shows(module, node, is_set=True)
        if shown is not None:
            yield at(
                module,
                shown,
                "set-order",
                "the order of a set shows: it depends on the hash seed, which "
                "`ml-experiment` fixes but `python` does not",
                "sorted(...) around it",
            )


def _is_set(module: Module, node: ast.expr) -> bool:
    if isinstance(node, ast.SetComp):
        return True
    if isinstance(node, ast.Set):
        numbers = (int, float, bool)
        return not all(
            isinstance(each, ast.Constant) and isinstance(each.value, numbers)
            for each in node.elts
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, _SET_OPERATORS):
        sides = (node.left, node.right)
        # Of two sets each is looked at for itself.
        known = any(_is_set(module, side) for side in sides)
        return not known and any(_is_view(side) for side in sides)
    if not isinstance(node, ast.Call):
        return False
    if module.resolve(node.func) not in {"builtins.set", "builtins.frozenset"}:
        return False
    inner = argument(node, 0)
    return not (isinstance(inner, ast.Call) and last_name(inner) == "range")


def _is_view(node: ast.expr) -> bool:
    """Return whether a value is a dictionary's keys: ``|`` of them is a set."""
    match node:
        case ast.Call(func=ast.Attribute(attr="keys" | "items"), args=[], keywords=[]):
            return True
        case _:
            return False


def folders(module: Module, project: Project) -> Iterator[Finding]:
    """Find listings of folders that nobody sorts."""
    del project
    for call, name in module.calls:
        if not (name in _LISTINGS or _is_listing_method(call, name)):
            continue
        if where_order_shows(module, call, is_set=False) is not None:
            shown = name if name in _LISTINGS else f".{last_name(call)}()"
            yield unsorted(module, call, shown, "sorted(...) around it")


def _is_listing_method(call: ast.Call, name: str) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    needed = _LISTING_METHODS.get(call.func.attr)
    # Without a name it is a method of some object: a path, most likely.
    return (
        needed is not None
        and len(call.args) == needed
        and name in {"", *_pathlib(name)}
    )


def _pathlib(name: str) -> tuple[str, ...]:
    return (name,) if name.startswith("pathlib.") else ()


def completions(module: Module, project: Project) -> Iterator[Finding]:
    """Find results that are collected as they come."""
    del project
    for call, name in module.calls:
        unordered = name in _READY_FIRST or last_name(call) == "imap_unordered"
        if unordered and _is_collected(module, call):
            yield at(
                module,
                call,
                "completion-order",
                f"{function_name(call, name)} gives results in the order in which they are ready",
                "take them in the order of the tasks: executor.map(...), or pool.imap(...)",
            )
        given = keyword(call, "return_as")
        if given is not None and "generator_unordered" in words(given):
            yield at(
                module,
                call,
                "completion-order",
                "generator_unordered gives results in the order in which they are ready",
                'return_as="generator"',
            )


def _is_collected(module: Module, call: ast.Call) -> bool:
    """Return whether the order of the results is kept: in a list, a sum, a file."""
    node: ast.AST = call
    parent = module.parents.get(call)
    while isinstance(parent, ast.Call) and last_name(parent) in {"enumerate", "tqdm"}:
        node, parent = parent, module.parents.get(parent)
    if isinstance(parent, (ast.For, ast.AsyncFor)) and parent.iter is node:
        return any(
            isinstance(each, (ast.AugAssign, ast.Yield))
            or (isinstance(each, ast.Call) and last_name(each) in COLLECTING)
            for statement in parent.body
            for each in ast.walk(statement)
        )
    assert isinstance(node, ast.expr)  # noqa: S101 - calls are
    return where_order_shows(module, node, is_set=False) is not None


CHECKS = (sets, folders, walks, completions)
