"""What is found in configs, packages and version control; levels; comments that silence."""

from __future__ import annotations

import os
import re
import shutil
import socket
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_experiment.errors import ConfigError
from ml_experiment.verify.checklist.rules import ASPECTS, RULES, Level, Severity


if TYPE_CHECKING:
    from tests.unit.verify.checklist.conftest import Place

GROUP = """\
name: search
tags: {baseline: majority}
kind: group
num_trials: 3
param_space: {C: "uniform(0, 1)"}
metric: {name: accuracy, direction: maximize}
run: train.py
"""
LINE = "run: train.py\n"


def test_a_clean_project_gives_nothing(project: Place) -> None:
    """Nothing is found where nothing is wrong, whatever is given."""
    found = [project.codes(given) for given in ("job.yaml", "train.py", ".", None)]

    assert found == [{}] * 4


def test_a_clean_group_gives_nothing(project: Place) -> None:
    """A search is as clean as an experiment."""
    project.write("job.yaml", GROUP)
    project.commit()

    assert project.codes() == {}


BAD_CONFIGS = [
    ("determinism-off", GROUP + "deterministic: false\n"),
    ("lookahead-none", GROUP + "lookahead: none\n"),
    ("time-limit", GROUP + "timeout_per_trial: 60\n"),
    ("no-direction", GROUP.replace("{name: accuracy, direction: maximize}", "acc")),
    ("metric-on-test-set", GROUP.replace("accuracy", "test_accuracy")),
    ("no-baseline", GROUP.replace("baseline", "team")),
    ("data-glob-empty", GROUP + "data: nothing/*.csv\n"),
    ("data-outside-project", GROUP + f"data: {Path.home().anchor}etc/host*\n"),
    ("data-outside-project", GROUP + "params: {source: /home/me/train.csv}\n"),
]


@pytest.mark.parametrize(
    ("code", "config"),
    BAD_CONFIGS,
    ids=[f"{code}-{number}" for number, (code, _) in enumerate(BAD_CONFIGS)],
)
def test_a_bad_config_is_found(project: Place, code: str, config: str) -> None:
    """Each field that weakens a run has its own finding, and only that."""
    project.write("job.yaml", config)
    project.script(body="pass").write_text(
        (project.path / "train.py").read_text().replace("C=1.0", "C=1.0, source=None")
    )
    project.commit()

    assert project.codes() == {code: 1}


def test_findings_in_a_config_name_their_line(project: Place) -> None:
    """The line is that of the field."""
    path = project.write("job.yaml", GROUP + "lookahead: none\n")
    project.commit()

    [found] = project.check().findings

    assert (found.file, found.line) == (path, 8)


