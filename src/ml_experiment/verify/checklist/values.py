"""What can be told of values without computing them: arguments, constants, origins."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module, Scope


class _Unknown:
    """Stands for a value that only running the program would tell."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
_DEEPEST = 5  # names of names


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the argument that is given by this name."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def argument(call: ast.Call, position: int, name: str | None = None) -> ast.expr | None:
    """Return an argument, by position or by name; ``None`` if it is not given."""
    if position < len(call.args):
        first = call.args[: position + 1]
        return None if any(isinstance(x, ast.Starred) for x in first) else first[-1]
    return None if name is None else keyword(call, name)


def is_open(call: ast.Call) -> bool:
    """Return whether more is given than the text shows: ``*args``, ``**options``."""
    return any(each.arg is None for each in call.keywords) or any(
        isinstance(each, ast.Starred) for each in call.args
    )


def written_out(module: Module, call: ast.Call) -> ast.Call:
    """Return a call with ``**options`` replaced by what they are, where the text tells.

    It tells where a name has one table, and is used for nothing but ``**options``.
    """
    keywords: list[ast.keyword] = []
    for each in call.keywords:
        inner = _options(module, each.value) if each.arg is None else None
        keywords += [each] if inner is None else inner
    return ast.copy_location(ast.Call(call.func, call.args, keywords), call)


def _options(module: Module, node: ast.expr) -> list[ast.keyword] | None:
    table = node
    if isinstance(node, ast.Name):
        found = list(sources(module, node, node.id))
        places = module.uses(module.tree, node.id)
        kept = all(_is_spread(module, place) for place in places)
        table = found[0] if len(found) == 1 and kept else node
    match table:
        case ast.Call(func=function, args=[], keywords=keywords):
            named = all(each.arg is not None for each in keywords)
            is_table = module.resolve(function) == "builtins.dict"
            return keywords if named and is_table else None
        case ast.Dict(keys=keys, values=values):
            names = [each.value for each in keys if isinstance(each, ast.Constant)]
            texts = [each for each in names if isinstance(each, str)]
            pairs = zip(texts, values, strict=False)
            given = [ast.keyword(arg=name, value=value) for name, value in pairs]
            return given if len(texts) == len(keys) else None
        case _:
            return None


def _is_spread(module: Module, place: ast.Name) -> bool:
    parent = module.parents.get(place)
    return isinstance(parent, ast.keyword) and parent.arg is None


def last_name(call: ast.Call) -> str:
    """Return the last part of the name that is called: ``fit`` in ``model.fit()``."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def function_name(call: ast.Call, name: str) -> str:
    """Return the own name of what is called, whatever it is called here.

    Args:
        call: The call.
        name: Its dotted name, as far as it is known.
    """
    return name.rpartition(".")[2] or last_name(call)


def constant(module: Module, node: ast.expr | None) -> object:
    """Return a value that is written down, also as a default or a constant's name.

    Returns:
        The value, or ``UNKNOWN``.
    """
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(
            op=ast.USub(), operand=ast.Constant(value=int() | float() as n)
        ):
            return -n
        case ast.Name(id=name):
            found = list(sources(module, node, name))
            if len(found) == 1 and isinstance(found[0], ast.Constant):
                return found[0].value
        case _:
            pass
    return UNKNOWN


def path_text(module: Module, node: ast.expr | None, depth: int = 0) -> str | None:
    """Return a path that is written down, also in parts; ``None`` if it is not.

    ``"data/x.csv"``, ``Path("data") / "x.csv"``, ``os.path.join("data", "x.csv")``, and
    names for these or their parts.
    """
    parts: list[ast.expr] = []
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            parts = [left, right]
        case ast.Call(func=function, args=[_, *_] as given):
            if module.resolve(function) not in {"pathlib.Path", "os.path.join"}:
                return None
            parts = given
        case ast.Name(id=name) if depth < _DEEPEST:
            found = list(sources(module, node, name))
            only = found[0] if len(found) == 1 else None
            return path_text(module, only, depth + 1)
        case _:
            return None
    texts = [path_text(module, part, depth) for part in parts]
    known = [text for text in texts if text is not None]
    return "/".join(known) if len(known) == len(texts) else None


def sources(module: Module, node: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield the expressions whose value a name may have at a node."""
    for scope in module.scopes(node):
        found = [*_defaults(scope, name), *module.assigned(scope).get(name, [])]
        if found or name in module.bound(scope):
            yield from found
            return


def _defaults(scope: Scope, name: str) -> Iterator[ast.expr]:
    if isinstance(scope, ast.Module):
        return
    arguments = scope.args
    positional = [*arguments.posonlyargs, *arguments.args]
    first = len(positional) - len(arguments.defaults)
    pairs = [*zip(positional[first:], arguments.defaults, strict=True)]
    for each, default in pairs:
        if each.arg == name:
            yield default
    for each, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if each.arg == name and given is not None:
            yield given


def words(node: ast.AST) -> Iterator[str]:
    """Yield the text constants in an expression."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
