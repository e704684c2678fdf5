"""How long a search of a hundred trivial trials takes, every trial a run in MLflow.

Whole commands, from shell to shell, turn by turn, each in a fresh folder: first an empty
one, then one with databases whose tables are made. Theirs is what one writes by hand: two
processes that share an Optuna study on SQLite and log each trial with MLflow's own
functions; in an empty folder the script makes the study and the experiment before it
starts them, as two that make the same tables at once break them. Theirs records parameters
and the metric; ours a run directory for each trial, its console and seed included, and the
trials are the same whatever the number of workers. Every trial must be a finished run in
MLflow when the clock stops: that is checked.

With ``--tune`` also against Ray Tune with OptunaSearch and its MLflow callback, at their
defaults and with actors reused; ``--tune PYTHON`` names an interpreter that has them.
With ``--steady`` also what one more trial costs, and whether a trial of two thousand costs
more than one of a hundred.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

from ml_experiment.record.directory import RunDirectory, all_runs
from ml_experiment.record.journal import read_journal
from side_by_side import Side, clean_environment, compare, program, seconds, workshop


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


TRIALS = 100
MANY = 2000
STRETCH = 400
WORKERS = 2
LEAST_BY_HAND = 2.5
LEAST_TUNE = 25.0
LEAST_TUNE_REUSE = 1.0
MOST_MS_A_TRIAL = 10.0
MOST_GROWTH = 1.5

_OURS = """\
from ml_experiment import job


@job
def main(x, y):
    return {"loss": (x - 1) ** 2 + y * y}


if __name__ == "__main__":
    main()
"""
_CONFIG = f"""\
name: bench
kind: group
param_space: {{x: "uniform(-3, 3)", y: "uniform(-3, 3)"}}
metric: {{name: loss, direction: minimize}}
sampler: tpe
num_trials: {TRIALS}
ray_config: {{num_cpus: {WORKERS}}}
seed: 1
run: script.py
"""
_BY_HAND = f"""\
import subprocess
import sys

workers = [
    subprocess.Popen([sys.executable, "worker.py", str(number)])
    for number in range({WORKERS})
]
sys.exit(max(worker.wait() for worker in workers))
"""
_MAKE_STORES = """\
import mlflow
import optuna

mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("bench")
optuna.create_study(study_name="bench", storage="sqlite:///optuna.db")

"""
_WORKER = f"""\
import sys

import mlflow
import optuna


def objective(trial):
    x = trial.suggest_float("x", -3, 3)
    y = trial.suggest_float("y", -3, 3)
    loss = (x - 1) ** 2 + y * y
    with mlflow.start_run(run_name=f"Trial {{trial.number}}"):
        mlflow.log_params(trial.params)
        mlflow.log_metric("loss", loss)
    return loss