def test_the_hash_seed_of_the_environment_is_looked_at(
    project: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set to be random stays random."""
    monkeypatch.setenv("PYTHONHASHSEED", "random")

    assert project.codes() == {"hash-seed": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_sockets_are_no_data(project: Place) -> None:
    """What cannot be digested is found before it hangs the hashing."""
    (project.path / "data").mkdir()
    os.mkfifo(project.path / "data" / "pipe")
    project.write(
        "job.yaml", "name: x\ntags: {baseline: x}\ndata: data/*\nrun: train.py\n"
    )
    project.commit()

    assert project.codes() == {"data-unhashable": 1}


def test_a_socket_is_no_data(project: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket has no content."""
    monkeypatch.chdir(project.path)
    project.write(
        "job.yaml", "name: x\ntags: {baseline: x}\ndata: a.sock\nrun: train.py\n"
    )
    project.commit()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.sock")

        assert project.codes() == {"data-unhashable": 1}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_that_is_read_is_no_data(project: Place) -> None:
    """What a script reads has to be a file, to have a digest."""
    os.mkfifo(project.path / "pipe")
    project.script(body="open('pipe').read()")
    project.commit()

    assert project.codes() == {"data-unhashable": 1}


def test_declared_data_make_unseen_readers_seen(project: Place) -> None:
    """A declared file is digested, whoever reads it."""
    project.script("import cv2", "cv2.imread('a.png')  # ml-experiment: ignore")
    project.script("import pandas as pd", "pd.read_parquet('data/x.parquet')")
    project.write("data/x.parquet")
    project.write(
        "job.yaml", "name: x\ntags: {baseline: x}\ndata: data/*\nrun: train.py\n"
    )
    project.commit()

    assert project.codes() == {}


# Version control.


def test_no_version_control_is_found(project: Place) -> None:
    """A folder that is not in git has no version."""
    shutil.rmtree(project.path / ".git")

    assert project.codes() == {"no-git": 1}


def test_a_machine_without_git_is_told_so(
    project: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the program nothing is known, and nothing fails."""
    monkeypatch.setenv("PATH", str(project.path))

    [found] = project.check().findings

    assert found.rule.code == "no-git"
    assert "git is not installed" in found.message


def test_a_repository_without_a_commit_is_found(project: Place) -> None:
    """There is no commit to name."""
    shutil.rmtree(project.path / ".git")
    project.git("init", "--quiet")

    assert project.codes() == {"no-commit": 1}


def test_changes_in_the_script_are_a_warning(project: Place) -> None:
    """What runs is not what is committed."""
    project.script(body="C = 2.0")

    [found] = project.check().findings

    assert (found.rule.code, found.severity) == ("dirty-tree", Severity.WARNING)
    assert "train.py" in found.message


def test_changes_elsewhere_are_a_note(project: Place) -> None:
    """A changed file that the job does not use is mentioned."""
    project.write("notes.txt", "1")
    project.commit()
    project.write("notes.txt", "2")

    [found] = project.check().findings

    assert (found.rule.code, found.severity) == ("dirty-tree", Severity.NOTE)


def test_files_that_nobody_uses_need_not_be_tracked(project: Place) -> None:
    """Results and drafts may lie about."""
    project.write("figures/a.png", "x")
    project.write("draft.py", "import os; os.urandom(1)")

    assert project.codes() == {}


def test_a_module_that_is_not_tracked_is_found(project: Place) -> None:
    """A clone would not have it."""
    project.script("import helper")
    project.git("commit", "--quiet", "--all", "--message", "use it")
    project.write("helper.py", "x = 1\n")

    [found] = project.check().findings

    assert (found.rule.code, found.file) == (
        "untracked-code",
        project.path / "helper.py",
    )


# Packages.


def _requires(project: Place, **files: str) -> None:
    (project.path / "requirements.txt").unlink()
    project.script("import numpy as np")
    for name, text in files.items():
        project.write(name.replace("__", "."), text)
    project.commit()


NUMPY = version("numpy")


@pytest.mark.parametrize(
    "files",
    [
        {"requirements__txt": f"numpy=={NUMPY}  # arrays\n"},
        {"requirements__txt": f"numpy=={NUMPY} \\\n    --hash=sha256:{'0' * 64}\n"},
        {"requirements__txt": "numpy\n", "constraints__txt": f"NumPy=={NUMPY}\n"},
        {"pyproject__toml": f'[project]\nname="x"\ndependencies=["numpy=={NUMPY}"]\n'},
        {"uv__lock": f'[[package]]\nname = "numpy"\nversion = "{NUMPY}"\n'},
        {"poetry__lock": f'[[package]]\nname = "numpy"\nversion = "{NUMPY}"\n'},
        {"pylock__toml": f'[[packages]]\nname = "numpy"\nversion = "{NUMPY}"\n'},
        {"Pipfile__lock": f'{{"default": {{"numpy": {{"version": "=={NUMPY}"}}}}}}'},
        {"environment__yml": f"dependencies:\n  - conda-forge::numpy={NUMPY}\n"},
        {"environment__yml": f"dependencies:\n  - pip:\n    - numpy=={NUMPY}\n"},
        {"conda-lock__yml": "package:\n- name: numpy\n"},
    ],
    ids=ascii,
)
def test_pins_are_found_wherever_they_stand(
    project: Place, files: dict[str, str]
) -> None:
    """Each way of pinning is known."""
    _requires(project, **files)

    assert project.codes() == {}


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("no-requirements", {}),
        ("unpinned-package", {"requirements__txt": "numpy>=1\n"}),
        ("unpinned-package", {"requirements__txt": "numpy==2.*\n"}),
        ("unpinned-package", {"requirements__txt": "numpy\n"}),
        ("unpinned-package", {"environment__yml": "dependencies:\n- numpy>=1\n"}),
        (
            "unpinned-package",
            {"pyproject__toml": '[project]\nname="x"\ndependencies=["numpy"]\n'},
        ),
        ("undeclared-package", {"requirements__txt": "scipy==1.0\n"}),
        ("wrong-version", {"requirements__txt": "numpy==1.0.0\n"}),
    ],
    ids=lambda value: value if isinstance(value, str) else ascii(list(value.values())),
)
def test_packages_that_are_not_pinned_are_found(
    project: Place, code: str, files: dict[str, str]
) -> None:
    """Each way of not saying which version it is has its finding."""
    _requires(project, **files)

    assert project.codes() == {code: 1}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["little", "big"])
def test_requirements_are_read_in_the_encoding_of_their_mark(
    project: Place, encoding: str, order: str
) -> None:
    """What PowerShell's `pip freeze >` writes is UTF-16, which pip reads."""
    name = encoding if encoding == "utf-8-sig" else f"{encoding}-{order[0]}e"
    mark = "" if encoding == "utf-8-sig" else "\ufeff"
    project.script("import numpy as np")
    data = f"{mark}numpy=={NUMPY}\r\n".encode(name)
    (project.path / "requirements.txt").write_bytes(data)
    project.commit()

    assert project.codes() == {}


MALFORMED = [
    ("pyproject.toml", "[project]\ndependencies = 3\n", "project.dependencies: got 3"),
    ("pyproject.toml", "[project]\ndependencies = [3]\n", "dependencies[0]: got 3"),
    ("pyproject.toml", "[project]\noptional-dependencies = [1]\n", "got [1]; a table"),
    (
        "pyproject.toml",
        "[dependency-groups]\ndev = 'x'\n",
        "groups.dev: got 'x'; a list",
    ),
    ("pyproject.toml", "project = 3\n", "project: got 3; a table"),
    ("pyproject.toml", "tool = 3\n", "tool: got 3; a table"),
    ("pyproject.toml", "[tool]\npoetry = true\n", "tool.poetry: got True"),
    ("pyproject.toml", "[tool.poetry]\ngroup = 3\n", "tool.poetry.group: got 3"),
    ("pyproject.toml", "[tool.poetry.group]\na = 1\n", "tool.poetry.group.a: got 1"),
    ("pyproject.toml", "[tool.poetry]\ndependencies = 3\n", "dependencies: got 3"),
    ("pyproject.toml", "[project\n", "this is no TOML"),
    ("Pipfile", "packages = 3\n", "packages: got 3; a table"),
    ("Pipfile.lock", '{"default": 3}', "default: got 3; a table"),
    ("Pipfile.lock", '{"default": {"numpy": null}}', "default.numpy: got None"),
    ("Pipfile.lock", '{"default": {"numpy": {"version": 3}}}', "version: got 3; text"),
    ("Pipfile.lock", "[]", "the file: got []; a table"),
    ("Pipfile.lock", "{", "this is no JSON"),
    ("uv.lock", "package = 3\n", "package: got 3; a list"),
    ("poetry.lock", "package = [3]\n", "package[0]: got 3; a table"),
    ("pdm.lock", "[[package]]\nname = 3\n", "package[0].name: got 3; text"),
    ("environment.yml", "dependencies: 3\n", "dependencies: got 3; a list"),
    ("environment.yml", "dependencies: [3]\n", "dependencies[0]: got 3; text"),
    ("environment.yml", "dependencies: [{pip: 3}]\n", "dependencies[0].pip: got 3"),
    ("environment.yml", "dependencies: [\n", ""),
    ("setup.cfg", "[options\n", "no section headers"),
]


@pytest.mark.parametrize(
    ("name", "text", "said"), MALFORMED, ids=[f"{n}-{t}" for n, t, _ in MALFORMED]
)
def test_a_malformed_file_is_named_with_what_is_wrong(
    project: Place, name: str, text: str, said: str
) -> None:
    """What it declares is unknown, so no package is called undeclared."""
    _requires(project, **{name: text})

    [found] = project.check().findings

    assert (found.rule.code, found.file) == (
        "unreadable-requirements",
        project.path / name,
    )
    assert said in found.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("environments.yml", "- CartPole\n- Acrobot\n"),
        ("environment-dev.yml", "a: [\n"),
        ("conda-lock.yml", "dependencies: [\n"),
        ("pyproject.toml", "[dependency-groups]\nall = [{include-group = 'a'}]\n"),
        ("poetry.lock", "package = []\n"),
        ("Pipfile.lock", '{"default": {"x": {"git": "https://example.org/x"}}}'),
    ],
)
def test_files_that_declare_nothing_are_not_called_malformed(
    project: Place, name: str, text: str
) -> None:
    """Other kinds of file, and empty ones, are as they may be."""
    project.write(name, text)
    project.commit()

    assert project.codes() == {}


