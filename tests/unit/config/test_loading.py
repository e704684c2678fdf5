"""From file and command line to one config."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.strategies import names, params, values

from ml_experiment.config.distributions import Choice, LogUniform, Range
from ml_experiment.config.loading import Override, Place, load, load_config
from ml_experiment.config.models import (
    ExperimentConfig,
    GroupConfig,
    JobTypes,
    Metric,
    OptimizationDirection,
    PrunerEnum,
    SamplerEnum,
)
from ml_experiment.config.problems import ConfigErrors
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from pathlib import Path

SVM_GROUP = """\
name: "SVM"
kind: 'group'
num_trials: 10

param_space:
    C: loguniform(0.01, 1000)
    kernel: choice(['rbf', 'poly', 'linear'])
    gamma: choice(['scale', 'auto'])
    degree: range(2, 5)

params:
    C: 1.0

metric:
    name: val_accuracy
    direction: maximize

resources_per_worker:
    cpu: 0.25
    gpu: 0.5

ray_config:
    num_cpus: 4
    num_gpus: 1

sampler: tpe
pruner: hyperband

run:
    - train_svm.py
"""
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with some scripts."""
    for name in ("train_svm.py", "a.py", "b.py"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str, name: str = "job.yaml") -> Path:
    """Write a config file and return its path."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def group(path: Path, overrides: dict[str, object] | None = None) -> GroupConfig:
    """Load a config that must be a group."""
    config = load_config(path, overrides)
    assert isinstance(config, GroupConfig)
    return config


def test_the_manuals_group_is_read(folder: Path) -> None:
    """Every field of the manual's example arrives as written."""
    config = group(write(folder, SVM_GROUP))

    assert (config.name, config.kind, config.num_trials) == ("SVM", JobTypes.GROUP, 10)
    assert config.param_space == {
        "C": LogUniform(0.01, 1000),
        "kernel": Choice(("rbf", "poly", "linear")),
        "gamma": Choice(("scale", "auto")),
        "degree": Range(2, 5),
    }
    assert config.params == {"C": 1.0}
    assert config.metric == Metric(
        name="val_accuracy", direction=OptimizationDirection.maximize
    )
    assert config.resources_per_worker is not None
    assert config.resources_per_worker.cpu == 0.25
    assert config.ray_config is not None
    assert config.ray_config.num_cpus == 4
    assert (config.sampler, config.pruner) == (SamplerEnum.tpe, PrunerEnum.hyperband)
    assert config.run == [str(folder / "train_svm.py")]


def test_json_says_the_same_as_yaml(folder: Path) -> None:
    """The two languages lead to one config."""
    fields = {"name": "x", "run": ["a.py"], "params": {"lr": 1e-4, "on": "no"}}
    yaml = write(folder, "name: x\nrun: [a.py]\nparams: {lr: 1e-4, on: no}\n")
    as_json = write(folder, json.dumps(fields), "job.json")

    assert load_config(yaml) == load_config(as_json)


def test_a_name_without_a_value_says_nothing(folder: Path) -> None:
    """An empty `params:` is what is left when its lines are commented out."""
    config = load_config(write(folder, "name: x\nrun: a.py\nparams:\nseed:\n"))

    assert (config.params, config.seed) == ({}, None)


def test_without_a_file_the_script_gives_the_name(folder: Path) -> None:
    """One word on the command line is enough."""
    config = load_config(None, {}, ["train_svm.py"])

    assert isinstance(config, ExperimentConfig)
    assert (config.name, config.run) == ("train_svm", [str(folder / "train_svm.py")])


def test_without_a_file_the_name_may_be_given() -> None:
    """`--name` wins over the script's."""
    assert load_config(None, {"name": "mine"}, ["a.py"]).name == "mine"


def test_with_a_file_the_name_is_required(folder: Path) -> None:
    """A file says what it is about."""
    path = write(folder, "run: a.py\n")

    with pytest.raises(ConfigError, match="name: is missing"):
        load_config(path)

    assert load_config(path, {"name": "x"}).name == "x"


def test_nothing_at_all_is_refused_with_examples() -> None:
    """The message is the beginning of a tutorial."""
    with pytest.raises(ConfigError, match=r"neither.*\n.*script\.py"):
        load_config(None)


def test_scripts_of_the_command_line_replace_those_of_the_file(folder: Path) -> None:
    """Scripts are not merged."""
    path = write(folder, "name: x\nrun: [a.py, nope.py]\n")

    assert load_config(path, {}, ["b.py"]).run == [str(folder / "b.py")]


