"""Have tasks that add to one array do so in their order, whichever thread is faster.

The trees of a forest that predicts on several threads add what they say to one array,
under a lock: ``(a + b) + c`` on one day, ``(a + c) + b`` on the next, which is another
number in the last digit. Here the lock is had in the order of the tasks. They compute side
by side as before; only who is early waits before adding.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import is_user_file


if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_WRAPPERS = 10


class Turns:
    """The order of the tasks of one pool, which must begin them in that order."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._over: set[int] = set()
        self._next = 0

    def arrange(
        self, number: int, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return a task that takes the locks among its arguments when it is its turn.

        Tasks of the user's own are left as they are: one of them may wait for what a
        later one does, which those of libraries do not.

        Args:
            number: Of the task, from 0, with no gaps.
            function: The task.
            args: What it is called with.
        """
        held = any(isinstance(each, _LOCKS) for each in args)
        if not held or _is_users(function):
            self.over(number)
            return function, args
        mine = [
            _Turn(each, self, number) if isinstance(each, _LOCKS) else each
            for each in args
        ]
        return _InTurn(function, self, number), tuple(mine)

    def wait_for(self, number: int) -> None:
        """Wait until the turns of all tasks before this one are over."""
        with self._changed:
            self._changed.wait_for(lambda: self._next >= number)

    def over(self, number: int) -> None:
        """A task needs no turn any more."""
        with self._changed:
            if number < self._next:
                return
            self._over.add(number)
            while self._next in self._over:
                self._over.discard(self._next)
                self._next += 1
            self._changed.notify_all()


class _InTurn:
    """A task; when it ends, and be it by an exception, it is the next one's turn."""

    def __init__(self, function: Callable[..., Any], turns: Turns, number: int) -> None:
        self._function = function
        self._turns = turns
        self._number = number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self._function(*args, **kwargs)
        finally:
            self._turns.over(self._number)


class _Turn:
    """A lock that is had when it is the task's turn, and then as often as it likes."""

    def __init__(self, lock: Any, turns: Turns, number: int) -> None:
        self._lock = lock
        self._turns = turns
        self._number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - as the lock's
        """Wait for the turn, unless there is a limit to the waiting, and take the lock."""
        if blocking and timeout < 0:
            self._turns.wait_for(self._number)
        return bool(self._lock.acquire(blocking, timeout))

    def release(self) -> None:
        """Release the lock, and let the next task have its turn."""
        self._lock.release()
        self._turns.over(self._number)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _is_users(function: Any) -> bool:
    """Return whether a task is the user's own code, as far as can be told."""
    for _ in range(_WRAPPERS):
        inner = getattr(function, "__wrapped__", None) or getattr(
            function, "func", None
        )
        if inner is None:
            break
        function = inner
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return code is None or is_user_file(code.co_filename)
