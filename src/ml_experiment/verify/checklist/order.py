"""Does it matter in which order something comes that comes in any order?

The way of the value is followed upwards through the syntax tree: into ``sorted()`` or
``len()`` it does no harm, through ``list()`` it goes on, in a loop it does its harm.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.functions import (
    attributes,
    called_function,
    calls_of,
    parameter_for,
)
from ml_experiment.verify.checklist.values import last_name


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.verify.checklist.module import Module

_HARMLESS = frozenset(
    {
        *("set", "frozenset", "len", "min", "max", "any", "all", "sum", "fsum", "bool"),
        *("Counter", "isinstance", "union", "difference", "intersection", "issubset"),
        *(
            "issuperset",
            "isdisjoint",
            "symmetric_difference",
            "update",
            "type",
        ),
        *(
            "difference_update",
            "intersection_update",
            "unique",
            "str",
            "repr",
            "format",
        ),
        *("is_dir", "exists", "remove", "discard", "isin", "in1d", "warn", "debug"),
        *("info", "warning", "error", "exception", "critical", "fail"),
    }
)
# What comes out of these comes in the order of what went in.
_KEEPERS = frozenset(
    {
        *("list", "tuple", "enumerate", "map", "filter", "iter", "reversed", "array"),
        *("asarray", "chain", "zip", "tqdm", "trange", "islice", "Series", "deque"),
        *("from_iterable", "track", "cycle", "product", "next", "join", "fromkeys"),
        *("fromiter", "stack", "concatenate", "concat", "vstack", "dict", "Index"),
    }
)
# What may be done to each item in any order.
_FREE_CALLS = frozenset(
    {
        *("unlink", "remove", "rmtree", "rmdir", "mkdir", "makedirs", "add", "discard"),
        # Not `print`: the console is recorded, and compared.
        *("info", "debug", "warning", "error", "copy", "copy2", "copyfile"),
        *("move", "close", "is_dir", "is_file", "exists", "startswith", "endswith"),
        *("isdir", "isfile", "join", "drop", "pop", "isinstance", "len", "Path", "str"),
        *("ValueError", "KeyError", "TypeError", "FileNotFoundError", "RuntimeError"),
    }
)
_HARMLESS_NAME = re.compile(r"[sS]ort|^assert|Error$|Exception$|Warning$")
_DEEPEST = 4


def where_order_shows(
    module: Module, node: ast.expr, *, is_set: bool, depth: int = 0
) -> ast.expr | None:
    """Return where the order of the items of a value can reach a result, or ``None``.

    For a set with a name that is the place where it is iterated; else it is the value.

    Args:
        module: Where the value is.
        node: The expression that has the value.
        is_set: It is a set, whose order shows only when it is iterated; else it is a list
            or an iterator already.
        depth: How many names have been followed.
    """
    child: ast.AST = node
    parent = module.parents.get(node)
    while parent is not None:
        name = _name_given(parent)
        if name is not None:
            shown = _through_name(module, parent, name, is_set=is_set, depth=depth)
            return shown if is_set or shown is None else node
        places = _carried_to(module, parent, child) if is_set else None
        if places is not None:
            return _through_places(module, places, is_set=is_set, depth=depth)
        answer, is_set = _step(parent, child, is_set=is_set)
        if answer is not None:
            return node if answer else None
        child, parent = parent, module.parents.get(parent)
    return None


def _name_given(node: ast.AST) -> str | None:
    """Return the name that a statement gives to a value."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)])
            | ast.AnnAssign(target=ast.Name(id=name))
            | ast.NamedExpr(target=ast.Name(id=name))
        ):
            return name
        case _:
            return None


def _carried_to(
    module: Module, parent: ast.AST, child: ast.AST
) -> Sequence[ast.expr] | None:
    """Return where a set is met again that an object keeps, or a function hands on.

    Nothing if the text does not tell who gets it.
    """
    match parent:
        case (
            ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)])
            | ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name))
        ):
            return attributes(module, parent, name)
        case ast.Return():
            scope = module.scope(parent)
            if not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
                return None
            return list(calls_of(module, scope))
        case ast.Call() if parent.func is not child:
            function = called_function(module, parent)
            if function is None:
                return None
            parameter = parameter_for(module, function, parent, child)
            return None if parameter is None else module.uses(function, parameter)
        case _:
            return None


