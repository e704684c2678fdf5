"""Processes that the user's code starts: each its own stream, the same in every run."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from tests.unit.capture.randomness.conftest import Controller
else:
    Controller = Any

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

FORKS = """
import os, random
import numpy as np
np.random.rand()
def main():
    seen = []
    for _ in range(3):
        reading, writing = os.pipe()
        if os.fork() == 0:
            text = f"{random.random()} {np.random.default_rng().random()} {np.random.rand()}"
            os.write(writing, text.encode())
            os._exit(0)
        os.wait()
        seen.append(os.read(reading, 1000).decode().split())
    out(seen=seen, after=random.random())
"""

POOLS = {
    "pool": (
        "def run(method):\n"
        "    with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "        return pool.map(work, range(8), chunksize=1)\n"
    ),
    "pool-imap": (
        "def run(method):\n"
        "    with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "        return list(pool.imap(work, range(8)))\n"
    ),
    "pool-apply": (
        "def run(method):\n"
        "    with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "        return [r.get() for r in [pool.apply_async(work, (i,)) for i in range(8)]]\n"
    ),
    "executor": (
        "from concurrent.futures import ProcessPoolExecutor\n"
        "def run(method):\n"
        "    context = multiprocessing.get_context(method)\n"
        "    with ProcessPoolExecutor(2, mp_context=context) as pool:\n"
        "        return list(pool.map(work, range(8)))\n"
    ),
    "joblib": (
        "from joblib import Parallel, delayed\n"
        "def run(method):\n"
        "    return Parallel(n_jobs=2)(delayed(work)(i) for i in range(8))\n"
    ),
    "processes": (
        "def send(queue, i): queue.put((i, work(i)))\n"
        "def run(method):\n"
        "    context = multiprocessing.get_context(method)\n"
        "    queue = context.SimpleQueue()\n"
        "    children = [context.Process(target=send, args=(queue, i)) for i in range(3)]\n"
        "    for child in children: child.start()\n"
        "    found = sorted(queue.get() for _ in children)\n"
        "    for child in children: child.join()\n"
        "    return [value for _, value in found]\n"
    ),
}
# In a module of its own, which a spawned process can import.
TASKS = """
import multiprocessing, random, time
import numpy as np
def work(i):
    time.sleep(random.SystemRandom().random() / 50)
    return [random.random(), np.random.default_rng().random()]
"""
MAIN = """
import os, sys
sys.path.insert(0, os.getcwd())
import tasks
def main(): out(drawn=tasks.run(os.environ["METHOD"]))
"""


@needs_fork
def test_forked_children_differ_and_repeat(controlled: Controller) -> None:
    """Each fork has a stream of its own, the same in each run; NumPy's global is a copy."""
    first, second = controlled(FORKS), controlled(FORKS)
    other = controlled(FORKS, seed=2)

    seen = first.results[0]["seen"]
    assert first.results == second.results
    assert first.results != other.results
    assert len({child[0] for child in seen}) == 3
    assert len({child[1] for child in seen}) == 3
    assert len({child[2] for child in seen}) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("kind", POOLS)
def test_tasks_repeat_whichever_process_takes_them(
    controlled: Controller, tmp_path: Any, kind: str, method: str
) -> None:
    """Tasks on several processes get the same numbers in each run, and each its own."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"there is no {method} here")
    (tmp_path / "tasks.py").write_text(TASKS + POOLS[kind])

    first = controlled(MAIN, METHOD=method)
    second = controlled(MAIN, METHOD=method)
    other = controlled(MAIN, METHOD=method, seed=2)

    drawn = first.results[0]["drawn"]
    assert first.results == second.results
    assert first.results != other.results
    assert len({item[0] for item in drawn}) == len(drawn)
    assert len({item[1] for item in drawn}) == len(drawn)


def test_sequential_and_threaded_joblib_are_the_users_own(
    controlled: Controller,
) -> None:
    """Where joblib starts no process, the global stream goes on as it would anyway."""
    script = (
        "import numpy as np\nfrom joblib import Parallel, delayed\n"
        "def main():\n"
        "    np.random.seed(1)\n"
        "    out(x=Parallel(n_jobs=1)(delayed(np.random.rand)() for _ in range(3)),\n"
        "        y=Parallel(n_jobs=1, backend='threading')(\n"
        "            delayed(np.random.rand)() for _ in range(2)))\n"
    )
    import numpy as np

    expected = np.random.RandomState(1).rand(5).tolist()

    result = controlled(script).results[0]

    assert result["x"] + result["y"] == expected


@needs_fork
def test_a_users_seed_in_a_task_wins(controlled: Controller, tmp_path: Any) -> None:
    """A task that seeds itself gets the stream of its seed."""
    import random

    (tmp_path / "tasks.py").write_text(
        "import multiprocessing, random\n"
        "def work(i):\n    random.seed(i)\n    return random.random()\n" + POOLS["pool"]
    )

    result = controlled(MAIN, METHOD="fork").results[0]

    assert result["drawn"] == [random.Random(i).random() for i in range(8)]


@needs_fork
def test_numpys_global_state_that_the_user_seeded_is_left_to_forks(
    controlled: Controller, tmp_path: Any
) -> None:
    """Forked workers go on from the state that the user's seed led to, as ever."""
    import numpy as np

    (tmp_path / "tasks.py").write_text(
        "import multiprocessing\nimport numpy as np\nnp.random.seed(6)\n"
        "def work(i): return np.random.rand()\n"
        "def run(method):\n"
        "    with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "        return pool.map(work, range(3))\n"
    )

    result = controlled(MAIN, METHOD="fork").results[0]

    assert result["drawn"] == np.random.RandomState(6).rand(3).tolist()


def test_errors_of_tasks_arrive_as_they_are(
    controlled: Controller, tmp_path: Any
) -> None:
    """A task's exception, and one that cannot be pickled, look as they do without us."""
    (tmp_path / "tasks.py").write_text(
        "import multiprocessing, pickle\n"
        "def work(i): raise KeyError(i)\n"
        "def run(method):\n"
        "    seen = []\n"
        "    with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "        for task in (work, lambda i: i):\n"
        "            try: pool.map(task, [3])\n"
        "            except Exception as error: seen.append(repr(error))\n"
        "    return seen\n"
    )

    result = controlled(MAIN, METHOD="spawn").results[0]

    assert result["drawn"][0] == "KeyError(3)"
    assert "pickle local object 'run.<locals>.<lambda>'" in result["drawn"][1]
