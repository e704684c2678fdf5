"""What the first look at a command line tells, and that it agrees with the second."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_experiment.cli.app import app
from ml_experiment.cli.first_look import (
    COMMANDS,
    asks_for_run,
    guessed_script,
    guessed_seed,
    seems_group,
)


def test_it_knows_every_command() -> None:
    """A command that it did not know would be taken for a script."""
    names = {
        each.name or each.callback.__name__
        for each in app.registered_commands
        if each.callback is not None
    }

    assert names == COMMANDS


@pytest.mark.parametrize(
    "line",
    [
        "script.py",
        "run script.py",
        "--config_file job.yaml",
        "--config-file=job.yaml",
        "--num-trials 3 script.py",
    ],
)
def test_run_is_expected(line: str) -> None:
    """Whether or not ``run`` is said."""
    assert asks_for_run(line.split())


@pytest.mark.parametrize(
    "line", ["", "--help", "--version", "show", "run --help", "reproduce 1234", "ui"]
)
def test_nothing_is_expected(line: str) -> None:
    """Where no run is to come, nothing is started for it."""
    assert not asks_for_run(line.split())


@pytest.mark.parametrize(
    ("line", "config", "seed"),
    [
        ("script.py", "", None),
        ("script.py --seed 3", "", 3),
        ("script.py --seed=3", "seed: 4", 3),
        ("script.py --seed", "", None),
        ("script.py --seed three", "", None),
        ("--config_file job.yaml", "name: a\nseed: 4\nrun: a.py", 4),
        ("--config_file job.yaml", "seed: 4  # as in the paper\n", 4),
        ("--config_file job.json", '{\n  "seed": 4,\n  "run": "a.py"\n}', 4),
        ("--config_file job.json", '{"seed": 4}', 4),
        ("--config_file job.yaml", "params:\n  seed: 4\n", None),
        ("--config_file job.yaml", "seed: four\n", None),
        ("--config_file job.yaml", "seed:\n", None),
    ],
)
def test_seed_is_guessed(line: str, config: str, seed: int | None) -> None:
    """From the option, else from a line of the config."""
    assert guessed_seed(line.split(), config) == seed


@pytest.mark.parametrize(
    ("line", "config", "group"),
    [
        ("script.py", "", False),
        ("script.py --kind group", "", True),
        ("--config_file job.yaml", "kind: group\n", True),
        ("--config_file job.yaml", 'kind: "group" # of trials\n', True),
        ("--config_file job.json", '{\n "kind": "group"\n}', True),
        ("--config_file job.yaml --kind experiment", "kind: group\n", False),
        ("--config_file job.yaml", "kind: experiment\nname: group\n", False),
    ],
)
def test_group_is_guessed(line: str, config: str, group: bool) -> None:
    """It is published while it goes on, and its publisher may not come last."""
    assert seems_group(line.split(), config) is group


@pytest.mark.parametrize(
    ("line", "config", "script"),
    [
        ("a.py", "", "a.py"),
        ("--seed 3 a.py b.py", "", "a.py"),
        ("none.py", "", None),
        ("--config_file jobs/job.yaml", "run: a.py", "a.py"),
        ("--config_file jobs/job.yaml", "run: c.py", "jobs/c.py"),
        ("--config_file jobs/job.yaml", "run: 'a.py' # ours", "a.py"),
        ("--config_file jobs/job.yaml", "run: [b.py, a.py]", "b.py"),
        ("--config_file jobs/job.yaml", "run:\n  - b.py\n  - a.py", "b.py"),
        ("--config_file jobs/job.yaml", "run: jobs/c.py", "jobs/c.py"),
        ("--config_file jobs/job.yaml", "run: with space.py", "with space.py"),
        ("--config_file jobs/job.json", '{\n  "run": "a.py"\n}', "a.py"),
        ("--config_file jobs/job.json", '{"run": ["b.py"]}', "b.py"),
        ("--config_file jobs/job.yaml", "name: a.py\nkind: job", None),
        ("--config_file jobs/job.yaml b.py", "run: a.py", "b.py"),
        (300 * "a" + ".py", "", None),
    ],
)
def test_script_is_guessed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    config: str,
    script: str | None,
) -> None:
    """The first one that is there, as the run will name it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()
    for name in ("a.py", "b.py", "jobs/c.py", "with space.py"):
        (tmp_path / name).touch()

    guessed = guessed_script(line.split(), config, Path("jobs"))

    assert guessed == (None if script is None else tmp_path.resolve() / script)
