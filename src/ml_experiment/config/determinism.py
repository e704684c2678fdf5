"""The environment that must exist before Python does, so that a run can be repeated.

The order of sets depends on the hash seed, and sums depend on how many threads share
them: both are fixed when a process starts, and never after.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ml_experiment.config.seeding import derive_seed


if TYPE_CHECKING:
    from collections.abc import Mapping

HASH_SEED = "PYTHONHASHSEED"
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
OPENMP = "OMP_NUM_THREADS"
THREAD_VARIABLES = (
    OPENMP,
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
SWITCHES = (HASH_SEED, *THREAD_VARIABLES, CUBLAS)

_CGROUP = Path("/sys/fs/cgroup")


def child_environment(
    *,
    seed: int | None,
    deterministic: bool | Literal["warn"] | str,  # noqa: PYI051 - for the reader
    cpus: int,
    current_env: Mapping[str, str],
) -> dict[str, str]:
    """Return the environment for a process that is to run a job.

    Whatever the user has set stays as it is. ``OMP_NUM_THREADS`` is then the number for
    all of them, as the libraries themselves take it for theirs where theirs is not set
    (https://www.openmathlib.org/OpenBLAS/docs/runtime_variables).

    Args:
        seed: The run's seed; ``None`` where there is none (the hash seed is then 0).
        deterministic: The config's field. Unless false, cuBLAS is told to use a
            workspace with which its results do not depend on the scheduling
            (https://docs.nvidia.com/cuda/cublas/#results-reproducibility).
        cpus: Threads that each numeric library may use.
        current_env: The environment to start from.
    """
    environment = dict(current_env)
    hash_seed = 0 if seed is None else derive_seed(seed, HASH_SEED)
    wanted = {HASH_SEED: str(hash_seed)}
    threads = _given_threads(environment.get(OPENMP, "")) or max(1, cpus)
    wanted |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    if deterministic not in {False, "false"}:
        wanted[CUBLAS] = ":4096:8"
    for name, value in wanted.items():
        if not environment.get(name):  # an empty one is, to all of them, not set
            environment[name] = value
    return environment


def _given_threads(value: str) -> int | None:
    """Return the first number of ``OMP_NUM_THREADS``: one for each level of nesting."""
    first = value.partition(",")[0].strip()
    return int(first) if first.isascii() and first.isdigit() and int(first) else None


def available_cpus() -> int:
    """Return how many CPUs this process may keep busy, at least 1.

    It is the smallest of the machine's, the affinity mask's and the cgroup's quota (what
    ``docker run --cpus`` and a Kubernetes limit set).
    """
    allowed = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        allowed = min(allowed, len(os.sched_getaffinity(0)) or 1)
    quota = cgroup_cpu_quota()
    if quota is not None:
        # Rounded up: half a CPU more than two keeps three threads busy part of the time.
        allowed = min(allowed, math.ceil(quota))
    return max(1, allowed)


def cgroup_cpu_quota(
    root: Path = _CGROUP, membership: Path = Path("/proc/self/cgroup")
) -> float | None:
    """Return the tightest CPU quota of this process' cgroups, in CPUs; ``None``: no limit.

    Args:
        root: Where the cgroup file system is mounted.
        membership: The file that tells the cgroups of this process.
    """
    quotas: list[float] = []
    for folder in _folders(root, membership):
        quota = _quota_v2(folder / "cpu.max")
        if quota is None:
            quota = _quota_v1(folder)
        if quota is not None:
            quotas.append(quota)
    return min(quotas, default=None)


def _folders(root: Path, membership: Path) -> list[Path]:
    """Return the folders of this process' CPU cgroups and of all that contain them."""
    # Inside of a container the group is usually mounted as the root itself.
    found = [root, root / "cpu", root / "cpu,cpuacct"]
    for line in _text(membership).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        for base in [root / controllers, root / "cpu"] if controllers else [root]:
            folder = base / path.strip("/")
            while folder != base and base in folder.parents:
                found.append(folder)
                folder = folder.parent
    return list(dict.fromkeys(found))


def _quota_v2(path: Path) -> float | None:
    words = _text(path).split()
    if len(words) != 2 or words[0] == "max":  # noqa: PLR2004 - "<quota> <period>"
        return None
    return _ratio(*words)


def _quota_v1(folder: Path) -> float | None:
    quota = _text(folder / "cpu.cfs_quota_us").strip()
    period = _text(folder / "cpu.cfs_period_us").strip()
    return _ratio(quota, period)


def _ratio(quota: str, period: str) -> float | None:
    try:
        cpus = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return cpus if cpus > 0 else None  # v1 says -1 for "no limit"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
