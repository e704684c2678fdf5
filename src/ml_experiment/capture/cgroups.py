"""Limits that a container or a batch system has set, as Linux tells them (cgroup 1 and 2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
# cgroup 1 says "no limit" as the largest number of whole pages.
_NO_LIMIT = 1 << 60


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _folders(controller: str, root: Path, own: Path) -> Iterator[Path]:
    """Yield the folders whose limits hold for this process, the nearest first."""
    for line in _lines(own):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            bases = [root, root / "unified"]
        elif controller in controllers.split(","):
            bases = [root / controller, root / controllers]
        else:
            continue
        inside = Path(path.lstrip("/"))
        for base in bases:
            if base.is_dir():
                yield base / inside
                yield from (base / parent for parent in inside.parents)


def _number(path: Path) -> int | None:
    for line in _lines(path)[:1]:
        try:
            return int(line)
        except ValueError:
            return None
    return None


def cpu_quota(root: Path = _ROOT, own: Path = _OWN) -> float | None:
    """Return how many cores' worth of time this process gets; ``None`` for no limit.

    Args:
        root: Where the cgroups are mounted.
        own: Lists the cgroups of the process.
    """
    quotas: list[float] = []
    for folder in _folders("cpu", root, own):
        words = " ".join(_lines(folder / "cpu.max")[:1]).split()
        if len(words) == 2 and words[0].isdigit() and words[1].isdigit():  # noqa: PLR2004
            quotas.append(int(words[0]) / max(1, int(words[1])))
        quota = _number(folder / "cpu.cfs_quota_us")
        period = _number(folder / "cpu.cfs_period_us")
        if quota is not None and period and quota > 0:
            quotas.append(quota / period)
    return min(quotas, default=None)


def memory_limit(root: Path = _ROOT, own: Path = _OWN) -> int | None:
    """Return the bytes of memory that this process may use; ``None`` for no limit.

    Args:
        root: Where the cgroups are mounted.
        own: Lists the cgroups of the process.
    """
    limits: list[int] = []
    for folder in _folders("memory", root, own):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = _number(folder / name)
            if limit is not None and limit < _NO_LIMIT:
                limits.append(limit)
    return min(limits, default=None)
