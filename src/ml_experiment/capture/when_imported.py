"""Call a function when the user's code imports a library, and never import it ourselves.

A finder at the head of ``sys.meta_path`` answers for the awaited modules only: it lets the
other finders find the module, and calls the function right after the module was executed,
before the import statement gets it. (``wrapt`` has this too; importing that costs more
than everything else that is done here before the user's script starts.)
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def when_imported(name: str, hook: Callable[[ModuleType], None]) -> None:
    """Call ``hook`` with the module ``name`` once it is imported; now, if it is already.

    An exception of the hook is swallowed: the user's import must go on.
    """
    module = sys.modules.get(name)
    if module is not None and not _is_initialising(module):
        _call(hook, module)
        return
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    _FINDER.hooks.setdefault(name, []).append(hook)


def _is_initialising(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _call(hook: Callable[[ModuleType], None], module: ModuleType) -> None:
    with contextlib.suppress(Exception):  # hooks report their own failures
        hook(module)


class _Finder:
    """Finds the awaited modules, with the help of all other finders."""

    def __init__(self) -> None:
        self.hooks: dict[str, list[Callable[[ModuleType], None]]] = {}
        self._finding: set[str] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - finders are called so
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname not in self.hooks or fullname in self._finding:
            return None
        self._finding.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._finding.discard(fullname)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, self.hooks)  # type: ignore[assignment]
        return spec


class _Loader:
    """Loads as the real loader does, puts that back in its place, and calls the hooks."""

    def __init__(
        self, loader: Any, hooks: dict[str, list[Callable[[ModuleType], None]]]
    ) -> None:
        self._loader = loader
        self._hooks = hooks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        for hook in self._hooks.pop(module.__name__, ()):
            _call(hook, module)


_FINDER: Any = _Finder()
