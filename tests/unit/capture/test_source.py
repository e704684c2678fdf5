"""The source part and its archive hold what the tree needs to run, and no secrets."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from ml_experiment.capture import selection, source
from ml_experiment.capture.archive import read_archive
from ml_experiment.capture.collection import import_root
from ml_experiment.capture.lock_files import copy_lock_files
from ml_experiment.capture.source import OUTSIDE, Project, SourceRecorder
from ml_experiment.record.directory import RunDirectory


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Repository(Protocol):
    """What ``conftest`` gives."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Run git."""

    def write(self, name: str, text: str = "") -> Path:
        """Write a file."""

    def commit(self, **files: str) -> str:
        """Commit files."""


class Recorded:
    """A recorder on a project in a folder."""

    def __init__(
        self,
        script: Path,
        cwd: Path,
        *,
        environ: Mapping[str, str] | None = None,
        config: Path | None = None,
        masked_config: str | None = None,
        **known: Any,
    ) -> None:
        self.run = RunDirectory.create(cwd / ".ml_experiment")
        if config is not None and masked_config is not None:
            (self.run.submitted / config.name).write_text(masked_config)
        project = Project(script, cwd, config, self.run.path.parent.parent, **known)
        self.recorder = SourceRecorder(self.run, project, environ or {})
        self.part: Any = self.recorder.capture()

    @property
    def names(self) -> set[str]:
        """Names in the archive."""
        return set(read_archive(self.run.source_archive))

    def text(self, name: str) -> str:
        """Return the text of a file in the archive."""
        return read_archive(self.run.source_archive)[name].data.decode()

    def reason(self, name: str) -> str:
        """Return why a file was left out."""
        [reason] = [i["reason"] for i in self.part["left_out"] if i["path"] == name]
        return str(reason)

    def add(self, **modules: Path) -> bool:
        """Report imported modules, ``__`` standing for a dot."""
        named = {name.replace("__", "."): str(path) for name, path in modules.items()}
        changed = self.recorder.add_modules(named)
        self.part = self.recorder.part()
        return changed


