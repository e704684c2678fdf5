"""Tell a seed that the user handed to a library from one that the library made up.

``RandomForestClassifier(random_state=42).fit(X, y)`` seeds 101 generators: one with the
user's 42, and one for each tree with a number drawn from that. Only the first is a seed
of the user's. It is known by lying about, under the name of a seed, in what the user's
code handed to the library: the arguments, and what these hold.
"""

from __future__ import annotations

import operator
from collections import deque
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import is_user_frame


if TYPE_CHECKING:
    from types import FrameType

_DEPTH = 6
_NODES = 400
_FRAMES = 400
_NAMES = ("seed", "random_state", "rng", "random", "state", "entropy")
_ARGUMENT_FLAGS = (0x04, 0x08)  # CO_VARARGS, CO_VARKEYWORDS


def entry_frame(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the library function that the user's code called.

    ``None`` if there is none, or if the library is only being imported.
    """
    inner: FrameType | None = None
    for _ in range(_FRAMES):
        if frame is None:
            return None
        if is_user_frame(frame):
            return inner
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return None
        inner, frame = frame, frame.f_back
    return None


def was_handed_over(value: Any, entry: FrameType) -> bool:
    """Return whether ``value`` is, as a seed, in the arguments of a function's frame."""
    arguments = _arguments(entry)
    about_seeds = "seed" in entry.f_code.co_name.lower()
    queue: deque[tuple[int, str, Any]] = deque(
        (0, "seed" if about_seeds else name, item) for name, item in arguments.items()
    )
    known: set[int] = set()
    for _ in range(_NODES):
        if not queue:
            return False
        depth, name, item = queue.popleft()
        if any(part in name.lower() for part in _NAMES) and _same(item, value):
            return True
        if depth < _DEPTH and id(item) not in known:
            known.add(id(item))
            queue.extend((depth + 1, *inner) for inner in _inside(name, item))
    return False


def _arguments(frame: FrameType) -> dict[str, Any]:
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    count += sum(bool(code.co_flags & flag) for flag in _ARGUMENT_FLAGS)
    local = frame.f_locals
    return {name: local[name] for name in code.co_varnames[:count] if name in local}


def _inside(name: str, item: Any) -> list[tuple[str, Any]]:
    if isinstance(item, dict):
        return [(str(key), value) for key, value in list(item.items())[:_NODES]]
    if isinstance(item, list | tuple):
        return [(name, value) for value in item[:_NODES]]
    attributes = getattr(item, "__dict__", None)
    if type(attributes) is dict and not isinstance(item, type) and not callable(item):
        named = list(attributes.items())[:_NODES]
        return _as_given(named) if hasattr(type(item), "get_params") else named
    return []


def _as_given(attributes: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Leave out what ``fit`` made of an estimator of scikit-learn's kind.

    By its conventions the parameters have plain names; ``fit`` writes ``_name`` and
    ``name_``, a number drawn for its own use among them.
    """
    return [
        (name, value)
        for name, value in attributes
        if not name.startswith("_") and not name.endswith("_")
    ]


def _same(item: Any, value: Any) -> bool:
    if item is value:
        return True
    try:
        return operator.index(item) == operator.index(value)
    except TypeError:
        return False
