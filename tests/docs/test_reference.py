"""The reference pages are complete: what exists is described, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from ml_experiment import errors
from ml_experiment.cli.app import app
from ml_experiment.config import models
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.model import ASPECTS


ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
COMMANDS = getattr(get_command(app), "commands")  # noqa: B009 - a group, to mypy a command
_OPTION = re.compile(r"`(--[a-z_-]+)")
_COMMON = {"--help", "--version", "--install_completion", "--show_completion"}


def page(name: str) -> str:
    """Return the text of a reference page."""
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def described_options() -> set[str]:
    """Return the options in the reference, however they are spelled there."""
    found = _OPTION.findall(page("cli"))
    return {"--" + option[2:].replace("-", "_") for option in found}


def _options(command: str) -> set[str]:
    return {
        option
        for item in COMMANDS[command].params
        for option in item.opts
        if option.startswith("--") and option != "--help"
    }


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_of_a_command_is_described(command: str) -> None:
    """An option that the command takes is in the reference."""
    assert _options(command) - described_options() == set()


def test_no_option_is_described_that_does_not_exist() -> None:
    """The reference promises no option that the command refuses."""
    known = {option for command in COMMANDS for option in _options(command)}

    assert described_options() - known - _COMMON == set()


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"run"}))
def test_every_command_has_a_heading(command: str) -> None:
    """Each command is found by its name."""
    assert f"\n## `ml-experiment {command}" in page("cli")


def test_every_config_field_is_described() -> None:
    """A field that a config file may have is in the reference."""
    described = set(re.findall(r"^\| `([a-z_]+)`", page("configuration"), re.MULTILINE))
    fields = {
        *models.ExperimentConfig.model_fields,
        *models.GroupConfig.model_fields,
    }

    assert fields - described == set()


def test_every_file_of_the_run_directory_is_described() -> None:
    """Each name that the run directory owns is explained, but for passing ones."""
    text = page("run-directory")
    run = RunDirectory("/run")
    names = {
        path.relative_to(run.path).as_posix()
        for path in vars(run).values()
        if isinstance(path, Path) and path != run.path
    }

    assert {name for name in names if f"`{name}" not in text} == set()


def test_every_aspect_is_described() -> None:
    """The eight aspects are explained by the names that the record uses."""
    text = page("run-directory")

    assert [name for name in ASPECTS if f"| `{name}` |" not in text] == []


def test_every_error_is_described() -> None:
    """Each exception that the package raises on purpose is explained."""
    names = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }

    assert {name for name in names if f"`{name}`" not in page("errors")} == set()
