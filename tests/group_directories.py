"""Run directories of groups, written by hand: as the driver leaves them."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from ml_experiment.record.directory import RunDirectory


if TYPE_CHECKING:
    from pathlib import Path

BEGAN = 1_790_000_000.0
NAME = "iris <search> & co"
KERNELS = ["rbf", "poly", "</script><script>alert(1)</script>"]


@dataclass(frozen=True)
class GroupWriter:
    """Writes a group's run directory.

    Attributes:
        path: Where; it does not exist yet.
        metrics: Names of the metrics; the first is maximised, the others minimised.
    """

    path: Path
    metrics: tuple[str, ...] = ("accuracy",)

    @property
    def run(self) -> RunDirectory:
        """The run directory."""
        return RunDirectory(self.path)

    def begin(self, **changes: Any) -> RunDirectory:
        """Write what is there before the first trial."""
        run = self.run
        self.path.mkdir(parents=True)
        manifest = {
            "run_id": run.run_id,
            "kind": "group",
            "name": NAME,
            "script": "/home/me/train <svm>.py",
            "cwd": "/home/me/a folder",
            "command": ["ml-experiment", "--config_file", "group.yaml"],
            "started_by": "cli",
            "created": BEGAN,
            "seed": 7,
            "seed_drawn": True,
            "description": "Which <b>kernel</b> is best?",
            "tags": {"team": "<i>"},
        }
        run.manifest.write_text(json.dumps(manifest | changes))
        config = {"name": NAME, "kind": "group", "metric": None, "num_trials": 60}
        run.config.write_text(json.dumps(config))
        self._journal(run, event="started", params={})
        directions = ["maximize", *["minimize"] * (len(self.metrics) - 1)]
        self._journal(
            run,
            event="group",
            metrics=list(self.metrics),
            directions=directions,
            num_trials=60,
            sampler={"name": "tpe", "options": {}},
            pruner={"name": "median", "options": {}},
            lookahead=8,
            seed=7,
        )
        return run

    def end(self, status: str = "FINISHED", reason: str = "") -> None:
        """Write that the group is over."""
        outcome = {"status": status, "reason": reason, "ended": BEGAN + 100}
        self.run.outcome.write_text(json.dumps(outcome))

    def trial(self, number: int, state: str | None, **result: Any) -> RunDirectory:
        """Write a trial; one without a state has begun and has no result."""
        run = self.run.trial(number)
        run.path.mkdir(parents=True)
        run_id = f"{self.run.run_id}-t{number:05d}"
        run.manifest.write_text(json.dumps({"run_id": run_id, "seed": 1000 + number}))
        params = result.get("params", {})
        self._journal(run, event="started", time=BEGAN + number, params=params)
        if state is not None:
            document = {"number": number, "state": state, "seconds": 2.5, **result}
            (run.path / "result.json").write_text(json.dumps(document))
        return run

    @staticmethod
    def _journal(run: RunDirectory, **event: Any) -> None:
        with run.journal.open("a") as file:
            file.write(json.dumps({"time": BEGAN} | event) + "\n")

    def drawn_trial(self, number: int, *, state: str = "complete") -> None:
        """Write a trial with parameters of every kind, some of them conditional."""
        draw = random.Random(number)
        space: dict[str, BaseDistribution] = {
            "C": FloatDistribution(1e-3, 100, log=True),
            "kernel": CategoricalDistribution(KERNELS),
            "layers.times": IntDistribution(1, 3),
        }
        params: dict[str, Any] = {
            "C": 10 ** draw.uniform(-3, 2),
            "kernel": draw.choice(KERNELS),
            "layers.times": draw.randint(1, 3),
        }
        for place in range(params["layers.times"]):
            space[f"layers[{place}]"] = IntDistribution(8, 64)
            params[f"layers[{place}]"] = draw.randint(8, 64)
        value = 1 - 0.1 * abs(math.log10(params["C"])) - 0.05 * draw.random()
        others = [draw.uniform(1, 50) for _ in self.metrics[1:]]
        self.trial(
            number,
            state,
            values=[value, *others] if state == "complete" else None,
            reason="ValueError: could not <convert>" if state == "failed" else "",
            params=params,
            distributions={
                name: distribution_to_json(each) for name, each in space.items()
            },
            intermediate_values={
                str(step): value * (1 - 1 / (step + 2)) for step in range(4)
            }
            if not others
            else {},
        )


def mixed_group(path: Path, count: int, *, metrics: int = 1) -> RunDirectory:
    """Write a group of complete, pruned and failed trials."""
    names = ("accuracy", "latency", "size")[:metrics]
    writer = GroupWriter(path, names)
    writer.begin()
    states = ["complete"] * 5 + (["pruned", "failed"] if metrics == 1 else ["failed"])
    for number in range(count):
        writer.drawn_trial(number, state=states[number % len(states)])
    writer.end()
    return writer.run


def failed_group(path: Path) -> RunDirectory:
    """Write a group of which every trial failed."""
    writer = GroupWriter(path)
    writer.begin()
    for number in range(3):
        writer.drawn_trial(number, state="failed")
    writer.end("FAILED", "none of 3 trials has succeeded")
    return writer.run
