"""A loader's data are loaded once, whichever way they are asked for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ml_experiment.data_loader import DataLoader, loaded_once


class Counting(DataLoader):
    """Counts how often it is loaded."""

    calls = 0

    @classmethod
    def load_data(cls) -> Any:
        """Load."""
        cls.calls += 1
        return ["data"]


class ByInstance(DataLoader):
    """Overrides ``load_data`` by a plain method, as the thesis does."""

    def __init__(self, data: str) -> None:
        self.data = data

    def load_data(self) -> Any:  # type: ignore[override]
        """Load."""
        return [self.data]


def test_every_form_gives_the_same_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Class, instance and ``DataLoader`` itself, in one run: one call."""
    monkeypatch.setattr(Counting, "calls", 0)

    with loaded_once(Counting):
        first = Counting.load_data()
        assert Counting().load_data() is first
        assert DataLoader.load_data() is first

    assert Counting.calls == 1


def test_an_instance_is_asked_with_its_own_state() -> None:
    """``@job(data_loader=Loader(...))`` loads from that instance."""
    with loaded_once(ByInstance("mine")):
        assert DataLoader.load_data() == ["mine"]
        assert ByInstance.load_data() == ["mine"]  # type: ignore[call-arg]


def test_afterwards_everything_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of a run, each call loads again."""
    monkeypatch.setattr(Counting, "calls", 0)
    with loaded_once(Counting):
        Counting.load_data()

    Counting.load_data()

    assert Counting.calls == 2
    assert DataLoader.current is None


def test_a_derived_loader_without_its_own_method_is_restored() -> None:
    """A class that inherits ``load_data`` inherits it again afterwards."""

    class Derived(Counting):
        pass

    with loaded_once(Derived):
        Derived.load_data()

    assert "load_data" not in vars(Derived)


def test_workers_read_what_the_driver_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``read``, the loader's own method is never called."""
    monkeypatch.setattr(Counting, "calls", 0)

    with loaded_once(Counting, read=lambda: "shared"):
        assert Counting.load_data() == "shared"

    assert Counting.calls == 0


def test_the_listener_is_told_once() -> None:
    """What was loaded can be described, once."""
    told: list[Any] = []

    with loaded_once(Counting, on_loaded=told.append):
        Counting.load_data()
        Counting.load_data()

    assert told == [["data"]]


def test_threads_wait_for_the_first_to_load() -> None:
    """Two threads that ask at once get one object."""
    inside, go_on = threading.Event(), threading.Event()
    calls, results = [], []

    class Slow(DataLoader):
        @classmethod
        def load_data(cls) -> Any:
            calls.append(1)
            inside.set()
            assert go_on.wait(30)
            return object()

    with loaded_once(Slow):
        threads = [
            threading.Thread(target=lambda: results.append(Slow.load_data()))
            for _ in range(2)
        ]
        threads[0].start()
        assert inside.wait(30)
        threads[1].start()
        go_on.set()
        for thread in threads:
            thread.join(30)

    assert calls == [1]
    assert results[0] is results[1]


def test_an_error_is_the_loaders_own_and_is_not_remembered() -> None:
    """A loader that fails may be asked again."""
    outcomes: list[Any] = [OSError("away"), ["data"]]

    class Moody(DataLoader):
        @classmethod
        def load_data(cls) -> Any:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    with loaded_once(Moody):
        with pytest.raises(OSError, match="away"):
            Moody.load_data()
        assert Moody.load_data() == ["data"]


def test_a_loader_that_asks_for_itself_is_told_so() -> None:
    """Not a hang, and no thousand frames."""

    class Circular(DataLoader):
        @classmethod
        def load_data(cls) -> Any:
            return DataLoader.load_data()

    with loaded_once(Circular), pytest.raises(RecursionError, match="calls itself"):
        Circular.load_data()