def test_open_requirements_of_other_packages_are_a_note(project: Place) -> None:
    """What is not imported itself may be used by what is; tools of developers are not."""
    project.write("requirements-dev.txt", "pytest\n")
    project.write("base.in", "joblib>=1\nml-experiment\n")
    text = (project.path / "requirements.txt").read_text()
    project.write("requirements.txt", f"-r base.in\n{text}")
    project.commit()

    [found] = project.check().findings

    assert (found.rule.code, found.severity) == ("unpinned-package", Severity.NOTE)
    assert found.file == project.path / "base.in"


def test_a_package_that_is_not_there_is_an_error(project: Place) -> None:
    """The job could not run."""
    project.script("import no_such_package_anywhere")
    project.commit()

    [found] = project.check().findings

    assert (found.rule.code, found.severity) == ("not-installed", Severity.ERROR)


def test_imports_that_may_fail_are_no_requirements(project: Place) -> None:
    """What is tried, and what only a type checker sees, may be absent."""
    project.script(
        "from typing import TYPE_CHECKING\n"
        "try:\n    import not_there\nexcept ImportError:\n    not_there = None\n"
        "if TYPE_CHECKING:\n    import not_there_either\n"
    )
    project.commit()

    assert project.codes() == {}


# Scripts that are none.


