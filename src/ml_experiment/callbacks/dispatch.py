"""Tells every callback of an event, and lets none of them do harm."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ml_experiment.callbacks.base import Callback


if TYPE_CHECKING:
    from collections.abc import Callable

_EVENTS = ("on_job_start", "on_info_logged", "on_job_end")


class CallbackDispatcher:
    """Calls the callbacks of a job.

    Start events run in the order given, end events in reverse, so that what was opened
    first is closed last.

    Args:
        callbacks: Instances of ``Callback`` (or objects with its methods).
        report: Told, in one sentence and with the traceback, of a callback that failed.
    """

    def __init__(
        self, callbacks: Iterable[Callback], report: Callable[[str, str], None]
    ) -> None:
        self._callbacks = tuple(callbacks)
        self._report = report

    def fire(self, event: str, *arguments: object, **kwargs: Any) -> None:
        """Call the method named ``event`` of every callback.

        Args:
            event: Name of a method of ``Callback``.
            arguments: Its positional arguments.
            kwargs: Its keyword arguments.
        """
        ordered = self._callbacks
        if event.endswith("_end"):
            ordered = tuple(reversed(ordered))
        for callback in ordered:
            self._call(callback, event, arguments, kwargs)

    def _call(
        self,
        callback: Callback,
        event: str,
        arguments: tuple[object, ...],
        kwargs: dict[str, Any],
    ) -> None:
        method = getattr(callback, event, None)
        if method is None:
            return
        try:
            method(*arguments, **_accepted(method, arguments, kwargs))
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
            name = f"{type(callback).__name__}.{event}"
            reason = f"callback {name} failed: {type(error).__name__}: {error}"
            self._report(reason, traceback.format_exc())


def _accepted(
    method: Callable[..., Any], arguments: tuple[object, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the keyword arguments that the method takes.

    The manual prints ``on_job_end(self, config, exception)``, without ``**kwargs``.
    """
    import inspect

    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return {}
    if any(item.kind is item.VAR_KEYWORD for item in parameters):
        return kwargs
    names = [item.name for item in parameters][len(arguments) :]
    return {name: value for name, value in kwargs.items() if name in names}


def check_callbacks(callbacks: object) -> tuple[Callback, ...]:
    """Return the callbacks as a tuple.

    Args:
        callbacks: ``None``, one callback, or an iterable of them.

    Raises:
        TypeError: One of them is a class, or has none of the methods of a callback.
    """
    if callbacks is None:
        return ()
    if isinstance(callbacks, Callback):
        return (callbacks,)
    checked: tuple[Any, ...] = (callbacks,)
    if isinstance(callbacks, Iterable) and not isinstance(callbacks, type):
        checked = tuple(callbacks)
    for callback in checked:
        if isinstance(callback, type):
            name = callback.__name__
            raise TypeError(
                f"callbacks: got the class {name}; pass an instance: {name}()"
            )
        if not any(callable(getattr(callback, event, None)) for event in _EVENTS):
            kind = type(callback).__name__
            raise TypeError(
                f"callbacks: {kind} is not a callback; derive it from "
                "ml_experiment.callbacks.Callback"
            )
    return checked