def _write(path: Path, text: str = "1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _project(folder: Path, *names: str) -> Path:
    for name in names:
        _write(folder / name)
    return _write(folder / "train.py", "print('hello')\n")


def test_outside_of_git_the_project_is_what_looks_like_source(tmp_path: Path) -> None:
    """Code, configuration and text; no data, caches, environments or databases."""
    script = _project(
        tmp_path,
        *("helper.py", "conf/params.yaml", "README.md", "Makefile", "lib/native.c"),
        *("data.csv", "model.pt", "mlflow.db", "mlruns/1/meta.yaml"),
        *("__pycache__/helper.pyc", ".venv/lib/x.py", ".hidden/x.py"),
        *("env3/pyvenv.cfg", "env3/lib/x.py", "node_modules/x.js"),
    )

    recorded = Recorded(script, tmp_path)

    assert recorded.names == {
        *("train.py", "helper.py", "conf/params.yaml", "README.md", "Makefile"),
        "lib/native.c",
    }
    assert recorded.part["git"] is None
    assert recorded.part["git_missing"] == "not in a git repository"
    assert recorded.part["script"] == "train.py"
    assert recorded.part["cwd"] == "."
    assert recorded.reason("data.csv")


def test_each_file_has_its_digest(tmp_path: Path) -> None:
    """And so has the archive."""
    recorded = Recorded(_project(tmp_path), tmp_path)

    content = b"print('hello')\n"
    assert recorded.part["files"] == [
        {
            "path": "train.py",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
    ]
    archive = recorded.run.source_archive.read_bytes()
    assert recorded.part["archive_sha256"] == hashlib.sha256(archive).hexdigest()


def test_equal_projects_have_equal_archives(tmp_path: Path) -> None:
    """Two runs of the same code can be told to be so by one digest."""
    parts = [
        Recorded(_project(tmp_path / place, "a.py", "b/c.py"), tmp_path / place).part
        for place in ("one", "two")
    ]

    assert parts[0]["archive_sha256"] == parts[1]["archive_sha256"]


def test_secrets_stay_out_whatever_they_are_called(
    tmp_path: Path, repository: Repository
) -> None:
    """Files of credentials are left out, in git even when they are tracked."""
    secrets = (".env", "id_rsa", "server.pem", ".netrc", ".pypirc", "credentials.json")
    script = _project(tmp_path / "plain", *secrets, ".env.example")
    for name in secrets:
        repository.write(name, "secret\n")
    repository.commit(train__py="1\n")
    for name in secrets:
        repository.write(name, "another secret\n")

    plain = Recorded(script, tmp_path / "plain")
    tracked = Recorded(repository.path / "train.py", repository.path)

    assert plain.names == {"train.py"}
    assert tracked.names == {"train.py"}
    assert "credentials" in plain.reason(".env")
    assert "secret" not in tracked.run.source_changes.read_text()


def test_a_secret_of_the_environment_in_the_code_is_masked(
    repository: Repository,
) -> None:
    """A key that was pasted into a script does not get into archive or patch."""
    repository.commit(train__py="key = None\n")
    repository.write("train.py", "key = 'abc123-def456'\nname = 'model'\n")
    environ = {"MY_API_KEY": "abc123-def456", "SHORT_TOKEN": "model"}

    recorded = Recorded(repository.path / "train.py", repository.path, environ=environ)

    assert recorded.text("train.py") == "key = '***'\nname = 'model'\n"
    assert "abc123" not in recorded.run.source_changes.read_text()
    assert recorded.part["files"][0]["masked"]


def test_the_config_file_is_archived_as_it_was_masked(repository: Repository) -> None:
    """A password in the parameters is hidden here, too."""
    config = repository.write("run.yaml", "params: {password: none}\n")
    repository.commit(train__py="1\n")
    repository.write("run.yaml", "params: {password: hunter2hunter}\n")

    recorded = Recorded(
        repository.path / "train.py",
        repository.path,
        config=config,
        masked_config="params: {password: '***'}\n",
    )

    assert recorded.text("run.yaml") == "params: {password: '***'}\n"
    assert "hunter2" not in recorded.run.source_changes.read_text()


def test_in_git_the_tree_is_archived_as_it_is_now(repository: Repository) -> None:
    """Tracked files with their changes, new scripts, and nothing that is ignored."""
    repository.write(".github/workflow.yml", "x\n")
    repository.write("data/small.csv", "1,2\n")
    repository.commit(
        __gitignore="*.log\nlocal.py\n", train__py="old\n", gone__py="1\n"
    )
    repository.write("train.py", "new\n")
    repository.write("new.py", "1\n")
    repository.write("params.yaml", "1\n")
    repository.write("big.csv", "1\n")
    repository.write("out.log", "1\n")
    repository.write("local.py", "1\n")
    (repository.path / "gone.py").unlink()

    recorded = Recorded(repository.path / "train.py", repository.path)

    assert recorded.names == {
        *(".gitignore", ".github/workflow.yml", "data/small.csv", "train.py"),
        *("new.py", "params.yaml"),
    }
    assert recorded.text("train.py") == "new\n"
    assert recorded.part["git"]["dirty"]
    assert "+new" in recorded.run.source_changes.read_text()


def test_a_clean_tree_has_no_patch(repository: Repository) -> None:
    """There is nothing in it to apply."""
    repository.commit(train__py="1\n")

    recorded = Recorded(repository.path / "train.py", repository.path)

    assert not recorded.run.source_changes.exists()
    assert not recorded.part["git"]["dirty"]


def test_an_imported_module_that_git_ignores_is_added(repository: Repository) -> None:
    """The tree does not run without it."""
    repository.commit(__gitignore="local.py\n", train__py="import local\n")
    local = repository.write("local.py", "X = 1\n")
    recorded = Recorded(repository.path / "train.py", repository.path)

    changed = recorded.add(local=local, __main__=repository.path / "train.py")

    assert changed
    assert "local.py" in recorded.names
    assert recorded.part["git"]["untracked_imported"] == ["local.py"]
    archive = recorded.run.source_archive.read_bytes()
    assert recorded.part["archive_sha256"] == hashlib.sha256(archive).hexdigest()


def test_a_module_that_is_archived_already_changes_nothing(tmp_path: Path) -> None:
    """The usual case costs nothing."""
    script = _project(tmp_path, "helper.py")
    recorded = Recorded(script, tmp_path)
    before = recorded.run.source_archive.stat().st_mtime_ns

    changed = recorded.add(helper=tmp_path / "helper.py")

    assert not changed
    assert recorded.run.source_archive.stat().st_mtime_ns == before


def test_the_archive_keeps_what_was_there_at_the_start(tmp_path: Path) -> None:
    """A user who goes on editing does not change the record of a run that is on."""
    script = _project(tmp_path / "project", "helper.py")
    recorded = Recorded(script, tmp_path / "project")

    _write(tmp_path / "project" / "helper.py", "edited = True\n")
    recorded.add(
        helper=tmp_path / "project" / "helper.py",
        far=_write(tmp_path / "elsewhere" / "far.py"),
    )

    assert recorded.text("helper.py") == "1\n"
    assert f"{OUTSIDE}/0/far.py" in recorded.names


def test_modules_from_outside_are_kept_apart(tmp_path: Path) -> None:
    """A shared library beside the project comes along, with its import root."""
    script = _project(tmp_path / "project")
    package = _write(tmp_path / "shared" / "pkg" / "__init__.py")
    module = _write(tmp_path / "shared" / "pkg" / "deep.py")
    recorded = Recorded(script, tmp_path / "project")

    recorded.add(pkg=package, pkg__deep=module)

    [root] = recorded.part["extra_roots"]
    assert root["path"] == str(tmp_path / "shared")
    assert root["relative"] == "../shared"
    assert root["files"] == ["pkg/__init__.py", "pkg/deep.py"]
    assert f"{root['prefix']}/pkg/deep.py" in recorded.names


def test_installed_modules_are_none_of_the_project(tmp_path: Path) -> None:
    """They are in the software part."""
    recorded = Recorded(_project(tmp_path / "project"), tmp_path / "project")

    recorded.add(
        lib=_write(tmp_path / "lib" / "site-packages" / "lib.py"),
        gone=tmp_path / "gone.py",
        own=_write(recorded.run.path / "artifacts" / "generated.py"),
    )

    assert recorded.part["extra_roots"] == []
    assert recorded.names == {"train.py"}


def test_an_import_root_inside_of_the_project_is_told(tmp_path: Path) -> None:
    """With a ``src`` layout the restored tree needs it on the path."""
    script = _project(tmp_path, "src/pkg/__init__.py", "src/pkg/mod.py", "helper.py")
    recorded = Recorded(script, tmp_path)

    changed = recorded.add(
        helper=tmp_path / "helper.py",
        pkg__mod=tmp_path / "src" / "pkg" / "mod.py",
    )

    assert changed
    assert recorded.part["import_roots"] == ["src"]


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("mod", "/x/mod.py", "/x"),
        ("pkg", "/x/pkg/__init__.py", "/x"),
        ("pkg.mod", "/x/pkg/mod.py", "/x"),
        ("a.b", "/x/a/b/__init__.py", "/x"),
        ("a.native", "/x/a/native.cpython-311-x86_64-linux-gnu.so", "/x"),
        ("__main__", "/x/train.py", "/x"),
        ("renamed.mod", "/x/other/mod.py", "/x/other"),
    ],
)
def test_the_import_root_follows_from_name_and_file(
    tmp_path: Path, name: str, file: str, expected: str
) -> None:
    """It is the folder that would have to be on the path."""
    here = type(tmp_path)

    assert import_root(name, here(file)) == here(expected)


