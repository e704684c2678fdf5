"""The source of a run comes back as a tree that runs, or with a clear refusal."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory, read_json, write_json
from ml_experiment.verify.restore import (
    RestoredTree,
    check_source_archive,
    restore_source,
)


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.org")
    environ = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(folder), *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True, env=environ)


def _record(
    script: Path, cwd: Path, modules: Mapping[str, Path], home: Path | None = None
) -> RunDirectory:
    """Record a run of a script as the capture process does."""
    run = RunDirectory.create((home or cwd) / ".ml_experiment")
    write_json(run.manifest, {"script": str(script), "cwd": str(cwd)})
    event = {"event": "modules", "modules": {n: str(p) for n, p in modules.items()}}
    with run.journal.open("w") as file:
        file.write(f"{event}\n".replace("'", '"'))
    command = [sys.executable, "-P", "-m", "ml_experiment.capture", str(run.path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return run


def _execute(tree: RestoredTree, *, with_path: bool = False) -> str:
    environ = dict(os.environ)
    environ.pop("PYTHONPATH", None)
    if with_path:
        environ["PYTHONPATH"] = os.pathsep.join(map(str, tree.python_path))
    answer = subprocess.run(
        [sys.executable, str(tree.script)],
        cwd=tree.cwd,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def _hide(path: Path) -> None:
    """Take the original away, so that nothing restored can lean on it."""
    path.rename(path.with_name(f"{path.name} was here"))


def test_a_dirty_repository_with_an_ignored_module_runs_again(tmp_path: Path) -> None:
    """Commit, change, untracked and ignored modules: all of them are in the tree."""
    project = tmp_path / "project"
    _write(project / "train.py", "print('old')\n")
    _write(project / ".gitignore", "local.py\n")
    _git(project, "init", "--quiet")
    _git(project, "add", "--all")
    _git(project, "commit", "--quiet", "-m", "one")
    text = (
        "import local, new, conf\nprint('new', local.X, new.X, open('a.yaml').read())\n"
    )
    script = _write(project / "train.py", text)
    _write(project / "a.yaml", "yes")
    _write(project / "new.py", "X = 1\n")
    _write(project / "conf" / "__init__.py", "")
    local = _write(project / "local.py", "X = 2\n")
    run = _record(script, project, {"local": local}, home=tmp_path)
    _hide(project)

    tree = restore_source(run, tmp_path / "restored")

    assert _execute(tree) == "new 2 1 yes"
    assert tree.root == tree.cwd == tmp_path / "restored"
    assert tree.python_path == ()


def test_a_project_without_git_runs_again(tmp_path: Path) -> None:
    """The working directory may be above the script."""
    project = tmp_path / "project"
    script = _write(
        project / "jobs" / "train.py", "import helper\nprint(open('a.txt').read())\n"
    )
    _write(project / "jobs" / "helper.py", "")
    _write(project / "a.txt", "found")
    run = _record(script, project, {}, home=tmp_path)
    _hide(project)

    tree = restore_source(run, tmp_path / "restored")

    assert _execute(tree) == "found"
    assert tree.script == tmp_path / "restored" / "jobs" / "train.py"
    assert tree.cwd == tmp_path / "restored"


def test_a_library_beside_the_project_lies_beside_it_again(tmp_path: Path) -> None:
    """Scripts that put ``../shared`` on the path find it without any help."""
    work = tmp_path / "work"
    text = (
        "import sys, os\n"
        "sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'shared'))\n"
        "import common\nprint(common.X)\n"
    )
    script = _write(work / "project" / "train.py", text)
    common = _write(work / "shared" / "common.py", "X = 'shared'\n")
    run = _record(script, work / "project", {"common": common}, home=tmp_path)
    _hide(work)

    tree = restore_source(run, tmp_path / "restored")

    assert _execute(tree) == "shared"
    assert tree.root == tmp_path / "restored" / "project"
    assert tree.python_path == (tmp_path / "restored" / "shared",)


def test_a_source_folder_of_the_project_is_on_the_path(tmp_path: Path) -> None:
    """What came from ``PYTHONPATH`` or an editable install comes from the tree now."""
    project = tmp_path / "project"
    script = _write(project / "train.py", "import pkg.mod\nprint(pkg.mod.__file__)\n")
    module = _write(project / "src" / "pkg" / "mod.py", "")
    run = _record(script, project, {"pkg.mod": module}, home=tmp_path)
    _hide(project)

    tree = restore_source(run, tmp_path / "restored")

    assert tree.python_path == (tmp_path / "restored" / "src",)
    assert _execute(tree, with_path=True) == str(tree.root / "src" / "pkg" / "mod.py")


def test_a_run_above_its_repository_gets_its_folders_back(tmp_path: Path) -> None:
    """The run worked in the parent of the repository."""
    work = tmp_path / "work"
    script = _write(work / "repo" / "train.py", "import os; print(os.listdir('.'))\n")
    _git(work / "repo", "init", "--quiet")
    run = _record(script, work, {}, home=tmp_path)
    _hide(work)

    tree = restore_source(run, tmp_path / "restored")

    assert tree.root == tmp_path / "restored" / "repo"
    assert tree.cwd == tmp_path / "restored"
    assert _execute(tree) == "['repo']"


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    """The user may have made it already."""
    run = _record(_write(tmp_path / "p" / "train.py", "print(1)\n"), tmp_path / "p", {})
    (tmp_path / "restored").mkdir()

    assert _execute(restore_source(run, tmp_path / "restored")) == "1"


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Nothing of the user's is ever overwritten."""
    run = _record(_write(tmp_path / "p" / "train.py", "print(1)\n"), tmp_path / "p", {})
    kept = _write(tmp_path / "restored" / "mine.txt", "mine")

    with pytest.raises(RecordError, match="not empty"):
        restore_source(run, tmp_path / "restored")

    assert list((tmp_path / "restored").iterdir()) == [kept]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """It is not a folder."""
    run = _record(_write(tmp_path / "p" / "train.py", "print(1)\n"), tmp_path / "p", {})

    with pytest.raises(RecordError, match="not a folder"):
        restore_source(run, _write(tmp_path / "file", ""))


