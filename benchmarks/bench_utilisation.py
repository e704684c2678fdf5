"""How busy two workers are kept by a search whose trials take very different times.

The search waits for results in a fixed order, so that it does not depend on time; that
must not leave workers idle. Trials sleep for 0.1 to 1 s, log-normally distributed. A worker
is busy from the call of the user's function to its end, as each trial's journal tells.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_experiment.record.directory import RunDirectory, all_runs
from ml_experiment.record.journal import read_journal
from side_by_side import clean_environment, program, seconds, workshop


if TYPE_CHECKING:
    from pathlib import Path

WORKERS = 2
LEAST = 0.95

_SCRIPT = """\
import random
import time

from ml_experiment import job


@job
def main(x):
    seconds = random.lognormvariate(-1.1, 0.6)  # a third of a second, mostly
    time.sleep(min(1.0, max(0.1, seconds)))
    return {"loss": x * x}


if __name__ == "__main__":
    main()
"""
_CONFIG = """\
name: bench
kind: group
param_space: {{x: "uniform(-3, 3)"}}
metric: {{name: loss, direction: minimize}}
sampler: tpe
num_trials: {trials}
ray_config: {{num_cpus: {workers}}}
seed: {seed}
run: script.py
"""


@dataclass(frozen=True)
class Span:
    """When a trial's function ran, in seconds since the epoch."""

    start: float
    end: float


def spans(group: RunDirectory) -> list[Span]:
    """Return when each trial of a group ran."""
    found = []
    for folder in sorted((group.path / "trials").iterdir()):
        events = read_journal(RunDirectory(folder).journal)
        times = {event["event"]: float(event["time"]) for event in events}
        found.append(Span(times["started"], times["ended"]))
    return found


def utilisation(group: RunDirectory) -> float:
    """Return the part of the workers' time that trials took, 0 to 1."""
    trials = spans(group)
    busy = sum(trial.end - trial.start for trial in trials)
    whole = max(trial.end for trial in trials) - min(trial.start for trial in trials)
    return busy / (WORKERS * whole)


def measure(folder: Path, trials: int, seed: int) -> float:
    """Run a search in ``folder`` and return how busy its workers were."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "script.py").write_text(_SCRIPT)
    config = _CONFIG.format(trials=trials, workers=WORKERS, seed=seed)
    (folder / "job.yaml").write_text(config)
    command = [program("ml-experiment"), "--config_file", "job.yaml"]
    seconds(command, folder, clean_environment())
    return utilisation(all_runs(folder / ".ml_experiment")[-1])


def main() -> int:
    """Measure, print what was found, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    with workshop() as folder:
        found = [
            measure(folder / f"seed-{seed}", options.trials, seed)
            for seed in range(1, options.repetitions + 1)
        ]
    worst = min(found)
    print(
        f"{options.trials} trials of 0.1 to 1 s on {WORKERS} workers, default lookahead"
    )
    print(f"  busy: {', '.join(f'{value:.3f}' for value in found)}")
    verdict = "ok" if worst >= LEAST else "MISSED"
    print(f"  least {worst:.3f}, limit {LEAST:g}: {verdict}")
    return 0 if worst >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