@pytest.mark.parametrize(
    ("script", "cwd", "root"),
    [
        ("p/train.py", "p", "p"),
        ("p/src/train.py", "p", "p"),
        ("p/src/train.py", "elsewhere", "p/src"),
        ("p/train.py", "p/out", "p"),
    ],
    ids=["same", "below", "apart", "above"],
)
def test_the_root_is_the_folder_that_holds_both(
    tmp_path: Path, script: str, cwd: str, root: str
) -> None:
    """Without git: the working directory if the script is in it, else the script's."""
    _write(tmp_path / script)
    (tmp_path / cwd).mkdir(parents=True, exist_ok=True)

    recorded = Recorded(tmp_path / script, tmp_path / cwd)

    assert recorded.part["root"] == str(tmp_path / root)
    assert recorded.part["script"] == os.path.relpath(
        tmp_path / script, tmp_path / root
    )


def test_in_git_the_root_is_the_top_of_the_tree(repository: Repository) -> None:
    """Wherever in the tree the run works."""
    repository.write("jobs/train.py", "1\n")
    repository.commit(lib__py="1\n")

    recorded = Recorded(repository.path / "jobs" / "train.py", repository.path / "jobs")

    assert recorded.part["root"] == str(repository.path)
    assert recorded.part["script"] == "jobs/train.py"
    assert recorded.part["cwd"] == "jobs"
    assert "lib.py" in recorded.names


