"""Find the job of a script by its decorator."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from ml_experiment.verify.checklist.module import Module


def is_job(name: str) -> bool:
    """Return whether a dotted name is the decorator's."""
    return name in {"ml_experiment.job", "ml_experiment.jobs.job"}


def decorators(module: Module) -> list[ast.expr]:
    """Return the expressions that are, or call, the decorator ``@job``."""
    found = []
    for node in module.nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for each in node.decorator_list:
                function = each.func if isinstance(each, ast.Call) else each
                if is_job(module.resolve(function) or ""):
                    found.append(each)
    return found
