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


THREADS = {
    "pool": (
        "from multiprocessing.pool import ThreadPool\n"
        "def run(method):\n"
        "    with ThreadPool(3) as pool: return pool.map(work, range(12), chunksize=1)\n"
    ),
    "executor": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def run(method):\n"
        "    with ThreadPoolExecutor(3) as pool: return list(pool.map(work, range(12)))\n"
    ),
    "joblib": (
        "from joblib import Parallel, delayed\n"
        "def run(method):\n"
        "    parallel = Parallel(n_jobs=3, backend='threading')\n"
        "    return parallel(delayed(work)(i) for i in range(12))\n"
    ),
}
OF_THREADS = """
import random, time
import numpy as np
def work(i):
    first = np.random.default_rng()
    time.sleep(random.SystemRandom().random() / 50)
    return [first.random(), np.random.RandomState().rand(), random.Random().random()]
"""


@pytest.mark.parametrize("kind", THREADS)
def test_generators_of_tasks_repeat_whichever_thread_takes_them(
    controlled: Controller, tmp_path: Any, kind: str
) -> None:
    """What a task on several threads makes unseeded depends on the task alone."""
    (tmp_path / "tasks.py").write_text(OF_THREADS + THREADS[kind])

    first = controlled(MAIN, METHOD="")
    second = controlled(MAIN, METHOD="")
    other = controlled(MAIN, METHOD="", seed=2)

    drawn = first.results[0]["drawn"]
    assert first.results == second.results
    assert first.results != other.results
    for column in range(3):
        assert len({item[column] for item in drawn}) == len(drawn)
    escaped = [each["what"] for each in first.part["uncontrolled"]]
    assert not [what for what in escaped if "thread" in what]
    assert first.part["generators"] == second.part["generators"]


GLOBAL = """
import random, time
import numpy as np
def work(i):
    time.sleep(random.SystemRandom().random() / 50)
    return np.random.mtrand._rand.rand()
"""


@pytest.mark.parametrize("kind", THREADS)
def test_libraries_get_a_global_generator_of_the_tasks_own(
    controlled: Controller, tmp_path: Any, kind: str
) -> None:
    """SciPy and scikit-learn take it by this name, where they are given none."""
    (tmp_path / "tasks.py").write_text(GLOBAL + THREADS[kind])

    first = controlled(MAIN, METHOD="")
    second = controlled(MAIN, METHOD="")

    drawn = first.results[0]["drawn"]
    assert first.results == second.results
    assert len(set(drawn)) == len(drawn)
    assert first.part["end_states"] == second.part["end_states"]


def test_the_global_generator_that_the_user_seeded_is_that_of_all_threads(
    controlled: Controller, tmp_path: Any
) -> None:
    """The numbers are those of the user's seed; elsewhere it is the global one, too."""
    import numpy as np

    (tmp_path / "tasks.py").write_text(
        GLOBAL + "np.random.seed(6)\n" + THREADS["executor"]
    )
    main = MAIN.replace(
        "def main():",
        "import numpy as np\nglobal_one = np.random.mtrand._rand\n"
        "def main():\n    out(same=np.random.mtrand._rand is global_one)\n   ",
    )

    same, found = controlled(main, METHOD="").results

    assert same == {"same": True}
    assert sorted(found["drawn"]) == sorted(np.random.RandomState(6).rand(12).tolist())


def test_a_process_that_a_task_on_a_thread_starts_has_a_stream_of_its_own(
    controlled: Controller, tmp_path: Any
) -> None:
    """Pools within tasks: each task's children draw other numbers, the same each time."""
    (tmp_path / "tasks.py").write_text(
        "import random\n"
        "from concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor\n"
        "import multiprocessing\n"
        "def inner(i): return random.random()\n"
        "def work(i):\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with ProcessPoolExecutor(1, mp_context=context) as pool:\n"
        "        return pool.submit(inner, i).result()\n"
        "def run(method):\n"
        "    with ThreadPoolExecutor(2) as pool: return list(pool.map(work, range(3)))\n"
    )

    first, second = controlled(MAIN, METHOD=""), controlled(MAIN, METHOD="")

    assert first.results == second.results
    assert len(set(first.results[0]["drawn"])) == 3


