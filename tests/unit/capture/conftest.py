"""Real git repositories and real run directories."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_IDENTITY = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.org")


class Repository:
    """A git repository in a folder, driven by the ``git`` command."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        """Run git here and return what it printed."""
        command = ["git", "-C", str(self.path), *_IDENTITY, *arguments]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        return answer.stdout.strip()

    def write(self, name: str, text: str = "") -> Path:
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def commit(self, **files: str) -> str:
        """Write and commit files, ``__`` standing for a dot; return the commit."""
        for name, text in files.items():
            self.write(name.replace("__", "."), text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def _no_git_config_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git behaves the same for every developer."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")


@pytest.fixture
def make_repository() -> Callable[[Path], Repository]:
    """Make repositories in folders of the test's choice."""
    return Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty repository in the folder ``project``."""
    return Repository(tmp_path / "project")
