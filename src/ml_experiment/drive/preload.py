"""Import NumPy while the run is still being prepared, if the script begins with that.

Nearly every script of the field imports it first of all, and it takes as long as the rest of
a job's start. Nothing else is imported ahead: the hooks of other libraries are to be there
before these are, and what a script sets before an import must hold.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
import tempfile
from typing import IO, TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path

_AHEAD = "numpy"
_OWN = "ml_experiment"
_STDERR = 2


def preload(script: Path) -> IO[bytes] | None:
    """Import what the script will import first, if that changes nothing.

    Args:
        script: The script that is likely to be run.

    Returns:
        What was written to standard error meanwhile, from its beginning; ``None`` if
        nothing was imported.

    Raises:
        Exception: It cannot be imported. This process should not try again: NumPy says
            something else then.
    """
    if not imports_numpy_first(script):
        return None
    said = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    before = os.dup(_STDERR)
    os.dup2(said.fileno(), _STDERR)
    try:
        importlib.import_module(_AHEAD)
    finally:
        sys.stderr.flush()
        os.dup2(before, _STDERR)
        os.close(before)
    said.seek(0)
    return said


def imports_numpy_first(script: Path) -> bool:
    """Return whether a script imports NumPy before it does anything that might matter.

    Imports of the standard library and of this package do not, unless a file beside the
    script has the same name and takes their place.
    """
    try:
        body = ast.parse(script.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False
    for statement in body:
        names = _imported(statement)
        if names is None:
            return False
        for name in names:
            if _lies_beside(script, name):
                return False
            if name == _AHEAD:
                return True
            if name != _OWN and name not in sys.stdlib_module_names:
                return False
    return False


def _imported(statement: ast.stmt) -> list[str] | None:
    """Return the top packages that a statement imports; ``None`` if it does more."""
    match statement:
        case ast.Import():
            return [alias.name.partition(".")[0] for alias in statement.names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module.partition(".")[0]]
        case ast.Expr(value=ast.Constant()):
            return []  # the docstring
        case _:
            return None


def _lies_beside(script: Path, name: str) -> bool:
    return any(script.parent.glob(f"{name}.*")) or (script.parent / name).exists()