optuna.logging.disable_default_handler()
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("bench")
study = optuna.create_study(
    study_name="bench",
    storage="sqlite:///optuna.db",
    sampler=optuna.samplers.TPESampler(seed=int(sys.argv[1])),
    load_if_exists=True,
)
study.optimize(objective, n_trials={TRIALS // WORKERS})
"""
_TUNE = f"""\
import sys

from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.optuna import OptunaSearch


def objective(config):
    tune.report({{"loss": (config["x"] - 1) ** 2 + config["y"] ** 2}})


callback = MLflowLoggerCallback(
    tracking_uri="sqlite:///mlflow.db", experiment_name="bench"
)
tuner = tune.Tuner(
    objective,
    param_space={{"x": tune.uniform(-3, 3), "y": tune.uniform(-3, 3)}},
    tune_config=tune.TuneConfig(
        metric="loss",
        mode="min",
        num_samples={TRIALS},
        search_alg=ConcurrencyLimiter(OptunaSearch(), max_concurrent={WORKERS}),
        reuse_actors=sys.argv[1] == "reuse",
    ),
    run_config=tune.RunConfig(callbacks=[callback], verbose=0),
)
results = tuner.fit()
sys.exit(results.num_errors)
"""
_TABLES = """\
import mlflow
import optuna

mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("bench")
optuna.storages.RDBStorage("sqlite:///optuna.db")
"""
_ASK = """\
import sys
import time

import optuna

from ml_experiment.config.seeding import derive_seed

optuna.logging.disable_default_handler()
space = dict.fromkeys("xy", optuna.distributions.FloatDistribution(-3, 3))
study = optuna.create_study()
took = 0.0
for number in range(int(sys.argv[1])):
    seed = derive_seed(1, "sampler", number)
    begun = time.perf_counter()
    study.sampler = optuna.samplers.TPESampler(seed=seed)
    trial = study.ask(space)
    took += time.perf_counter() - begun
    study.tell(trial, trial.params["x"] ** 2)
print(took)
"""


class Bench:
    """The folders in which the commands run.

    Args:
        folder: Where everything is.

    Attributes:
        has_tables: Whether the databases are there when a command begins.
    """

    def __init__(self, folder: Path) -> None:
        self.has_tables = True
        self._folder = folder
        self._numbers = count()
        self._environment = clean_environment()
        self._tables = folder / "tables"
        self._tables.mkdir()
        seconds([sys.executable, "-c", _TABLES], self._tables, self._environment)

    def fresh(self, **files: str) -> Path:
        """Return a new folder with the given files, and the databases if wanted."""
        place = self._folder / f"turn-{next(self._numbers)}"
        place.mkdir()
        for name in ("mlflow.db", "optuna.db") if self.has_tables else ():
            shutil.copyfile(self._tables / name, place / name)
        for name, text in files.items():
            (place / name.replace("__", ".")).write_text(text)
        # What was copied is not charged to whoever comes next.
        os.sync()
        return place

    def published(self, command: list[str], place: Path, trials: int = TRIALS) -> float:
        """Run a command, and return its wall time; all its trials must be published."""
        took = seconds(command, place, self._environment)
        with closing(sqlite3.connect(place / "mlflow.db")) as database:
            query = "SELECT count(*) FROM runs WHERE status = 'FINISHED'"
            (found,) = database.execute(query).fetchone()
            query = "SELECT count(*) FROM latest_metrics WHERE key = 'loss'"
            (measured,) = database.execute(query).fetchone()
        if found < trials or measured < trials:
            raise SystemExit(
                f"{' '.join(command)}: {found} runs published, not {trials}"
            )
        return took

    def ours(self) -> float:
        """Run the search with ml-experiment; return its wall time in seconds."""
        return self.keep_ours(_CONFIG)[0]

    def keep_ours(
        self, config: str, trials: int = TRIALS
    ) -> tuple[float, RunDirectory]:
        """Run a search; return its wall time in seconds, and what it left."""
        place = self.fresh(script__py=_OURS, job__yaml=config)
        command = [program("ml-experiment"), "--config_file", "job.yaml"]
        took = self.published(command, place, trials)
        return took, all_runs(place / ".ml_experiment")[-1]

    def by_hand(self) -> float:
        """Run the search with two Optuna processes; return its wall time in seconds."""
        search = _BY_HAND if self.has_tables else _MAKE_STORES + _BY_HAND
        place = self.fresh(search__py=search, worker__py=_WORKER)
        return self.published([sys.executable, "search.py"], place)

    def tune(self, python: str, actors: str) -> float:
        """Run the search with Ray Tune; return its wall time in seconds."""
        place = self.fresh(search__py=_TUNE)
        return self.published([python, "search.py", actors], place)

    def optunas_ask_ms(self, trials: int) -> float:
        """Return what Optuna itself needs to choose one of so many trials."""
        done = subprocess.run(
            [sys.executable, "-c", _ASK, str(trials)],
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout) / trials * 1000


def published(run: RunDirectory) -> list[float]:
    """Return when the trials were published, in this order, in seconds."""
    folders = (run.path / "trials").iterdir()
    return sorted((folder / "published.json").stat().st_mtime for folder in folders)


def executed(run: RunDirectory) -> list[float]:
    """Return when the trials ended, in this order, in seconds."""
    events = read_journal(run.journal)
    return [event["time"] for event in events if event["event"] == "trial_ended"]


def pace_ms(times: Sequence[float]) -> float:
    """Return the milliseconds from one trial to the next."""
    return (times[-1] - times[0]) / (len(times) - 1) * 1000


def while_executing(run: RunDirectory) -> list[float]:
    """Return when those trials were published that were so before the last one ended.

    What comes after has both cores to itself, and says nothing about growth.
    """
    end = executed(run)[-1]
    return [time for time in published(run) if time <= end]


def steady(bench: Bench) -> int:
    """Print what one more trial costs; return 1 if that is too much."""
    few = [bench.keep_ours(_CONFIG)[1] for _ in range(3)]
    cost = statistics.median(pace_ms(published(run)[TRIALS // 5 :]) for run in few)
    kept = cost <= MOST_MS_A_TRIAL
    print("one more trial, published")
    print(_verdict(f"  {cost:.1f} ms, limit {MOST_MS_A_TRIAL:g}", kept))

    # A sampler that costs nothing shows what is ours; Optuna's own is measured apart.
    random = _CONFIG.replace("sampler: tpe", "sampler: random")
    many = random.replace(f"num_trials: {TRIALS}", f"num_trials: {MANY}")
    # A hundred trials take less than half a second: several, around the long search.
    small = [bench.keep_ours(random)[1] for _ in range(3)]
    large = bench.keep_ours(many, MANY)[1]
    small += [bench.keep_ours(random)[1] for _ in range(3)]
    grown = True
    print(f"a trial of {MANY}, compared with one of {TRIALS}, sampler random")
    # The first trials wait until MLflow is imported, and then come at one stroke.
    steadily = while_executing(large)
    late, early = pace_ms(steadily[-STRETCH:]), pace_ms(steadily[STRETCH : 2 * STRETCH])
    ended = (
        pace_ms(executed(large)),
        statistics.median(pace_ms(executed(run)) for run in small),
    )
    for name, (after, before) in (
        (f"published meanwhile, last {STRETCH} to second {STRETCH}", (late, early)),
        ("executed", ended),
    ):
        within = after / before <= MOST_GROWTH
        said = f"  {name}: {after:.1f} ms to {before:.1f} ms, "
        ratio = f"ratio {after / before:.2f}, limit {MOST_GROWTH:g}"
        print(_verdict(said + ratio, within))
        grown = grown and within
    of_few = statistics.median(pace_ms(published(run)) for run in small)
    of_many = pace_ms(published(large))
    print(f"  published: {of_many:.1f} ms to {of_few:.1f} ms of a backlog")
    tpe = many.replace("sampler: random", "sampler: tpe")
    began = time.perf_counter()
    whole = pace_ms(executed(bench.keep_ours(tpe, MANY)[1]))
    asks = [bench.optunas_ask_ms(trials) for trials in (TRIALS, MANY)]
    print(
        f"  with tpe {whole:.1f} ms a trial of {MANY} "
        f"({time.perf_counter() - began:.0f} s in all); Optuna's own choice of "
        f"parameters needs {asks[1]:.1f} ms of it, and {asks[0]:.1f} ms of {TRIALS}"
    )
    return 0 if kept and grown else 1


def _verdict(text: str, kept: bool) -> str:  # noqa: FBT001 - one use
    return f"{text}: {'ok' if kept else 'MISSED'}"


def tune(bench: Bench, python: str) -> int:
    """Compare with Ray Tune; return 1 if a limit is missed."""
    status = 0
    cases = (("defaults", LEAST_TUNE, 2), ("reuse", LEAST_TUNE_REUSE, 3))
    for actors, least, repetitions in cases:

        def theirs(actors: str = actors) -> float:
            return bench.tune(python, actors)

        status |= compare(
            f"whole command: {TRIALS} trivial trials, at least {least:g} x as fast",
            Side("ml-experiment", bench.ours),
            Side(f"Ray Tune, OptunaSearch, MLflow callback: {actors}", theirs),
            limit=1 / least,
            repetitions=repetitions,
        )
    return status


def main() -> int:
    """Run the comparisons that are asked for, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", nargs="?", const=sys.executable, metavar="PYTHON")
    parser.add_argument("--steady", action="store_true")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with workshop() as folder:
        bench = Bench(folder)
        status = 0
        for has_tables, where in (
            (False, "in an empty folder"),
            (True, "with databases that are there"),
        ):
            bench.has_tables = has_tables
            status |= compare(
                f"whole command: {TRIALS} trivial trials, each published, {WORKERS} "
                f"workers, {where}, at least {LEAST_BY_HAND:g} x as fast",
                Side("ml-experiment", bench.ours),
                Side("two Optuna processes, MLflow by hand", bench.by_hand),
                limit=1 / LEAST_BY_HAND,
                repetitions=options.repetitions,
            )
        if options.steady:
            status |= steady(bench)
        if options.tune:
            status |= tune(bench, options.tune)
    return status


if __name__ == "__main__":
    sys.exit(main())
