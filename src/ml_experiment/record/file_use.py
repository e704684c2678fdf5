"""What a run has done to files that other runs may use at the same time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FileUse:
    """What a run has done to files; all are absolute paths.

    Attributes:
        used: Read or kept by it, and written while it ran: whoever writes one of them at
            the same time changes what it does.
        made: Written or removed by it, and not only added to.
        sought: It failed over them: they were not there, or there already.
    """

    used: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()
    sought: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.used or self.made or self.sought)


NOTHING_USED = FileUse()
