"""What two runs gave, and the verdict on it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory
from ml_experiment.verify.compare import Comparison, State, Verdict, compare_runs
from ml_experiment.verify.compare.metrics import compare_metrics


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., RunDirectory]


def _state(comparison: Comparison, name: str) -> State:
    row = comparison.row(name)
    assert row is not None
    return row.state


def test_the_same_results_are_identical(make: Make) -> None:
    """Wherever the project lay, and whatever the run was called."""
    found = compare_runs(make(), make())

    assert (found.verdict, found.causes, found.warnings) == (Verdict.IDENTICAL, (), ())
    assert all(row.state is State.SAME for row in found.rows)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"artifacts": {"a": b"1"}}, "every metric and every artifact is the same"),
        ({}, "every metric is the same; no artifacts were given"),
        (
            {"metrics": (), "artifacts": {"a": b"1"}},
            "every artifact is the same; no metrics were given",
        ),
    ],
)
def test_identical_is_what_was_there_to_compare(
    make: Make, told: dict[str, Any], words: str
) -> None:
    """What was not given is not called the same."""
    assert compare_runs(make(**told), make(**told)).reason == words


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ([("loss", 0, 0.5000001)], "0.5 and 0.5000001"),
        ([("loss", 0, math.nan)], "0.5 and nan"),
        ([("loss", 1, 0.5)], "step 0 in the first run, 1 in the second"),
        ([("loss", 0, 0.5), ("loss", 1, 0.4)], "1 and 2 values"),
        ([("loss", 0, 0.5), ("more", 0, 0.4)], "more: only in the second run"),
        ([], "loss: only in the first run"),
    ],
)
def test_a_metric_that_differs_is_different(
    make: Make, metrics: list[Any], words: str
) -> None:
    """By the last digit, by its step, or by not being there; and it is shown."""
    found = compare_runs(make(), make(metrics=metrics))

    row = found.row("metrics")
    assert found.verdict is Verdict.DIFFERENT
    assert row is not None
    assert words in row.details[0]


def test_the_first_step_that_differs_is_named(make: Make) -> None:
    """Of two curves, where they part."""
    curve = [("loss", step, 1.0 / (step + 1)) for step in range(10)]
    other = [(name, step, value + (step > 5) * 1e-9) for name, step, value in curve]

    found = compare_runs(make(metrics=curve), make(metrics=other))

    assert "from step 6 on" in found.reason


def test_values_that_are_no_numbers_are_equal_to_themselves(make: Make) -> None:
    """A loss that has become NaN is the same NaN the next time."""
    metrics = [("a", 0, math.nan), ("b", 0, math.inf), ("c", 0, -math.inf)]

    assert (
        compare_runs(make(metrics=metrics), make(metrics=metrics)).verdict
        is Verdict.IDENTICAL
    )


@pytest.mark.parametrize(
    ("rtol", "verdict"),
    [
        (0.0, Verdict.DIFFERENT),
        (1e-4, Verdict.WITHIN_TOLERANCE),
        (1e-9, Verdict.DIFFERENT),
    ],
)
def test_the_tolerance_is_the_users(make: Make, rtol: float, verdict: Verdict) -> None:
    """Nothing is tolerated unless it is asked for."""
    one, other = make(), make(metrics=[("loss", 0, 0.500001)])

    assert compare_runs(one, other, rtol=rtol).verdict is verdict
    assert compare_runs(other, one, rtol=rtol).verdict is verdict


def test_what_runs_of_this_machine_differ_by_is_tolerated(make: Make) -> None:
    """The recorded value lies where repeated runs lie."""
    one, other = make(), make(metrics=[("loss", 0, 0.51)])

    inside = compare_runs(one, other, noise={("loss", 0): (0.49, 0.52)})
    outside = compare_runs(one, other, noise={("loss", 0): (0.505, 0.52)})

    assert inside.verdict is Verdict.WITHIN_TOLERANCE
    assert outside.verdict is Verdict.DIFFERENT


@pytest.mark.parametrize(
    "name", ["fit_time", "train_seconds", "elapsed_s", "trainTime", "peak_memory_mb"]
)
def test_a_time_beside_results_does_not_count(make: Make, name: str) -> None:
    """It is another at every run, and that is said."""
    one = make(metrics=[("loss", 0, 0.5), (name, 0, 1.0)])
    other = make(metrics=[("loss", 0, 0.5), (name, 0, 2.0)])

    found = compare_runs(one, other)

    assert found.verdict is Verdict.IDENTICAL
    assert name in found.warnings[0]


@pytest.mark.parametrize("name", ["time_to_event_error", "memory_cell_l2", "latent"])
def test_a_result_about_time_counts(make: Make, name: str) -> None:
    """A word in a name does not make a measurement of it."""
    one = make(metrics=[("loss", 0, 0.5), (name, 0, 1.0)])
    other = make(metrics=[("loss", 0, 0.5), (name, 0, 2.0)])

    assert compare_runs(one, other).verdict is Verdict.DIFFERENT


def test_a_time_alone_counts(make: Make) -> None:
    """Where there is nothing else to judge by, nothing is called identical."""
    one, other = (make(metrics=[("time", None, value)]) for value in (1.0, 2.0))

    assert compare_runs(one, other).verdict is Verdict.DIFFERENT


def test_an_artifact_that_differs_is_different(make: Make) -> None:
    """And what differs in it is said."""
    one, other = (make(artifacts={"a.csv": b"x\n%d\n" % number}) for number in (1, 2))

    found = compare_runs(one, other)

    row = found.row("artifacts")
    assert found.verdict is Verdict.DIFFERENT
    assert row is not None
    assert row.details == (
        "a.csv: column 'x' differs in 1 of 1 rows, by at most 0.5 relative",
    )


def test_an_artifact_that_is_missing_is_different(make: Make) -> None:
    """On either side."""
    one, other = make(artifacts={"a.txt": b"a"}), make()

    assert compare_runs(one, other).verdict is Verdict.DIFFERENT
    assert compare_runs(other, one).verdict is Verdict.DIFFERENT


def test_an_artifact_that_says_the_same_is_identical(make: Make) -> None:
    """A date in a file is not a result."""
    one = make(artifacts={"log.txt": b"at 2026-01-01 10:00:00\n"})
    other = make(artifacts={"log.txt": b"at 2026-01-02 11:00:00\n"})

    found = compare_runs(one, other)

    assert found.verdict is Verdict.IDENTICAL
    row = found.row("artifacts")
    assert row is not None
    assert row.details == ("log.txt: identical but for times or places",)


_SURVIVAL = [{"s.csv": b"time,event\n%d,1\n" % number} for number in (3, 4)]


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8, "end_states": {"numpy": "bb"}},
        {"seed": 8},
        {"end_states": {"numpy": "bb"}},
        {"code": {"train.py": "import lib\nx = 2\n"}},
        {"data": {"data.csv": "2"}},
        {"params": {"n": 20}},
        {"argv": ("--depth", "4")},
        {"uncontrolled": ("entropy of the operating system (uuid.uuid4)",)},
        {"packages": {"lib": "2.0", "other": "1.0"}},
    ],
)
def test_a_time_is_no_excuse_where_something_changed(
    make: Make, changes: dict[str, Any]
) -> None:
    """It may be the time that a patient survived, drawn by another seed."""
    one, other = make(artifacts=_SURVIVAL[0]), make(artifacts=_SURVIVAL[1], **changes)

    assert compare_runs(one, other).verdict is Verdict.DIFFERENT
    assert compare_runs(other, one).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("changes", [{}, {"cpu": "another"}, {"threads": 4}])
def test_a_time_does_not_count_where_only_the_clock_went_on(
    make: Make, changes: dict[str, Any]
) -> None:
    """The same seed, code and data, on this machine or another."""
    one, other = make(artifacts=_SURVIVAL[0]), make(artifacts=_SURVIVAL[1], **changes)

    assert compare_runs(one, other).verdict is Verdict.IDENTICAL


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("latency", Verdict.DIFFERENT), ("fit_time", Verdict.IDENTICAL)],
)
def test_a_metric_that_may_be_a_result_counts_where_something_changed(
    make: Make, name: str, verdict: Verdict
) -> None:
    """What is predicted may be a latency; how long fitting took is none."""
    one = make(metrics=[("loss", 0, 0.5), (name, 0, 1.0)])
    other = make(
        metrics=[("loss", 0, 0.5), (name, 0, 2.0)],
        code={"train.py": "import lib\nx = 2\n"},
    )

    assert compare_runs(one, other).verdict is verdict


def test_an_artifact_whose_copy_is_gone_is_not_guessed(make: Make) -> None:
    """Nobody can say whether other bytes say the same."""
    one, other = make(artifacts={"a.txt": b"a"}), make(artifacts={"a.txt": b"b"})
    (one.artifacts / "a.txt" / "a.txt").unlink()

    assert compare_runs(one, other).verdict is Verdict.NOT_COMPARABLE


_FAILED = {"type": "ValueError", "message": "wrong"}


def test_two_runs_that_fail_alike_are_identical(make: Make) -> None:
    """A failure is a result."""
    one, other = (
        make(status="FAILED", reason="ValueError: wrong", exception=_FAILED)
        for _ in range(2)
    )

    assert compare_runs(one, other).verdict is Verdict.IDENTICAL


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "FAILED", "exception": {"type": "KeyError", "message": "wrong"}},
        {"status": "KILLED", "reason": "killed by SIGKILL"},
    ],
)
def test_another_end_is_different(make: Make, changes: dict[str, Any]) -> None:
    """Even with the same metrics up to there."""
    failed = make(status="FAILED", reason="ValueError: wrong", exception=_FAILED)

    found = compare_runs(failed, make(**changes))

    assert found.verdict is Verdict.DIFFERENT
    assert _state(found, "outcome") is State.CHANGED


def test_two_killed_runs_are_compared_as_far_as_both_got(make: Make) -> None:
    """Neither says what it would have given; one and the same run is identical."""
    curve = [("loss", step, 1 / (step + 1)) for step in range(10)]
    short, long = (make(metrics=curve[:n], status="KILLED") for n in (4, 7))
    other = make(metrics=[("loss", 0, 9.0), *curve[1:3]], status="KILLED")

    verdicts = [
        compare_runs(one, two).verdict
        for one, two in ((long, long), (long, short), (short, long), (long, other))
    ]

    assert verdicts == [*[Verdict.IDENTICAL] * 3, Verdict.DIFFERENT]


def test_a_killed_run_is_compared_as_far_as_it_got(make: Make) -> None:
    """What the second one did after that is no difference."""
    curve = [("loss", step, 1.0 / (step + 1)) for step in range(10)]
    killed = make(metrics=curve[:4], status="KILLED")

    same = compare_runs(killed, make(metrics=curve))
    other = compare_runs(killed, make(metrics=[("loss", 0, 9.0), *curve[1:]]))

    assert (same.verdict, other.verdict) == (Verdict.IDENTICAL, Verdict.DIFFERENT)
    assert "as far as the first run got" in same.reason


def test_a_run_that_left_nothing_is_not_comparable(make: Make) -> None:
    """It was killed before it came to anything."""
    killed = make(metrics=[], status="KILLED", parts=False)

    assert compare_runs(killed, make()).verdict is Verdict.NOT_COMPARABLE


def test_runs_without_results_are_judged_by_what_they_said(make: Make) -> None:
    """A script that only prints is compared by what it prints."""
    one = make(metrics=[], stdout="score 0.5 in 1.2 s\n")
    same = make(metrics=[], stdout="score 0.5 in 3.4 s\n")
    other = make(metrics=[], stdout="score 0.6 in 1.2 s\n")

    assert compare_runs(one, same).verdict is Verdict.IDENTICAL
    assert compare_runs(one, other).verdict is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("exception", "printed"),
    [
        (
            {"type": "ValueError", "message": "no"},
            'Traceback (most recent call last):\n  File "train.py"\nValueError: no\n',
        ),
        ({"type": "SystemExit", "message": "no data"}, "no data\n"),
    ],
)
def test_words_of_the_exception_are_no_part_of_the_console(
    make: Make, exception: dict[str, str], printed: str
) -> None:
    """Python prints them when a run that was started directly has been closed."""
    failed = {"metrics": [], "status": "FAILED", "exception": exception}
    direct = make(**failed, stderr="epoch 1\n")

    same = compare_runs(direct, make(**failed, stderr=f"epoch 1\n{printed}"))
    other = compare_runs(direct, make(**failed, stderr=f"epoch 2\n{printed}"))

    assert same.verdict is Verdict.IDENTICAL
    assert _state(same, "console") is State.SAME
    assert other.verdict is Verdict.DIFFERENT


def test_the_console_alone_makes_no_difference(make: Make) -> None:
    """What is printed beside the same metrics and artifacts is told, and no more."""
    found = compare_runs(make(stdout="one\n"), make(stdout="two\n"))

    assert found.verdict is Verdict.IDENTICAL
    assert _state(found, "console") is State.CHANGED


def test_the_same_results_in_other_circumstances_are_identical(make: Make) -> None:
    """What went in is named in its row and in a note, and is no result."""
    found = compare_runs(make(), make(packages={"lib": "2.0", "other": "1.0"}))

    assert (found.verdict, found.causes) == (Verdict.IDENTICAL, ())
    assert _state(found, "software") is State.CHANGED
    assert "lib was 1.0 and is 2.0" in found.warnings[0]


def test_missing_parts_are_said_to_be_missing(make: Make) -> None:
    """A record without them does not claim that they are the same."""
    found = compare_runs(make(parts=False), make())

    assert found.verdict is Verdict.IDENTICAL
    assert _state(found, "software") is State.UNKNOWN
    assert _state(found, "code") is State.UNKNOWN


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, make: Make) -> None:
    """An error that names it, not a verdict."""
    with pytest.raises(RecordError, match="not a run directory"):
        compare_runs(RunDirectory(tmp_path), make())


def test_the_document_is_strict_json(make: Make) -> None:
    """Programs read it, whatever the numbers were."""
    metrics = [("loss", 0, math.nan), ("more", 0, math.inf)]
    found = compare_runs(make(), make(metrics=metrics))

    document = json.loads(json.dumps(found.to_document(), allow_nan=False))

    assert document["schema"] == "ml-experiment/comparison/1"
    assert document["verdict"] == "different"
    assert {row["name"] for row in document["rows"]} >= {"metrics", "artifacts", "code"}


_POINTS = st.lists(
    st.tuples(
        st.sampled_from(["loss", "score", "fit_time"]),
        st.none() | st.integers(0, 3),
        st.floats(),
    ),
    max_size=6,
)


@given(_POINTS, _POINTS, st.sampled_from([0.0, 1e-6, 0.5]))
def test_metrics_compare_alike_both_ways(one: Any, other: Any, rtol: float) -> None:
    """Which run is named first decides nothing, and each is the same as itself."""
    forth, _ = compare_metrics(one, other, rtol=rtol)
    back, _ = compare_metrics(other, one, rtol=rtol)
    itself, _ = compare_metrics(one, one, rtol=rtol)

    assert forth.state is back.state
    assert itself.state is State.SAME
