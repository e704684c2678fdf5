"""Run a user's script under the control of randomness, in an interpreter of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from pathlib import Path

_HARNESS = """
import json, os, sys, types
order = json.loads(sys.argv[1])
exec(order["before"], {"__name__": "__main__"})
sys.modules["__main__"].__file__ = order["script"]
from ml_experiment.capture.seeds import RandomnessControl
from ml_experiment.capture.splits import SplitWatch
events = []
def report(event, **fields):
    events.append({"event": event, **fields})
control = RandomnessControl(report)
control.install(observed_from_start=order["observed"])
SplitWatch(report).install()
control.begin(order["seed"] + 1, force=False)
sys.argv = [order["script"]]
parts, results = [], []
def out(**values):
    results.append(values)
user = types.ModuleType("__main__")
user.__file__ = order["script"]
user.out = out
source = open(order["script"]).read()
parent = os.getpid()
if order["states"]:
    control.restore(order["states"])
sys.modules["__main__"] = user
exec(compile(source, order["script"], "exec"), vars(user))
for seed in order["runs"]:
    control.begin(seed, force=order["force"])
    user.main()
    parts.append(control.end())
if os.getpid() == parent:
    with open(order["answer"], "w") as file:
        json.dump({"results": results, "parts": parts, "events": events}, file)
"""


@dataclass(frozen=True)
class Controlled:
    """What came of a script.

    Attributes:
        results: The keyword arguments of each of its calls of ``out``.
        parts: What ``control.end()`` returned, for each run.
        events: What was reported.
        stdout: What it printed.
    """

    results: list[dict[str, Any]]
    parts: list[dict[str, Any]]
    events: list[dict[str, Any]]
    stdout: str

    @property
    def part(self) -> dict[str, Any]:
        """The part of the only run."""
        assert len(self.parts) == 1
        return self.parts[0]

    def seeds(self) -> list[tuple[str, object]]:
        """Return call and value of the reported seeds."""
        return [(e["call"], e["value"]) for e in self.events if e["event"] == "seeded"]

    def escapes(self) -> list[str]:
        """Return what the only run says is not under control."""
        return [str(item["what"]) for item in self.part["uncontrolled"]]


class Controller:
    """Writes scripts into a folder and runs them there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self,
        script: str,
        *,
        seed: int = 1,
        runs: list[int] | None = None,
        observed: bool = True,
        force: bool = True,
        before: str = "",
        states: dict[str, Any] | None = None,
        **environment: str,
    ) -> Controlled:
        """Run a script, that calls ``out(name=value)``, and its ``main`` for each run.

        Args:
            script: Its source; a ``main`` that does nothing is added if it has none.
            seed: The run's seed.
            runs: Seeds of several runs in one process.
            observed: The hooks come before anything of the user's.
            force: The seed was asked for.
            before: Code that is executed before the hooks come.
            states: Start states to restore.
            environment: Further environment variables.
        """
        path = self._folder / "train.py"
        text = script if "def main(" in script else f"{script}\ndef main(): pass\n"
        path.write_text(text)
        harness = self._folder / ".harness.py"
        harness.write_text(_HARNESS)
        answer = self._folder / ".answer.json"
        order = {
            "script": str(path),
            "seed": seed,
            "runs": runs or [seed],
            "observed": observed,
            "force": force,
            "before": before,
            "states": states,
            "answer": str(answer),
        }
        done = subprocess.run(
            [sys.executable, str(harness), json.dumps(order)],
            cwd=self._folder,
            env={"PYTHONHASHSEED": "0", **os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Controlled(**json.loads(answer.read_text()), stdout=done.stdout)


@pytest.fixture
def controlled(tmp_path: Path) -> Controller:
    """Runs scripts under control, each in a new interpreter."""
    return Controller(tmp_path)
