"""Hypothesis strategies: values that configs are made of."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from ml_experiment.config.distributions import (
    Choice,
    LogUniform,
    ParamDistribution,
    RandInt,
    Range,
    Repeat,
    Uniform,
)
from ml_experiment.config.models import PrunerEnum, SamplerEnum


# Text that can be written to a file: no half surrogate pairs.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
numbers = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**70), 2**70)


def _nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
        ),
        max_leaves=12,
    )


json_values = _nested(st.none() | st.booleans() | integers | numbers | texts)
# Anything that a file can say, NaN and the infinite numbers included.
values = _nested(st.none() | st.booleans() | integers | st.floats() | texts)
params = st.dictionaries(names, values, max_size=5)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    """Draw a range that is not empty."""
    low, high = sorted(draw(st.lists(integers, min_size=2, max_size=2, unique=True)))
    return Range(low, high, draw(st.integers(1, 2**70)))


@st.composite
def randints(draw: st.DrawFn) -> RandInt:
    """Draw a randint, of one value perhaps."""
    low, high = sorted(draw(st.lists(integers, min_size=2, max_size=2)))
    return RandInt(low, high)


@st.composite
def _intervals(
    draw: st.DrawFn, elements: st.SearchStrategy[float]
) -> tuple[float, float]:
    low, high = sorted(draw(st.lists(elements, min_size=2, max_size=2, unique=True)))
    return low, high


uniforms = (
    _intervals(numbers)
    .filter(lambda pair: pair[0] < pair[1] and math.isfinite(pair[1] - pair[0]))
    .map(lambda pair: Uniform(*pair))
)
loguniforms = (
    _intervals(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
    .filter(lambda pair: pair[0] < pair[1])
    .map(lambda pair: LogUniform(*pair))
)
choices = st.lists(json_values, min_size=1, max_size=5).map(
    lambda values: Choice(tuple(values))
)
_counts = st.integers(0, 9)
_times = _counts | st.builds(
    lambda low, more: Range(low, low + more), _counts, st.integers(1, 9)
)
_flat: st.SearchStrategy[ParamDistribution] = (
    ranges() | randints() | uniforms | loguniforms | choices
)
distributions: st.SearchStrategy[ParamDistribution] = (
    _flat
    | st.builds(Repeat, _flat, _times)
    | st.builds(Repeat, st.builds(Repeat, _flat, _times), _times)
)
spaces = st.dictionaries(
    names,
    st.recursive(
        distributions,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(names, inner, min_size=1, max_size=3)
        ),
        max_leaves=5,
    ),
    max_size=4,
)

_job_names = texts.filter(lambda text: text.strip() != "" and text.isprintable())
_scripts = st.lists(names.map("{}.py".format), min_size=1, max_size=3)
_metrics = st.fixed_dictionaries(
    {"name": names},
    optional={"direction": st.sampled_from(["minimize", "maximize"])},
)
# The fields of any kind of job, as a config file would give them.
common_fields = st.fixed_dictionaries(
    {"name": _job_names, "run": _scripts},
    optional={
        "params": params,
        "seed": st.none() | st.integers(0, 2**32 - 1),
        "deterministic": st.sampled_from([True, False, "warn"]),
        "data": st.lists(names, max_size=3),
        "tags": st.dictionaries(names, texts, max_size=3),
        "description": texts,
        "docker_config": st.fixed_dictionaries({"image": names})
        | st.fixed_dictionaries(
            {"dockerfile": names},
            optional={"context": names, "args": st.dictionaries(names, texts)},
        ),
        "ray_config": st.dictionaries(names.map("_{}".format), json_values, max_size=2),
    },
)
group_fields = st.tuples(
    common_fields,
    st.fixed_dictionaries(
        {"kind": st.just("group"), "num_trials": st.integers(1, 1000)},
        optional={
            "param_space": spaces,
            "metric": names
            | _metrics
            | st.lists(
                _metrics, min_size=1, max_size=3, unique_by=lambda each: each["name"]
            ),
            "sampler": st.sampled_from([each.value for each in SamplerEnum])
            | st.fixed_dictionaries(
                {"name": st.just("TPE")}, optional={"n_startup_trials": integers}
            ),
            "pruner": st.sampled_from([each.value for each in PrunerEnum]),
            "timeout_per_trial": st.floats(0.001, 1e9),
            "resources_per_worker": st.fixed_dictionaries(
                {"cpu": st.floats(0.01, 64)}, optional={"gpu": st.floats(0, 8)}
            ),
            "lookahead": st.just("none") | st.integers(1, 64),
            "retries": st.integers(0, 5),
            "max_failures": st.none() | st.integers(0, 50),
            "storage": st.just("sqlite:///search.db"),
        },
    ),
).map(lambda pair: {**pair[0], **pair[1]})
job_fields = common_fields | group_fields