def test_scripts_are_looked_for_here_first_then_beside_the_file(folder: Path) -> None:
    """The manual's paths begin where the command runs; a moved file still works."""
    (folder / "sub").mkdir()
    for name in ("b.py", "c.py"):
        (folder / "sub" / name).write_text("")
    path = write(folder, "name: x\nrun: [b.py, c.py, ../a.py]\n", "sub/job.yaml")

    found = load_config(path).run

    assert found == [
        str(folder / "b.py"),
        str(folder / "sub" / "c.py"),
        str(folder / "a.py"),
    ]


def test_a_link_to_a_script_keeps_its_name(folder: Path) -> None:
    """The name of a run is the name that the user wrote."""
    (folder / "link.py").symlink_to(folder / "a.py")

    assert load_config(None, {}, ["link.py"]).run == [str(folder / "link.py")]


@pytest.mark.parametrize(
    ("option", "text", "field", "value"),
    [
        ("name", "other", "name", "other"),
        ("num_trials", "7", "num_trials", 7),
        ("timeout_per_trial", "2.5", "timeout_per_trial", 2.5),
        ("sampler", "random", "sampler", SamplerEnum.random),
        ("pruner", "SHA", "pruner", PrunerEnum.sha),
        ("seed", "42", "seed", 42),
        ("deterministic", "false", "deterministic", False),
        ("lookahead", "none", "lookahead", "none"),
        ("description", "7", "description", "7"),
        ("data", ("*.csv",), "data", ["*.csv"]),
        ("tags", "a=1", "tags", {"a": "1"}),
    ],
)
def test_an_option_replaces_the_files_value(
    folder: Path, option: str, text: object, field: str, value: object
) -> None:
    """What is typed wins over what is written."""
    config = group(write(folder, SVM_GROUP), {option: text})

    assert getattr(config, field) == value


def test_options_of_the_metric_replace_its_parts(folder: Path) -> None:
    """The direction of the file stays if only the name is given, and the reverse."""
    path = write(folder, SVM_GROUP)

    named = group(path, {"metric_key": "f1"}).metric
    turned = group(path, {"metric_direction": "minimize"}).metric

    assert named == Metric(name="f1", direction=OptimizationDirection.maximize)
    assert turned == Metric(
        name="val_accuracy", direction=OptimizationDirection.minimize
    )


def test_the_direction_of_several_metrics_is_not_guessed(folder: Path) -> None:
    """The error names the option, and the one that is missing."""
    text = SVM_GROUP.replace("metric:\n    name: val_accuracy\n", "metric: [a, b]\n")
    path = write(folder, text.replace("    direction: maximize\n", ""))

    with pytest.raises(ConfigError, match="--metric_key") as caught:
        load_config(path, {"metric_direction": "minimize"})

    assert caught.value.source == "--metric_direction"


def test_an_image_replaces_a_dockerfile_and_the_reverse(folder: Path) -> None:
    """The command line's container is the one that is used."""
    (folder / "Dockerfile").write_text("")
    built = write(
        folder,
        "name: x\nrun: a.py\ndocker_config: {dockerfile: Dockerfile, args: {a: 1}}\n",
    )
    ready = write(folder, "name: x\nrun: a.py\ndocker_config: {image: i}\n", "2.yaml")

    image = load_config(built, {"docker_image": "other"}).docker_config
    file = load_config(
        ready, {"dockerfile": "Dockerfile", "docker_build_args": "b=2"}
    ).docker_config
    both = load_config(built, {"docker_build_args": "b=2"}).docker_config

    assert image is not None
    assert (image.image, image.dockerfile, image.args) == ("other", None, {})
    assert file is not None
    assert (file.image, file.dockerfile) == (None, folder / "Dockerfile")
    assert both is not None
    assert both.args == {"a": "1", "b": "2"}


def test_a_fixed_parameter_is_no_longer_drawn(folder: Path) -> None:
    """`--params C=5` takes C out of the space, unless the command line draws it, too."""
    path = write(folder, SVM_GROUP)

    fixed = group(path, {"params": "C=5"})
    both = group(path, {"params": "C=5", "param_space": "C=uniform(0, 1)"})

    assert fixed.params["C"] == 5
    assert "C" not in fixed.param_space
    assert "C" in both.param_space


def test_the_files_own_lists_are_not_changed_by_merging(folder: Path) -> None:
    """Loading twice gives the same, whatever was merged in between."""
    path = write(folder, SVM_GROUP)
    before = load_config(path)

    load_config(path, {"params": "z=1", "metric_key": "x", "ray_config": "num_cpus=1"})

    assert load_config(path) == before


