"""See what cannot be controlled: entropy of the operating system, and other programs.

Only what the user's own code asks for is noted. Libraries draw real entropy for names of
temporary files, connections and the like, which is as it should be.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import caller, is_user_frame, module_of, site_of


if TYPE_CHECKING:
    from types import FrameType

    from ml_experiment.capture.observations import Observations

# Python's own, through which user code asks the operating system.
_ENTROPY_MODULES = frozenset({"random", "secrets", "uuid", "os"})
_PROGRAM_MODULES = frozenset({"subprocess", "os", "contextlib", "asyncio", "pty"})
_PROGRAM_EVENTS = {
    "subprocess.Popen": 0,
    "os.posix_spawn": 0,
    "os.exec": 0,
    "os.spawn": 1,
    "os.system": 0,
}
_FIX_ENTROPY = "draw from random or NumPy, which the run's seed controls"
_FIX_PROGRAM = "hand the program a seed, and record what it wrote"


def watch_escapes(observations: Observations) -> None:
    """Note from now on what user code takes from outside the run's control."""
    _watch_urandom(observations)
    sys.addaudithook(_program_hook(observations))


def _watch_urandom(observations: Observations) -> None:
    original = os.urandom

    def urandom(size: int, /) -> bytes:
        """Return a bytes object containing random bytes suitable for cryptographic use."""
        if not observations.is_quiet:
            _note_entropy(observations, caller())
        return original(size)

    # Pickled and shown under its old name: it takes its place wherever that leads.
    urandom.__module__ = original.__module__
    urandom.__qualname__ = original.__qualname__
    for name in {"os", "random", original.__module__}:
        module: Any = sys.modules.get(name)
        for attribute in ("urandom", "_urandom"):
            if getattr(module, attribute, None) is original:
                setattr(module, attribute, urandom)


def _note_entropy(observations: Observations, frame: FrameType | None) -> None:
    call = "os.urandom"
    while frame is not None and module_of(frame) in _ENTROPY_MODULES:
        call = f"{module_of(frame)}.{_qualified(frame)}"
        frame = frame.f_back
    if frame is None or not is_user_frame(frame):
        return
    with observations.quiet():
        observations.escaped(
            f"entropy of the operating system ({call})",
            site_of(frame).where,
            _FIX_ENTROPY,
        )


def _qualified(frame: FrameType) -> str:
    return frame.f_code.co_qualname


def _program_hook(observations: Observations) -> Any:
    def hook(event: str, args: tuple[Any, ...]) -> None:
        position = _PROGRAM_EVENTS.get(event)
        if position is None or observations.is_quiet:
            return
        with contextlib.suppress(Exception):  # the user's call must go on
            _note_program(observations, args[position], caller())

    return hook


def _note_program(
    observations: Observations, program: Any, frame: FrameType | None
) -> None:
    while frame is not None and (
        module_of(frame).partition(".")[0] in _PROGRAM_MODULES
        or module_of(frame) == __name__
    ):
        frame = frame.f_back
    if frame is None or not is_user_frame(frame):
        return
    words = os.fsdecode(program).split() if program is not None else []
    name = os.path.basename(words[0]) if words else "?"  # noqa: PTH119
    with observations.quiet():
        observations.escaped(
            f"another program ({name}), which does not inherit the run's seed",
            site_of(frame).where,
            _FIX_PROGRAM,
        )


def hash_seed_escape() -> tuple[str, str] | None:
    """Return what is not controlled about hashing, with its remedy; ``None`` if all is."""
    if not sys.flags.hash_randomization:
        return None  # PYTHONHASHSEED=0
    if os.environ.get("PYTHONHASHSEED", "random") not in {"", "random"}:
        return None
    script = os.path.basename(sys.argv[0]) if sys.argv[0] else "script.py"  # noqa: PTH119
    return (
        "the order of sets: PYTHONHASHSEED was not set when Python started",
        f"ml-experiment {script}, or PYTHONHASHSEED=0 python {script}",
    )
