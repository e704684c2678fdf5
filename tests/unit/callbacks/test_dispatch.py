"""Callbacks are told in order, and cannot do harm."""

from __future__ import annotations

from typing import Any

import pytest

from ml_experiment.callbacks import Callback
from ml_experiment.callbacks.dispatch import CallbackDispatcher, check_callbacks


class Recorder(Callback):
    """Notes what it is told."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.name = name
        self.seen = seen

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        """Note the start."""
        self.seen.append(f"{self.name} start {config} {kwargs}")

    def on_job_end(
        self, config: Any, exception: BaseException | None, **kwargs: Any
    ) -> None:
        """Note the end."""
        del kwargs
        self.seen.append(f"{self.name} end {config} {exception}")


class AsInTheManual(Callback):
    """Has the manual's signatures, without further keyword arguments."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def on_job_end(self, config: Any, exception: BaseException | None) -> None:  # type: ignore[override]
        """Note the end."""
        self.seen += [config, exception]


class Failing(Callback):
    """Fails at the end."""

    def on_job_end(self, *_: Any, **__: Any) -> None:
        """Fail."""
        raise RuntimeError("no network")


def test_end_events_run_in_reverse() -> None:
    """What was opened first is closed last."""
    seen: list[str] = []
    callbacks = CallbackDispatcher(
        [Recorder("a", seen), Recorder("b", seen)], lambda *_: None
    )

    callbacks.fire("on_job_start", "cfg", run_id="r")
    callbacks.fire("on_job_end", "cfg", None, run_id="r")

    assert seen == [
        "a start cfg {'run_id': 'r'}",
        "b start cfg {'run_id': 'r'}",
        "b end cfg None",
        "a end cfg None",
    ]


def test_signature_of_the_manual_is_enough() -> None:
    """Keyword arguments that a method does not take are left out."""
    callback = AsInTheManual()

    CallbackDispatcher([callback], lambda *_: None).fire(
        "on_job_end", "cfg", None, run_id="r"
    )

    assert callback.seen == ["cfg", None]


def test_failing_callback_does_not_keep_others_from_being_told() -> None:
    """The failure is reported with its traceback, and the rest go on."""
    seen: list[str] = []
    reports: list[tuple[str, str]] = []
    callbacks = CallbackDispatcher(
        [Recorder("a", seen), Failing()], lambda *report: reports.append(report)
    )

    callbacks.fire("on_job_end", "cfg", None)

    assert seen == ["a end cfg None"]
    ((reason, details),) = reports
    assert reason == "callback Failing.on_job_end failed: RuntimeError: no network"
    assert "Traceback" in details


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        pytest.param([Failing], r"pass an instance: Failing\(\)", id="class"),
        pytest.param(Failing, r"pass an instance: Failing\(\)", id="bare class"),
        pytest.param([object()], "object is not a callback", id="object"),
        pytest.param(3, "int is not a callback", id="number"),
    ],
)
def test_what_is_no_callback_is_refused(callbacks: object, message: str) -> None:
    """A wrong argument is told when the script is decorated, not at the end of a run."""
    with pytest.raises(TypeError, match=message):
        check_callbacks(callbacks)


def test_one_callback_needs_no_list() -> None:
    """A single instance is accepted as it is."""
    callback = Failing()

    assert check_callbacks(callback) == (callback,)
    assert check_callbacks(None) == ()
