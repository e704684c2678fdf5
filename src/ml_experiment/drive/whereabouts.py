"""Say where the user's code was when this process is told to end."""

from __future__ import annotations

import faulthandler
import signal


def tell_at_end() -> None:
    """Let SIGTERM print the stack, also from inside native code, and do what it always does."""
    faulthandler.register(signal.SIGTERM, all_threads=False, chain=True)


def stay_silent() -> None:
    """Let SIGTERM end this process without a word: no code of the user's is running."""
    faulthandler.unregister(signal.SIGTERM)
