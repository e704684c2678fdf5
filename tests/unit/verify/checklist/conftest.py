"""A project in a folder of its own, and the codes of what is found in it."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from textwrap import dedent, indent
from typing import TYPE_CHECKING

import pytest

from ml_experiment.verify.checklist.check import Checked, check
from ml_experiment.verify.checklist.targets import find_targets


if TYPE_CHECKING:
    from pathlib import Path

CONFIG = 'name: clean\ntags: {baseline: "majority class"}\nrun: train.py\n'
SCRIPT = """\
{imports}
from ml_experiment import job


@job
def main(C=1.0):
{body}
    return {{"accuracy": C}}
"""


@dataclass(frozen=True)
class Place:
    """A project's folder.

    Attributes:
        path: Where it is.
    """

    path: Path

    def write(self, name: str, text: str = "") -> Path:
        """Write a file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def script(
        self, imports: str = "", body: str = "pass", name: str = "train.py"
    ) -> Path:
        """Write a script with a job in it."""
        text = SCRIPT.format(
            imports=dedent(imports), body=indent(dedent(body).strip("\n"), "    ")
        )
        return self.write(name, text)

    def git(self, *words: str) -> None:
        """Type ``git`` with these words."""
        identity = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.org")
        environ = os.environ | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        command = ["git", "-C", str(self.path), *identity, *words]
        subprocess.run(command, check=True, capture_output=True, env=environ)

    def commit(self) -> None:
        """Commit all there is."""
        if not (self.path / ".git").exists():
            self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "all")

    def check(self, given: str | None = "job.yaml") -> Checked:
        """Check it."""
        return check(find_targets(given))

    def codes(self, given: str | None = "job.yaml") -> Counter[str]:
        """Return how often each code is found."""
        return Counter(each.rule.code for each in self.check(given).findings)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project in which there is nothing to be found, committed."""
    path = tmp_path / "a project"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    place = Place(path)
    place.write("job.yaml", CONFIG)
    place.script()
    pins = [f"{name}=={version(name)}" for name in ("numpy", "pandas", "scikit-learn")]
    place.write("requirements.txt", "\n".join(pins) + "\n")
    place.write(".gitignore", ".ml_experiment/\nmlflow.db\n")
    place.commit()
    return place
