"""Where calls come from, what entropy looks like, and hooks on imports."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from ml_experiment.capture.callsite import called_name, caller, is_user_file, site_of
from ml_experiment.capture.entropy import Entropy, is_marked, real_value
from ml_experiment.capture.observations import Observations, as_json
from ml_experiment.capture.when_imported import when_imported


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def test_code_of_python_and_of_packages_is_not_the_users() -> None:
    """Only files that are neither installed nor Python's, and what is typed in, count."""
    assert is_user_file(__file__)
    assert is_user_file("<stdin>")
    assert is_user_file("<ipython-input-3-abc>")
    assert not is_user_file("<frozen importlib._bootstrap>")
    assert not is_user_file(str(pytest.__file__))
    assert not is_user_file(str(importlib.__file__))
    assert not is_user_file(str(sys.modules["ml_experiment.capture.entropy"].__file__))


def test_a_call_is_named_as_the_source_spells_it() -> None:
    """The name comes from the very call, also where there are several in a line."""
    seen: list[str | None] = []

    def note(*_: object) -> int:
        frame = caller()
        assert frame is not None
        seen.append(called_name(frame))
        return 1

    other = note
    note(other(), max(1, note()))

    assert seen == ["other", "note", "note"]


def test_a_site_is_the_line_of_the_users_code() -> None:
    """The place is the file and line in which the user's code stands."""
    frame = sys._getframe()
    site = site_of(frame)

    assert site.where.endswith(f"test_places.py:{frame.f_lineno - 2}")
    assert site.direct


def test_values_are_known_again_and_others_are_not_taken_for_them() -> None:
    """The mark holds for derived and real values, and for no seed that users choose."""
    entropy = Entropy()
    entropy.restart(1)

    assert is_marked(entropy.value("numpy", sys._getframe()))
    assert is_marked(real_value())
    assert not any(
        is_marked(value) for value in (0, 1, 42, 2**32 - 1, 2**127, 2**200, -1)
    )
    assert not is_marked("42")


def test_without_a_seed_entropy_is_real() -> None:
    """Before a run has a seed, nobody gets a predictable number."""
    frame = sys._getframe()

    assert Entropy().value("numpy", frame) != Entropy().value("numpy", frame)


def test_entropy_depends_on_seed_library_and_path_only() -> None:
    """The same question gets the same answer; another one another."""
    frame = sys._getframe()

    def ask(seed: int, library: str, path: tuple[str, ...] = ()) -> int:
        entropy = Entropy()
        entropy.restart(seed, path)
        return entropy.value(library, frame)

    assert ask(1, "numpy") == ask(1, "numpy")
    values = {
        ask(1, "numpy"),
        ask(2, "numpy"),
        ask(1, "torch"),
        ask(1, "numpy", ("a",)),
    }
    assert len(values) == 4


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (2.5, 2.5),
        ("word", "word"),
        (b"\x01\x02", {"bytes": "0102"}),
        ([1, 2], [1, 2]),
        (True, True),
        (2**200, 2**200),
    ],
)
def test_short_seeds_are_recorded_as_they_are(value: object, expected: object) -> None:
    """Whoever reads the record can type the seed."""
    assert as_json(value) == expected


@pytest.mark.parametrize("value", ["x" * 1000, b"x" * 1000, list(range(1000)), 2**5000])
def test_long_seeds_are_recorded_as_digests(value: object) -> None:
    """A seed of a megabyte does not bloat the record, and is still told apart."""
    assert isinstance(as_json(value), dict)
    assert as_json(value) == as_json(value)


def test_a_failing_report_does_not_hide_later_seeds() -> None:
    """Observing is off while reporting, and on again after a failure."""

    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    observations = Observations(fail)

    with pytest.raises(OSError, match="disk"):
        observations.seeded("random", "random.seed", 1, sys._getframe())

    assert not observations.is_quiet


def test_a_hook_runs_once_when_its_module_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook gets the finished module, before the import statement is over."""
    (tmp_path / "awaited_module.py").write_text("value = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen: list[int] = []

    def hook(module: ModuleType) -> None:
        seen.append(module.value)
        raise RuntimeError("a hook's failure is not the import's")

    when_imported("awaited_module", hook)
    before = list(seen)
    module = importlib.import_module("awaited_module")
    importlib.reload(module)

    assert before == []
    assert seen == [3]
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert "value" in module.__loader__.get_source("awaited_module")  # type: ignore[union-attr]
    when_imported("awaited_module", lambda module: seen.append(module.value + 1))
    assert seen == [3, 4]


def test_a_module_that_fails_to_import_can_be_imported_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed import keeps the hook waiting for one that succeeds."""
    path = tmp_path / "failing_module.py"
    path.write_text("raise ValueError('first')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen: list[str] = []
    when_imported("failing_module", lambda module: seen.append(module.__name__))

    with pytest.raises(ValueError, match="first"):
        importlib.import_module("failing_module")
    path.write_text("value = 'long enough to differ in size'\n")
    importlib.invalidate_caches()
    importlib.import_module("failing_module")

    assert seen == ["failing_module"]
