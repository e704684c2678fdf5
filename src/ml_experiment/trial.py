"""Access to the trial that is running, inside a group."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_experiment.errors import NoCurrentTrialError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import optuna


class _Running:
    """The trial of this process: one at a time, and the same in all of its threads.

    A variable of each context or thread would hide it from a thread of the user's, such as
    that of a data loader or of a training loop's callback.
    """

    def __init__(self) -> None:
        self.source: optuna.Trial | Callable[[], optuna.Trial] | None = None

    def get(self) -> optuna.Trial | None:
        """Return the trial, made at the first time that it is asked for."""
        source = self.source
        if callable(source):
            source = self.source = source()
        return source


_RUNNING = _Running()


class Trial:
    """Gives the job's function the ``optuna.Trial`` that it is running in."""

    @classmethod
    def get_current(cls) -> optuna.Trial:
        """Return the trial that is running.

        Raises:
            NoCurrentTrialError: No group is running here: a single experiment has no
                trial.
        """
        trial = _RUNNING.get()
        if trial is not None:
            return trial
        raise NoCurrentTrialError(
            "Trial.get_current(): no trial is running, as this is not a group\n"
            "  a group has `kind: group` in its config, and draws from `param_space`"
        )


@contextmanager
def current_trial(
    trial: optuna.Trial | Callable[[], optuna.Trial],
) -> Iterator[None]:
    """Make ``Trial.get_current()`` return a trial while the context lasts.

    Args:
        trial: The trial, or what makes it: called when the user's code asks for it, or
            never, as most trials are not asked for.
    """
    before = _RUNNING.source
    _RUNNING.source = trial
    try:
        yield
    finally:
        _RUNNING.source = before
