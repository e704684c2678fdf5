"""Which function of the same file is called, with what, and what it gives back."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

from ml_experiment.verify.checklist.values import last_name


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module

Defined: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef)


def called_function(module: Module, call: ast.Call) -> Defined | None:
    """Return the function, or the method of the same class, that is called.

    Nothing if the text does not tell which: a name that is given twice, another object's
    method, a decorated function, which may be anything.
    """
    match call.func:
        case ast.Name(id=name):
            found = [*_named(module, call, name)]
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            found = [each for each in methods(module, call) if each.name == name]
        case _:
            return None
    only = found[0] if len(found) == 1 else None
    return None if only is None or only.decorator_list else only


def _named(module: Module, node: ast.AST, name: str) -> Iterator[Defined]:
    for scope in module.scopes(node):
        if name not in module.bound(scope):
            continue
        if name not in module.assigned(scope):
            functions = [x for x in module.inside(scope) if isinstance(x, _DEFINED)]
            for each in functions:
                if each.name == name and own_class(module, each) is None:
                    yield each
        return


def own_class(module: Module, function: ast.AST) -> ast.ClassDef | None:
    """Return the class that a function is a method of."""
    parent = module.parents.get(function)
    return parent if isinstance(parent, ast.ClassDef) else None


def class_around(module: Module, node: ast.AST) -> ast.ClassDef | None:
    """Return the class that a node stands in, in a method of it or beside them."""
    current: ast.AST | None = node
    while current is not None and not isinstance(current, ast.ClassDef):
        current = module.parents.get(current)
    return current


def methods(module: Module, node: ast.AST) -> list[Defined]:
    """Return the methods of the class that a node stands in."""
    home = class_around(module, node)
    body = [] if home is None else home.body
    return [each for each in body if isinstance(each, _DEFINED)]


def attributes(module: Module, node: ast.AST, name: str) -> list[ast.expr]:
    """Return where an attribute of ``self`` is read in the class that a node is in."""
    home = class_around(module, node)
    return [
        each
        for each in ([] if home is None else ast.walk(home))
        if isinstance(each, ast.Attribute)
        and each.attr == name
        and isinstance(each.ctx, ast.Load)
        and isinstance(each.value, ast.Name)
        and each.value.id == "self"
    ]


def calls_of(module: Module, function: Defined) -> Iterator[ast.Call]:
    """Yield the calls of a function, or by ``self`` those of a method."""
    alike = [each for each, _ in module.calls if last_name(each) == function.name]
    yield from (each for each in alike if called_function(module, each) is function)


def parameter_for(
    module: Module, function: Defined, call: ast.Call, given: ast.AST
) -> str | None:
    """Return the parameter by which a function gets an argument of a call.

    Args:
        module: Where both are.
        function: What is called.
        call: The call.
        given: The argument, or the keyword that has it.
    """
    if isinstance(given, ast.keyword):
        return given.arg
    if given not in call.args:
        return None
    position = call.args.index(given)
    if any(isinstance(each, ast.Starred) for each in call.args[:position]):
        return None
    arguments = function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    names = names[1:] if own_class(module, function) is not None else names
    return names[position] if position < len(names) else None


def returned(module: Module, function: Defined) -> list[ast.expr]:
    """Return the expressions of which a function returns one."""
    nodes = module.inside(function)
    if any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in nodes):
        return []
    return [
        each.value
        for each in nodes
        if isinstance(each, ast.Return) and each.value is not None
    ]
