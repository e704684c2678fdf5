"""The native libraries that computed are named at the end of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys


def test_blas_and_its_threads_are_told(tmp_path: object) -> None:
    """What is loaded is told with version and threads, as the environment has set them."""
    code = (
        "import json, numpy\n"
        "from ml_experiment.capture.determinism import loaded_libraries\n"
        "print(json.dumps(loaded_libraries()))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=str(tmp_path),
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    told = json.loads(done.stdout)
    pools = {pool["user_api"]: pool for pool in told["thread_pools"]}
    assert pools["blas"]["num_threads"] == 1
    assert "/" not in pools["blas"]["file"]
    assert told["switches"]["OMP_NUM_THREADS"] == "1"


def test_hooks_are_in_place_at_once_and_import_nothing_heavy() -> None:
    """Installing takes less than 5 ms, and no framework is imported for it."""
    code = (
        "import sys, time\n"
        "from ml_experiment.capture.seeds import RandomnessControl\n"
        "control = RandomnessControl()\n"
        "began = time.perf_counter()\n"
        "control.install(observed_from_start=True); control.begin(1)\n"
        "took = time.perf_counter() - began\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'joblib', 'wrapt', 'multiprocessing'}\n"
        "print(took, sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    took, heavy = done.stdout.split(maxsplit=1)
    assert float(took) < 0.005
    assert heavy.strip() == "[]"
