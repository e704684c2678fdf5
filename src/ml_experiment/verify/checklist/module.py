"""One Python file as a syntax tree in which names can be looked up.

Names are resolved as far as the text tells for sure: ``np.random.seed`` after ``import
numpy as np``, ``rng`` after ``from numpy.random import default_rng as rng``. A name that a
function binds itself is not the imported one.
"""

from __future__ import annotations

import ast
import builtins
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from ml_experiment.verify.checklist.dynamic import attribute_in_text, module_in_text


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Scope: TypeAlias = Function | ast.Module

_BUILTINS = frozenset(dir(builtins))
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Unreadable(Exception):  # noqa: N818 - it is about the file, not about us
    """The file is no Python that this interpreter understands.

    Attributes:
        problem: What is wrong.
        line: Where, if it is known.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        self.problem = problem
        self.line = line
        super().__init__(problem)


class Module:
    """A Python file of the user's.

    Args:
        path: The file.
        name: By which others import it; ``__main__`` for a script.

    Raises:
        Unreadable: It cannot be read or parsed.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.text, self.tree = _parsed(path)
        self.parents: dict[ast.AST, ast.AST] = {}
        self.nodes: list[ast.AST] = []
        for node in ast.walk(self.tree):
            self.nodes.append(node)
            for child in ast.iter_child_nodes(node):
                # Contexts and operators are objects that all nodes share.
                if not isinstance(child, (ast.expr_context, ast.operator, ast.cmpop)):
                    self.parents[child] = node
        self._inner: dict[Scope, list[ast.AST]] = {}
        self._assigned: dict[Scope, dict[str, list[ast.expr]]] = {}
        self._bound: dict[Scope, frozenset[str]] = {}
        self._resolved: dict[ast.expr, str | None] = {}

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.splitlines()

    @cached_property
    def package(self) -> str:
        """The package that relative imports start from."""
        if self.path.name == "__init__.py":
            return self.name
        return self.name.rpartition(".")[0]

    @cached_property
    def imports(self) -> list[ast.Import | ast.ImportFrom]:
        """The import statements, wherever they stand."""
        kinds = (ast.Import, ast.ImportFrom)
        return [node for node in self.nodes if isinstance(node, kinds)]

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What each imported name stands for, as a dotted name."""
        found: dict[str, str] = {}
        for node in self.imports:
            if isinstance(node, ast.Import):
                for each in node.names:
                    top = each.name.partition(".")[0]
                    found[each.asname or top] = each.name if each.asname else top
            else:
                source = self.source_of(node)
                for each in node.names:
                    if each.name != "*":
                        found[each.asname or each.name] = f"{source}.{each.name}"
        return found

    @cached_property
    def stars(self) -> list[str]:
        """Modules of which all names are imported."""
        return [
            self.source_of(node)
            for node in self.imports
            if isinstance(node, ast.ImportFrom)
            and any(each.name == "*" for each in node.names)
        ]

    def uses_library(self, top: str) -> bool:
        """Return whether it imports a library, or a part of it."""
        found = (*self.aliases.values(), *self.stars)
        return any(name.partition(".")[0] == top for name in found)

    def source_of(self, node: ast.ImportFrom) -> str:
        """Return the module that a ``from`` statement names, relative ones in full."""
        if node.level == 0:
            return node.module or ""
        parts = self.package.split(".") if self.package else []
        kept = parts[: len(parts) - node.level + 1]
        return ".".join([*kept, *([node.module] if node.module else [])])

    @cached_property
    def calls(self) -> list[tuple[ast.Call, str]]:
        """The calls, each with the dotted name of what is called, or with nothing."""
        return [
            (node, self.resolve(node.func) or "")
            for node in self.nodes
            if isinstance(node, ast.Call)
        ]

    @cached_property
    def references(self) -> list[tuple[ast.expr, str]]:
        """Every use of a name that leads somewhere, at its full length."""
        found: list[tuple[ast.expr, str]] = []
        for node in self.nodes:
            if not isinstance(node, (ast.Name, ast.Attribute, ast.Call)):
                continue
            if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
                continue
            parent = self.parents.get(node)
            if isinstance(parent, ast.Attribute) or self._is_annotation(node):
                continue
            name = self.resolve(node)
            if name:
                found.append((node, name))
        return found

    @cached_property
    def has_own_path(self) -> bool:
        """Whether it changes where modules are looked for."""
        return any(name.startswith("sys.path") for _, name in self.references)

    def resolve(self, node: ast.expr) -> str | None:
        """Return the dotted name that an expression stands for, ``None`` if unknown."""
        if node not in self._resolved:
            self._resolved[node] = (
                None  # a name that stands for itself stands for nothing
            )
            self._resolved[node] = self._resolve(node)
        return self._resolved[node]

    def _resolve(self, node: ast.expr) -> str | None:
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            base = self._resolve_name(node)
        else:
            base = module_in_text(self, node) or attribute_in_text(self, node)
        if base is None:
            return None
        # The home of a thing inside of its library is nobody's business.
        parts = [*base.split("."), *reversed(names)]
        inner = [part for part in parts[1:-1] if not part.startswith("_")]
        return ".".join([parts[0], *inner, *parts[1:][-1:]])

    def _resolve_name(self, node: ast.Name) -> str | None:
        for scope in self.scopes(node):
            if isinstance(scope, ast.Module):
                break
            if node.id in self.bound(scope):
                return self._imported_in_text(scope, node.id)
        if node.id in self.aliases:
            return self.aliases[node.id]
        if node.id in self.bound(self.tree):
            return self._imported_in_text(self.tree, node.id)
        if node.id in _BUILTINS:
            return f"builtins.{node.id}"
        return f"{self.stars[0]}.{node.id}" if len(self.stars) == 1 else None

    def _imported_in_text(self, scope: Scope, name: str) -> str | None:
        """Return the module that a name was given which a scope binds once."""
        values = self.assigned(scope).get(name, [])
        found = module_in_text(self, values[0]) if len(values) == 1 else None
        if found is None:
            return None
        names = [each for each in self.inside(scope) if isinstance(each, ast.Name)]
        stored = [each for each in names if not isinstance(each.ctx, ast.Load)]
        return found if sum(each.id == name for each in stored) == 1 else None

    def scopes(self, node: ast.AST) -> Iterator[Scope]:
        """Yield the functions around a node, the innermost first, then the module."""
        current = self.parents.get(node)
        while current is not None:
            if isinstance(current, (*_FUNCTIONS, ast.Module)):
                yield current
            current = self.parents.get(current)

    def scope(self, node: ast.AST) -> Scope:
        """Return the innermost function around a node, or the module."""
        return next(self.scopes(node), self.tree)

    def bound(self, scope: Scope) -> frozenset[str]:
        """Return the names that a function, or the module, binds, but for imports."""
        if scope not in self._bound:
            self._bound[scope] = frozenset(_names_bound(scope))
        return self._bound[scope]

    def inside(self, scope: Scope) -> list[ast.AST]:
        """Return the nodes of a scope, without those of the functions in it."""
        if scope not in self._inner:
            self._inner[scope] = list(_inside(scope))
        return self._inner[scope]

    def assigned(self, scope: Scope) -> dict[str, list[ast.expr]]:
        """Return the expressions that a scope assigns, by the name that they are given."""
        if scope not in self._assigned:
            found: dict[str, list[ast.expr]] = {}
            for node in self.inside(scope):
                for name, value in _assignments(node):
                    found.setdefault(name, []).append(value)
            self._assigned[scope] = found
        return self._assigned[scope]

    def uses(self, scope: Scope, name: str) -> list[ast.Name]:
        """Return the places in a scope, functions in it included, that read a name."""
        places = self._reads.get(name, [])
        return [place for place in places if scope in self.scopes(place)]

    @cached_property
    def _reads(self) -> dict[str, list[ast.Name]]:
        found: dict[str, list[ast.Name]] = {}
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
        return found

    def statement(self, node: ast.AST) -> ast.AST:
        """Return the statement around an expression."""
        while not isinstance(node, ast.stmt) and node in self.parents:
            node = self.parents[node]
        return node

    def _is_annotation(self, node: ast.AST) -> bool:
        child: ast.AST = node
        parent = self.parents.get(node)
        while isinstance(parent, (ast.Subscript, ast.BinOp, ast.Tuple, ast.List)):
            child, parent = parent, self.parents.get(parent)
        if isinstance(parent, (ast.arg, ast.AnnAssign)):
            return parent.annotation is child
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return parent.returns is child
        return False


def _parsed(path: Path) -> tuple[str, ast.Module]:
    import io
    import tokenize

    try:
        data = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return text, ast.parse(data)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise Unreadable("the encoding is not the one it declares") from None
    except SyntaxError as error:
        raise Unreadable(error.msg or "it is not Python", error.lineno) from None
    except (ValueError, LookupError) as error:
        raise Unreadable(str(error)) from None
    except (RecursionError, MemoryError):
        raise Unreadable("it is nested too deeply") from None


def _inside(scope: Scope) -> Iterator[ast.AST]:
    body = [scope.body] if isinstance(scope, ast.Lambda) else scope.body
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _assignments(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a statement gives, each with its value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, value
        case (
            ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            | ast.NamedExpr(target=ast.Name(id=name), value=value)
            | ast.withitem(context_expr=value, optional_vars=ast.Name(id=name))
        ):
            yield name, value
        case _:
            pass


def _names_bound(scope: Scope) -> Iterator[str]:
    if not isinstance(scope, ast.Module):
        arguments = scope.args
        several = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
        for each in (arg for group in several for arg in group):
            yield each.arg
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                yield rest.arg
    declared = set()
    for node in _inside(scope):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            declared.update(node.names)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            if node.id not in declared:
                yield node.id
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
