"""Look at a script without running it: which function is the job, what does it take?"""

from __future__ import annotations

import ast
import contextlib
import inspect
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_experiment.errors import ParameterError, unknown_name


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_PACKAGE = "ml_experiment"
_DECORATOR = "job"
_PREFERRED = "main"


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The parameters that a function takes by name.

    Attributes:
        required: Those without a default.
        optional: Those with one.
        accepts_any: It takes names of every kind (``**kwargs``).
        positional_only: Those of both that it cannot be given by name in a call.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    accepts_any: bool = False
    positional_only: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in the order of the signature."""
        return self.required + self.optional


@dataclass(frozen=True, kw_only=True)
class EntryPoint(Parameters):
    """The job of a script.

    Attributes:
        name: Name of the function.
        line: Its line in the script, from 1.
    """

    name: str
    line: int


def read_entry_point(script: Path) -> EntryPoint | None:
    """Return the job that a script defines.

    Only what can be told for sure from the text is told: ``None`` if there is no function
    with the decorator, if there are several and none is ``main``, or if another decorator
    below it may change what it takes.
    """
    tree = _parsed(script)
    aliases = _aliases(tree)
    function = _job_of(tree, aliases)
    # The decorator nearest to the function comes last; it alone sees the function itself.
    if function is None or not _is_job(function.decorator_list[-1], aliases):
        return None
    return _entry_point(function)


def read_decorator(script: Path) -> dict[str, object]:
    """Return the arguments of the decorator of a script's job, by name.

    Only those are told whose value is written there, or given to a name of the module once:
    what is computed is known when the script runs.
    """
    tree = _parsed(script)
    aliases = _aliases(tree)
    function = _job_of(tree, aliases)
    decorators = [] if function is None else function.decorator_list
    values = _constants(tree)
    found: dict[str, object] = {}
    for call in decorators:
        if not isinstance(call, ast.Call) or not _is_job(call, aliases):
            continue
        for keyword in call.keywords:
            node = keyword.value
            if isinstance(node, ast.Name):
                node = values.get(node.id, node)
            with contextlib.suppress(ValueError, TypeError, MemoryError):
                if keyword.arg is not None:
                    found[keyword.arg] = ast.literal_eval(node)
    return found


def _parsed(script: Path) -> ast.Module:
    """Return the syntax tree of a script; an empty one if it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def _job_of(
    tree: ast.Module, aliases: set[str]
) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the function that is the job; ``None`` if that cannot be told for sure."""
    jobs = {
        node.name: node
        for node in _statements(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and any(_is_job(each, aliases) for each in node.decorator_list)
    }
    if _PREFERRED in jobs:
        return jobs[_PREFERRED]
    return next(iter(jobs.values())) if len(jobs) == 1 else None


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Return what is given to names of the module that are given something only once."""
    stored = Counter(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if stored[name] == 1:
                found[name] = value
    return found


def from_signature(signature: inspect.Signature) -> Parameters:
    """Return the parameters of a function that has been imported."""
    items = signature.parameters.values()
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    named = [item for item in items if item.kind not in variable]
    return Parameters(
        required=tuple(item.name for item in named if item.default is item.empty),
        optional=tuple(item.name for item in named if item.default is not item.empty),
        accepts_any=any(item.kind is item.VAR_KEYWORD for item in items),
        positional_only=tuple(
            item.name for item in named if item.kind is item.POSITIONAL_ONLY
        ),
    )


def check_parameters(
    given: Iterable[str],
    parameters: Parameters,
    *,
    source: str,
    lines: Mapping[str, int] | None = None,
) -> None:
    """Compare the names that are given with those that a function takes.

    Args:
        given: Names that have a value.
        parameters: What the function takes.
        source: Where they were given, for the message.
        lines: The line in ``source`` of each name, as far as it is known.

    Raises:
        ParameterError: One is unknown, or a required one is missing.
    """
    names = list(given)
    unknown = [name for name in names if name not in parameters.names]
    missing = [name for name in parameters.required if name not in names]
    problems = []
    if unknown and not parameters.accepts_any:
        known = unknown_name(unknown[0], parameters.names)
        problems.append(f"{_listed('unknown', unknown)}; {known}")
    if missing:
        problems.append(f"{_listed('missing', missing)}, which main has no default for")
    if not problems:
        return
    first = unknown[0] if unknown and not parameters.accepts_any else missing[0]
    raise ParameterError(
        "; ".join(problems),
        source=source or None,
        line=(lines or {}).get(first),
        field=f"params.{first}",
    )


def _listed(word: str, names: list[str]) -> str:
    plural = "s" if len(names) > 1 else ""
    return f"{word} parameter{plural} {', '.join(repr(name) for name in names)}"


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield what runs when the script runs: not the insides of functions and classes."""
    waiting: list[ast.AST] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        inner = [
            each
            for each in ast.iter_child_nodes(node)
            if isinstance(each, (ast.stmt, ast.ExceptHandler, ast.match_case))
        ]
        waiting.extend(reversed(inner))


def _aliases(tree: ast.Module) -> set[str]:
    """Return the dotted names by which the script may call the decorator."""
    found = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name == _PACKAGE:
                    found.add(f"{each.asname or each.name}.{_DECORATOR}")
                elif each.name.startswith(f"{_PACKAGE}.") and each.asname is None:
                    found.add(f"{_PACKAGE}.{_DECORATOR}")
        elif isinstance(node, ast.ImportFrom) and _is_home(node):
            for each in node.names:
                if each.name == "*":
                    found.add(_DECORATOR)
                elif each.name == _DECORATOR:
                    found.add(each.asname or each.name)
    return found


def _is_home(node: ast.ImportFrom) -> bool:
    return node.level == 0 and node.module in {_PACKAGE, f"{_PACKAGE}.jobs"}


def _is_job(decorator: ast.expr, aliases: set[str]) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    match decorator:
        case ast.Name(id=name):
            return name in aliases
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return f"{owner}.{name}" in aliases
        case _:
            return False


def _entry_point(function: ast.FunctionDef | ast.AsyncFunctionDef) -> EntryPoint:
    arguments = function.args
    positional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    first_default = len(positional) - len(arguments.defaults)
    keyword_only = list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    return EntryPoint(
        name=function.name,
        line=function.lineno,
        required=(
            *positional[:first_default],
            *(each.arg for each, default in keyword_only if default is None),
        ),
        optional=(
            *positional[first_default:],
            *(each.arg for each, default in keyword_only if default is not None),
        ),
        accepts_any=arguments.kwarg is not None,
        positional_only=tuple(each.arg for each in arguments.posonlyargs),
    )
