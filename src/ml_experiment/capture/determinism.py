"""The native libraries that compute in this process, and with how many threads.

The order in which threads add up numbers is part of the result. It is known only when the
libraries have been loaded: at the end of the run.
"""

from __future__ import annotations

import os
from typing import Any

from ml_experiment.config.determinism import SWITCHES


_TOLD = ("user_api", "internal_api", "version", "num_threads", "threading_layer")


def loaded_libraries() -> dict[str, Any]:
    """Return the BLAS and OpenMP libraries that are loaded, and the switches they read.

    ``thread_pools`` has, for each, its file name, interface (``blas``, ``openmp``), kind,
    version, number of threads, and for a BLAS the processor type it is optimised for.
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
    }
