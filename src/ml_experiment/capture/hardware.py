"""The part ``hardware``: processor, memory, limits of the container, graphics cards."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.capture.cgroups import cpu_quota, memory_limit
from ml_experiment.capture.gpus import describe_gpus


if TYPE_CHECKING:
    from collections.abc import Callable

Document = dict[str, object]

_KIB = 1024
# https://developer.arm.com, Main ID Register: implementers and the parts in servers.
_ARM_IMPLEMENTERS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x51: "Qualcomm",
    0x61: "Apple",
    0xC0: "Ampere",
}
_ARM_PARTS = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x46, 0x001): "A64FX",
    (0xC0, 0xAC3): "Ampere-1",
}


def describe_hardware() -> Document:
    """Return the part for this machine."""
    if platform.system() == "Darwin":
        described = _mac(_sysctl)
    else:
        described = {
            "cpu": read_cpuinfo(_text("/proc/cpuinfo")),
            "memory": read_meminfo(_text("/proc/meminfo")),
        }
    cpu = described["cpu"]
    if isinstance(cpu, dict):
        cpu["logical_cores"] = os.cpu_count()
        cpu["affinity"] = _affinity()
        cpu["quota"] = cpu_quota()
        cpu.setdefault("physical_cores", None)
    memory = described["memory"]
    if isinstance(memory, dict):
        memory["limit_bytes"] = memory_limit()
    gpus = describe_gpus()
    return {
        "hostname": platform.node(),
        "machine": platform.machine(),
        **described,
        **gpus,
    }


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _affinity() -> list[int] | None:
    """Return the cores that this process may use; ``None`` where that is not told."""
    ask = getattr(os, "sched_getaffinity", None)
    return None if ask is None else sorted(ask(0))


def read_cpuinfo(text: str) -> Document:
    """Read ``/proc/cpuinfo`` of an x86 or ARM machine."""
    processors = [
        _fields(block) for block in re.split(r"\n\s*\n", text) if block.strip()
    ]
    if not processors:
        return {"model": None, "vendor": None, "flags": []}
    first = processors[0]
    if "CPU implementer" in first:
        return _arm(first, processors[-1])
    cores = {
        (processor.get("physical id"), processor.get("core id"))
        for processor in processors
        if "core id" in processor
    }
    flags = first.get("flags") or first.get("isa") or ""
    return {
        "model": first.get("model name") or first.get("cpu") or first.get("uarch"),
        "vendor": first.get("vendor_id"),
        "family": first.get("cpu family"),
        "model_number": first.get("model"),
        "stepping": first.get("stepping"),
        "microcode": first.get("microcode"),
        "physical_cores": len(cores) or None,
        "sockets": len({socket for socket, _ in cores}) or None,
        "flags": sorted(flags.split()),
    }


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _arm(first: dict[str, str], last: dict[str, str]) -> Document:
    implementer = _integer(first.get("CPU implementer", ""))
    part = _integer(first.get("CPU part", ""))
    vendor = _ARM_IMPLEMENTERS.get(implementer, f"implementer {implementer:#x}")
    name = _ARM_PARTS.get((implementer, part), f"part {part:#05x}")
    board = first.get("Model") or last.get("Model") or last.get("Hardware")
    return {
        "model": first.get("model name") or f"{vendor} {name}",
        "vendor": vendor,
        "model_number": f"{part:#05x}",
        "revision": first.get("CPU revision"),
        "board": board,
        "physical_cores": _cores_in_sys(),
        "flags": sorted(first.get("Features", "").split()),
    }


def _integer(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return 0


def _cores_in_sys(root: Path = Path("/sys/devices/system/cpu")) -> int | None:
    cores = {
        tuple(
            _text(str(folder / name)).strip()
            for name in ("physical_package_id", "core_id")
        )
        for folder in root.glob("cpu[0-9]*/topology")
    }
    return len(cores) or None


def read_meminfo(text: str) -> Document:
    """Read ``/proc/meminfo``; sizes in bytes."""
    fields = _fields(text)

    def size(name: str) -> int | None:
        number = fields.get(name, "").split(" ", 1)[0]
        return int(number) * _KIB if number.isdigit() else None

    return {"total_bytes": size("MemTotal"), "swap_bytes": size("SwapTotal")}


def _sysctl() -> str:
    names = "machdep.cpu hw.memsize hw.physicalcpu hw.model vm.swapusage hw.optional"
    answer = subprocess.run(
        ["/usr/sbin/sysctl", *names.split()],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return answer.stdout


def _mac(sysctl: Callable[[], str]) -> Document:
    """Describe a Mac from what ``sysctl`` says."""
    try:
        fields = _fields(sysctl())
    except (OSError, subprocess.SubprocessError):
        fields = {}
    flags = f"{fields.get('machdep.cpu.features', '')} ".lower().split()
    flags += [
        name.removeprefix("hw.optional.")
        for name, value in fields.items()
        if name.startswith("hw.optional.") and value == "1"
    ]
    model = fields.get("machdep.cpu.brand_string")
    is_apple = (model or "").startswith("Apple")
    swap = re.search(r"total = ([\d.]+)M", fields.get("vm.swapusage", ""))
    return {
        "cpu": {
            "model": model,
            "vendor": fields.get("machdep.cpu.vendor")
            or ("Apple" if is_apple else None),
            "board": fields.get("hw.model"),
            "physical_cores": _integer(fields.get("hw.physicalcpu", "")) or None,
            "flags": sorted(flags),
        },
        "memory": {
            "total_bytes": _integer(fields.get("hw.memsize", "")) or None,
            "swap_bytes": int(float(swap[1]) * _KIB * _KIB) if swap else None,
        },
    }
