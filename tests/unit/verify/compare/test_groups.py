"""Two searches, trial by trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.compared_runs import Told

from ml_experiment.verify.compare import Verdict, compare_runs


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.record.directory import RunDirectory

    Make = Callable[..., RunDirectory]


def _trials(count: int = 4) -> list[Told]:
    return [
        Told(
            seed=number,
            params={"x": float(number)},
            metrics=(("loss", 0, 1.0 / (number + 1)), ("loss", 1, 0.5 / (number + 1))),
        )
        for number in range(count)
    ]


def test_the_same_search_is_identical(make_group: Make) -> None:
    """Every trial is looked at."""
    found = compare_runs(make_group(_trials()), make_group(_trials()))

    assert found.verdict is Verdict.IDENTICAL
    assert [row.number for row in found.trials] == [0, 1, 2, 3]
    assert found.reason == "4 of 4 trials identical"


def test_the_first_trial_that_differs_is_named(make_group: Make) -> None:
    """By a metric of one of its steps."""
    trials = _trials()
    trials[2] = trials[2].but(metrics=(("loss", 0, 9.0), ("loss", 1, 0.5 / 3)))

    found = compare_runs(make_group(_trials()), make_group(trials))

    assert found.verdict is Verdict.DIFFERENT
    assert "3 of 4 trials identical; the first other one is trial 2" in found.reason
    assert found.trials[2].verdict is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.IDENTICAL),
        ({"code": {"train.py": "import lib\nx = 2\n"}}, Verdict.DIFFERENT),
    ],
)
def test_a_time_of_a_trial_counts_where_the_group_changed(
    make_group: Make, changes: dict[str, Any], verdict: Verdict
) -> None:
    """The code is the group's, and the table with a time is the trial's."""
    one, other = (
        [told.but(artifacts={"s.csv": b"time\n%d\n" % n}) for told in _trials()]
        for n in (1, 2)
    )

    found = compare_runs(make_group(one), make_group(other, **changes))

    assert found.verdict is verdict


def test_a_trial_with_other_parameters_is_different(make_group: Make) -> None:
    """The search has drawn something else."""
    trials = _trials()
    trials[1] = trials[1].but(params={"x": 7.0})

    found = compare_runs(make_group(_trials()), make_group(trials))

    assert found.verdict is Verdict.DIFFERENT
    assert "other parameters" in found.trials[1].summary


def test_a_trial_that_is_missing_is_different(make_group: Make) -> None:
    """A search of fewer trials is another search."""
    found = compare_runs(make_group(_trials()), make_group(_trials(3)))

    assert found.verdict is Verdict.DIFFERENT
    assert found.trials[3].summary == "only in the first group"


def test_a_group_that_was_killed_is_compared_as_far_as_it_got(make_group: Make) -> None:
    """Trials that it never came to are no difference."""
    killed = make_group(_trials(2), status="KILLED")

    found = compare_runs(killed, make_group(_trials()))

    assert found.verdict is Verdict.IDENTICAL
    assert "as far as the first group got" in found.reason


def test_a_group_and_a_run_are_not_comparable(make_group: Make, make: Make) -> None:
    """Whichever comes first."""
    group, run = make_group(_trials()), make()

    assert compare_runs(group, run).verdict is Verdict.NOT_COMPARABLE
    assert compare_runs(run, group).verdict is Verdict.NOT_COMPARABLE


def test_two_trials_are_compared_like_runs(make_group: Make) -> None:
    """With the record of the groups that they belong to."""
    old = make_group(_trials(), packages={"lib": "1.0"})
    other = [each.but(metrics=(("loss", 0, 9.0),)) for each in _trials()]
    new = make_group(other, packages={"lib": "2.0"})

    same = compare_runs(old.trial(1), old.trial(1))
    found = compare_runs(old.trial(1), new.trial(1))

    assert same.verdict is Verdict.IDENTICAL
    assert found.verdict is Verdict.DIFFERENT
    assert found.causes[0].sentence.startswith("lib was 1.0")


def test_the_cause_is_what_changed_and_not_the_trials(make_group: Make) -> None:
    """Data that changed move every trial, and then the search."""
    other = [
        each.but(metrics=(("loss", 0, 9.0),), params={"x": each.params["x"] + bool(n)})
        for n, each in enumerate(_trials())
    ]
    new = make_group(other, data={"data.csv": "2"})

    found = compare_runs(make_group(_trials()), new)

    assert "data.csv has changed" in found.causes[0].sentence
