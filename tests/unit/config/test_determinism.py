"""The environment of a job, and the CPUs it may use."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ml_experiment.config.determinism import (
    THREAD_VARIABLES,
    available_cpus,
    cgroup_cpu_quota,
    child_environment,
)


if TYPE_CHECKING:
    from pathlib import Path


def test_everything_is_set_where_the_user_set_nothing() -> None:
    """Hash seed, threads and cuBLAS's workspace are all fixed."""
    environment = child_environment(
        seed=5, deterministic="warn", cpus=3, current_env={"HOME": "/home"}
    )

    assert environment["HOME"] == "/home"
    assert 0 <= int(environment["PYTHONHASHSEED"]) < 2**32
    assert {environment[name] for name in THREAD_VARIABLES} == {"3"}
    assert environment["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_what_the_user_set_stays() -> None:
    """The user's own values win, ``random`` hashing included; empty ones are not values."""
    mine = {
        "PYTHONHASHSEED": "random",
        "OPENBLAS_NUM_THREADS": "7",
        "MKL_NUM_THREADS": "",
    }

    environment = child_environment(
        seed=5, deterministic=True, cpus=2, current_env=mine
    )

    assert environment["PYTHONHASHSEED"] == "random"
    assert environment["OPENBLAS_NUM_THREADS"] == "7"
    assert environment["MKL_NUM_THREADS"] == "2"
    assert environment["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("openmp", "threads"),
    [("1", "1"), ("4,2", "4"), (" 3 ", "3"), ("", "2"), ("0", "2"), ("many", "2")],
)
def test_threads_of_openmp_are_those_of_all_libraries(
    openmp: str, threads: str
) -> None:
    """As each of them has it by itself; what is no number says nothing to the others."""
    environment = child_environment(
        seed=5,
        deterministic=True,
        cpus=2,
        current_env={"OMP_NUM_THREADS": openmp, "MKL_NUM_THREADS": "6"},
    )

    assert environment["OMP_NUM_THREADS"] == (openmp or threads)
    assert environment["OPENBLAS_NUM_THREADS"] == threads
    assert environment["MKL_NUM_THREADS"] == "6"


@pytest.mark.parametrize("switch", [False, "false"])
def test_without_determinism_cublas_is_left_alone(switch: bool | str) -> None:
    """The workspace costs memory, and is for determinism only."""
    environment = child_environment(
        seed=5, deterministic=switch, cpus=1, current_env={}
    )

    assert "CUBLAS_WORKSPACE_CONFIG" not in environment


def test_the_hash_seed_follows_the_seed() -> None:
    """Same seed, same order of sets; another seed, another one."""

    def hash_seed(seed: int | None) -> str:
        return child_environment(seed=seed, deterministic=True, cpus=1, current_env={})[
            "PYTHONHASHSEED"
        ]

    assert hash_seed(1) == hash_seed(1)
    assert hash_seed(1) != hash_seed(2)
    assert hash_seed(None) == "0"


def _quota(tmp_path: Path, files: dict[str, str], membership: str) -> float | None:
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "self").write_text(membership)
    return cgroup_cpu_quota(tmp_path / "cgroup", tmp_path / "self")


QUOTAS = {
    "v2-root": ({"cpu.max": "150000 100000\n"}, "0::/\n", 1.5),
    "v2-none": ({"cpu.max": "max 100000\n"}, "0::/\n", None),
    "v2-nested": (
        {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"},
        "0::/a/b\n",
        2.0,
    ),
    "v2-tightest": (
        {"a/b/cpu.max": "50000 100000\n", "a/cpu.max": "200000 100000\n"},
        "0::/a/b\n",
        0.5,
    ),
    "v1": (
        {"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        "3:cpu,cpuacct:/\n",
        3.0,
    ),
    "v1-nested": (
        {
            "cpu,cpuacct/docker/x/cpu.cfs_quota_us": "100000",
            "cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000",
        },
        "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
        1.0,
    ),
    "v1-none": (
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        "3:cpu:/\n",
        None,
    ),
    "nothing": ({}, "", None),
    "nonsense": ({"cpu.max": "many few\n"}, "0::/\n", None),
}


@pytest.mark.parametrize(
    ("files", "membership", "expected"), QUOTAS.values(), ids=QUOTAS
)
def test_quotas_of_both_kinds_of_cgroups_are_read(
    tmp_path: Path, files: dict[str, str], membership: str, expected: float | None
) -> None:
    """The tightest quota on the way up to the root counts."""
    assert _quota(tmp_path, files, membership) == expected


def test_there_is_always_a_cpu() -> None:
    """At least one, and no more than the machine has."""
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_the_affinity_mask_is_heeded() -> None:
    """A process pinned to one CPU counts one."""
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from ml_experiment.config.determinism import available_cpus\n"
        "print(available_cpus())"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "1\n"
