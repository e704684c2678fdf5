"""Say where in a file something was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.rules import finding


if TYPE_CHECKING:
    import ast

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.rules import Finding, Severity


def at(
    module: Module,
    node: ast.AST,
    code: str,
    message: str,
    fix: str,
    *,
    severity: Severity | None = None,
) -> Finding:
    """Return a finding about a piece of a module's text."""
    line = getattr(node, "lineno", 1)
    statement = module.statement(node)
    # A function or a loop goes on for long: a comment belongs to its head.
    last = getattr(node, "end_lineno", line) if not hasattr(node, "body") else line
    if not hasattr(statement, "body"):
        last = getattr(statement, "end_lineno", last)
    return finding(
        code,
        message,
        fix,
        file=module.path,
        line=line,
        last_line=last,
        severity=severity,
    )
