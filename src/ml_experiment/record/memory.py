"""See whether the kernel killed something for want of memory (Linux control groups)."""

from __future__ import annotations

from pathlib import Path


_KEY = "oom_kill"


def out_of_memory_kills() -> int:
    """Return how many processes of this control group the kernel has killed so far.

    It is the sum over the group's own counter in version 1 and version 2 of control
    groups; 0 where there are none.
    """
    total = 0
    for path in _counters():
        try:
            text = path.read_text(encoding="ascii")
        except OSError:
            continue
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            if name == _KEY and value.isdigit():
                total += int(value)
    return total


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
