"""Which modules that are imported are the user's own."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cache
from pathlib import Path

from ml_experiment.capture.targets import installed_elsewhere


def _installed_roots() -> tuple[str, ...]:
    """Return the folders whose modules come with Python or from an index."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    roots = {sysconfig.get_path(name) for name in names}
    roots |= {
        path for path in sys.path if path.endswith(("site-packages", "dist-packages"))
    }
    roots.add(str(Path(__file__).parent.parent))  # this package, also when editable
    resolved = (os.path.realpath(root) + os.sep for root in roots if root)
    return (*resolved, *installed_elsewhere())


@cache
def _real_folder(path: str) -> str:
    return os.path.realpath(path)


@cache
def _real_file(path: str) -> str:
    """Return the path without links; most files share their folder with many others."""
    folder, name = os.path.split(path)
    real = os.path.join(_real_folder(folder), name)  # noqa: PTH118 - hot path
    return os.path.realpath(real) if os.path.islink(real) else real  # noqa: PTH114


def local_modules() -> dict[str, str]:
    """Return the user's modules that are imported now, by name, with their files."""
    roots = _installed_roots()
    found: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        if name == "__mp_main__":  # multiprocessing's second name for __main__
            continue
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or not path.endswith((".py", ".so", ".pyd")):
            continue
        full = os.path.abspath(path)  # noqa: PTH100 - links are kept
        real = _real_file(full)
        if not real.startswith(roots) and os.path.isfile(real):  # noqa: PTH113 - hot path
            found[name] = full
    return found
