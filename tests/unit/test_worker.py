"""Which frames of a traceback are left for the user."""

from __future__ import annotations

import contextlib
import functools
import types
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.errors import ConfigError
from ml_experiment.worker import strip_own_frames


if TYPE_CHECKING:
    from collections.abc import Callable


def ours(text: str) -> Any:
    """Return the function ``call`` of a module that counts as one of the package."""
    module = types.ModuleType("ml_experiment.made_up")
    exec(text, module.__dict__)
    return module.call


CALL = ours("def call(function): function()")
IN_CONTEXT = ours(
    "import contextlib\n"
    "@contextlib.contextmanager\n"
    "def renamed(kind):\n"
    "    try:\n"
    "        yield\n"
    "    except KeyError as error:\n"
    "        raise kind('no') from error\n"
    "def call(kind):\n"
    "    with renamed(kind):\n"
    "        {}['a']\n"
)


def frames_left(call: Callable[[], object]) -> list[str]:
    """Return the functions in the traceback of what a call of ours raises."""
    with pytest.raises(Exception, match="no") as caught:
        CALL(call)
    error = caught.value
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # type: ignore[union-attr]
    strip_own_frames(error)
    names, frame = [], error.__traceback__
    while frame is not None:
        names.append(frame.tb_frame.f_code.co_name)
        frame = frame.tb_next
    return names


def test_an_error_of_ours_without_a_line_of_the_users_has_no_traceback() -> None:
    """Python's library between two of our frames is none of the user's business."""
    assert frames_left(lambda: IN_CONTEXT(ConfigError)) == ["<lambda>"]
    assert frames_left(functools.partial(IN_CONTEXT, ConfigError)) == []


def test_a_library_that_calls_the_users_code_stays() -> None:
    """Between the user's frames it says how one came to the other."""

    def users() -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(fail)

    def fail() -> None:
        raise ValueError("no")

    found = frames_left(users)
    assert found[0] == "users"
    assert found[-1] == "fail"
    assert "__exit__" in found
