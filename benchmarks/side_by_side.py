"""Time two commands that do the same thing, turn by turn, and compare the medians.

Turn by turn, so that a machine that grows slower or faster meets both alike.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


REPETITIONS = 9
_BIN = Path(sys.executable).parent

Trial = Callable[[], float]


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        label: How the report names it.
        trial: Does the thing once and returns the seconds that it took.
    """

    label: str
    trial: Trial


def program(name: str) -> str:
    """Return the path of a command that is installed beside this interpreter."""
    return str(_BIN / name)


def seconds(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Run ``command`` in ``folder`` and return its wall time in seconds.

    Raises:
        SystemExit: The command failed; its output is shown.
    """
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    took = time.perf_counter() - start
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}")
    return took


def clean_environment() -> dict[str, str]:
    """Return the environment without what would send either side elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "ML_EXPERIMENT_"))
        # An installed package is compiled once; one in a working tree at its first use.
        and name != "PYTHONDONTWRITEBYTECODE"
    }
    # Neither side is charged for the network.
    return kept | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@contextmanager
def workshop() -> Iterator[Path]:
    """Give a temporary folder with one subfolder for each side."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        (folder / "ours").mkdir()
        (folder / "theirs").mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(
    title: str,
    ours: Side,
    theirs: Side,
    *,
    limit: float,
    repetitions: int = REPETITIONS,
) -> int:
    """Time both sides in turn, print what was found, and return the exit status.

    Args:
        title: What is measured, as one line.
        ours: The side that has to be quick.
        theirs: What it is measured against.
        limit: The largest allowed ratio of the medians, ours to theirs.
        repetitions: How often each side is timed.
    """
    # Once without the clock: stores are made, byte code is written, files are read.
    ours.trial()
    theirs.trial()
    pairs = [(ours.trial(), theirs.trial()) for _ in range(repetitions)]
    our_times, their_times = (list(times) for times in zip(*pairs, strict=True))

    ratio = statistics.median(our_times) / statistics.median(their_times)
    kept = ratio <= limit
    print(title)
    print(f"  {_conditions(repetitions)}")
    for side, times in ((ours, our_times), (theirs, their_times)):
        print(f"  {side.label:<44} {_summary(times)}")
    print(f"  ratio {ratio:.3f}, limit {limit:g}: {'ok' if kept else 'MISSED'}")
    return 0 if kept else 1


def _summary(times: list[float]) -> str:
    middle, low, high = statistics.median(times), min(times), max(times)
    return f"median {middle:.3f} s  [{low:.3f}, {high:.3f}]"


def _conditions(repetitions: int) -> str:
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("ml-experiment", "mlflow", "optuna")
    )
    return (
        f"{repetitions} repetitions, Python {platform.python_version()}, {packages}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )
