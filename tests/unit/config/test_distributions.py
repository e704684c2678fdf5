"""Distributions of a parameter space: their grammar, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import distributions, texts

from ml_experiment.config.distributions import (
    Choice,
    LogUniform,
    ParamDistribution,
    RandInt,
    Range,
    Repeat,
    Uniform,
    parse_distribution,
)
from ml_experiment.errors import ConfigError


READ = {
    "range(2, 5)": Range(2, 5),
    "range(1,10,3)": Range(1, 10, 3),
    "range(min=1, max=5, step=2)": Range(1, 5, 2),
    "range(-5, -1)": Range(-5, -1),
    " randint( 1 , 6 ) ": RandInt(1, 6),
    "randint(3, 3)": RandInt(3, 3),
    "uniform(0, 0.5)": Uniform(0.0, 0.5),
    "uniform(-1e-4, +1)": Uniform(-0.0001, 1.0),
    "loguniform(1e-4, 1e3)": LogUniform(0.0001, 1000.0),
    "LogUniform(max=1, min=0.1)": LogUniform(0.1, 1.0),
    "choice(['rbf', \"it's\", 'ñ≠√'])": Choice(("rbf", "it's", "ñ≠√")),
    "choice([True, false, null, None])": Choice((True, False, None, None)),
    "choice([[1, [2]], {'a': {'b': 1e-4}}, (1, 2)])": Choice(
        ([1, [2]], {"a": {"b": 0.0001}}, (1, 2))
    ),
    "choice((1, 2,))": Choice((1, 2)),
    "choice(values=[1])": Choice((1,)),
    "choice(['a; b', 'c) junk', '#'])": Choice(("a; b", "c) junk", "#")),
    "repeat(range(2, 20), range(2, 5))": Repeat(Range(2, 20), Range(2, 5)),
    "repeat(uniform(0, 1), times=3)": Repeat(Uniform(0, 1), 3),
    "repeat(range(1, 9), choice([1, 3]))": Repeat(Range(1, 9), Choice((1, 3))),
    "range(2, 20) * range(2, 5)": Repeat(Range(2, 20), Range(2, 5)),
    "range(2, 20) \N{MULTIPLICATION SIGN} range(2, 5)": Repeat(
        Range(2, 20), Range(2, 5)
    ),
    "choice(['\N{MULTIPLICATION SIGN}']) \N{MULTIPLICATION SIGN} 2": Repeat(
        Choice(("\N{MULTIPLICATION SIGN}",)), 2
    ),
    "range(1, 3) * 2 * 3": Repeat(Repeat(Range(1, 3), 2), 3),
}

REFUSED = {
    "": "a distribution is needed",
    "3": "a distribution is needed",
    "rbf": "a distribution is needed",
    "uniform": "without its values",
    "uniform(0, 1) junk": "cannot be read",
    "uniform(0, 1); import os": "cannot be read",
    "uniform(0, 1": "does not end",
    "unifrom(0, 1)": "did you mean 'uniform'",
    "normal(0, 1)": "unknown distribution 'normal'",
    "np.random.uniform(0, 1)": "a distribution is needed",
    "uniform(1, 0)": "min < max",
    "uniform(1, 1)": "min < max",
    "uniform(0)": "max missing",
    "uniform()": "min and max missing",
    "uniform(0, 1, 2)": "got 3 values",
    "uniform('0', 1)": "a number is needed",
    "uniform(true, 2)": "a number is needed",
    "uniform(0, 1e999)": "too large",
    "uniform(-1e308, 1e308)": "too far apart",
    "uniform(0, 2**3)": "plain values",
    "uniform(0, inf)": "inf without quotes",
    "loguniform(0, 1)": "min > 0",
    "loguniform(-1, 1)": "min > 0",
    "range(5, 2)": "min < max",
    "range(2, 2)": "min < max",
    "range(1, 2.0)": "an integer is needed",
    "range(0, 1, 0)": "step must be 1 or more",
    "range(0, 9, -1)": "step must be 1 or more",
    "range(0, 9, start=1)": "unknown name 'start'",
    "range(0, 9, max=1)": "got max twice",
    "range(*a)": "max missing",
    "range(1, **a)": "unknown name",
    "randint(2, 1)": "min <= max",
    "randint(1.0, 2)": "an integer is needed",
    "choice([])": "empty list",
    "choice()": "values missing",
    "choice('a')": "one list",
    "choice('a', 'b')": "one list",
    "choice([rbf])": "'rbf'",
    "choice([1 + 1])": "plain values",
    "choice([print(1)])": "plain values",
    "choice([b'x'])": "plain values",
    "choice([{1: 2}])": "keys are text",
    "choice([{'a': 1, 'a': 2}])": "twice",
    "choice(['\\ud800'])": "Unicode",
    "repeat(3, 4)": "a distribution is needed",
    "repeat(range(1, 2), -1)": "an integer from 0",
    "repeat(range(1, 2), uniform(1, 2))": "an integer from 0",
    "repeat(range(1, 2), randint(-1, 2))": "an integer from 0",
    "range(1, 2) * 2 * 2 * 2 * 2 * 2 * 2": "at most 5 levels",
}


@pytest.mark.parametrize("text", READ)
def test_a_distribution_is_read(text: str) -> None:
    """Each spelling of the grammar gives its value."""
    assert parse_distribution(text) == READ[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_distribution_is_refused(text: str) -> None:
    """The message says what was wrong, in words that name it."""
    with pytest.raises(ConfigError) as caught:
        parse_distribution(text)

    assert REFUSED[text] in str(caught.value)


@pytest.mark.parametrize("text", ["(" * 9999, "-" * 9999 + "1", "9" * 9999, "[" * 200])
def test_texts_made_to_exhaust_the_parser_are_refused(text: str) -> None:
    """Depth and length end in an error, not in a crash."""
    with pytest.raises(ConfigError):
        parse_distribution(f"choice([{text}])")


@given(distributions)
def test_text_and_value_are_the_same(distribution: ParamDistribution) -> None:
    """Writing and reading gives the same distribution, and so the same text."""
    again = parse_distribution(str(distribution))

    assert again == distribution
    assert type(again) is type(distribution)
    assert str(again) == str(distribution)
    assert hash(again) == hash(distribution)


@given(st.text() | texts.map("choice([{}])".format) | texts.map("range({})".format))
def test_arbitrary_text_raises_nothing_but_config_errors(text: str) -> None:
    """Whatever is written, the answer is a value or an error for people."""
    try:
        distribution = parse_distribution(text)
    except ConfigError as error:
        assert error.problem  # noqa: PT017 - an error is one of two right answers
    else:
        assert parse_distribution(str(distribution)) == distribution


def test_values_that_python_takes_for_equal_differ() -> None:
    """1, 1.0 and true are different choices."""
    assert len({Choice((1,)), Choice((1.0,)), Choice((True,))}) == 3


def test_a_distribution_cannot_be_changed() -> None:
    """Distributions are values."""
    with pytest.raises(AttributeError):
        Range(1, 5).min = 2  # type: ignore[misc]


def test_distributions_need_the_standard_library_only() -> None:
    """The grammar can be used where pydantic is not."""
    code = (
        "import sys\n"
        "from ml_experiment.config.distributions import parse_distribution\n"
        "parse_distribution('uniform(0, 1)')\n"
        "print('pydantic' in sys.modules, 'ruamel.yaml' in sys.modules)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["False", "False"]
