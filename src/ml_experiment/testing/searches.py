"""Searches without processes: workers that are simulated, and finish in any order."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

from ml_experiment.search.messages import StudyDescription, TrialResult
from ml_experiment.search.order import Asked, FixedOrder
from ml_experiment.search.replica import Replica


if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import Trial

SPACE = {
    "x": "uniform(-5, 10)",
    "y": "loguniform(1e-3, 15)",
    "n": "range(1, 9, 2)",
    "c": "choice(['a', 'b'])",
    "layers": "repeat(randint(2, 9), range(1, 4))",
}
FINITE = {
    "x": "range(-5, 10)",
    "y": "choice([0.001, 0.1, 15])",
    "c": "choice(['a', 'b'])",
    "layers": "repeat(randint(2, 3), range(1, 3))",
}
FAILING = 11  # one trial in so many fails
PRUNERS: dict[str, dict[str, Any]] = {
    "nop": {},
    "median": {"n_startup_trials": 3},
    "percentile": {"percentile": 50.0, "n_startup_trials": 3},
    "sha": {},
    "hyperband": {"reduction_factor": 3},
}


def describe(
    sampler: str = "tpe",
    pruner: str = "nop",
    *,
    seed: int = 7,
    options: Mapping[str, Any] | None = None,
    space: Mapping[str, Any] | None = None,
    directions: tuple[str, ...] = ("minimize",),
) -> StudyDescription:
    """Return a study of a space that ``train`` can use."""
    finite = sampler in {"grid", "bruteforce"}
    return StudyDescription(
        name="g",
        directions=directions,
        sampler=(sampler, options or {}),
        pruner=(pruner, PRUNERS.get(pruner, {})),
        space=space or (FINITE if finite else SPACE),
        seed=seed,
    )


def train(trial: Trial, asked: Asked, *, steps: int = 9) -> tuple[str, float]:
    """Do what a user's job would: suggest more, report, and be pruned."""
    noise = random.Random(asked.seed)  # noqa: S311 - no secret
    params: Mapping[str, Any] = asked.params
    extra = trial.suggest_float("extra", 0, 1) if params["c"] == "b" else 0.0
    if params["c"] == "a" and trial.suggest_categorical("deep", [True, False]):
        extra += trial.suggest_int("depth", 1, 5)
    trial.set_user_attr("layers", len(params["layers"]))
    value = 0.0
    for step in range(1, steps + 1):
        value = (params["x"] - 2) ** 2 + (params["y"] - 3) ** 2 + extra
        value += sum(params["layers"]) + 10 / step + noise.random()
        if len(trial.study.directions) == 1:
            trial.report(value, step)
            if trial.should_prune():
                return "pruned", value
    return "complete", value


class Pool:
    """Simulated workers, each with a replica of its own."""

    def __init__(self, order: FixedOrder, workers: int, timing: int) -> None:
        self.order = order
        self.replicas = [Replica(order.description) for _ in range(workers)]
        self.clock = random.Random(timing)  # noqa: S311 - no secret
        self.running: dict[int, TrialResult] = {}
        self.asked: dict[int, Asked] = {}

    def run(self, *, until: int | None = None) -> None:
        """Execute trials until all are told, or so many results were accepted."""
        accepted = 0
        while not self.order.done:
            self._start()
            worker = self.clock.choice(sorted(self.running))
            self.order.accept(self.running.pop(worker))
            accepted += 1
            if until is not None and accepted >= until:
                return

    def _start(self) -> None:
        free = [each for each in range(len(self.replicas)) if each not in self.running]
        self.clock.shuffle(free)
        for worker in free:
            asked = self.order.next_task()
            if asked is None:
                return
            self.asked[asked.number] = asked
            self.running[worker] = self._executed(self.replicas[worker], asked)

    def _executed(self, replica: Replica, asked: Asked) -> TrialResult:
        told = self.order.told_trials(replica.told)
        task = asked.task(run_path="", params=asked.params, told=copy.deepcopy(told))
        trial = replica.trial_for(task)
        if asked.number % FAILING == FAILING - 1:
            return replica.result_of(trial, "failed", reason="no luck")
        state, value = train(trial, asked)
        values = (value,) * len(trial.study.directions)
        return replica.result_of(
            trial,
            "pruned" if state == "pruned" else "complete",
            values if state == "complete" else None,
        )


def search(
    description: StudyDescription,
    *,
    trials: int = 30,
    workers: int = 1,
    timing: int = 0,
    lookahead: int | None = 8,
    order: type[FixedOrder] = FixedOrder,
) -> list[tuple[Any, ...]]:
    """Return what became of every trial of a search."""
    fixed = order(description, num_trials=trials, lookahead=lookahead)
    Pool(fixed, workers, timing).run()
    return log(fixed)


def log(order: FixedOrder) -> list[tuple[Any, ...]]:
    """Return all of the results that a repetition must give again."""
    results = [order.results[number] for number in sorted(order.results)]
    return [
        (
            each.number,
            each.state,
            each.values,
            dict(each.params),
            dict(each.intermediate_values),
            dict(each.user_attrs),
            dict(each.system_attrs),
            each.reason,
        )
        for each in results
    ]
