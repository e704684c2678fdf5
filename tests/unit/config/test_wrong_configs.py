"""A table of wrong configs: each error names file, line and field, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from ml_experiment.config.loading import load_config
from ml_experiment.config.problems import ConfigErrors
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from pathlib import Path


class Wrong(NamedTuple):
    """A config file, and what is to be said of it.

    Attributes:
        text: The file, after the lines of ``EXPERIMENT`` or ``GROUP`` if it begins so.
        line: Where the error is; ``None`` for no line.
        field: Dotted path of the field; ``None`` if the whole file is wrong.
        words: What the message must say.
    """

    text: str
    line: int | None
    field: str | None
    words: tuple[str, ...]


EXPERIMENT = "name: wrong\nrun: a.py\n"
GROUP = "name: wrong\nrun: a.py\nkind: group\nnum_trials: 3\n"

TABLE = {
    "unknown field": Wrong(
        EXPERIMENT + "param: {C: 1}\n",
        3,
        "param",
        ("unknown", "'params'", "allowed: name"),
    ),
    "unknown field unlike any": Wrong(
        EXPERIMENT + "zzz: 1\n", 3, "zzz", ("unknown field", "allowed: name, kind, run")
    ),
    "no name": Wrong("run: a.py\n", None, "name", ("missing", "required")),
    "empty name": Wrong("name: ''\nrun: a.py\n", 1, "name", ("no text",)),
    "blank name": Wrong("name: '  '\nrun: a.py\n", 1, "name", ("no text",)),
    "name with a line break": Wrong(
        'name: "a\\nb"\nrun: a.py\n', 1, "name", ("line breaks", "not allowed")
    ),
    "name too long": Wrong(
        f"name: {'x' * 501}\nrun: a.py\n", 1, "name", ("501", "500")
    ),
    "name is a number": Wrong(
        "name: 2020\nrun: a.py\n", 1, "name", ("got 2020", "text", '"2020"')
    ),
    "no run": Wrong("name: x\n", None, "run", ("missing", "required")),
    "empty run": Wrong("name: x\nrun: []\n", 2, "run", ("empty list", "one script")),
    "run is a mapping": Wrong("name: x\nrun: {a: 1}\n", 2, "run", ("text is needed",)),
    "script is a number": Wrong(
        "name: x\nrun:\n- a.py\n- 5\n", 4, "run[1]", ("got 5",)
    ),
    "no such script": Wrong(
        "name: x\nrun:\n- a.py\n- aa.py\n",
        4,
        "run[1]",
        ("no such script", "looked in", "did you mean"),
    ),
    "script is a folder": Wrong(
        "name: x\nrun: folder\n", 2, "run", ("folder", "Python")
    ),
    "script is no Python": Wrong("name: x\nrun: a.ipynb\n", 2, "run", (".py",)),
    "unknown kind": Wrong(
        EXPERIMENT + "kind: grup\n", 3, "kind", ("'grup'", "'group'", "job, experiment")
    ),
    "kind is a list": Wrong(
        EXPERIMENT + "kind: [job]\n", 3, "kind", ("got", "allowed")
    ),
    "params is a list": Wrong(
        EXPERIMENT + "params: [1]\n", 3, "params", ("got [1]", "names with values")
    ),
    "params is text": Wrong(EXPERIMENT + "params: C=1\n", 3, "params", ("got 'C=1'",)),
    "number as a name": Wrong(
        EXPERIMENT + "params:\n  1: x\n", 4, "params", ("key", 'in quotes: "1"')
    ),
    "seed too large": Wrong(
        EXPERIMENT + "seed: 4294967296\n", 3, "seed", ("at most 4294967295",)
    ),
    "negative seed": Wrong(
        EXPERIMENT + "seed: -1\n", 3, "seed", ("got -1", "0 or more")
    ),
    "seed is no integer": Wrong(
        EXPERIMENT + "seed: 1.5\n", 3, "seed", ("got 1.5", "an integer")
    ),
    "seed is text": Wrong(EXPERIMENT + "seed: '1'\n", 3, "seed", ("'1'", "an integer")),
    "seed is a boolean": Wrong(EXPERIMENT + "seed: true\n", 3, "seed", ("an integer",)),
    "deterministic": Wrong(
        EXPERIMENT + "deterministic: yes\n", 3, "deterministic", ("true, warn, false",)
    ),
    "data is a number": Wrong(EXPERIMENT + "data:\n  - 1\n", 4, "data[0]", ("text",)),
    "tag is a list": Wrong(
        EXPERIMENT + "tags:\n  a: b\n  c: [1]\n", 5, "tags.c", ("got [1]", "text")
    ),
    "description": Wrong(EXPERIMENT + "description: 5\n", 3, "description", ("text",)),
    "docker without image": Wrong(
        EXPERIMENT + "docker_config: {}\n",
        3,
        "docker_config",
        ("neither", "exactly one"),
    ),
    "docker image and dockerfile": Wrong(
        EXPERIMENT + "docker_config:\n  image: x\n  dockerfile: a.py\n",
        3,
        "docker_config",
        ("both", "exactly one"),
    ),
    "docker context without dockerfile": Wrong(
        EXPERIMENT + "docker_config:\n  image: x\n  context: folder\n",
        5,
        "docker_config.context",
        ("dockerfile",),
    ),
    "no such dockerfile": Wrong(
        EXPERIMENT + "docker_config:\n  dockerfile: Dockerfile\n",
        4,
        "docker_config.dockerfile",
        ("no such file", "looked in"),
    ),
    "no such context": Wrong(
        EXPERIMENT + "docker_config:\n  dockerfile: a.py\n  context: there\n",
        5,
        "docker_config.context",
        ("no such folder",),
    ),
    "unknown docker field": Wrong(
        EXPERIMENT + "docker_config:\n  imge: x\n  image: y\n",
        4,
        "docker_config.imge",
        ("unknown", "'image'"),
    ),
    "docker is text": Wrong(
        EXPERIMENT + "docker_config: python:3.11\n", 3, "docker_config", ("names with",)
    ),
    "ray num_cpus": Wrong(
        EXPERIMENT + "ray_config:\n  num_cpus: many\n",
        4,
        "ray_config.num_cpus",
        ("got 'many'", "an integer"),
    ),
    "num_trials of an experiment": Wrong(
        EXPERIMENT + "num_trials: 3\n", 3, "num_trials", ("kind: group",)
    ),
    "param_space of an experiment": Wrong(
        EXPERIMENT + "param_space: {}\n", 3, "param_space", ("kind: group",)
    ),
    "group without num_trials": Wrong(
        EXPERIMENT + "kind: group\n", None, "num_trials", ("missing",)
    ),
    "num_trials zero": Wrong(
        EXPERIMENT + "kind: group\nnum_trials: 0\n", 4, "num_trials", ("1 or more",)
    ),
    "misspelled distribution": Wrong(
        GROUP + "param_space:\n  C: unifrom(0, 1)\n",
        6,
        "param_space.C",
        ("'unifrom'", "'uniform'", "loguniform(min, max)"),
    ),
    "distribution with junk": Wrong(
        GROUP + "param_space:\n  C: uniform(0, 1) junk\n", 6, "param_space.C", ("junk",)
    ),
    "distribution in brackets without quotes": Wrong(
        GROUP + "param_space:\n  C: [uniform(0, 1)]\n",
        6,
        "param_space.C[0]",
        ("does not end", "in quotes"),
    ),
    "constant in a space": Wrong(
        GROUP + "param_space:\n  C: 5\n", 6, "param_space.C", ("got 5", "distribution")
    ),
    "second draw of a list": Wrong(
        GROUP + "param_space:\n  C:\n  - range(1, 5)\n  - range(5, 1)\n",
        8,
        "param_space.C[1]",
        ("min=5, max=1", "min < max"),
    ),
    "empty list in a space": Wrong(
        GROUP + "param_space:\n  C: []\n", 6, "param_space.C", ("empty",)
    ),
    "distribution in a nested mapping": Wrong(
        GROUP + "param_space:\n  C:\n    d: range(1)\n",
        7,
        "param_space.C.d",
        ("max missing",),
    ),
    "metric direction": Wrong(
        GROUP + "metric:\n  name: acc\n  direction: up\n",
        7,
        "metric.direction",
        ("got 'up'", "minimize, maximize"),
    ),
    "metric without name": Wrong(
        GROUP + "metric:\n  direction: maximize\n", 5, "metric.name", ("missing",)
    ),
    "metric field": Wrong(
        GROUP + "metric:\n  name: x\n  dir: maximize\n",
        7,
        "metric.dir",
        ("unknown", "name, direction"),
    ),
    "second metric": Wrong(
        GROUP + "metric:\n- a\n- name: b\n  direction: x\n",
        8,
        "metric[1].direction",
        ("minimize",),
    ),
    "metric twice": Wrong(
        GROUP + "metric:\n- a\n- b\n- name: a\n  direction: maximize\n",
        8,
        "metric[2]",
        ("got 'a' a second time", "once"),
    ),
    "metric is a number": Wrong(GROUP + "metric: 1\n", 5, "metric", ("got 1",)),
    "sampler": Wrong(
        GROUP + "sampler: tep\n", 5, "sampler", ("got 'tep'", "'tpe'", "cmaes, gp")
    ),
    "sampler with options": Wrong(
        GROUP + "sampler:\n  name: x\n  seed: 1\n", 6, "sampler.name", ("got 'x'",)
    ),
    "sampler without name": Wrong(
        GROUP + "sampler:\n  n_trials: 1\n", 5, "sampler.name", ("missing",)
    ),
    "pruner": Wrong(GROUP + "pruner: hyperbnd\n", 5, "pruner", ("'hyperband'", "sha")),
    "timeout": Wrong(
        GROUP + "timeout_per_trial: 0\n", 5, "timeout_per_trial", ("more than 0",)
    ),
    "infinite timeout": Wrong(
        GROUP + "timeout_per_trial: .inf\n", 5, "timeout_per_trial", ("finite",)
    ),
    "no cpu": Wrong(
        GROUP + "resources_per_worker:\n  gpu: 1\n",
        5,
        "resources_per_worker.cpu",
        ("missing",),
    ),
    "negative gpu": Wrong(
        GROUP + "resources_per_worker:\n  cpu: 1\n  gpu: -0.5\n",
        7,
        "resources_per_worker.gpu",
        ("got -0.5", "0 or more"),
    ),
    "lookahead": Wrong(GROUP + "lookahead: 0\n", 5, "lookahead", ("1 or more", "none")),
    "retries": Wrong(GROUP + "retries: -1\n", 5, "retries", ("0 or more",)),
    "storage": Wrong(GROUP + "storage: ''\n", 5, "storage", ("no text",)),
    "empty file": Wrong("", None, None, ("empty", "name and run")),
    "comments only": Wrong("# name: x\n", None, None, ("empty",)),
    "a list": Wrong("- name: x\n", 1, None, ("names with values",)),
    "text": Wrong("hello\n", 1, None, ("got 'hello'",)),
    "twice": Wrong(EXPERIMENT + "name: y\n", 3, "name", ("twice", "line 1")),
    "tab": Wrong(EXPERIMENT + "params:\n\tC: 1\n", 4, None, ("tab", "spaces")),
    "colon": Wrong(EXPERIMENT + "description: a: b\n", 3, None, ("in quotes",)),
}


def _load(tmp_path: Path, text: str, name: str = "job.yaml") -> ConfigError:
    for script in ("a.py", "b.py"):
        (tmp_path / script).write_text("")
    (tmp_path / "a.ipynb").write_text("{}")
    (tmp_path / "folder").mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / name)
    return caught.value


@pytest.mark.parametrize("case", TABLE)
def test_a_wrong_config_is_refused_in_plain_words(case: str, tmp_path: Path) -> None:
    """File, line and field are named; what is allowed is said, without jargon."""
    wrong = TABLE[case]

    error = _load(tmp_path, wrong.text)

    assert not isinstance(error, ConfigErrors), error
    assert error.source == str(tmp_path / "job.yaml")
    assert (error.line, error.field) == (wrong.line, wrong.field)
    for words in wrong.words:
        assert words in str(error)
    for jargon in ("Input", "pydantic", "instance", "http", "NoneType", "validation"):
        assert jargon not in str(error)


def test_json_has_lines_too(tmp_path: Path) -> None:
    """An error in a JSON file is found as easily."""
    text = '{\n  "name": "x",\n  "run": "a.py",\n  "seed": "one"\n}\n'

    error = _load(tmp_path, text, "job.json")

    assert (error.line, error.field) == (4, "seed")
    assert error.source == str(tmp_path / "job.json")


def test_several_errors_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    """One look at the message is enough to mend the file."""
    text = "name: 5\nrun: [nope.py, b.py]\nseeed: 1\ntags: x\n"

    error = _load(tmp_path, text)

    assert isinstance(error, ConfigErrors)
    assert [(each.line, each.field) for each in error.errors] == [
        (1, "name"),
        (2, "run[0]"),
        (3, "seeed"),
        (4, "tags"),
    ]
    for each in error.errors:
        assert str(each) in str(error)
