"""Wrong configs and command lines: status 2, one screen, file and field, nothing written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml_experiment.cli.app import run_command


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


SCRIPT = """\
from ml_experiment import job

@job
def main(C=1.0, kernel='rbf', *, rate=0.1):
    return {'a': C}
"""

NEEDY_SCRIPT = """\
import ml_experiment as mx

@mx.job(log_seeds=True)
def main(alpha, beta=2):
    return {'a': alpha}
"""

# One screen: what fits an 80 x 24 terminal.
SCREEN_LINES = 24


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with scripts, as the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    (folder / "needy.py").write_text(NEEDY_SCRIPT)
    (folder / "notes.txt").write_text("no script")
    (folder / "data").mkdir()
    monkeypatch.chdir(folder)
    for name in ("MLFLOW_TRACKING_URI", "ML_EXPERIMENT_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def _everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _assert_refused(
    folder: Path,
    words: Iterable[str],
    expected: Iterable[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = _everything(folder)

    status = run_command(list(words))

    said = capsys.readouterr().err
    assert status == 2, said
    for part in expected:
        assert part in said, said
    assert "Traceback" not in said
    assert "pydantic" not in said
    assert len(said.splitlines()) <= SCREEN_LINES
    assert _everything(folder) == before


NAMED = "name: a\nrun: train.py\n"

CONFIGS = [
    ("empty file", "", ["job.yaml", "empty"]),
    ("list", "- a\n- b\n", ["job.yaml:1", "names with values"]),
    ("tab", "name: a\n\trun: train.py\n", ["job.yaml:2"]),
    ("unclosed quote", 'name: "a\nrun: train.py\n', ["job.yaml"]),
    ("duplicate key", "name: a\nname: b\nrun: train.py\n", ["job.yaml:2", "name"]),
    ("no name", "run: train.py\n", ["job.yaml", "name"]),
    ("no run", "name: a\n", ["job.yaml", "run"]),
    ("empty run", "name: a\nrun: []\n", ["job.yaml:2", "run"]),
    (
        "misspelled field",
        f"{NAMED}parms: {{C: 1}}\n",
        ["job.yaml:3", "parms", "params"],
    ),
    ("name is a list", "name: [a]\nrun: train.py\n", ["job.yaml:1", "name"]),
    ("empty name", "name: ''\nrun: train.py\n", ["job.yaml:1", "name"]),
    ("unknown kind", f"{NAMED}kind: experment\n", ["job.yaml:3", "kind", "experiment"]),
    ("params is a list", f"{NAMED}params: [1]\n", ["job.yaml:3", "params"]),
    (
        "unknown parameter",
        f"{NAMED}params:\n  c: 1\n",
        ["job.yaml:4", "params.c", "'C'"],
    ),
    ("missing parameter", "name: a\nrun: needy.py\n", ["job.yaml", "alpha"]),
    ("seed is text", f"{NAMED}seed: seven\n", ["job.yaml:3", "seed", "seven"]),
    ("seed too large", f"{NAMED}seed: 4294967296\n", ["job.yaml:3", "seed"]),
    ("seed negative", f"{NAMED}seed: -1\n", ["job.yaml:3", "seed"]),
    ("deterministic", f"{NAMED}deterministic: maybe\n", ["job.yaml:3", "warn"]),
    ("script is gone", "name: a\nrun: gone.py\n", ["job.yaml:2", "run", "gone.py"]),
    ("script is a folder", "name: a\nrun: data\n", ["job.yaml:2", "run", "data"]),
    ("script is no python", "name: a\nrun: notes.txt\n", ["job.yaml:2", "run", ".py"]),
    ("trials of an experiment", f"{NAMED}num_trials: 3\n", ["num_trials", "group"]),
    ("space of an experiment", f"{NAMED}param_space: {{}}\n", ["param_space", "group"]),
    ("group", f"{NAMED}kind: group\nnum_trials: 0\n", ["num_trials", "job.yaml:4"]),
    ("sampler", f"{NAMED}kind: group\nsampler: tpee\n", ["sampler", "tpe"]),
    ("pruner", f"{NAMED}kind: group\npruner: hyper\n", ["pruner", "hyperband"]),
    (
        "direction",
        f"{NAMED}kind: group\nmetric: {{name: a, direction: up}}\n",
        ["maximize"],
    ),
    (
        "distribution",
        f"{NAMED}kind: group\nparam_space: {{C: unform(0, 1)}}\n",
        ["C", "uniform"],
    ),
    (
        "junk",
        f"{NAMED}kind: group\nparam_space: {{C: 'uniform(0, 1) x'}}\n",
        ["C", "uniform"],
    ),
    (
        "reversed",
        f"{NAMED}kind: group\nparam_space: {{C: 'uniform(1, 0)'}}\n",
        ["min < max"],
    ),
    (
        "log of 0",
        f"{NAMED}kind: group\nparam_space: {{C: 'loguniform(0, 1)'}}\n",
        ["min > 0"],
    ),
    ("resources", f"{NAMED}kind: group\nresources_per_worker: {{cpu: 0}}\n", ["cpu"]),
    (
        "image and file",
        f"{NAMED}docker_config: {{image: a, dockerfile: train.py}}\n",
        ["docker"],
    ),
    ("empty docker", f"{NAMED}docker_config: {{}}\n", ["docker_config"]),
    ("tags", f"{NAMED}tags: 3\n", ["job.yaml:3", "tags"]),
    (
        "alias bomb",
        "a: &a [x,x]\nb: &b [*a,*a]\nname: *c\nrun: train.py\n",
        ["job.yaml"],
    ),
    ("control character", "name: \x07\nrun: train.py\n", ["job.yaml"]),
    ("number as key", f"{NAMED}3: 4\n", ["job.yaml:3"]),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [pytest.param(text, expected, id=name) for name, text, expected in CONFIGS],
)
def test_wrong_config_is_refused(
    project: Path, text: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names file, line and field, and what is allowed."""
    (project / "job.yaml").write_text(text)

    _assert_refused(project, ["--config_file", "job.yaml"], expected, capsys)


