"""Names that are written as text: ``import_module("secrets")``, ``getattr(os, "urandom")``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from ml_experiment.verify.checklist.module import Module


def module_in_text(module: Module, node: ast.AST) -> str | None:
    """Return the module that an expression imports by its name.

    Args:
        module: Where the expression is.
        node: The expression; only a call imports.
    """
    match node:
        case ast.Call(func=function, args=[ast.Constant(value=str() as text)]):
            pass
        case _:
            return None
    if text.startswith("."):
        return None
    name = module.resolve(function)
    if name == "importlib.import_module":
        return text
    return text.partition(".")[0] if name == "builtins.__import__" else None


def attribute_in_text(module: Module, node: ast.AST) -> str | None:
    """Return the dotted name of what ``getattr`` takes by its name."""
    match node:
        case ast.Call(
            func=function, args=[owner, ast.Constant(value=str() as text), *_]
        ) if text.isidentifier():
            if module.resolve(function) != "builtins.getattr":
                return None
            name = module.resolve(owner)
            return None if name is None else f"{name}.{text}"
        case _:
            return None