def _step(  # noqa: PLR0911 - a list of cases
    parent: ast.AST, child: ast.AST, *, is_set: bool
) -> tuple[bool | None, bool]:
    """Return an answer, or ``None`` to go on; and whether the value is still a set."""
    match parent:
        case ast.FormattedValue() | ast.JoinedStr() | ast.Starred():
            return None, False
        case _ if isinstance(child, (ast.JoinedStr, ast.Starred)):
            return _spelt_out(parent, child), False
        case ast.Call():
            return _into_call(parent, child, is_set=is_set)
        case ast.comprehension():
            return (None, False) if parent.iter is child else (False, False)
        case ast.SetComp():
            return False, is_set
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            return (None if isinstance(child, ast.comprehension) else False), False
        case ast.For() | ast.AsyncFor():
            return parent.iter is child and not _is_free(parent), is_set
        case ast.Assign(targets=[ast.Tuple() | ast.List()]) if is_set:
            return True, is_set
        case ast.keyword(arg=None):
            return False, is_set  # names of arguments come in any order
        case ast.BinOp() | ast.IfExp() | ast.Await() | ast.keyword():
            going_on = not (isinstance(parent, ast.IfExp) and parent.test is child)
            return (None if going_on else False), is_set
        case ast.Attribute():
            return (parent.attr == "pop" if is_set else parent.attr != "sort"), is_set
        case _:
            return _elsewhere(parent, is_set=is_set), is_set


def _spelt_out(parent: ast.AST, child: ast.JoinedStr | ast.Starred) -> bool | None:
    """Answer for what ``f"{items}"`` and ``*items`` stand in."""
    if isinstance(child, ast.JoinedStr):
        # In the text of an error, or a name, an order is nothing to speak of.
        return isinstance(parent, ast.Call) and last_name(parent) == "print"
    if isinstance(parent, ast.Call):
        return _into_call(parent, child, is_set=False)[0]
    return None if isinstance(parent, (ast.List, ast.Tuple)) else False


def _elsewhere(parent: ast.AST, *, is_set: bool) -> bool:
    """Answer for the end of the way: a test, a statement, another value around it."""
    if is_set:
        return isinstance(parent, ast.YieldFrom)
    quiet = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.If, ast.While, ast.Expr)
    return not isinstance(parent, (*quiet, ast.Assert, ast.Raise))


def _into_call(
    call: ast.Call, child: ast.AST, *, is_set: bool
) -> tuple[bool | None, bool]:
    name = last_name(call)
    if call.func is child or name in _HARMLESS or _HARMLESS_NAME.search(name):
        return False, is_set
    if name in _KEEPERS:
        return None, False
    if name == "print":  # the console is recorded, and compared
        return True, is_set
    # A set that is handed to somebody is still a set; a list is what it is.
    return not is_set, is_set


def _through_name(
    module: Module, statement: ast.AST, name: str, *, is_set: bool, depth: int
) -> ast.expr | None:
    places = module.uses(module.scope(statement), name)
    return _through_places(module, places, is_set=is_set, depth=depth)


def _through_places(
    module: Module, places: Sequence[ast.expr], *, is_set: bool, depth: int
) -> ast.expr | None:
    if depth >= _DEEPEST:
        return None
    for place in places:
        parent = module.parents.get(place)
        if isinstance(parent, ast.Attribute) and parent.attr == "sort":
            return None
        if isinstance(parent, ast.Call) and "sort" in last_name(parent).lower():
            return None
    for place in places:
        shown = where_order_shows(module, place, is_set=is_set, depth=depth + 1)
        if shown is not None:
            return shown
    return None


def _is_free(loop: ast.For | ast.AsyncFor) -> bool:
    """Return whether a loop does things that may be done in any order."""
    allowed = (ast.Expr, ast.If, ast.Raise, ast.Assert, ast.Pass, ast.Continue)
    for statement in loop.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt) and not isinstance(node, allowed):
                return False
            if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)):
                return False
            if isinstance(node, ast.Call) and last_name(node) not in _FREE_CALLS:
                return False
    return True