COMMAND_LINES = [
    ("no such config", ["--config_file", "gone.yaml"], ["gone.yaml"]),
    ("config is a folder", ["--config_file", "data"], ["data"]),
    ("no such script", ["gone.py"], ["gone.py"]),
    ("unknown option", ["--parms", "C=1", "train.py"], ["--parms", "--params"]),
    ("option without value", ["train.py", "--params"], ["--params"]),
    ("unknown parameter", ["--params", "kernal=rbf", "train.py"], ["kernal", "kernel"]),
    ("half a dict", ["--params", "{'C': ", "train.py"], ["--params"]),
    ("no dict", ["--params", "[1, 2]", "train.py"], ["--params"]),
    ("no such file", ["--params", "gone.yaml", "train.py"], ["--params", "gone.yaml"]),
    ("code in a dict", ["--params", "{'C': print(1)}", "train.py"], ["--params"]),
    ("kind", ["--kind", "grp", "train.py"], ["--kind", "group"]),
    ("seed", ["--seed", "1.5", "train.py"], ["--seed", "1.5"]),
    ("trials", ["--kind", "group", "--num_trials", "-3", "train.py"], ["--num_trials"]),
    (
        "timeout",
        ["--kind", "group", "--timeout_per_trial", "0", "train.py"],
        ["timeout"],
    ),
    ("trials of one", ["--num_trials", "3", "train.py"], ["--num_trials", "group"]),
    ("port", ["ui", "--port", "99999"], ["port"]),
    ("too many words", ["show", "a", "b"], ["b"]),
    ("no directory", ["restore", "a"], ["directory"]),
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [pytest.param(words, expected, id=name) for name, words, expected in COMMAND_LINES],
)
def test_wrong_command_line_is_refused(
    project: Path,
    words: list[str],
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The message names the option, what was got and what is allowed."""
    _assert_refused(project, words, expected, capsys)


def test_several_mistakes_are_told_at_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has to find them one run at a time."""
    (project / "job.yaml").write_text("name: ''\nseed: x\ntags: 3\nrun: gone.py\n")

    _assert_refused(
        project,
        ["--config_file", "job.yaml"],
        ["job.yaml:1", "job.yaml:2", "job.yaml:3", "job.yaml:4"],
        capsys,
    )


def test_unwritable_place_is_told_and_not_half_written(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no run directory can be made, the message says what to set."""
    monkeypatch.setenv("ML_EXPERIMENT_HOME", str(project / "train.py" / "below"))

    status = run_command(["train.py"])

    said = capsys.readouterr().err
    assert status == 1
    assert "ML_EXPERIMENT_HOME" in said
    assert "Traceback" not in said


def test_a_check_of_what_is_not_there_says_so(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no folder without jobs."""
    status = run_command(["check", str(project / "nowhere")])

    assert status == 2
    assert "nowhere: no such file or folder" in capsys.readouterr().err
