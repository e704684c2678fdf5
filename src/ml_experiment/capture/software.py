"""The part ``software``: Python, the operating system, packages, environment variables."""

# ruff: noqa: SIM905 - a list of words is read as a text, not as a column of quotes
from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.record.masking import (
    known_secrets,
    looks_secret,
    mask_text,
    mask_uri,
)


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.capture.packages import Installed

# Variables that change what a computation gives or how it runs; all others stay private.
_ALLOWED = frozenset(
    "PYTHONHASHSEED PYTHONOPTIMIZE PYTHONPATH PYTHONUTF8 PYTHONIOENCODING PYTHONMALLOC "
    "PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED PYTHONWARNINGS PYTHON_GIL PYTHON_JIT "
    "PYTHONNOUSERSITE PYTHONSTARTUP LANG LANGUAGE TZ KERAS_BACKEND KERAS_HOME "
    "GOTO_NUM_THREADS LOKY_MAX_CPU_COUNT TOKENIZERS_PARALLELISM VIRTUAL_ENV "
    "CONDA_DEFAULT_ENV CONDA_PREFIX LD_LIBRARY_PATH LD_PRELOAD DYLD_LIBRARY_PATH "
    "ROCR_VISIBLE_DEVICES HIP_VISIBLE_DEVICES HSA_OVERRIDE_GFX_VERSION "
    "GLIBC_TUNABLES RANK LOCAL_RANK WORLD_SIZE MASTER_ADDR MASTER_PORT "
    "SLURM_JOB_ID SLURM_JOB_NAME SLURM_JOB_PARTITION SLURM_JOB_NODELIST SLURM_NTASKS "
    "SLURM_PROCID SLURM_NNODES SLURM_CPUS_PER_TASK SLURM_CPUS_ON_NODE SLURM_GPUS "
    "SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID SLURM_MEM_PER_NODE SLURM_CLUSTER_NAME "
    "PBS_JOBID LSB_JOBID JOB_ID NSLOTS".split()
)
_ALLOWED_PREFIXES = (
    *("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("CUDA_", "CUBLAS_", "CUDNN_", "NVIDIA_VISIBLE", "NVIDIA_TF32", "NCCL_"),
    *("TF_", "XLA_", "JAX_", "TORCH_", "PYTORCH_", "NUMBA_", "MALLOC_", "LC_"),
)
_TERRAFORM = ("TF_VAR_", "TF_CLI_", "TF_TOKEN_")  # another TF


def allowed_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are recorded, their values masked."""
    secrets = known_secrets(environ)
    return {
        name: mask_text(mask_uri(value), secrets)
        for name, value in sorted(environ.items())
        if (name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES))
        and not looks_secret(name)
        and not name.startswith(_TERRAFORM)
    }


def environment_of(pid: int) -> dict[str, str] | None:
    """Return the environment that a process was started with, if it can be had."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return _environment_without_proc(pid)
    pairs = (item.partition(b"=") for item in raw.split(b"\0") if b"=" in item)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def _environment_without_proc(pid: int) -> dict[str, str] | None:
    if platform.system() == "Linux":
        return None
    import psutil

    try:
        return dict(psutil.Process(pid).environ())
    except psutil.Error:
        return None


def prefix_kind(prefix: Path, base_prefix: Path) -> str:
    """Return ``venv``, ``conda`` or ``system``: what the interpreter belongs to."""
    if prefix != base_prefix:
        return "venv"
    return "conda" if (prefix / "conda-meta").is_dir() else "system"


def describe_python() -> dict[str, object]:
    """Return what is known of this interpreter."""
    return {
        "version": platform.python_version(),
        "full_version": sys.version,
        "implementation": platform.python_implementation(),
        "build": list(platform.python_build()),
        "compiler": platform.python_compiler(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "prefix_kind": prefix_kind(Path(sys.prefix), Path(sys.base_prefix)),
    }


def describe_platform() -> dict[str, object]:
    """Return what is known of the operating system."""
    system = platform.uname()
    described: dict[str, object] = {
        "system": system.system,
        "release": system.release,
        "version": system.version,
        "machine": system.machine,
        "description": platform.platform(),
        "libc": " ".join(part for part in platform.libc_ver() if part) or None,
    }
    if system.system == "Darwin":
        described["distribution"] = f"macOS {platform.mac_ver()[0]}"
    else:
        try:
            release = platform.freedesktop_os_release()
        except OSError:
            release = {}
        described["distribution"] = release.get("PRETTY_NAME")
    return described


def describe_software(
    installed: Installed, environ: Mapping[str, str]
) -> dict[str, object]:
    """Return the part.

    Args:
        installed: The distributions of this environment.
        environ: Environment variables of the job.
    """
    return {
        "python": describe_python(),
        "platform": describe_platform(),
        "packages": [package.document() for package in installed.packages],
        "package_count": len(installed.packages),
        "shadowed": installed.shadowed,
        "broken": installed.broken,
        "environment": allowed_variables(environ),
    }
