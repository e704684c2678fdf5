"""See whether the kernel killed something for want of memory (Linux)."""

from __future__ import annotations

from pathlib import Path


_KEY = "oom_kill"
_OF_THE_MACHINE = Path("/proc/vmstat")


def out_of_memory_kills() -> int:
    """Return how many processes of this control group the kernel has killed so far.

    It is the sum over the group's own counter in version 1 and version 2 of control
    groups. Where there is none to be read, it is the counter of the whole machine; 0 if
    that cannot be read either.
    """
    counts = [count for path in _counters() for count in _kills_in(path)]
    return sum(counts or _kills_in(_OF_THE_MACHINE))


def _kills_in(path: Path) -> list[int]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    pairs = [line.partition(" ") for line in lines]
    return [int(count) for name, _, count in pairs if name == _KEY and count.isdigit()]


def _counters() -> list[Path]:
    try:
        groups = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    except OSError:
        return []
    root = Path("/sys/fs/cgroup")
    found: list[Path] = []
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        below = path.lstrip("/")
        if controllers == "":
            bases = (root, root / "unified")
            found += [base / below / "memory.events" for base in bases]
        elif "memory" in controllers.split(","):
            found.append(root / "memory" / below / "memory.oom_control")
            found.append(root / "memory" / "memory.oom_control")
    return list(dict.fromkeys(found))
