"""Parameters drawn from a space: names, order, ends and kinds of values."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from optuna import create_study
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial, Trial

from ml_experiment.errors import ConfigError
from ml_experiment.search.grid import enumerate_grid
from ml_experiment.search.space import (
    common_distributions,
    distribution_of,
    draw,
    leaves,
    names_and_values,
    read_space,
)


SPACE = {
    "C": "loguniform(1e-3, 10)",
    "layers": "repeat(range(2, 20, 4), range(2, 5))",
    "opt": {"lr": "uniform(0, 1)", "name": "choice(['sgd', 'adam'])"},
    "pair": ["randint(1, 3)", "choice([None, [1, 2], {'a': 1}])"],
    "odd": "choice([1, True, 1.0])",
}


def trial_of(seed: int = 0) -> Trial:
    """Return a trial of a study of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return create_study(sampler=RandomSampler(seed)).ask()


def test_leaves_have_readable_names_in_the_order_of_the_config() -> None:
    """A repetition is its length and its elements; a dict's key follows a dot."""
    trial = trial_of()
    params = draw(trial, read_space(SPACE))
    layers: Any = params["layers"]
    assert list(trial.params) == [
        "C",
        "layers.times",
        *(f"layers[{number}]" for number in range(len(layers))),
        "opt.lr",
        "opt.name",
        "pair[0]",
        "pair[1]",
        "odd",
    ]
    assert list(params) == list(SPACE)


def test_integers_are_integers_to_the_sampler() -> None:
    """The end of a range is excluded, its step kept; randint includes its end."""
    trial = trial_of()
    draw(trial, read_space({"a": "range(2, 20, 4)", "b": "randint(1, 3)"}))
    assert trial.distributions == {
        "a": IntDistribution(2, 18, step=4),
        "b": IntDistribution(1, 3),
    }


def test_values_of_choices_come_back_as_they_were() -> None:
    """Lists, dicts, null and equal values of different kinds keep their kind."""
    space = read_space({"pair": SPACE["pair"], "odd": SPACE["odd"]})
    seen = [draw(trial_of(seed), space) for seed in range(40)]
    pairs = [each["pair"] for each in seen]
    assert any(pair[1] == [1, 2] for pair in pairs)  # type: ignore[index]
    assert any(pair[1] is None for pair in pairs)  # type: ignore[index]
    assert {type(each["odd"]) for each in seen} == {int, bool, float}


def test_a_trial_may_change_what_it_was_given() -> None:
    """The list that one trial changed is whole for the next one."""
    space = read_space({"a": "choice([[1, 2], [1, 2]])"})
    first: Any = draw(trial_of(), space)["a"]
    first.append(3)
    assert draw(trial_of(), space)["a"] == [1, 2]


def test_names_and_values_are_those_that_were_suggested() -> None:
    """Drawn parameters can be turned into Optuna's again."""
    space = read_space(SPACE)
    for seed in range(10):
        trial = trial_of(seed)
        params = draw(trial, space)
        named = names_and_values(space, params)
        assert named == trial.params
        assert draw(FixedTrial(named), space) == params


def test_distributions_are_those_that_are_suggested() -> None:
    """What is known of a space beforehand is what its trials then have."""
    space = read_space(SPACE)
    trial = trial_of()
    draw(trial, space)
    common = common_distributions(space)
    assert common.items() <= trial.distributions.items()
    assert "layers[0]" not in common
    assert common["C"] == FloatDistribution(1e-3, 10, log=True)
    assert common["opt.name"] == CategoricalDistribution(["sgd", "adam"])
    assert [distribution_of(leaf) for name, leaf in leaves(space) if name == "C"] == [
        common["C"]
    ]


def test_two_parameters_of_one_name_are_refused() -> None:
    """A dot in a key must not hide one parameter behind another."""
    with pytest.raises(ConfigError, match=r"'a\.b'"):
        read_space({"a": {"b": "uniform(0, 1)"}, "a.b": "uniform(0, 1)"})


def test_a_grid_has_every_point_once() -> None:
    """Lists of drawn length and lists in lists are counted through."""
    space = read_space(
        {
            "a": "range(0, 5, 2)",
            "b": "repeat(choice(['x', 'y']), range(0, 3))",
            "c": "repeat(repeat(randint(1, 2), 2), 1)",
        }
    )
    grid = enumerate_grid(space)
    assert len(grid) == 3 * (1 + 2 + 4) * 4
    points = [draw(FixedTrial(grid[each]), space) for each in range(len(grid))]
    assert len({repr(point) for point in points}) == len(grid)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("uniform(0, 1)", "no end of values"),
        ("repeat(randint(1, 100), 40)", "points, more than"),
    ],
)
def test_a_grid_without_end_is_refused(text: str, complaint: str) -> None:
    """Intervals of real numbers, and more points than can be counted."""
    with pytest.raises(ConfigError, match=complaint):
        enumerate_grid(read_space({"a": text}))
