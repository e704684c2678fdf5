"""Graphics cards: asked of NVIDIA's library, else of its command, else said why not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MIB = 1024 * 1024
_LIMIT_S = 20
_DRIVER_FILES = (
    *("/dev/nvidiactl", "/dev/nvidia0", "/proc/driver/nvidia/version"),
    *("/usr/lib/wsl/lib/libnvidia-ml.so.1", "/dev/nvhost-ctrl-gpu"),
)
_FIELDS = ("name", "memory.total", "uuid", "driver_version", "compute_cap")
_AMD_DEVICE = "/dev/kfd"


def driver_present(files: Sequence[str] = _DRIVER_FILES) -> bool:
    """Return whether there can be an NVIDIA card here; cheaper than asking for one."""
    return sys.platform not in {"linux", "darwin"} or any(
        Path(file).exists() for file in files
    )


def describe_gpus(
    *,
    present: Callable[[], bool] = driver_present,
    library: Callable[[], Any] | None = None,
    command: Callable[[Sequence[str]], str] | None = None,
) -> dict[str, object]:
    """Return ``gpus`` and what goes with them.

    Args:
        present: Tells whether it is worth asking.
        library: Returns NVIDIA's library for Python, ``pynvml``, or raises ImportError.
        command: Runs ``nvidia-smi`` and returns what it printed.
    """
    if not present():
        return {"gpus": [], "gpu_note": _absent()}
    notes = []
    ways: tuple[Callable[[], dict[str, object]], ...] = (
        lambda: _from_library((library or _load_library)()),
        lambda: _from_command(command or _run_command),
    )
    for ask in ways:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - drivers fail in ways of their own
            notes.append(f"{type(error).__name__}: {error}")
    return {"gpus": [], "gpu_note": "; ".join(notes)}


def _absent() -> str:
    if sys.platform == "darwin":
        return "no NVIDIA driver; an Apple GPU is a part of the processor"
    if Path(_AMD_DEVICE).exists():
        return "an AMD GPU is there; its model is not read"
    return "no NVIDIA driver is loaded"


def _load_library() -> Any:
    import pynvml

    return pynvml


def _run_command(arguments: Sequence[str]) -> str:
    answer = subprocess.run(
        ["nvidia-smi", *arguments],
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=True,
    )
    return answer.stdout


def _plain(value: object) -> str:
    """Return text; older releases of the library give bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _from_library(nvml: Any) -> dict[str, object]:
    nvml.nvmlInit()
    try:
        version = int(nvml.nvmlSystemGetCudaDriverVersion())
        handles = [
            nvml.nvmlDeviceGetHandleByIndex(index)
            for index in range(nvml.nvmlDeviceGetCount())
        ]
        gpus = [_device(nvml, handle) for handle in handles]
        document: dict[str, object] = {
            "gpus": gpus,
            "gpu_driver": _plain(nvml.nvmlSystemGetDriverVersion()),
            "cuda": f"{version // 1000}.{version % 1000 // 10}",
        }
        if not gpus:
            document["gpu_note"] = "the NVIDIA driver is loaded but shows no GPU"
        return document
    finally:
        nvml.nvmlShutdown()


def _device(nvml: Any, handle: Any) -> dict[str, object]:
    gpu: dict[str, object] = {"name": _plain(nvml.nvmlDeviceGetName(handle))}
    # Some cards (MIG slices, unified memory) do not answer every question.
    questions: dict[str, Callable[[], object]] = {
        "memory_bytes": lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        "uuid": lambda: _plain(nvml.nvmlDeviceGetUUID(handle)),
        "compute_capability": lambda: ".".join(
            str(part) for part in nvml.nvmlDeviceGetCudaComputeCapability(handle)
        ),
        "mig": lambda: bool(nvml.nvmlDeviceGetMigMode(handle)[0]),
        "ecc": lambda: bool(nvml.nvmlDeviceGetEccMode(handle)[0]),
    }
    for name, question in questions.items():
        try:
            gpu[name] = question()
        except Exception:  # noqa: BLE001 - NVMLError is known to the library alone
            gpu[name] = None
    return gpu


def _from_command(run: Callable[[Sequence[str]], str]) -> dict[str, object]:
    table = run([f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"])
    gpus: list[dict[str, object]] = []
    driver: str | None = None
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(_FIELDS):
            continue
        name, memory, uuid, driver, capability = cells
        gpus.append(
            {
                "name": name,
                "memory_bytes": int(memory) * _MIB if memory.isdigit() else None,
                "uuid": uuid,
                "compute_capability": capability,
            }
        )
    cuda = re.search(r"CUDA Version:\s*([\d.]+)", run([]))
    document: dict[str, object] = {
        "gpus": gpus,
        "gpu_driver": driver,
        "cuda": cuda[1] if cuda else None,
    }
    if not gpus:
        document["gpu_note"] = "nvidia-smi names no GPU"
    return document
