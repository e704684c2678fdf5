"""What git knows of a working tree, asked of the ``git`` command.

Every question has a time limit and every answer may be missing: no git, no repository, a
repository that git refuses to read, one without a commit.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.record.masking import mask_uri


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LIMIT_S = 30
_LISTED = 200
_LARGEST_DIFF = 50_000_000
_LINK_TO_COMMIT = "160000"
# Set inside of hooks and by some tools; the folder alone decides which repository it is.
_POINTERS = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
)


class GitMissingError(Exception):
    """Git cannot tell; the message says why."""


@dataclass
class GitTree:
    """A working tree as git sees it.

    Attributes:
        top: Its top folder, links resolved.
        tracked: Paths of tracked files that exist, from ``top``, of submodules too.
        untracked: Paths that are neither tracked nor ignored.
        document: The JSON object for the part ``source``.
        changed: Tracked paths that differ from the commit.
    """

    top: Path
    tracked: list[str] = field(default_factory=list)
    untracked: list[str] = field(default_factory=list)
    document: dict[str, object] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def set_changed(self, paths: list[str]) -> None:
        """Let these be the paths that differ from the commit."""
        self.changed = paths
        self.document |= {
            "dirty": bool(paths),
            "changed": paths[:_LISTED],
            "changed_count": len(paths),
        }


def _environment() -> dict[str, str]:
    environment = {
        key: value for key, value in os.environ.items() if key not in _POINTERS
    }
    return environment | {
        "LC_ALL": "C",
        "LANGUAGE": "C",
        "GIT_OPTIONAL_LOCKS": "0",  # never in the way of the user's own git
        "GIT_TERMINAL_PROMPT": "0",
    }


def _run(folder: Path, *arguments: str) -> tuple[int, bytes, str]:
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_LIMIT_S,
            env=_environment(),
            check=False,
        )
    except FileNotFoundError:
        raise GitMissingError("git is not installed") from None
    except subprocess.TimeoutExpired:
        raise GitMissingError(
            f"`git {arguments[0]}` did not answer in {_LIMIT_S} s"
        ) from None
    except OSError as error:
        raise GitMissingError(f"git cannot be started: {error}") from None
    return answer.returncode, answer.stdout, answer.stderr.decode(errors="replace")


def _ask(folder: Path, *arguments: str) -> bytes:
    """Return what git answers.

    Raises:
        GitMissingError: It does not.
    """
    code, answer, error = _run(folder, *arguments)
    if code != 0:
        raise GitMissingError(_reason(error, code, folder))
    return answer


def _reason(error: str, code: int, folder: Path) -> str:
    if "dubious ownership" in error:
        return (
            "the repository belongs to somebody else and git refuses to read it; "
            f"allow it with: git config --global --add safe.directory {folder}"
        )
    if "not a git repository" in error:
        return "not in a git repository"
    if "must be run in a work tree" in error:
        return "a git repository without a working tree"
    lines = error.strip().splitlines()
    said = lines[-1] if lines else f"exit status {code}"
    return f"git failed: {mask_uri(said)}"


def find_top(folder: Path) -> Path:
    """Return the top of the working tree that a folder is in.

    Raises:
        GitMissingError: It is in none, or git cannot tell.
    """
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        raise GitMissingError("not in a git repository")
    answer = _ask(folder, "rev-parse", "--show-toplevel")
    return Path(os.path.realpath(os.fsdecode(answer.rstrip(b"\r\n"))))


def read_tree(top: Path, *, list_untracked: bool = True) -> GitTree:
    """Return what git knows of the working tree at ``top``.

    Args:
        top: Top folder of the tree.
        list_untracked: Look for untracked files, which walks the whole tree.

    Raises:
        GitMissingError: Git does not answer.
    """
    tree = GitTree(top)
    headers = _read_status(tree, list_untracked=list_untracked)
    modules = _read_index(tree)
    oid = headers.get("branch.oid", "(initial)")
    commit = None if oid == "(initial)" else oid
    head = headers.get("branch.head", "(detached)")
    upstream = headers.get("branch.upstream")
    remotes = _remotes(top)
    name = _remote_name(remotes, upstream)
    tree.document = {
        "commit": commit,
        "branch": None if head == "(detached)" else head,
        "detached": head == "(detached)",
        "remote": mask_uri(remotes[name]) if name else None,
        "remote_name": name,
        "upstream": upstream,
        "pushed": _is_pushed(top) if commit and name else False,
        "untracked_count": len(tree.untracked) if list_untracked else None,
    }
    tree.set_changed(tree.changed)
    if modules:
        tree.document["submodules"] = modules
    return tree


def _read_status(tree: GitTree, *, list_untracked: bool) -> dict[str, str]:
    """Fill in what is changed and untracked; return the headers."""
    answer = _ask(
        tree.top,
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        f"--untracked-files={'all' if list_untracked else 'no'}",
        "--ignore-submodules=untracked",
    )
    headers: dict[str, str] = {}
    items = iter(os.fsdecode(answer).split("\0"))
    for item in items:
        kind, _, rest = item.partition(" ")
        if kind == "#":
            key, _, value = rest.partition(" ")
            headers[key] = value
        elif kind == "?":
            tree.untracked.append(rest)
        elif kind == "1":
            tree.changed.append(rest.split(" ", 7)[-1])
        elif kind == "2":
            tree.changed.append(rest.split(" ", 8)[-1])
            tree.changed.append(next(items, ""))  # the name before the renaming
        elif kind == "u":
            tree.changed.append(rest.split(" ", 9)[-1])
    return headers


def _read_index(tree: GitTree, inside: str = "") -> list[dict[str, object]]:
    """Fill in the tracked files, and return the submodules."""
    folder = tree.top / inside
    modules: list[dict[str, object]] = []
    seen: set[str] = set()
    for item in os.fsdecode(_ask(folder, "ls-files", "-z", "--stage")).split("\0"):
        if not item:
            continue
        entry, _, name = item.partition("\t")
        mode, commit, _ = entry.split(" ")
        path = f"{inside}{name}"
        if path in seen:
            continue  # a conflict has up to three entries
        seen.add(path)
        if mode != _LINK_TO_COMMIT:
            if os.path.lexists(tree.top / path):
                tree.tracked.append(path)
            continue
        modules.append(_submodule(tree, path, commit))
        if modules[-1]["checked_out"]:
            modules += _read_index(tree, f"{path}/")
    return modules


def _submodule(tree: GitTree, path: str, commit: str) -> dict[str, object]:
    present = (tree.top / path / ".git").exists()
    return {
        "path": path,
        "commit": commit,
        "checked_out": present,
        "dirty": path in tree.changed,
    }


def _remotes(top: Path) -> dict[str, str]:
    code, answer, _ = _run(top, "config", "-z", "--get-regexp", r"^remote\..*\.url$")
    found: dict[str, str] = {}
    if code == 0:
        for item in os.fsdecode(answer).split("\0"):
            key, _, url = item.partition("\n")
            name = key.removeprefix("remote.").removesuffix(".url")
            if name and url:
                found.setdefault(name, url)
    return found


def _remote_name(remotes: dict[str, str], upstream: str | None) -> str | None:
    """Return the remote that the branch follows, else ``origin``, else any."""
    for name in remotes:
        if upstream is not None and upstream.startswith(f"{name}/"):
            return name
    return "origin" if "origin" in remotes else next(iter(remotes), None)


def _is_pushed(top: Path) -> bool | None:
    """Return whether the commit is known to a remote, as of the last exchange with it."""
    try:
        answer = _ask(top, "rev-list", "--max-count=1", "HEAD", "--not", "--remotes")
    except GitMissingError:
        return None
    return not answer.strip()


def read_changes(
    tree: GitTree, leave_out: Iterable[str] = ()
) -> tuple[bytes, str | None]:
    """Return the difference between the commit and the tree, for ``git apply``.

    Args:
        tree: The working tree.
        leave_out: Paths whose changes are not to be shown.

    Returns:
        The patch, and a reason if it is not all there.
    """
    commit = tree.document["commit"]
    base = str(commit) if commit else _empty_tree(tree.top)
    hidden = [f":(top,exclude,literal){path}" for path in leave_out]
    for form in ("--binary", "--no-binary"):
        patch = _ask(tree.top, *_diff_command(form, base), "--", ":/", *hidden)
        if len(patch) <= _LARGEST_DIFF:
            whole = form == "--binary"
            return patch, None if whole else "changes of binary files are too large"
    return b"", f"the changes are larger than {_LARGEST_DIFF // 1_000_000} MB"


def read_committed(path: Path) -> bytes | None:
    """Return a tracked file as the commit has it, as it would be checked out.

    Args:
        path: The file; what a link leads to is returned for a link.

    Returns:
        Its content; ``None`` if there is none, or git cannot tell.
    """
    place = Path(os.path.realpath(path))
    try:  # asked from its folder, which may be in a submodule
        return _ask(place.parent, "cat-file", "--filters", f"HEAD:./{place.name}")
    except GitMissingError:
        return None


def _diff_command(form: str, base: str) -> Sequence[str]:
    return (
        "diff",
        form,
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-renames",
        "--full-index",
        "--submodule=short",
        "--ignore-submodules=dirty",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        base,
    )


def _empty_tree(top: Path) -> str:
    return os.fsdecode(_ask(top, "hash-object", "-t", "tree", os.devnull)).strip()