SUMS = """
import threading, time
import numpy as np
from joblib import Parallel, delayed
from library import add
def main():
    total, lock = [], threading.Lock()
    tasks = (delayed(add)(i, total, lock) for i in range(9))
    try:
        Parallel(n_jobs=3, require='sharedmem')(tasks)
    except KeyError as error:
        out(error=repr(error))
    out(total=total, free=not lock.locked())
"""


@pytest.mark.parametrize("failing", [99, 4])
def test_threads_of_a_library_add_up_in_the_order_of_the_tasks(
    controlled: Controller, tmp_path: Any, failing: int
) -> None:
    """Later tasks are faster, and yet what they share gets theirs later; no end hangs."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "library.py").write_text(
        "import time\n"
        "def add(number, total, lock):\n"
        "    time.sleep((9 - number) / 100)\n"
        f"    if number == {failing}: raise KeyError(number)\n"
        "    with lock:\n        total.append(number)\n"
    )

    found = controlled(SUMS, PYTHONPATH=str(folder)).results

    *errors, sums = found
    assert errors == ([{"error": "KeyError(4)"}] if failing == 4 else [])
    assert sums["total"] == sorted(sums["total"])
    assert failing == 4 or len(sums["total"]) == 9
    assert sums["free"]


def test_tasks_of_the_users_own_are_not_kept_waiting(
    controlled: Controller, tmp_path: Any
) -> None:
    """The first may wait for what the second does under the lock that they share."""
    (tmp_path / "tasks.py").write_text(
        "import threading\n"
        "from joblib import Parallel, delayed\n"
        "done = threading.Event()\n"
        "def work(i, lock):\n"
        "    if i == 0: assert done.wait(60)\n"
        "    with lock: done.set()\n"
        "    return i\n"
        "def run(method):\n"
        "    lock = threading.Lock()\n"
        "    return Parallel(n_jobs=2, backend='threading')(\n"
        "        delayed(work)(i, lock) for i in range(2))\n"
    )

    assert controlled(MAIN, METHOD="").results == [{"drawn": [0, 1]}]


def test_a_seed_that_is_given_on_a_thread_is_under_control(
    controlled: Controller,
) -> None:
    """``RandomState(3)`` is made without a seed first: that is no escape."""
    result = controlled(
        "import threading\nimport numpy as np\n"
        "def work(): np.random.RandomState(3).rand(); np.random.default_rng(4)\n"
        "def main():\n"
        "    t = threading.Thread(target=work); t.start(); t.join()\n"
    )

    assert result.part["uncontrolled"] == []


@pytest.mark.parametrize(
    "later", ["np.random.seed(3)", "r.seed(3)", "np.random.RandomState(3)"]
)
def test_a_seed_that_comes_later_covers_up_no_escape(
    controlled: Controller, later: str
) -> None:
    """It is another generator's: the one without a seed stays one."""
    result = controlled(
        "import threading\nimport numpy as np\nr = np.random.RandomState(1)\n"
        f"def work(): np.random.default_rng(); {later}\n"
        "def main():\n"
        "    t = threading.Thread(target=work); t.start(); t.join()\n"
    )

    (escape,) = result.part["uncontrolled"]
    assert "outside the main thread" in escape["what"]
    assert escape["count"] == 1


def test_a_generator_that_a_thread_unpickles_is_under_control(
    controlled: Controller,
) -> None:
    """It is made without a seed, and then gets the state of the pickled one."""
    result = controlled(
        "import pickle, threading\nimport numpy as np\n"
        "def main():\n"
        "    rng = [np.random.RandomState(3), np.random.default_rng(4)]\n"
        "    data = pickle.dumps(rng)\n"
        "    t = threading.Thread(target=pickle.loads, args=(data,))\n"
        "    t.start(); t.join()\n"
    )

    assert result.part["uncontrolled"] == []


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