@pytest.mark.parametrize(
    "data",
    [b"def main(:\n", b"\xff\xfe\x00", b"# coding: nonsense\n", b"x = 1\x00\n"],
    ids=["syntax", "encoding", "unknown encoding", "null"],
)
def test_what_is_no_python_is_an_error(project: Place, data: bytes) -> None:
    """A script that cannot be parsed is told of, and all else is still looked at."""
    (project.path / "train.py").write_bytes(data)

    checked = project.check()

    assert {"syntax-error"} <= {f.rule.code for f in checked.findings}
    assert checked.reached.level is Level.NONE


def test_scripts_in_other_encodings_are_read(project: Place) -> None:
    """A declared encoding is honoured."""
    text = (project.path / "train.py").read_text()
    data = "# coding: latin-1\n# año\n".encode("latin-1") + text.encode()
    (project.path / "train.py").write_bytes(data)
    project.commit()

    assert project.codes() == {}


def test_a_script_without_a_job_is_an_error(project: Place) -> None:
    """It would not be recorded."""
    project.write("train.py", "def main():\n    return {}\n")
    project.commit()

    assert project.codes() == {"no-job": 1}


def test_deep_expressions_do_no_harm(project: Place) -> None:
    """A sum of ten thousand terms is checked, or given up, without a crash."""
    project.script(body="C = " + "+".join(["1"] * 10_000))
    project.commit()

    assert set(project.codes()) <= {"syntax-error"}


# Folders.


def test_a_folder_gives_all_its_jobs_once(project: Place) -> None:
    """Configs and scripts are found, not those of tools and environments."""
    project.script(name="other.py")
    project.write("jobs/second.yaml", "name: two\nrun: other.py\n")
    project.script(name="third.py")
    project.write(".github/workflow.yaml", "name: ci\nrun: x.py\n")
    project.write("compose.yaml", "services:\n  a:\n    run: x\n")
    project.write("broken.yaml", "run: [\n")
    project.write("env/pyvenv.cfg")
    project.script(name="env/lib/fourth.py")
    (project.path / "loop").symlink_to(project.path, target_is_directory=True)

    jobs = {path.name for path in project.check(".").jobs}

    assert jobs == {"job.yaml", "second.yaml", "third.py"}


def test_a_folder_without_jobs_is_refused(project: Place) -> None:
    """There is nothing to be checked, which is told."""
    (project.path / "empty").mkdir()

    with pytest.raises(ConfigError, match="no config and no script with @job"):
        project.check("empty")


