"""The models: what they accept, what they make of it, and the way through JSON."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from pydantic_core._pydantic_core import list_all_errors
from tests.strategies import job_fields

from ml_experiment.config.distributions import Uniform
from ml_experiment.config.explain import _allowed
from ml_experiment.config.models import (
    DockerConfig,
    ExperimentConfig,
    GroupConfig,
    JobConfig,
    JobTypes,
    Metric,
    OptimizationDirection,
    PrunerConfig,
    PrunerEnum,
    RayConfig,
    SamplerConfig,
    SamplerEnum,
    WorkerResourcesConfig,
    config_class,
    from_document,
    to_document,
    validated,
)
from ml_experiment.config.problems import ConfigErrors
from ml_experiment.errors import ConfigError


def group(**fields: Any) -> GroupConfig:
    """Return a group with these fields and the required ones."""
    required: dict[str, Any] = {"name": "g", "run": "a.py", "num_trials": 3}
    return GroupConfig(**required | fields)


def experiment(**fields: Any) -> ExperimentConfig:
    """Return an experiment with these fields and the required ones."""
    required: dict[str, Any] = {"name": "e", "run": "a.py"}
    return ExperimentConfig(**required | fields)


def _same(one: object, other: object) -> bool:
    """Compare as ``==`` does, but NaN is itself, and 1, 1.0 and True are not the same."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[k], other[k]) for k in one)
    return type(one) is type(other) and one == other


@given(job_fields)
def test_a_config_passes_through_json_unchanged(fields: dict[str, Any]) -> None:
    """The document is strict JSON, and says everything."""
    config = validated(fields)
    document = to_document(config)

    text = json.dumps(document, allow_nan=False)
    again = from_document(json.loads(text))

    assert type(again) is type(config)
    assert again.model_copy(update={"params": {}}) == config.model_copy(
        update={"params": {}}
    )
    assert _same(again.params, config.params)
    assert to_document(again) == document


@given(job_fields)
def test_a_config_survives_pickling(fields: dict[str, Any]) -> None:
    """Configs can be handed to other processes."""
    config = validated(fields)

    again = pickle.loads(pickle.dumps(config))

    assert to_document(again) == to_document(config)


def test_parameters_like_the_marks_of_numbers_are_not_taken_for_them() -> None:
    """What stands for NaN in a document may be a parameter of its own."""
    params = {"a": {"$float": "nan"}, "b": {"$plain": {"$float": "inf"}}, "c": math.inf}

    again = from_document(to_document(experiment(params=params)))

    assert again.params == params


@pytest.mark.parametrize(
    ("kind", "model"),
    [("job", JobConfig), ("experiment", ExperimentConfig), ("GROUP", GroupConfig)],
)
def test_each_kind_has_its_model(kind: str, model: type[JobConfig]) -> None:
    """The word in the file leads to the model."""
    assert config_class(kind) is model


def test_the_kind_is_experiment_if_it_is_not_said() -> None:
    """The manual's default."""
    config = validated({"name": "x", "run": "a.py"})

    assert isinstance(config, ExperimentConfig)
    assert config.kind is JobTypes.EXPERIMENT


@pytest.mark.parametrize("model", [JobConfig, ExperimentConfig, GroupConfig])
def test_a_model_refuses_another_kind(model: type[JobConfig]) -> None:
    """A model and its kind cannot disagree."""
    other = "group" if model is not GroupConfig else "job"
    fields: dict[str, Any] = {"name": "x", "run": "a.py", "kind": other}
    if model is GroupConfig:
        fields["num_trials"] = 1

    with pytest.raises(ConfigError, match="kind: got"):
        model(**fields)


@pytest.mark.parametrize("field", ["num_trials", "param_space", "metric", "sampler"])
def test_fields_of_groups_are_refused_elsewhere(field: str) -> None:
    """The message does not call the field unknown, but says where it belongs."""
    with pytest.raises(ConfigError, match="kind: group") as caught:
        experiment(**{field: 1})

    assert caught.value.field == field


def test_one_script_or_pattern_may_stand_without_a_list() -> None:
    """A single value is a list of one."""
    config = experiment(run="a.py", data="*.csv")

    assert (config.run, config.data) == (["a.py"], ["*.csv"])


def test_localhost_means_a_local_cluster() -> None:
    """The manual's spelling of no address."""
    assert RayConfig(address="localhost").address is None
    assert RayConfig(address="10.0.0.1:6379").address == "10.0.0.1:6379"


def test_further_arguments_of_ray_are_kept() -> None:
    """What has no field here is for Ray to judge."""
    further: dict[str, Any] = {"dashboard_port": 8265, "runtime_env": {"pip": ["x"]}}

    config = RayConfig(num_cpus=4, **further)

    assert config.model_extra == further


@pytest.mark.parametrize(
    ("given", "names", "directions"),
    [
        ("acc", ["acc"], [None]),
        ({"name": "acc", "direction": "Maximize"}, ["acc"], ["maximize"]),
        (
            Metric(name="acc", direction=OptimizationDirection.minimize),
            ["acc"],
            ["minimize"],
        ),
        (["a", {"name": "b", "direction": "minimize"}], ["a", "b"], [None, "minimize"]),
    ],
    ids=["bare", "mapping", "model", "several"],
)
def test_a_metric_has_several_spellings(
    given: object, names: list[str], directions: list[str | None]
) -> None:
    """A name, a mapping, a model, or a list of these."""
    metric = group(metric=given).metric

    metrics = metric if isinstance(metric, list) else [metric]
    assert [each.name for each in metrics if each] == names
    wanted = [each and OptimizationDirection(each) for each in directions]
    assert [each.direction for each in metrics if each] == wanted


