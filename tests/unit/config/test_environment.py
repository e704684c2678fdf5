"""The environment and the file .env."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ml_experiment.config.environment import load_environment
from ml_experiment.errors import ConfigError


VARIABLES = ("MLFLOW_TRACKING_URI", "ML_EXPERIMENT_ARTIFACT_ROOT", "ML_EXPERIMENT_HOME")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_everything_is_in_the_folder_by_default(tmp_path: Path) -> None:
    """Nothing need be set up."""
    found = load_environment(tmp_path)

    assert found.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert found.runs_root == tmp_path / ".ml_experiment"
    assert (found.artifact_root, found.dotenv) == (None, {})


def test_variables_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable has its place."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    monkeypatch.setenv("ML_EXPERIMENT_ARTIFACT_ROOT", "s3://bucket/x")
    monkeypatch.setenv("ML_EXPERIMENT_HOME", "/somewhere/runs")

    found = load_environment(tmp_path)

    assert found.tracking_uri == "http://server:5000"
    assert found.artifact_root == "s3://bucket/x"
    assert found.runs_root == Path("/somewhere/runs")


@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """`MLFLOW_TRACKING_URI= command` is how a variable is unset for one command."""
    monkeypatch.setenv(name, " ")

    assert load_environment(tmp_path) == load_environment(tmp_path)
    assert load_environment(tmp_path).tracking_uri.startswith("sqlite:///")
    assert load_environment(tmp_path).runs_root == tmp_path / ".ml_experiment"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("sqlite:///x.db", "sqlite:///{0}/x.db"),
        ("sqlite:///sub/x.db?timeout=5", "sqlite:///{0}/sub/x.db?timeout=5"),
        ("sqlite+pysqlite:///x.db", "sqlite+pysqlite:///{0}/x.db"),
        ("sqlite:////data/x.db", "sqlite:////data/x.db"),
        ("postgresql://u:p@h/db", "postgresql://u:p@h/db"),
    ],
)
def test_the_database_does_not_move_with_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, found: str
) -> None:
    """A relative file becomes absolute: publisher and job may work elsewhere."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)

    assert load_environment(tmp_path).tracking_uri == found.format(tmp_path)


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    """It would be lost when the publisher ends."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    with pytest.raises(ConfigError, match="in memory") as caught:
        load_environment(tmp_path)

    assert caught.value.field == "MLFLOW_TRACKING_URI"


def test_the_home_may_be_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative folder begins in the working folder, and `~` is the user's."""
    monkeypatch.setenv("ML_EXPERIMENT_HOME", "runs")
    assert load_environment(tmp_path).runs_root == tmp_path / "runs"

    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("ML_EXPERIMENT_HOME", "~/runs")
    assert load_environment(tmp_path).runs_root == tmp_path / "me" / "runs"


def test_dotenv_adds_but_never_overrides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real environment wins; what the file adds is told, and set nowhere."""
    (tmp_path / ".env").write_text(
        "MLFLOW_TRACKING_URI=sqlite:///from_file.db\n"
        "ML_EXPERIMENT_HOME='from file'\n"
        "TAKEN=file\n"
        "NEW=file # a comment\n"
        "EMPTY=\n"
        "BARE\n"
    )
    monkeypatch.setenv("TAKEN", "real")
    monkeypatch.setenv("ML_EXPERIMENT_HOME", "real")
    monkeypatch.delenv("NEW", raising=False)

    found = load_environment(tmp_path)

    assert found.tracking_uri == f"sqlite:///{tmp_path}/from_file.db"
    assert found.runs_root == tmp_path / "real"
    assert found.dotenv == {
        "MLFLOW_TRACKING_URI": "sqlite:///from_file.db",
        "NEW": "file",
        "EMPTY": "",
    }
    assert "NEW" not in os.environ


def test_a_dotenv_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")

    with pytest.raises(ConfigError, match="UTF-8") as caught:
        load_environment(tmp_path)

    assert caught.value.source == str(tmp_path / ".env")


def test_a_folder_called_dotenv_is_a_virtual_environment(tmp_path: Path) -> None:
    """Some people keep theirs there."""
    (tmp_path / ".env").mkdir()

    assert load_environment(tmp_path).dotenv == {}
