"""The part ``hardware``, on this machine and on files of others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.cgroups import cpu_quota, memory_limit
from ml_experiment.capture.hardware import (
    _mac,
    describe_hardware,
    read_cpuinfo,
    read_meminfo,
)


if TYPE_CHECKING:
    from pathlib import Path

_X86 = """processor\t: {number}
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz
stepping\t: 7
microcode\t: 0x5003604
physical id\t: {socket}
core id\t\t: {core}
flags\t\t: fpu sse2 avx2 avx512f
power management:

"""
_ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd sve
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x1
CPU part\t: 0xd40
CPU revision\t: 1
"""
_SYSCTL = """machdep.cpu.brand_string: Apple M2 Pro
hw.memsize: 17179869184
hw.physicalcpu: 10
hw.model: Mac14,9
hw.optional.neon: 1
hw.optional.avx2_0: 0
vm.swapusage: total = 2048.00M  used = 100.00M  free = 1948.00M  (encrypted)
"""


def test_this_machine_has_a_processor_and_memory() -> None:
    """The least that a record of any machine holds."""
    part: Any = describe_hardware()

    assert part["hostname"]
    assert part["machine"]
    assert part["cpu"]["logical_cores"] == os.cpu_count()
    assert part["cpu"]["flags"]
    assert part["memory"]["total_bytes"] > 2**28
    assert part["gpus"] or part["gpu_note"]


def test_an_x86_machine_with_two_sockets() -> None:
    """Cores are counted once, however many threads each has."""
    places = [(0, 0), (0, 1), (0, 0), (0, 1), (1, 0), (1, 1), (1, 0), (1, 1)]
    text = "".join(
        _X86.format(number=number, socket=socket, core=core)
        for number, (socket, core) in enumerate(places)
    )

    cpu: Any = read_cpuinfo(text)

    assert cpu["model"] == "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz"
    assert cpu["vendor"] == "GenuineIntel"
    assert (cpu["physical_cores"], cpu["sockets"]) == (4, 2)
    assert "avx512f" in cpu["flags"]


def test_an_arm_server_has_a_name() -> None:
    """ARM tells numbers; the record tells the core's name."""
    cpu: Any = read_cpuinfo(_ARM)

    assert cpu["model"] == "ARM Neoverse-V1"
    assert cpu["flags"] == ["asimd", "fp", "sve"]


def test_an_unknown_arm_core_is_named_by_its_number() -> None:
    """Nothing is invented."""
    cpu: Any = read_cpuinfo(_ARM.replace("0xd40", "0xfff").replace("0x41", "0x99"))

    assert cpu["model"] == "implementer 0x99 part 0xfff"


def test_a_machine_without_cpuinfo_is_described_as_unknown() -> None:
    """A sandbox may hide the file."""
    assert read_cpuinfo("")["model"] is None


def test_memory_is_in_bytes() -> None:
    """The kernel counts in units of 1024 bytes."""
    found = read_meminfo("MemTotal:       16384 kB\nSwapTotal:   0 kB\n")

    assert found == {"total_bytes": 16384 * 1024, "swap_bytes": 0}


def test_a_mac_is_described_by_sysctl() -> None:
    """Model, cores, memory and swap of an Apple machine."""
    found: Any = _mac(lambda: _SYSCTL)

    assert found["cpu"]["model"] == "Apple M2 Pro"
    assert found["cpu"]["vendor"] == "Apple"
    assert found["cpu"]["physical_cores"] == 10
    assert found["cpu"]["flags"] == ["neon"]
    assert found["memory"] == {"total_bytes": 17179869184, "swap_bytes": 2048 * 1024**2}


def test_a_mac_that_does_not_answer_is_described_as_unknown() -> None:
    """No ``sysctl``, no model; the other parts go on."""

    def fail() -> str:
        raise FileNotFoundError("sysctl")

    found: Any = _mac(fail)

    assert found["cpu"]["model"] is None


def test_the_limits_of_cgroup_2_are_the_narrowest_of_all_levels(tmp_path: Path) -> None:
    """A limit of a parent holds as well as one of the group itself."""
    own, group = tmp_path / "own", tmp_path / "fs" / "job" / "step"
    group.mkdir(parents=True)
    own.write_text("0::/job/step\n")
    (group / "cpu.max").write_text("max 100000\n")
    (group.parent / "cpu.max").write_text("150000 100000\n")
    (group / "memory.max").write_text("1048576\n")
    (group.parent / "memory.max").write_text("max\n")

    assert cpu_quota(tmp_path / "fs", own) == 1.5
    assert memory_limit(tmp_path / "fs", own) == 1048576


def test_the_limits_of_cgroup_1_are_read(tmp_path: Path) -> None:
    """The older layout has a folder for each controller."""
    root, own = tmp_path / "fs", tmp_path / "own"
    own.write_text("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n")
    (root / "cpu,cpuacct").mkdir(parents=True)
    (root / "memory" / "docker" / "abc").mkdir(parents=True)
    (root / "cpu,cpuacct" / "cpu.cfs_quota_us").write_text("50000\n")
    (root / "cpu,cpuacct" / "cpu.cfs_period_us").write_text("100000\n")
    (root / "memory" / "docker" / "abc" / "memory.limit_in_bytes").write_text("4096\n")
    (root / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")

    assert cpu_quota(root, own) == 0.5
    assert memory_limit(root, own) == 4096


def test_no_cgroup_is_no_limit(tmp_path: Path) -> None:
    """As on a Mac, and on a plain Linux machine."""
    assert cpu_quota(tmp_path, tmp_path / "absent") is None
    assert memory_limit(tmp_path, tmp_path / "absent") is None