def test_a_run_without_source_is_refused_with_the_reason(tmp_path: Path) -> None:
    """No part, a missing part, and an archive that is gone."""
    bare = RunDirectory.create(tmp_path / "bare")
    failed = RunDirectory.create(tmp_path / "failed")
    write_json(failed.part("source"), {"missing": "no space left"})
    gone = RunDirectory.create(tmp_path / "gone")
    write_json(gone.part("source"), {"script": "train.py"})

    with pytest.raises(RecordError, match="was not recorded"):
        restore_source(bare, tmp_path / "x")
    with pytest.raises(RecordError, match="no space left"):
        restore_source(failed, tmp_path / "x")
    with pytest.raises(RecordError, match="is gone"):
        restore_source(gone, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    """Half a file is no file; nothing half restored is left behind."""
    run = _record(_write(tmp_path / "p" / "train.py", "print(1)\n"), tmp_path / "p", {})
    data = run.source_archive.read_bytes()

    for broken in (data[: len(data) // 2], b"no archive", b""):
        run.source_archive.write_bytes(broken)
        with pytest.raises(RecordError, match="cannot be unpacked"):
            restore_source(run, tmp_path / "x")
        assert not (tmp_path / "x").exists()


def test_an_archive_that_is_not_the_recorded_one_is_refused(tmp_path: Path) -> None:
    """One changed line is enough: other code must not pass for what ran."""
    run = _record(_write(tmp_path / "p" / "train.py", "print(1)\n"), tmp_path / "p", {})
    _pack(run, {"train.py": b"print(2)\n"})

    with pytest.raises(RecordError, match="not as it was recorded"):
        restore_source(run, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_archive_without_the_script_is_refused(tmp_path: Path) -> None:
    """A record that lists a script has it; one of an older release has no digest."""
    run = RunDirectory.create(tmp_path / "home")
    files = [{"path": "train.py"}]
    write_json(run.part("source"), {"script": "train.py", "files": files})
    _pack(run, {"other.py": b""})

    with pytest.raises(RecordError, match=r"has no train\.py"):
        restore_source(run, tmp_path / "x")


def _pack(run: RunDirectory, files: Mapping[str, bytes]) -> None:
    with tarfile.open(run.source_archive, "w:gz") as tar:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))


def _tampered(tmp_path: Path, header: tarfile.TarInfo, **part: Any) -> RunDirectory:
    run = RunDirectory.create(tmp_path / "home")
    write_json(run.part("source"), {"root": "/a/b/c", "script": "train.py", **part})
    header.size = 4 if header.isreg() else 0
    with tarfile.open(run.source_archive, "w:gz") as tar:
        tar.addfile(header, io.BytesIO(b"evil"))
    return run


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


@pytest.mark.parametrize(
    "header",
    [
        tarfile.TarInfo("../evil.py"),
        tarfile.TarInfo("a/../../evil.py"),
        tarfile.TarInfo("/tmp/evil.py"),
        _link("train.py", "/etc/passwd"),
        _link("train.py", "../../evil"),
        _link("train.py", "/etc/passwd", tarfile.LNKTYPE),
        _link("pipe", "", tarfile.FIFOTYPE),
    ],
    ids=["up", "hidden-up", "absolute", "link", "link-up", "hard-link", "pipe"],
)
def test_an_unsafe_archive_is_refused(tmp_path: Path, header: tarfile.TarInfo) -> None:
    """A record may come from somebody else: nothing is written outside of the folder."""
    run = _tampered(tmp_path, header)

    with pytest.raises(RecordError, match="unsafe"):
        restore_source(run, tmp_path / "deep" / "restored")

    assert not list(tmp_path.rglob("evil*"))
    assert not (tmp_path / "deep" / "restored").exists()


def _long_names(depth: int) -> bytes:
    """Return headers that each give a longer name to the next one."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4
    return (header.tobuf(tarfile.GNU_FORMAT) + b"abc\0".ljust(512, b"\0")) * depth


def _sparse() -> bytes:
    """Return a header of a file with holes, at places that are no numbers."""
    header = tarfile.TarInfo("train.py")
    header.pax_headers = {"GNU.sparse.map": "a,b", "GNU.sparse.size": "zz"}
    return header.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize("content", [_long_names(5000), _sparse()])
def test_headers_that_mean_harm_are_refused(tmp_path: Path, content: bytes) -> None:
    """They make Python's reader raise what it does not raise for a damaged file."""
    run = RunDirectory.create(tmp_path / "home")
    write_json(run.part("source"), {"root": "/a", "script": "train.py"})
    run.source_archive.write_bytes(gzip.compress(content + bytes(1024)))

    with pytest.raises(RecordError, match="cannot be unpacked"):
        restore_source(run, tmp_path / "x")
    with pytest.raises(RecordError, match="cannot be unpacked"):
        check_source_archive(run.source_archive)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "part",
    [
        {"script": "../../train.py"},
        {"script": "/etc/passwd"},
        {"cwd": "/etc"},
        {"import_roots": ["../../.."]},
        {"extra_roots": [{"prefix": "out", "relative": "/etc"}]},
        {"extra_roots": [{"prefix": "../../out", "relative": None}]},
        {"root": "/a/../..", "cwd": "../../.."},
    ],
    ids=["script", "absolute", "cwd", "imports", "extra", "prefix", "root"],
)
def test_an_unsafe_part_is_refused(tmp_path: Path, part: dict[str, Any]) -> None:
    """Nor does the part lead anywhere else."""
    run = _tampered(tmp_path, tarfile.TarInfo("train.py"), **part)

    with pytest.raises(RecordError, match="unsafe"):
        restore_source(run, tmp_path / "deep" / "restored")


def test_the_part_that_was_written_is_the_part_that_is_read(tmp_path: Path) -> None:
    """The capture process writes what this module relies on."""
    run = _record(_write(tmp_path / "p" / "train.py", "print(1)\n"), tmp_path / "p", {})

    part = read_json(run.part("source"))

    assert part is not None
    assert {"root", "script", "cwd", "import_roots", "extra_roots"} <= part.keys()
