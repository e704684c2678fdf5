"""The native libraries that compute in this process, and with how many threads.

The order in which threads add up numbers is part of the result. It is known only when the
libraries have been loaded: at the end of the run.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from ml_experiment.capture.targets import installed_elsewhere
from ml_experiment.config.determinism import SWITCHES


_TOLD = ("user_api", "internal_api", "version", "num_threads", "threading_layer")
_SITE = re.compile(r"[/\\](site|dist)-packages[/\\]")


def loaded_libraries() -> dict[str, Any]:
    """Return the BLAS and OpenMP libraries that are loaded, and the switches they read.

    ``thread_pools`` has, for each, its file name, interface (``blas``, ``openmp``), kind,
    version, number of threads, and for a BLAS the processor type it is optimised for.
    ``imported`` has the names of the installed packages that were imported.
    """
    import threadpoolctl

    pools = [
        {name: pool[name] for name in (*_TOLD, "architecture") if name in pool}
        | {"file": os.path.basename(pool.get("filepath", ""))}  # noqa: PTH119
        for pool in threadpoolctl.threadpool_info()
    ]
    pools.sort(key=lambda pool: (str(pool.get("user_api")), pool["file"]))
    return {
        "thread_pools": pools,
        "switches": {name: os.environ.get(name) for name in SWITCHES},
        "imported": imported_packages(),
    }


def imported_packages() -> list[str]:
    """Return the top-level names of the installed modules that are imported, sorted.

    Python's own are not among them, nor the user's.
    """
    found = []
    elsewhere = installed_elsewhere()
    for name, module in list(sys.modules.items()):
        if "." in name:
            continue
        spec = getattr(module, "__spec__", None)
        places = [getattr(spec, "origin", None), getattr(module, "__file__", None)]
        places += list(getattr(module, "__path__", ()))[:1]  # of a namespace package
        paths = [each for each in places if isinstance(each, str)]
        if any(_SITE.search(path) or path.startswith(elsewhere) for path in paths):
            found.append(name)
    return sorted(found)
