"""Numbers with their nouns, as people read them."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a number and a regular noun, such as ``1 file`` or ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