@pytest.mark.parametrize("spelling", ["tpe", "TPE", SamplerEnum.tpe, " Tpe "], ids=repr)
def test_a_bare_sampler_is_the_word(spelling: object) -> None:
    """Papers write names of samplers in capitals."""
    assert group(sampler=spelling).sampler is SamplerEnum.tpe


@pytest.mark.parametrize(
    ("spelling", "word"),
    [("CMA-ES", "cmaes"), ("NSGA-II", "nsgaii"), ("NSGAIII", "nsgaiii")],
)
def test_hyphens_in_names_of_samplers_do_not_matter(spelling: str, word: str) -> None:
    """The spelling of the literature is understood."""
    assert group(sampler=spelling).sampler is SamplerEnum(word)


def test_a_sampler_may_have_options() -> None:
    """What stands beside the name are the options."""
    config = group(
        sampler={"name": "TPE", "n_startup_trials": 20}, pruner={"name": "median"}
    )

    assert config.sampler == SamplerConfig(
        name=SamplerEnum.tpe, options={"n_startup_trials": 20}
    )
    assert config.pruner == PrunerConfig(name=PrunerEnum.median)


def test_spaces_may_be_nested() -> None:
    """Lists and dicts of distributions, and distributions that are values already."""
    config = group(
        param_space={"a": ["uniform(0, 1)", ["range(1, 3)"]], "b": {"c": Uniform(0, 1)}}
    )

    document = to_document(config)

    assert document["param_space"] == {
        "a": ["uniform(0.0, 1.0)", ["range(1, 3)"]],
        "b": {"c": "uniform(0.0, 1.0)"},
    }


def test_the_same_name_may_be_fixed_and_drawn() -> None:
    """The manual's own example has C in both."""
    config = group(params={"C": 1.0}, param_space={"C": "loguniform(0.01, 1000)"})

    assert config.params == {"C": 1.0}
    assert "C" in config.param_space


@pytest.mark.parametrize(
    ("given", "read"),
    [("none", "none"), ("None", "none"), (1, 1), (64, 64)],
)
def test_lookahead_is_a_number_or_none(given: object, read: object) -> None:
    """The word switches the window off."""
    assert group(lookahead=given).lookahead == read


@pytest.mark.parametrize(
    ("given", "read"), [(True, True), ("FALSE", False), ("warn", "warn")]
)
def test_deterministic_is_one_of_three(given: object, read: object) -> None:
    """Text of the command line is understood, too."""
    assert experiment(deterministic=given).deterministic is read


def test_tags_are_text() -> None:
    """Numbers and booleans of YAML become the text that people mean."""
    config = experiment(tags={"a": 1, "b": True, "c": "x", "d": 0.5})

    assert config.tags == {"a": "1", "b": "true", "c": "x", "d": "0.5"}


def test_a_config_cannot_be_changed() -> None:
    """Configs are values."""
    config = experiment()

    with pytest.raises(Exception, match="frozen"):
        config.name = "other"


def test_a_container_is_an_image_or_is_built() -> None:
    """Exactly one of the two."""
    assert DockerConfig(image="a:1").image == "a:1"
    assert DockerConfig(dockerfile=Path("Dockerfile")).dockerfile == Path("Dockerfile")
    wrong: list[dict[str, Any]] = [{}, {"image": "a", "dockerfile": "b"}]
    for fields in wrong:
        with pytest.raises(ConfigError, match="exactly one"):
            DockerConfig(**fields)


def test_resources_may_be_fractions() -> None:
    """A quarter of a core, half a GPU."""
    resources = WorkerResourcesConfig(cpu=0.25, gpu=0.5)

    assert (resources.cpu, resources.gpu) == (0.25, 0.5)
    assert WorkerResourcesConfig(cpu=1).gpu == 0


def test_all_errors_are_told_at_once() -> None:
    """Nobody wants to mend a config one run at a time."""
    with pytest.raises(ConfigErrors) as caught:
        group(name="", seed=-1, num_trials=0, pruner="x", params={"a": {1}})

    assert [each.field for each in caught.value.errors] == [
        "name",
        "params.a",
        "seed",
        "num_trials",
        "pruner",
    ]


def test_a_hundred_errors_fit_on_a_screen() -> None:
    """The first ones are shown, the others counted."""
    with pytest.raises(ConfigErrors) as caught:
        group(param_space={f"p{number}": "x" for number in range(100)})

    assert "... and 92 more" in str(caught.value)
    assert len(str(caught.value).splitlines()) < 30


def test_every_error_of_pydantic_has_plain_words() -> None:
    """No type of error, of today's pydantic, brings its jargon or its address."""
    for error in list_all_errors():
        said = error["example_message_python"]
        context = {"min_length": 1, "max_length": 1, **(error["example_context"] or {})}
        detail = {"type": error["type"], "msg": said, "input": None}

        told = _allowed(detail, context)

        for jargon in ("Input", "input", "pydantic", "instance", "http", "validator"):
            assert jargon not in told, error["type"]


def test_the_models_are_imported_quickly() -> None:
    """Start-up is felt at every call; processor time is what others cannot disturb."""
    code = (
        "import time, ml_experiment.config.models, ml_experiment.config.loading\n"
        "print(time.process_time())"
    )
    times = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        times.append(float(done.stdout))

    assert min(times) < 0.4
