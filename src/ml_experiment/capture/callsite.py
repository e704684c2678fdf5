"""Where a call came from: which module, which line of the user's, under which name."""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ml_experiment.capture.targets import installed_elsewhere


if TYPE_CHECKING:
    from types import FrameType

_PACKAGE = __name__.partition(".")[0]
_DEPTH = 400
_CALLEE = re.compile(r"[A-Za-z_][\w.]*")


def _library_roots() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    roots = {sysconfig.get_path(name) for name in names}
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    roots |= {own, os.path.dirname(os.__file__)}  # noqa: PTH120 - no pathlib on this path
    resolved = {os.path.realpath(root) for root in roots if root}
    folders = (root + os.sep for root in resolved | {r for r in roots if r})
    return (*folders, *installed_elsewhere())


_ROOTS = _library_roots()
_SITE = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


@lru_cache(maxsize=8192)
def is_user_file(name: str) -> bool:
    """Return whether code of this file name is the user's: not Python's, not installed.

    What is typed in (``<stdin>``, a notebook's cell) is the user's; what Python makes up
    (``<frozen ...>``, ``<__array_function__ ...>``) is not.
    """
    if name.startswith("<"):
        return name.startswith(
            ("<stdin>", "<ipython-input", "<string>", "<python-input")
        )
    if any(part in name for part in _SITE):
        return False
    return not name.startswith(_ROOTS) and not os.path.realpath(name).startswith(_ROOTS)


def is_user_frame(frame: FrameType) -> bool:
    """Return whether a frame executes the user's code."""
    if not is_user_file(frame.f_code.co_filename):
        return False
    # dataclasses, namedtuple and attrs compile strings in the name of their own module.
    made_up = frame.f_code.co_filename.startswith("<string>")
    return not made_up or module_of(frame) == "__main__"


def module_of(frame: FrameType) -> str:
    """Return the name of a frame's module; the main module has one name everywhere."""
    name = frame.f_globals.get("__name__")
    if not isinstance(name, str):
        return "?"
    # What ``multiprocessing`` calls the main module in a spawned process.
    return "__main__" if name == "__mp_main__" else name


def outside(frame: FrameType | None, packages: frozenset[str]) -> FrameType | None:
    """Return the nearest frame, from ``frame`` outwards, that is in none of the packages.

    Args:
        frame: Where to start; it may be the answer itself.
        packages: Names of top-level packages; ours is always one of them.
    """
    for _ in range(_DEPTH):
        if frame is None:
            return None
        top = module_of(frame).partition(".")[0]
        if top not in packages and top not in {_PACKAGE, "importlib"}:
            return frame
        frame = frame.f_back
    return None


@dataclass(frozen=True)
class Site:
    """Where in the user's code something was caused.

    Attributes:
        where: ``file:line`` of the user's; ``?`` if no code of the user's is involved.
        via: The library that the user's code called, if it was not the user's own call.
    """

    where: str
    via: str | None = None

    @property
    def direct(self) -> bool:
        """Whether the user's code made the call itself."""
        return self.via is None and self.where != "?"


def site_of(frame: FrameType | None) -> Site:
    """Return where the user's code stands that led to ``frame`` (the nearest outside)."""
    if frame is None:
        return Site("?")
    nearest = frame
    walked: FrameType | None = frame
    for _ in range(_DEPTH):
        if walked is None:
            break
        if is_user_frame(walked):
            via = None if walked is nearest else module_of(nearest)
            return Site(_place(walked), via)
        walked = walked.f_back
    return Site("?", module_of(nearest))


def _place(frame: FrameType) -> str:
    name = frame.f_code.co_filename
    return f"{_shown(name)}:{frame.f_lineno}"


@lru_cache(maxsize=1024)
def _shown(name: str) -> str:
    """Return a file's name from the working directory, if it lies there."""
    if name.startswith("<"):
        return name
    path = os.path.abspath(name)  # noqa: PTH100
    try:
        folder = os.getcwd()  # noqa: PTH109
    except OSError:
        return path
    return path[len(folder) + 1 :] if path.startswith(folder + os.sep) else path


def called_name(frame: FrameType) -> str | None:
    """Return what is called at the present instruction, as the source spells it.

    It is ``np.random.default_rng`` for ``rng = np.random.default_rng(3)``; ``None`` where
    the source is not at hand.
    """
    position = next(
        (
            item
            for index, item in enumerate(frame.f_code.co_positions())
            if index == frame.f_lasti // 2
        ),
        None,
    )
    if position is None or position[0] is None or position[2] is None:
        return None
    line = linecache.getline(
        frame.f_code.co_filename, position[0], frame.f_globals
    ).encode()
    found = _CALLEE.match(line[position[2] :].decode(errors="replace"))
    return found.group() if found else None


def caller(depth: int = 1) -> FrameType | None:
    """Return the frame ``depth`` calls above the function that calls this."""
    try:
        return sys._getframe(depth + 1)  # noqa: SLF001 - documented, if underscored
    except ValueError:
        return None
