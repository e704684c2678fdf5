"""The part ``software``: interpreter, system and the variables that matter."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ml_experiment.capture.packages import installed_packages
from ml_experiment.capture.software import (
    allowed_variables,
    describe_software,
    environment_of,
    prefix_kind,
)


def test_python_and_system_are_named() -> None:
    """Version, build and compiler of Python, distribution and C library of the system."""
    part: Any = describe_software(installed_packages(), {})

    assert part["python"]["version"] == platform.python_version()
    assert part["python"]["implementation"] == "CPython"
    assert part["python"]["executable"] == sys.executable
    assert part["platform"]["machine"] == platform.machine()
    assert part["package_count"] == len(part["packages"]) > 10
    packages = {item["name"]: item for item in part["packages"]}
    assert packages["pytest"]["version"] == pytest.__version__
    assert packages["pytest"]["origin"] == "index"
    assert "_pytest" in packages["pytest"]["imports"]


def test_only_variables_that_matter_are_recorded() -> None:
    """What is not on the list stays private, and so does a secret that would be on it."""
    environ = {
        "PYTHONHASHSEED": "7",
        "OMP_NUM_THREADS": "2",
        "CUDA_VISIBLE_DEVICES": "0",
        "TF_DETERMINISTIC_OPS": "1",
        "SLURM_JOB_ID": "12",
        "LANG": "C.UTF-8",
        "HOME": "/home/u",
        "EMPLOYER": "somebody",
        "TF_TOKEN_app": "abcdef",
        "TF_VAR_region": "x",
        "JAX_API_KEY": "abcdef",
        "PYTHONPATH": "http://u:longpassword@h/",
        "XLA_FLAGS": "--dump=longpassword",
        "DATABASE_URL": "postgres://u:longpassword@h/db",
    }

    found = allowed_variables(environ)

    assert found == {
        "CUDA_VISIBLE_DEVICES": "0",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "2",
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": "http://u:***@h/",
        "SLURM_JOB_ID": "12",
        "TF_DETERMINISTIC_OPS": "1",
        "XLA_FLAGS": "--dump=***",
    }


def test_the_environment_of_another_process_can_be_read() -> None:
    """The job's own variables count, and they are set for the job alone."""
    command = [sys.executable, "-c", "print(flush=True); input()"]
    environ = os.environ | {"OMP_NUM_THREADS": "3"}
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()

        found = environment_of(process.pid)

        process.communicate(b"\n")
    assert found is not None
    assert found["OMP_NUM_THREADS"] == "3"


def test_a_process_that_is_gone_has_no_environment() -> None:
    """The run may have ended already."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()

    assert environment_of(process.pid) is None


def test_environments_are_told_apart(tmp_path: Path) -> None:
    """A venv has another base, conda has its own folder, the rest is the system's."""
    conda = tmp_path / "conda"
    (conda / "conda-meta").mkdir(parents=True)

    assert prefix_kind(tmp_path, Path("/usr")) == "venv"
    assert prefix_kind(conda, conda) == "conda"
    assert prefix_kind(tmp_path, tmp_path) == "system"
