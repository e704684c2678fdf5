"""A trial or an experiment for which the kernel has no more memory, by a real kernel."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from conftest import Folder

ROOT = Path("/sys/fs/cgroup")
# Both versions of control groups: where a group is made, and which file limits its memory.
VERSIONS = (
    (ROOT / "memory", "memory.limit_in_bytes"),
    (ROOT, "memory.max"),
)
LIMIT = 1 << 30
COMMAND = Path(sys.executable).with_name("ml-experiment")

SCRIPT = """\
from ml_experiment import job

@job
def main(n):
    taken = []
    while n == 1:
        taken.append(bytearray(b'1') * (50 << 20))
    return {'loss': n}

if __name__ == '__main__':
    main()
"""
GROUP = {
    "name": "hungry",
    "kind": "group",
    "num_trials": 3,
    "sampler": "grid",
    "param_space": {"n": "range(0, 3)"},
    "metric": {"name": "loss", "direction": "minimize"},
    "run": "hungry.py",
}


@pytest.fixture
def limited() -> Iterator[Path]:
    """Yield a control group of little memory."""
    for base, limit in VERSIONS:
        group = base / f"ml-experiment-{os.getpid()}"
        try:
            (base / "cgroup.procs").read_text(encoding="ascii")
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(LIMIT), encoding="ascii")
        except OSError:
            group.rmdir()
            continue
        yield group
        group.rmdir()
        return
    pytest.skip("no control group with a limit of memory can be made here")


def _command(
    folder: Folder, group: Path, words: str
) -> subprocess.CompletedProcess[str]:
    enter = f'echo $$ > "{group}/cgroup.procs"'
    return folder.run("sh", "-c", f"{enter} && {COMMAND} {words}", timeout_s=120)


def test_a_trial_without_memory_fails_alone(folder: Folder, limited: Path) -> None:
    """The group goes on, and the reason is the kernel's, not a signal's name alone."""
    folder.write("hungry.py", SCRIPT)
    folder.write("group.json", json.dumps(GROUP))

    done = _command(folder, limited, "--config_file group.json")

    assert done.returncode == 0, done.stderr
    (run,) = folder.run_directories()
    results = [
        json.loads((path / "result.json").read_text())
        for path in sorted((run / "trials").iterdir())
    ]
    assert {result["params"]["n"]: result["state"] for result in results} == {
        0: "complete",
        1: "failed",
        2: "complete",
    }
    (reason,) = (result["reason"] for result in results if result["reason"])
    assert reason == "killed by the kernel: out of memory (SIGKILL)"


def test_an_experiment_without_memory_says_so(folder: Folder, limited: Path) -> None:
    """Its process can say nothing any more."""
    folder.write("hungry.py", SCRIPT)

    done = _command(folder, limited, "hungry.py --params '{\"n\": 1}'")

    assert done.returncode == 137
    assert "out of memory" in done.stderr
    assert folder.record()["outcome"]["status"] == "FAILED"
