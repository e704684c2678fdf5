"""Import MLflow without the libraries that a store never uses.

They take much of its time, and it is done beside a training that has just begun.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator

# MLflow does without the libraries of data where they are not there, as its slim distribution
# shows, and Mako, which its migrations import, without colours.
_ABSENT = ("numpy", "pandas", "pyarrow", "pygments")
_FASTAPI = "fastapi"


class _FastAPI(ModuleType):
    """Stands for FastAPI, of which MLflow's client names one exception and uses nothing.

    Whoever asks for more is given the library itself.
    """

    class HTTPException(Exception):  # noqa: N818 - as it is called there
        """Is never raised: the gateway, a server, is not ours to run."""

    def __init__(self, path: list[str]) -> None:
        super().__init__(_FASTAPI)
        self.__path__ = path

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(_FASTAPI) is self:
            del sys.modules[_FASTAPI]
        return getattr(importlib.import_module(_FASTAPI), name)


@contextmanager
def sparing_import() -> Iterator[None]:
    """Let MLflow, if it is imported for the first time, find only what a store needs.

    What is hidden meanwhile can be imported as ever afterwards.
    """
    if "mlflow" in sys.modules:
        yield
        return
    absent = [name for name in _ABSENT if name not in sys.modules]
    hidden: dict[str, object] = dict.fromkeys(absent)
    spec = None if _FASTAPI in sys.modules else find_spec(_FASTAPI)
    if spec is not None and spec.submodule_search_locations:
        hidden[_FASTAPI] = _FastAPI(list(spec.submodule_search_locations))
    sys.modules.update(hidden)  # type: ignore[arg-type]  # `None` is: not to be found
    try:
        yield
    finally:
        for name, stand_in in hidden.items():
            if name in sys.modules and sys.modules[name] is stand_in:
                del sys.modules[name]
