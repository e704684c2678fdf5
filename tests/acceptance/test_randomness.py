"""Nothing random escapes: unseeded scripts, run as users run them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from conftest import Folder


# Everything that is random in an ordinary script, and not one seed.
UNSEEDED = """\
from ml_experiment import job

import multiprocessing
import random
import numpy as np
from numpy.random import default_rng
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score, train_test_split

NOISE = np.random.normal(size=4)

def task(i):
    return random.random() + default_rng().random()

@job
def main():
    X, y = load_iris(return_X_y=True)
    X = X + NOISE
    X_train, X_test, y_train, y_test = train_test_split(X, y)
    forest = RandomForestClassifier(5).fit(X_train, y_train)
    scores = cross_val_score(RandomForestClassifier(3), X, y, cv=4, n_jobs=2)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        tasks = pool.map(task, range(6))
    return {
        "forest": forest.predict_proba(X_test)[:, 0].std(),
        "scores": float(scores @ [1, 10, 100, 1000]),
        "tasks": sum((i + 1) * value for i, value in enumerate(tasks)),
        "python": random.random(),
        "numpy": np.random.rand(),
        "generator": default_rng().random(),
        "first_of_set": float(ord(next(iter({"a", "b", "c", "d", "e", "f", "g", "h"})))),
    }
"""
SIMPLE = """\
{first}
import random
import numpy as np
{second}

@job
def main():
    return {{"python": random.random(), "numpy": np.random.rand(),
            "generator": np.random.default_rng().random()}}

if __name__ == "__main__":
    main()
"""
IMPORT = "from ml_experiment import job"


def metrics(folder: Folder) -> dict[str, Any]:
    """Return the metrics of the newest run, as its journal has them, exactly."""
    found: dict[str, Any] = {}
    journal = folder.run_directories()[-1] / "journal.jsonl"
    for line in journal.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "metrics":
            found |= event["metrics"]
    return found


def part(folder: Folder) -> dict[str, Any]:
    """Return what the newest run says of its randomness."""
    path = folder.run_directories()[-1] / "parts" / "stochasticity.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def run(folder: Folder, seed: int | None) -> dict[str, Any]:
    """Run the script by the command, and return its metrics."""
    line = "" if seed is None else f"seed: {seed}\n"
    folder.write("job.yaml", f"name: random\n{line}run: [train.py]\n")
    done = folder.command("--config_file", "job.yaml")
    assert done.returncode == 0, done.stderr
    return metrics(folder)


@pytest.mark.slow
def test_an_unseeded_script_repeats_bit_for_bit_with_its_seed(folder: Folder) -> None:
    """Forests, processes, sets and all: one seed, one result; another seed, another."""
    folder.write("train.py", UNSEEDED)

    first = run(folder, 7)
    ends = part(folder)["end_states"]
    second = run(folder, 7)

    assert first == second
    assert ends == part(folder)["end_states"]
    assert part(folder)["uncontrolled"] == []
    other = run(folder, 8)
    unchanged = {name for name in first if first[name] == other[name]}
    assert unchanged <= {"first_of_set"}


@pytest.mark.slow
def test_a_drawn_seed_repeats_the_run_that_drew_it(folder: Folder) -> None:
    """Two runs without a seed differ, and the recorded seed of one gives it again."""
    folder.write("train.py", UNSEEDED)
    other = run(folder, None)
    first = run(folder, None)
    seed = part(folder)["seed"]

    assert run(folder, seed) == first
    assert other != first


@pytest.mark.slow
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_script_started_by_python_is_repeated_by_the_command(
    folder: Folder, place: str
) -> None:
    """``python train.py`` draws a seed with which the command gives the same numbers."""
    lines = (IMPORT, "") if place == "first" else ("", IMPORT)
    folder.write("train.py", SIMPLE.format(first=lines[0], second=lines[1]))
    done = folder.python("train.py")
    assert done.returncode == 0, done.stderr
    direct = metrics(folder)

    assert run(folder, part(folder)["seed"]) == direct


@pytest.mark.slow
def test_the_users_own_seeds_win_and_are_in_the_record(folder: Folder) -> None:
    """A seeded script gives what it gives without us, and the record has its seeds."""
    import random

    import numpy as np

    script = SIMPLE.format(first=IMPORT, second="random.seed(3); np.random.seed(4)")
    folder.write("train.py", script)

    result = run(folder, 7)

    assert result["python"] == random.Random(3).random()
    assert result["numpy"] == np.random.RandomState(4).rand()
    details = folder.record()["aspects"]["stochasticity"]["details"]
    seeds = [(s["call"], s["value"], s["where"]) for s in details["user_seeds"]]
    assert seeds == [
        ("random.seed", 3, "train.py:4"),
        ("numpy.random.seed", 4, "train.py:4"),
    ]