def test_a_home_folder_is_never_archived_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the script's own folder is, when a run works in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    script = _project(tmp_path / "experiment", "helper.py", "conf/a.yaml")
    _write(tmp_path / "diary.txt")
    _write(tmp_path / "other" / "private.py")

    below = Recorded(script, tmp_path)
    direct = Recorded(_write(tmp_path / "train.py"), tmp_path)

    assert below.names == {
        *("experiment/train.py", "experiment/helper.py", "experiment/conf/a.yaml"),
    }
    assert below.part["cwd"] == "."
    assert direct.names == {"train.py"}
    assert "too large" in direct.reason(".")


def test_a_home_folder_under_git_is_never_archived_whole(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some keep their settings in git; these are not the project."""
    monkeypatch.setenv("HOME", str(repository.path))
    repository.write(".bashrc", "export X=1\n")
    repository.write("exp/lib.py", "1\n")
    repository.commit()
    script = repository.write("exp/train.py", "1\n")
    repository.write("diary.py", "1\n")

    recorded = Recorded(script, tmp_path)

    assert recorded.names == {"exp/train.py", "exp/lib.py"}


def test_a_folder_with_too_many_files_is_not_one_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scripts beside the script are taken, and what is imported."""
    monkeypatch.setattr(source, "MOST_FILES", 10)
    script = _project(tmp_path, "helper.py", *(f"many/{n}.txt" for n in range(20)))

    recorded = Recorded(script, tmp_path)

    assert recorded.names == {"train.py", "helper.py"}
    assert "too large" in recorded.reason(".")


def test_large_files_are_left_out_with_the_reason(tmp_path: Path) -> None:
    """A text of two megabytes is data."""
    script = _project(tmp_path)
    _write(tmp_path / "corpus.txt", "x" * (selection.LARGEST_FILE + 1))

    recorded = Recorded(script, tmp_path)

    assert "larger than 1 MB" in recorded.reason("corpus.txt")


def test_links_become_files(tmp_path: Path) -> None:
    """A restored tree needs no link, and a link can lead nowhere good."""
    script = _project(tmp_path / "p", "real.py", "pkg/mod.py")
    outer = _write(tmp_path / "outer" / "shared.py", "outer = 1\n")
    (tmp_path / "p" / "inside.py").symlink_to("real.py")
    (tmp_path / "p" / "outside.py").symlink_to(outer)
    (tmp_path / "p" / "linked").symlink_to(tmp_path / "outer")
    (tmp_path / "p" / "loop").symlink_to(tmp_path / "p")
    (tmp_path / "p" / "dead.py").symlink_to("nowhere")

    recorded = Recorded(script, tmp_path / "p")

    assert recorded.names == {
        *("train.py", "real.py", "pkg/mod.py", "inside.py", "outside.py"),
        "linked/shared.py",
    }
    assert recorded.text("outside.py") == "outer = 1\n"
    links = {file["path"]: file.get("link_to") for file in recorded.part["files"]}
    assert links["inside.py"] == "real.py"
    assert recorded.reason("dead.py")


def test_a_script_that_git_ignores_is_archived_all_the_same(
    repository: Repository,
) -> None:
    """The script is what was run."""
    repository.commit(__gitignore="scratch/\n")
    script = repository.write("scratch/try.py", "1\n")

    recorded = Recorded(script, repository.path)

    assert "scratch/try.py" in recorded.names


def _written(path: Path, when: float, text: str = "1\n") -> Path:
    _write(path, text)
    os.utime(path, (when, when))
    return path


@pytest.mark.parametrize("in_git", [True, False], ids=["git", "folder"])
def test_what_the_run_has_written_itself_is_none_of_its_source(
    repository: Repository, *, in_git: bool
) -> None:
    """A restored project in which it lay would go on from where the run ended."""
    folder = repository.path if in_git else repository.path.parent / "plain"
    began = time.time() - 100
    script = _written(folder / "train.py", began + 1)
    local = _written(folder / "local.py", began + 1)
    _written(folder / "just_before.txt", began - 0.004)
    _written(folder / "ck" / "last.json", began + 0.004)
    _written(folder / "logs" / "version_0" / "hparams.yaml", began + 50)
    _written(folder / "another_clock.txt", began + 10_000)

    recorded = Recorded(script, folder, began=began)

    assert recorded.names == {"train.py", "just_before.txt", "another_clock.txt"}
    assert recorded.reason("ck/last.json") == "written while the run went on"
    recorded.add(local=local)
    assert "local.py" in recorded.names


def test_a_tracked_file_that_the_run_overwrites_is_taken_from_the_commit(
    repository: Repository,
) -> None:
    """It held what the run began with, as far as anybody knows."""
    began = time.time() - 100
    folder = repository.path
    repository.write("deep/table.csv", "1\n")
    repository.commit(state__txt="1\n", train__py="1\n", lib__py="1\n", mine__txt="1\n")
    _written(folder / "state.txt", began + 1, "2\n")
    _written(folder / "deep" / "table.csv", began + 1, "2\n")
    _written(folder / "lib.py", began + 1, "2\n")
    _written(folder / "mine.txt", began - 1, "2\n")
    repository.write("staged.txt", "1\n")
    repository.git("add", "staged.txt")

    recorded = Recorded(folder / "train.py", folder, began=began)

    texts = {name: recorded.text(name) for name in recorded.names}
    assert texts == {
        "train.py": "1\n",
        "state.txt": "1\n",
        "deep/table.csv": "1\n",
        "lib.py": "2\n",  # it may be imported, as it is now
        "mine.txt": "2\n",
    }
    git = recorded.part["git"]
    assert git["changed"] == ["lib.py", "mine.txt"]
    assert git["overwritten"] == ["deep/table.csv", "staged.txt", "state.txt"]
    patch = recorded.run.source_changes.read_text()
    assert "mine.txt" in patch
    assert "state.txt" not in patch
    assert recorded.reason("staged.txt") == "written while the run went on"


def test_a_tree_that_only_the_run_has_changed_is_clean(repository: Repository) -> None:
    """Its user had committed everything."""
    began = time.time() - 100
    repository.commit(train__py="1\n", state__txt="1\n")
    for name, moment in (("train.py", began - 1), ("state.txt", began + 1)):
        _written(repository.path / name, moment, "1\n" if moment < began else "2\n")

    recorded = Recorded(repository.path / "train.py", repository.path, began=began)

    assert not recorded.part["git"]["dirty"]
    assert not recorded.run.source_changes.exists()


def test_a_run_that_is_resumed_takes_what_was_edited_since(tmp_path: Path) -> None:
    """Its beginning is long ago, and its user may have mended something."""
    began = time.time() - 100
    script = _written(tmp_path / "train.py", began - 1)
    _written(tmp_path / "params.yaml", began + 50)

    recorded = Recorded(script, tmp_path, began=began, resumed=True)

    assert recorded.names == {"train.py", "params.yaml"}


def test_a_pointer_of_large_file_storage_is_noted(repository: Repository) -> None:
    """The content was never fetched; a tree with the pointer is not the whole tree."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    repository.commit(train__py="1\n", weights__bin=pointer)

    recorded = Recorded(repository.path / "train.py", repository.path)

    flags = {file["path"]: file.get("lfs_pointer") for file in recorded.part["files"]}
    assert flags == {"train.py": None, "weights.bin": True}


def test_a_script_that_does_not_exist_is_no_reason_to_fail(tmp_path: Path) -> None:
    """A job defined at a prompt has no file."""
    _write(tmp_path / "helper.py")

    recorded = Recorded(tmp_path / "interactive.py", tmp_path)

    assert recorded.names == {"helper.py"}


def test_lock_files_are_copied_beside_the_source(tmp_path: Path) -> None:
    """The environment as its maker meant it, of the nearest folder."""
    run = RunDirectory.create(tmp_path / ".ml_experiment")
    _write(tmp_path / "near" / "pylock.gpu.toml", "near\n")
    _write(tmp_path / "uv.lock", "top\n")
    _write(tmp_path / "pylock.gpu.toml", "far\n")

    found = copy_lock_files([tmp_path / "near", tmp_path, tmp_path / "none"], run)

    assert {item["copy"] for item in found} == {
        "source/pylock.gpu.toml",
        "source/uv.lock",
    }
    assert (run.source / "pylock.gpu.toml").read_text() == "near\n"
    assert {item["sha256"] for item in found} == {
        hashlib.sha256(text).hexdigest() for text in (b"near\n", b"top\n")
    }
