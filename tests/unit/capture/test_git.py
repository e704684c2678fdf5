"""What git knows, and all the ways in which it may know nothing."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from ml_experiment.capture.git import (
    GitMissingError,
    find_top,
    read_changes,
    read_tree,
)


if TYPE_CHECKING:
    from collections.abc import Callable
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


def _document(path: Path) -> Any:
    return read_tree(find_top(path)).document


def test_a_clean_tree_tells_commit_and_branch(repository: Repository) -> None:
    """Nothing is dirty, nothing is pushed."""
    commit = repository.commit(a__py="1")

    document = _document(repository.path)

    assert document["commit"] == commit
    assert document["branch"] == "main"
    assert not document["dirty"]
    assert document["remote"] is None
    assert document["pushed"] is False


def test_a_folder_deep_inside_belongs_to_the_tree(repository: Repository) -> None:
    """The script may lie anywhere in the repository."""
    repository.commit(a__py="1")
    deep = repository.write("x/y/train.py").parent

    assert find_top(deep) == repository.path


@pytest.mark.parametrize("staged", [False, True], ids=["unstaged", "staged"])
def test_a_change_makes_the_tree_dirty(repository: Repository, staged: bool) -> None:
    """Staged or not, the code that runs is not the code of the commit."""
    repository.commit(a__py="1\n", b__py="2\n")
    repository.write("a.py", "changed\n")
    if staged:
        repository.git("add", "a.py")

    tree = read_tree(repository.path)
    patch, reason = read_changes(tree)

    assert tree.document["dirty"]
    assert tree.changed == ["a.py"]
    assert b"+changed" in patch
    assert reason is None


def test_the_patch_leads_from_the_commit_to_the_tree(
    repository: Repository, tmp_path: Path
) -> None:
    """``git apply`` on a fresh clone gives the changed tree, binary files included."""
    repository.commit(a__py="1\n", old__py="same\n" * 9, gone__py="x\n")
    (repository.path / "blob.bin").write_bytes(bytes(range(256)))
    repository.commit()
    repository.write("a.py", "2\n")
    (repository.path / "blob.bin").write_bytes(bytes(range(255, -1, -1)))
    (repository.path / "gone.py").unlink()
    repository.git("mv", "old.py", "näme with space.py")
    repository.git("config", "diff.noprefix", "true")
    repository.git("config", "color.ui", "always")

    patch, _ = read_changes(read_tree(repository.path))

    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", repository.path, clone], check=True)
    subprocess.run(["git", "-C", clone, "apply", "-"], input=patch, check=True)
    names = sorted(p.name for p in clone.iterdir() if p.name != ".git")
    assert names == ["a.py", "blob.bin", "näme with space.py"]
    assert (clone / "a.py").read_text() == "2\n"
    assert (clone / "blob.bin").read_bytes() == bytes(range(255, -1, -1))


def test_changes_of_given_files_are_left_out(repository: Repository) -> None:
    """A tracked file of credentials is not shown in the patch."""
    repository.commit(a__py="1\n", env="old\n")
    repository.write("a.py", "2\n")
    repository.write("env", "password\n")

    patch, _ = read_changes(read_tree(repository.path), ["env"])

    assert b"a.py" in patch
    assert b"password" not in patch


def test_untracked_files_are_listed_but_ignored_ones_are_not(
    repository: Repository,
) -> None:
    """And an untracked file alone does not make the tree dirty."""
    repository.commit(__gitignore="*.log\n", a__py="1")
    repository.write("new/helper.py")
    repository.write("out.log")

    tree = read_tree(repository.path)

    assert tree.untracked == ["new/helper.py"]
    assert tree.tracked == [".gitignore", "a.py"]
    assert not tree.document["dirty"]


def test_the_remote_is_shown_without_credentials(repository: Repository) -> None:
    """A token in the address of a remote is common, and a secret."""
    repository.commit(a__py="1")
    repository.git("remote", "add", "other", "https://h/other.git")
    repository.git("remote", "add", "origin", "https://u:t0psecret@h/r.git")

    document = _document(repository.path)

    assert document["remote"] == "https://u:***@h/r.git"
    assert document["remote_name"] == "origin"


def test_a_pushed_commit_is_told_from_an_unpushed_one(
    repository: Repository, tmp_path: Path
) -> None:
    """Only the former can be had from elsewhere."""
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "bare.git"], check=True)
    repository.commit(a__py="1")
    repository.git("remote", "add", "up", str(tmp_path / "bare.git"))
    repository.git("push", "--quiet", "--set-upstream", "up", "main")
    pushed = _document(repository.path)

    repository.commit(a__py="2")
    unpushed = _document(repository.path)

    assert pushed["pushed"] is True
    assert pushed["upstream"] == "up/main"
    assert pushed["remote"] == str(tmp_path / "bare.git")
    assert unpushed["pushed"] is False


def test_a_detached_head_has_no_branch(repository: Repository) -> None:
    """The commit says it all."""
    first = repository.commit(a__py="1")
    repository.commit(a__py="2")
    repository.git("checkout", "--quiet", first)

    document = _document(repository.path)

    assert document["commit"] == first
    assert document["branch"] is None
    assert document["detached"]


def test_a_repository_without_a_commit_is_described(repository: Repository) -> None:
    """What is staged is a change to nothing at all."""
    repository.write("a.py", "1\n")
    repository.git("add", "a.py")

    tree = read_tree(repository.path)
    patch, _ = read_changes(tree)

    assert tree.document["commit"] is None
    assert tree.document["branch"] == "main"
    assert tree.document["dirty"]
    assert b"+1" in patch


def test_a_worktree_is_a_tree_of_its_own(
    repository: Repository, tmp_path: Path
) -> None:
    """Its ``.git`` is a file."""
    repository.commit(a__py="1")
    repository.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))

    assert find_top(tmp_path / "side") == tmp_path / "side"
    assert _document(tmp_path / "side")["branch"] == "side"


def test_files_of_a_submodule_are_tracked(
    repository: Repository,
    tmp_path: Path,
    make_repository: Callable[[Path], Repository],
) -> None:
    """The tree does not run without them; its commit and state are recorded."""
    library = make_repository(tmp_path / "library")
    library.commit(lib__py="1\n")
    repository.commit(a__py="1")
    repository.git(
        *("-c", "protocol.file.allow=always", "submodule", "add", "--quiet"),
        *(str(library.path), "vendor"),
    )
    repository.commit()
    (repository.path / "vendor" / "lib.py").write_text("2\n")

    tree = read_tree(repository.path)
    patch, _ = read_changes(tree)

    modules: Any = tree.document["submodules"]
    [module] = modules
    assert module["path"] == "vendor"
    assert module["commit"] == library.git("rev-parse", "HEAD")
    assert module["dirty"]
    assert tree.document["dirty"]
    assert "vendor/lib.py" in tree.tracked
    assert patch == b""


def test_a_conflict_is_survived(repository: Repository) -> None:
    """A file with two versions is one file."""
    repository.commit(a__py="base\n")
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit(a__py="side\n")
    repository.git("checkout", "--quiet", "main")
    repository.commit(a__py="main\n")
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "side")

    tree = read_tree(repository.path)

    assert tree.tracked == ["a.py"]
    assert tree.document["dirty"]


def test_odd_file_names_are_kept(repository: Repository) -> None:
    """Spaces, quotes, line ends and letters of all kinds."""
    names = ["a b.py", 'quo"te.py', "line\nend.py", "größe.py"]
    for name in names:
        repository.write(name, "1\n")
    repository.commit()

    assert sorted(names) == sorted(read_tree(repository.path).tracked)


def test_a_folder_outside_of_any_repository_says_so(tmp_path: Path) -> None:
    """No git command is needed to know."""
    with pytest.raises(GitMissingError, match="not in a git repository"):
        find_top(tmp_path)


def test_a_machine_without_git_says_so(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repository may have been copied into a small container."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(GitMissingError, match="git is not installed"):
        find_top(repository.path)


def test_a_broken_repository_says_so(tmp_path: Path) -> None:
    """An empty ``.git`` is no repository."""
    (tmp_path / ".git").mkdir()

    with pytest.raises(GitMissingError, match="not in a git repository"):
        find_top(tmp_path)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can give files away",
)
def test_a_repository_of_somebody_else_says_how_to_allow_it(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs as root on a user's folder."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    for path in (repository.path, repository.path / ".git"):
        os.chown(path, 12345, 12345)

    with pytest.raises(GitMissingError, match=r"safe\.directory"):
        find_top(repository.path)


def test_variables_of_an_outer_git_do_not_mislead(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run started by a git hook finds its own repository."""
    commit = repository.commit(a__py="1")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    assert _document(repository.path)["commit"] == commit
