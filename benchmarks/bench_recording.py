"""What it costs a training script of ten seconds to be recorded.

The same training, turn by turn: as a plain script, and as a job that is recorded whole and
published. Two things are measured. The training itself, from the first line of ``main`` to
its last, may not be slower; and the whole command, from shell to shell, may cost so much
more and no more. The least of several repetitions counts, as with ``timeit``: whatever else
the machine does only adds to a time, and here it adds more than what is measured.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from side_by_side import clean_environment, program, workshop


if TYPE_CHECKING:
    from pathlib import Path

REPETITIONS = 7
SECONDS = 10
MOST_SHARE = 0.02
MOST_SECONDS = 0.3

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
    for _ in range(rounds):
        rows = rng.integers(0, len(x), 256)
        error = x[rows] @ weights - y[rows]
        weights -= 1e-3 * x[rows].T @ error / 256
    print("trained in", time.perf_counter() - began)
    return {"loss": float(np.mean((x @ weights - y) ** 2))}


if __name__ == "__main__":
    main(ROUNDS)
"""
_PLAIN = f"import time\n\nimport numpy as np\n\n\n{_FUNCTION}"
_JOB = f"""\
import time

import numpy as np
from ml_experiment import job


@job
{_FUNCTION}"""


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; return the seconds of the training, and those of the whole."""
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
    found = re.search(r"trained in (\S+)", done.stdout)
    if done.returncode != 0 or found is None:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return float(found[1]), whole


def calibrated(folder: Path) -> int:
    """Return the rounds that take about ten seconds here."""
    (folder / "script.py").write_text(_PLAIN.replace("ROUNDS", "20000"))
    training, _ = timed([sys.executable, "script.py"], folder)
    return int(20000 * SECONDS / training)


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
    recorded, bare = (
        [min(each) for each in zip(*side, strict=True)]
        for side in zip(*pairs, strict=True)
    )
    print(f"a training of {SECONDS} s, recorded and not, the least of {REPETITIONS}")
    slower = recorded[0] / bare[0] - 1
    kept = slower <= MOST_SHARE
    print(
        f"  main: {recorded[0]:.3f} s to {bare[0]:.3f} s, {slower:+.1%}, "
        f"limit {MOST_SHARE:+.0%}: {'ok' if kept else 'MISSED'}"
    )
    around, plainly = (
        min(whole - training for training, whole in side)
        for side in zip(*pairs, strict=True)
    )
    print(
        f"  before and after main: {around:.3f} s to {plainly:.3f} s, "
        f"{around - plainly:+.3f} s"
    )
    limit = MOST_SHARE * bare[1] + MOST_SECONDS
    extra = recorded[1] - bare[1]
    print(
        f"  whole command: {recorded[1]:.3f} s to {bare[1]:.3f} s, {extra:+.3f} s, "
        f"limit {MOST_SHARE:.0%} and {MOST_SECONDS} s, together {limit:.3f} s: "
        f"{'ok' if extra <= limit else 'MISSED'}"
    )
    return 0 if kept and extra <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