def test_a_wrong_config_is_refused_as_always(project: Place) -> None:
    """The errors of `run` are those of `check`."""
    project.write("job.yaml", "name: x\nkin: group\nrun: train.py\n")

    with pytest.raises(ConfigError, match="kin"):
        project.check()


def test_nothing_is_run_or_written(project: Place) -> None:
    """Looking leaves no trace, and no module of the user's is imported."""
    project.script("import helper\nopen('trace', 'w')")
    project.write("helper.py", "open('trace', 'w')\n")
    before = sorted(path.name for path in project.path.iterdir())

    project.check()

    assert sorted(path.name for path in project.path.iterdir()) == before


# Comments.


@pytest.mark.parametrize(
    "comment",
    [
        "# ml-experiment: ignore[os-entropy]",
        "# ml-experiment: ignore[set-order, os-entropy] a name only",
        "# ml-experiment: ignore",
        "#ml-experiment:ignore[os-entropy]",
    ],
)
def test_a_comment_silences_its_line_only(project: Place, comment: str) -> None:
    """What somebody has thought about is not told again; all else is."""
    project.script("import uuid", f"uuid.uuid4()  {comment}\nuuid.uuid4()")
    project.commit()

    checked = project.check()

    assert [f.rule.code for f in checked.findings] == ["os-entropy"]
    assert checked.silenced == 1


def test_a_comment_about_something_else_silences_nothing(project: Place) -> None:
    """The code in the comment has to be that of the finding."""
    project.script("import uuid", "uuid.uuid4()  # ml-experiment: ignore[set-order]")
    project.commit()

    assert project.codes() == {"os-entropy": 1}


def test_a_comment_in_a_config_silences_findings_of_the_project(project: Place) -> None:
    """What belongs to no line is silenced by a comment on a line of its own."""
    text = "# ml-experiment: ignore[no-baseline]\nname: x\nrun: train.py\n"
    project.write("job.yaml", text)
    project.commit()

    assert project.codes() == {}


def test_a_comment_in_a_config_silences_its_line(project: Place) -> None:
    """Fields of a config are silenced as lines of a script are."""
    project.write(
        "job.yaml", GROUP + "lookahead: none  # ml-experiment: ignore[lookahead-none]\n"
    )
    project.commit()

    assert project.codes() == {}


# Levels.


@pytest.mark.parametrize(
    ("body", "level"),
    [
        ("secrets.token_hex()", Level.REVIEWABLE),
        ("train_test_split([1, 2])", Level.REPLICABLE),
        ("netCDF4.Dataset('train.py')", Level.CONFIRMABLE),
        ("pass", Level.AUDITABLE),
    ],
)
def test_the_level_is_the_highest_that_nothing_blocks(
    project: Place, body: str, level: Level
) -> None:
    """Each kind of finding keeps a project from a level, and from those above it."""
    imports = "import secrets\nimport netCDF4  # ml-experiment: ignore\n"
    project.script(
        f"{imports}from sklearn.model_selection import train_test_split", body
    )
    project.commit()

    reached = project.check().reached

    assert reached.level is level
    assert reached.missing


def test_an_open_project_reaches_the_top(project: Place) -> None:
    """With a remote repository, a licence and a description there is nothing left."""
    project.git("remote", "add", "origin", "https://example.org/x.git")
    project.write("LICENSE", "MIT")
    project.write("README.md", "# x")
    project.commit()

    reached = project.check().reached

    assert (reached.level, reached.missing, reached.next) == (Level.OPEN, (), None)


# The table.


def test_every_code_is_described() -> None:
    """The reference has a row for each code, and for nothing else."""
    page = Path(__file__).parents[4] / "docs" / "reference" / "checks.md"
    rows = re.findall(
        r"^\| `([a-z-]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert sorted(rows) == sorted(RULES)


def test_codes_are_words_and_aspects_are_those_of_the_record() -> None:
    """A code can be typed; an aspect is one of the eight."""
    from ml_experiment.record.model import ASPECTS as RECORDED

    assert tuple(RECORDED) == ASPECTS
    for rule in RULES.values():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.code)
        assert rule.aspect in ASPECTS
