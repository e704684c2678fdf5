"""What git says about a project: is all that a run depends on committed?"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

_LIMIT_S = 20
_POINTERS = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
)
_KEPT = 500


@dataclass(frozen=True)
class Repository:
    """The state of a working tree.

    Attributes:
        problem: Why there is nothing to be said; ``None`` if there is.
        remedy: What to type against the problem.
        has_commit: Whether there is a commit.
        changed: Tracked files that differ from the commit.
        untracked: Those of the job's files that git does not track.
        remote: Whether the repository is known elsewhere.
    """

    problem: str | None = None
    remedy: str = ""
    has_commit: bool = True
    changed: tuple[Path, ...] = ()
    untracked: tuple[Path, ...] = ()
    remote: bool = False
    tracked: frozenset[str] = field(default_factory=frozenset)


class _GitFailed(Exception):  # noqa: N818 - a way to leave, caught below
    def __init__(self, said: str) -> None:
        self.said = said
        super().__init__(said)


def read_repository(root: Path, files: Sequence[Path]) -> Repository:
    """Return what git knows of a folder, and of these files in it."""
    try:
        top = Path(os.fsdecode(_ask(root, "rev-parse", "--show-toplevel")).rstrip("\n"))
        status = _ask(
            root, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=no"
        )
        remotes = _ask(root, "remote")
        untracked = [path for path in files[:_KEPT] if not _is_tracked(path)]
    except _GitFailed as failure:
        return _without(failure.said, root)
    entries = os.fsdecode(status).split("\0")
    return Repository(
        has_commit="# branch.oid (initial)" not in entries,
        changed=tuple(top / name for name in _changed(entries)),
        untracked=tuple(untracked),
        remote=bool(remotes.strip()),
    )


def _without(said: str, root: Path) -> Repository:
    if "not a git repository" in said:
        remedy = f'git init && git add . && git commit -m "Begin"   (in {root})'
        return Repository(problem="there is no version control", remedy=remedy)
    if "dubious ownership" in said:
        return Repository(
            problem="git refuses to read the repository: it belongs to somebody else",
            remedy=f"git config --global --add safe.directory {root}",
        )
    if said == "not installed":
        return Repository(
            problem="git is not installed: the commit cannot be recorded",
            remedy="install git",
        )
    return Repository(
        problem=f"git cannot tell: {said}", remedy=f"git -C {root} status"
    )


def _changed(entries: Sequence[str]) -> list[str]:
    """Return the paths in what ``git status --porcelain=v2 -z`` says."""
    fields = {"1": 8, "2": 9, "u": 10}  # how many fields stand before the path
    found = []
    waiting = iter(entries)
    for entry in waiting:
        kind = entry[:2].strip()
        if kind not in fields or entry[1:2] != " ":
            continue
        found.append(entry.split(" ", fields[kind])[-1])
        if kind == "2":
            next(waiting, None)  # the name it had before
    return found


def _is_tracked(path: Path) -> bool:
    try:
        return bool(_ask(path.parent, "ls-files", "-z", "--", path.name))
    except _GitFailed:
        return False


def _ask(folder: Path, *arguments: str) -> bytes:
    environment = {
        key: value for key, value in os.environ.items() if key not in _POINTERS
    }
    environment |= {"LC_ALL": "C", "LANGUAGE": "C", "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_LIMIT_S,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        raise _GitFailed("not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _GitFailed(type(error).__name__) from None
    if answer.returncode != 0:
        said = answer.stderr.decode(errors="replace").strip()
        raise _GitFailed(said.splitlines()[-1] if "dubious" not in said else said)
    return answer.stdout
