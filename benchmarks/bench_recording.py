"""What it costs a training script of ten seconds to be recorded.

The same training, turn by turn: as a plain script, and as a job that is recorded whole and
published. Two things are measured. The training itself, from the first line of ``main`` to
its last, may not be slower; and the whole command, from shell to shell, may cost so much
more and no more. The least of several repetitions counts, as with ``timeit``: whatever else
the machine does only adds to a time, and here it adds more than what is measured. It counts
for each hundredth of the training by itself: a machine that is left alone for ten seconds is
rare, and what our own processes cost comes at the same place each time.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from side_by_side import clean_environment, program, workshop


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REPETITIONS = 7
SECONDS = 10
PARTS = 100
MOST_SHARE = 0.02
MOST_SECONDS = 0.3

_TRIED = 20_000  # rounds

_DATA = """\
import numpy as np

rng = np.random.default_rng(1)
np.savetxt("data.csv", rng.normal(size=(5000, 11)), delimiter=",")
"""
_FUNCTION = """\
def main(rounds=1000):
    began = time.perf_counter()
    table = np.loadtxt("data.csv", delimiter=",")
    x, y = table[:, :-1], table[:, -1]
    rng = np.random.default_rng()
    weights = np.zeros(x.shape[1])
    marks = [began]
    for _ in range(PARTS):
        for _ in range(rounds // PARTS):
            rows = rng.integers(0, len(x), 256)
            error = x[rows] @ weights - y[rows]
            weights -= 1e-3 * x[rows].T @ error / 256
        marks.append(time.perf_counter())
    print("parts:", *(after - before for before, after in zip(marks, marks[1:])))
    return {"loss": float(np.mean((x @ weights - y) ** 2))}


if __name__ == "__main__":
    main(ROUNDS)
"""
_IMPORTS = "import time\n\nimport numpy as np\n"
_REST = _FUNCTION.replace("PARTS", str(PARTS))
_PLAIN = f"{_IMPORTS}\n\n{_REST}"
_JOB = f"{_IMPORTS}from ml_experiment import job\n\n\n@job\n{_REST}"


@dataclass(frozen=True)
class Timed:
    """One run.

    Attributes:
        parts: Seconds of each hundredth of the training.
        around: Seconds of the command before and after.
    """

    parts: tuple[float, ...]
    around: float


def timed(command: list[str], folder: Path) -> Timed:
    """Run a command."""
    # Both on one core, as the job is given its share of the threads.
    environment = clean_environment() | {"OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    whole = time.perf_counter() - began
    found = re.search(r"parts: (.*)", done.stdout)
    if done.returncode != 0 or found is None:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    parts = tuple(map(float, found[1].split()))
    return Timed(parts, whole - sum(parts))


def least(runs: Sequence[Timed]) -> tuple[float, float]:
    """Return the least seconds of the training, and of the command around it."""
    training = sum(map(min, zip(*(run.parts for run in runs), strict=True)))
    return training, min(run.around for run in runs)


def calibrated(folder: Path) -> int:
    """Return the rounds that take about ten seconds here, when nothing disturbs them."""
    (folder / "script.py").write_text(_PLAIN.replace("ROUNDS", str(_TRIED)))
    command = [sys.executable, "script.py"]
    training, _ = least([timed(command, folder) for _ in range(REPETITIONS)])
    return int(_TRIED * SECONDS / training)


def main() -> int:
    """Run the comparison and return the exit status."""
    with workshop() as folder:
        ours, plain = folder / "ours", folder / "theirs"
        for place in (ours, plain):
            subprocess.run([sys.executable, "-c", _DATA], cwd=place, check=True)
        rounds = str(calibrated(plain))
        (plain / "script.py").write_text(_PLAIN.replace("ROUNDS", rounds))
        (ours / "script.py").write_text(_JOB.replace("ROUNDS", rounds))
        by_hand = [sys.executable, "script.py"]
        job = [program("ml-experiment"), "script.py"]
        timed(job, ours)  # makes the database, and compiles
        pairs = [(timed(job, ours), timed(by_hand, plain)) for _ in range(REPETITIONS)]
    (recorded, around), (bare, plainly) = map(least, zip(*pairs, strict=True))
    print(f"a training of {SECONDS} s, recorded and not, the least of {REPETITIONS}")
    slower = recorded / bare - 1
    kept = slower <= MOST_SHARE
    print(
        f"  main: {recorded:.3f} s to {bare:.3f} s, {slower:+.1%}, "
        f"limit {MOST_SHARE:+.0%}: {'ok' if kept else 'MISSED'}"
    )
    print(
        f"  before and after main: {around:.3f} s to {plainly:.3f} s, "
        f"{around - plainly:+.3f} s"
    )
    limit = MOST_SHARE * (bare + plainly) + MOST_SECONDS
    extra = recorded + around - bare - plainly
    print(
        f"  whole command: {recorded + around:.3f} s to {bare + plainly:.3f} s, "
        f"{extra:+.3f} s, limit {MOST_SHARE:.0%} and {MOST_SECONDS} s, together "
        f"{limit:.3f} s: {'ok' if extra <= limit else 'MISSED'}"
    )
    return 0 if kept and extra <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