@given(ours=params, theirs=params)
@SHARED
def test_dicts_are_merged_key_by_key(
    folder: Path, ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """Merging is Python's own `|`, the command line on the right."""
    path = folder / "job.json"
    path.write_text(json.dumps({"name": "x", "run": "a.py", "params": ours}))

    merged = load_config(path, {"params": theirs}).params

    assert repr(merged) == repr(ours | theirs)


@given(theirs=params)
@SHARED
def test_merging_nothing_changes_nothing(folder: Path, theirs: dict[str, Any]) -> None:
    """Empty overrides and overrides of nothing are neutral."""
    path = folder / "job.json"
    path.write_text(json.dumps({"name": "x", "run": "a.py", "params": theirs}))

    plain = load_config(path)

    neutral: list[dict[str, object]] = [{}, {"params": {}}, {"params": None}]
    for overrides in neutral:
        assert repr(load_config(path, overrides)) == repr(plain)


@given(
    fields=st.dictionaries(
        st.sampled_from([*GroupConfig.model_fields, "other"]) | names,
        values,
        max_size=6,
    ),
    overrides=st.dictionaries(
        st.sampled_from([*GroupConfig.model_fields, "metric_key", "docker_image"]),
        st.text(max_size=12),
        max_size=3,
    ),
)
@SHARED
def test_arbitrary_configs_raise_nothing_but_config_errors(
    folder: Path, fields: dict[str, Any], overrides: dict[str, object]
) -> None:
    """Whatever the fields hold, the answer is a config or errors for people."""
    path = folder / "job.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    try:
        load_config(path, overrides)
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - an error is one of two right answers


@pytest.mark.parametrize(
    ("overrides", "option", "field"),
    [
        ({"num_trials": "x"}, "--num_trials", "num_trials"),
        ({"num_trials": Override("0", "-n")}, "-n", "num_trials"),
        ({"param_space": "C=unifrom(0, 1)"}, "--param_space", "param_space.C"),
        ({"sampler": "tep"}, "--sampler", "sampler"),
        ({"metric_direction": "up"}, "--metric_direction", "metric.direction"),
        ({"metric_key": ""}, "--metric_key", "metric.name"),
        ({"dockerfile": "nope"}, "--dockerfile", "docker_config.dockerfile"),
        ({"ray_config": "num_cpus=0"}, "--ray_config", "ray_config.num_cpus"),
        ({"kind": "grp"}, "--kind", "kind"),
        ({"seed": "9" * 3000}, "--seed", None),
        ({"params": "C"}, "--params", None),
    ],
)
def test_an_error_names_the_option_it_came_from(
    folder: Path, overrides: dict[str, object], option: str, field: str | None
) -> None:
    """What was typed is mended where it was typed, not in the file."""
    with pytest.raises(ConfigError) as caught:
        load_config(write(folder, SVM_GROUP), overrides)

    error = caught.value
    assert (error.source, error.line, error.field) == (option, None, field)


def test_an_option_of_groups_is_refused_for_an_experiment() -> None:
    """The message names the option and says where it belongs."""
    with pytest.raises(ConfigError, match="kind: group") as caught:
        load_config(None, {"num_trials": "3"}, ["a.py"])

    assert caught.value.source == "--num_trials"


def test_a_missing_script_of_the_command_line_is_told(folder: Path) -> None:
    """The message names the script, where it was looked for, and one like it."""
    with pytest.raises(ConfigError, match=r"trian_svm.*\n.*train_svm\.py") as caught:
        load_config(None, {}, ["trian_svm.py"])

    assert str(folder) in caught.value.problem


def test_errors_of_file_and_command_line_are_told_together(folder: Path) -> None:
    """Nothing is hidden by something else."""
    path = write(folder, SVM_GROUP.replace("hyperband", "none of these"))

    with pytest.raises(ConfigErrors) as caught:
        load_config(path, {"num_trials": "x"}, ["nope.py"])

    sources = {each.source for each in caught.value.errors}
    assert sources == {"--num_trials", str(path), "command line"}


def test_the_places_of_values_can_be_asked_for(folder: Path) -> None:
    """Later checks name the line, or the option, of a parameter."""
    path = write(folder, "name: x\nrun: a.py\nparams:\n  C: 1\n  d: 2\n")

    loaded = load(path, {"params": "C=5"})

    assert loaded.find_place(("params", "C")) == Place("--params", None)
    assert loaded.find_place(("params", "d")) == Place(str(path), 5)
    assert loaded.find_place(("seed",)) == Place(str(path), None)
