"""Trials in worker processes: real interpreters, real crashes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from ml_experiment.executors.base import Broken
from ml_experiment.executors.processes import ProcessExecutor
from ml_experiment.search.messages import TrialResult
from ml_experiment.testing.executors import ExecutorContract, Group, running


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ml_experiment.executors.base import ExecutorFactory

HEAD = "import os, sys, time\nfrom ml_experiment import job, Trial\n@job\n"


class TestProcessExecutor(ExecutorContract):
    """The contract of all executors."""

    @pytest.fixture
    def factory(self) -> ExecutorFactory:
        """Return what makes the executor."""
        return ProcessExecutor


@pytest.fixture
def trials(tmp_path: Path) -> Callable[..., AbstractContextManager[Group]]:
    """Give what runs the body of a ``main`` as trials in local processes."""

    def start(body: str, **options: Any) -> AbstractContextManager[Group]:
        return running(ProcessExecutor, tmp_path, HEAD + body, **options)

    return start


def wait_until(condition: Callable[[], object], limit_s: float = 30) -> None:
    """Wait for a condition, and fail if it does not come."""
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.01)


def pid_of(group: Group, number: int) -> int:
    """Return the process that executes a trial, when it does."""
    wait_until(
        lambda: group.run(number).journal.exists() and group.events(number, "started")
    )
    return int(group.events(number, "started")[0]["pid"])


def alive(pid: int) -> bool:
    """Return whether a process still does something."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


# Failing in every way.


def test_a_trial_that_hangs_is_stopped_at_its_limit(trials: Any) -> None:
    """Its result says so; the slot has a fresh worker, and the children are gone."""
    body = (
        "def main(x):\n"
        "    if x:\n        return {'loss': 1}\n"
        "    import subprocess\n"
        "    p = subprocess.Popen(['sleep', '300'])\n"
        "    print(p.pid, flush=True)\n"
        "    time.sleep(300)\n"
    )
    with trials(body, timeout_s=1.0) as group:
        hung = group.result(0, x=0)
        good = group.result(1, x=1)
        child = int(group.run(0).stdout.read_text())

    assert (hung.state, hung.cause, hung.depends_on_time) == ("failed", "timeout", True)
    assert hung.reason == "stopped after 1 s (timeout_per_trial)"
    assert 1.0 <= hung.seconds < 20
    assert good.state == "complete"
    wait_until(lambda: not alive(child), 5)
    assert "in main" in group.run(0).stderr.read_text()


def test_a_trial_that_ignores_sigterm_is_killed(trials: Any) -> None:
    """Two seconds after it was asked to end, it is not asked any more."""
    body = (
        "def main():\n    import signal\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    while True: pass\n"
    )
    with trials(body, timeout_s=0.5) as group:
        hung = group.result(0)

    assert hung.cause == "timeout"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("import ctypes; ctypes.string_at(0)", "segmentation fault (SIGSEGV)"),
        ("os.abort()", "aborted (SIGABRT)"),
        ("os._exit(5)", "the process left with exit status 5"),
        ("os._exit(0)", "the process left with exit status 0"),
    ],
    ids=["segfault", "abort", "exit-5", "exit-0"],
)
def test_a_crash_is_named(trials: Any, statement: str, reason: str) -> None:
    """A trial that takes its process down has failed with what happened to it."""
    body = (
        f"def main(x):\n    if not x:\n        {statement}\n    return {{'loss': x}}\n"
    )
    with trials(body) as group:
        crashed = group.result(0, x=0)
        good = group.result(1, x=1)

    assert (crashed.state, crashed.cause) == ("failed", "crash")
    assert crashed.reason == reason
    assert not crashed.depends_on_time
    assert good.values == (1.0,)


def test_a_segfault_leaves_pythons_stack_in_the_trials_log(trials: Any) -> None:
    """Where native code crashed can be read afterwards."""
    body = "def main():\n    import ctypes; ctypes.string_at(0)\n"
    with trials(body) as group:
        group.result(0)

    assert "Segmentation fault" in group.run(0).stderr.read_text()


def test_a_trial_that_closes_its_workers_pipes_has_failed(trials: Any) -> None:
    """That is its own doing, so it is not run again; the next one has a fresh worker."""
    body = (
        "def main(x):\n"
        "    if x:\n        return {'loss': x}\n"
        "    os.closerange(3, 1024)\n"
        "    time.sleep(300)\n"
    )
    with trials(body) as group:
        group.executor.submit(group.task(0, x=0))
        (closed,) = group.collect(1)
        good = group.result(1, x=1)

    assert isinstance(closed, TrialResult)
    assert (closed.state, closed.cause) == ("failed", "crash")
    assert closed.reason.startswith("it closed the connection to its driver")
    assert not closed.depends_on_time
    assert good.values == (1.0,)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=str)
def test_a_worker_killed_from_outside_breaks_its_trial(
    trials: Any, number: signal.Signals
) -> None:
    """That is no fault of the trial: it can be run again, and then gives its result."""
    body = (
        "def main(flag):\n"
        "    while not os.path.exists(flag): time.sleep(0.01)\n"
        "    return {'loss': 3}\n"
    )
    with trials(body) as group:
        flag = str(group.folder / "go")
        group.executor.submit(group.task(0, flag=flag))
        os.kill(pid_of(group, 0), number)
        (broken,) = group.collect(1)
        (group.folder / "go").touch()
        again = group.result(0, flag=flag)

    assert isinstance(broken, Broken)
    assert broken.number == 0
    assert number.name in broken.reason
    assert again.values == (3.0,)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS binds on Linux only")
def test_a_trial_without_memory_fails_alone(trials: Any) -> None:
    """Under a limit of address space Python raises, and the worker lives on."""
    body = (
        "def main(x):\n"
        "    import resource\n"
        "    if not x:\n"
        "        old = resource.getrlimit(resource.RLIMIT_AS)\n"
        "        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, old[1]))\n"
        "        try:\n            bytearray(8 << 30)\n"
        "        finally:\n            resource.setrlimit(resource.RLIMIT_AS, old)\n"
        "    return {'loss': x}\n"
    )
    with trials(body) as group:
        starved = group.result(0, x=0)
        good = group.result(1, x=1)
        pids = {group.events(number, "started")[0]["pid"] for number in (0, 1)}

    assert (starved.cause, starved.reason) == ("exception", "MemoryError")
    assert good.state == "complete"
    assert len(pids) == 1


def test_an_exception_is_in_the_trials_journal(trials: Any) -> None:
    """With its traceback, and none of our frames; the trial's stderr shows it, too."""
    with trials("def main():\n    raise ValueError('no such kernel')\n") as group:
        result = group.result(0)

    (ended,) = group.events(0, "ended")
    assert result.reason == "ValueError: no such kernel"
    assert ended["status"] == "FAILED"
    assert "script.py" in ended["exception"]["traceback"]
    assert "ml_experiment" not in ended["exception"]["traceback"]
    assert "no such kernel" in group.run(0).stderr.read_text()


@pytest.mark.parametrize("code", ["", "0", "3", "'done'"], ids=repr)
def test_sys_exit_fails_the_trial_and_not_the_worker(trials: Any, code: str) -> None:
    """The worker goes on with the next trial."""
    body = f"def main(x):\n    if not x: sys.exit({code})\n    return {{'loss': x}}\n"
    with trials(body) as group:
        left, good = group.result(0, x=0), group.result(1, x=1)
        pids = {group.events(number, "started")[0]["pid"] for number in (0, 1)}

    assert left.state == "failed"
    assert "sys.exit" in left.reason
    assert good.state == "complete"
    assert len(pids) == 1
    assert group.events(0, "ended")[0]["status"] == "FAILED"


def test_an_exception_without_a_message_of_its_own_is_a_result(trials: Any) -> None:
    """Even the user's exception class may be broken."""
    body = (
        "def main():\n"
        "    class Bad(Exception):\n        def __str__(self): raise TypeError\n"
        "    raise Bad()\n"
    )
    with trials(body) as group:
        result = group.result(0)

    assert result.state == "failed"


def test_what_cannot_be_pickled_does_not_lose_the_result(trials: Any) -> None:
    """A trial may hang anything on itself; the result comes nevertheless."""
    body = (
        "def main():\n"
        "    Trial.get_current().set_user_attr('model', lambda: 1)\n"
        "    Trial.get_current().set_user_attr('mine', Mine())\n"
        "    Trial.get_current().set_user_attr('note', 'kept')\n"
        "    return {'loss': 2}\n"
        "class Mine: pass\n"
    )
    with trials(body) as group:
        result = group.result(0)

    assert result.values == (2.0,)
    assert result.user_attrs["note"] == "kept"
    assert isinstance(result.user_attrs["model"], str)


def test_huge_output_goes_to_the_trials_own_files(trials: Any) -> None:
    """Neither pipes nor memory fill up, and the next trial has files of its own."""
    body = (
        "def main(x):\n"
        "    for _ in range(200): print('x' * 100_000)\n"
        "    os.write(2, b'native')\n"
        "    return {'loss': x}\n"
    )
    with trials(body) as group:
        group.result(0, x=0)
        group.result(1, x=1)

    for number in (0, 1):
        assert group.run(number).stdout.stat().st_size == 200 * 100_001
        assert group.run(number).stderr.read_text() == "native"


def test_threads_and_processes_left_behind_do_not_block(trials: Any) -> None:
    """Trials go on, the workers end, and nothing of theirs is left then."""
    body = (
        "def main():\n"
        "    import threading, subprocess\n"
        "    threading.Thread(target=time.sleep, args=(300,)).start()\n"
        "    print(subprocess.Popen(['sleep', '300']).pid, flush=True)\n"
        "    return {'loss': 1}\n"
    )
    with trials(body) as group:
        results = [group.result(number) for number in (0, 1)]
        children = [int(group.run(number).stdout.read_text()) for number in (0, 1)]
        began = time.monotonic()
        group.executor.shutdown()
        took = time.monotonic() - began

    assert [each.state for each in results] == ["complete", "complete"]
    assert took < 4
    wait_until(lambda: not any(alive(child) for child in children), 5)


def test_a_fork_that_comes_back_says_nothing(trials: Any) -> None:
    """A child that returns from ``main`` is not taken for the worker."""
    body = "def main():\n    pid = os.fork()\n    return {'loss': 0 if pid else 9}\n"
    with trials(body, environment={"PYTHONWARNINGS": "ignore"}) as group:
        results = [group.result(number) for number in range(3)]

    assert [each.values for each in results] == [(0.0,)] * 3


# Importing the script.


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("def main(: pass", "SyntaxError"),
        ("x = 1", "no job"),
        ("import sys; sys.exit(4)", "sys.exit\\(4\\)"),
        ("import os; os.write(2, b'last words'); os._exit(3)", "last words"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        (
            "import os, time; os.closerange(3, 1024); time.sleep(300)",
            "closed the connection to its driver",
        ),
    ],
    ids=["syntax", "no-job", "sys-exit", "os-exit", "segfault", "no-pipes"],
)
def test_a_script_that_workers_cannot_use_is_named(
    tmp_path: Path, script: str, said: str
) -> None:
    """Whatever happens while it is imported, the group ends with that, and soon."""
    from ml_experiment.errors import ScriptError

    with running(ProcessExecutor, tmp_path, script, workers=2) as group:
        group.executor.submit(group.task(0))
        with pytest.raises(ScriptError, match=said):
            group.collect(1)


@pytest.mark.parametrize(
    "end",
    [
        "main(1)\nraise SystemExit('not reached')",
        "try:\n    main(1)\nexcept Exception:\n    raise SystemExit('caught')",
        "if __name__ == '__main__':\n    raise SystemExit('not reached')",
        "import multiprocessing\nother = job(lambda x: None)",
    ],
    ids=["bare-call", "guarded-call", "main-guard", "two-jobs"],
)
def test_importing_the_script_runs_no_job(trials: Any, end: str) -> None:
    """However the script calls its job, a worker only imports it."""
    with trials(f"def main(x):\n    return {{'loss': x}}\n\n{end}\n") as group:
        result = group.result(0, x=2)

    assert result.values == (2.0,)


def test_the_job_is_found_by_the_name_that_the_driver_gives(tmp_path: Path) -> None:
    """A script may define several jobs, and import one from a module beside it."""
    (tmp_path / "beside.py").write_text(
        "from ml_experiment import job\n"
        "@job\ndef train(x):\n    return {'loss': 10 * x}\n"
    )
    script = (
        "from beside import train\nfrom ml_experiment import job\n"
        "@job\ndef one(x):\n    return {'loss': x}\n"
    )
    found = []
    for name in (("beside", "train"), ("__main__", "one")):
        with running(ProcessExecutor, tmp_path, script, job=name) as group:
            found.append(group.result(0, x=2).values)

    assert found == [(20.0,), (2.0,)]


def test_multiprocessing_works_inside_of_a_trial(trials: Any) -> None:
    """Spawned children import the script as the worker has, functions included."""
    body = (
        "def main(x):\n"
        "    import multiprocessing\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        return {'loss': sum(pool.map(double, [x, x]))}\n"
        "def double(x):\n    return 2 * x\n"
    )
    with trials(body) as group:
        result = group.result(0, x=3)

    assert result.values == (12.0,), result.reason


# Results.


def test_a_generator_reports_each_step_and_is_pruned(trials: Any) -> None:
    """A trial worse than those told is ended when the pruner says so, not later."""
    body = (
        "def main(x):\n"
        "    for step in range(5):\n"
        "        yield {'loss': x, 'other': step}\n"
    )
    with trials(body, pruner=("median", {"n_startup_trials": 1})) as group:
        for number in range(3):
            group.tell(number, 1.0, dict.fromkeys(range(5), 1.0))
        good, bad = group.result(3, x=0.5), group.result(4, x=2.0)

    assert (good.state, good.values) == ("complete", (0.5,))
    assert dict(good.intermediate_values) == dict.fromkeys(range(5), 0.5)
    assert (bad.state, bad.reason) == ("pruned", "pruned at step 0")
    assert dict(bad.intermediate_values) == {0: 2.0}
    assert len(group.events(4, "metrics")) == 1
    assert group.events(4, "ended")[0]["status"] == "FINISHED"


def test_a_fresh_worker_is_told_the_whole_history(trials: Any) -> None:
    """After a crash the pruner decides as it would have without."""
    body = (
        "def main(x):\n"
        "    if x is None: os._exit(1)\n"
        "    yield {'loss': x}\n"
        "    yield {'loss': x}\n"
    )
    with trials(body, pruner=("median", {"n_startup_trials": 2})) as group:
        group.tell(0, 1.0, {0: 1.0, 1: 1.0})
        group.result(1, x=0.5)
        group.tell(1, 1.0, {0: 1.0, 1: 1.0})
        group.result(2, x=None)
        bad = group.result(3, x=2.0)

    assert bad.state == "pruned"


def test_trial_pruned_raised_by_the_script_is_no_failure(trials: Any) -> None:
    """The common Optuna idiom works as it is."""
    body = (
        "def main():\n    import optuna\n"
        "    Trial.get_current().report(1.0, 4)\n"
        "    raise optuna.TrialPruned('enough')\n"
    )
    with trials(body) as group:
        result = group.result(0)

    assert (result.state, result.reason) == ("pruned", "enough")
    assert dict(result.intermediate_values) == {4: 1.0}
    assert group.events(0, "ended")[0]["status"] == "FINISHED"


@pytest.mark.parametrize("word", ["return", "yield"])
def test_a_metric_that_is_not_there_is_named_with_those_that_are(
    trials: Any, word: str
) -> None:
    """The usual mistake: a typing error in the config or in the script."""
    body = f"def main():\n    {word} {{'val_los': 1, 'accuracy': 2}}\n"
    with trials(body, metrics=("val_loss",)) as group:
        result = group.result(0)

    assert (result.state, result.cause) == ("failed", "metric")
    assert result.reason == (
        "no metric 'val_loss' in what was returned: val_los, accuracy; "
        "did you mean 'val_los'?"
    )
    assert group.events(0, "metrics")[0]["metrics"] == {"val_los": 1.0, "accuracy": 2.0}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return {'loss': float('nan')}", "not a number"),
        ("return None", "no metrics"),
        ("return 5", "returned int"),
        ("return {'loss': 'small'}", "expected a number"),
        ("yield {'loss': float('nan')}", "not a number"),
    ],
    ids=["nan", "nothing", "number", "text", "generator-nan"],
)
def test_a_result_that_cannot_be_optimised_fails_the_trial(
    trials: Any, body: str, said: str
) -> None:
    """The trial says what it gave, and the cause is its result."""
    with trials(f"def main():\n    {body}\n") as group:
        result = group.result(0)

    assert (result.state, result.cause) == ("failed", "result")
    assert said in result.reason
    assert group.events(0, "ended")[0]["status"] == "FAILED"


def test_several_metrics_are_given_in_the_studys_order(trials: Any) -> None:
    """Multi-objective search: the last value of each counts, whichever step gave it."""
    body = "def main():\n    yield {'size': 3, 'loss': 2}\n    yield {'loss': 1}\n"
    with trials(body, metrics=("loss", "size")) as group:
        result = group.result(0)

    assert result.values == (1.0, 3.0)


def test_the_current_trial_is_gone_after_the_trial(trials: Any) -> None:
    """Each trial sees itself, with its own number."""
    body = "def main():\n    return {'loss': Trial.get_current().number}\n"
    with trials(body) as group:
        results = [group.result(number) for number in (0, 1)]

    assert [each.values for each in results] == [(0.0,), (1.0,)]


def test_a_trial_leaves_the_traces_of_an_experiment(trials: Any) -> None:
    """The record of a trial is made from the same files as that of a run."""
    body = (
        "def main(x):\n    import random\n    random.seed(4)\n"
        "    open('model.txt', 'w').write('m')\n"
        "    return {'loss': x}, {'model': 'model.txt'}\n"
    )
    with trials(body) as group:
        group.result(0, x=1)
        run = group.run(0)

    kinds = {
        kind: len(group.events(0, kind))
        for kind in ("started", "modules", "seeded", "metrics", "artifact", "ended")
    }
    assert kinds == dict.fromkeys(kinds, 1)
    assert group.events(0, "started")[0]["params"] == {"x": 1}
    assert (run.artifacts / "model" / "model.txt").read_text() == "m"
    assert run.part("stochasticity").exists()
    assert run.part("libraries").exists()


def test_a_trial_begins_in_the_groups_folder(trials: Any) -> None:
    """Where the last trial has gone is none of the next one's."""
    body = "def main():\n    print(os.getcwd())\n    os.chdir('/')\n    return {'loss': 1}\n"
    with trials(body) as group:
        group.result(0)
        group.result(1)

    for number in (0, 1):
        assert group.run(number).stdout.read_text().strip() == str(group.folder)


# Killed at any moment.


@pytest.mark.slow
def test_workers_killed_at_random_lose_nothing(trials: Any) -> None:
    """Each trial that was broken is run again; the values are those of a calm group."""
    body = (
        "def main(x):\n    import random\n    time.sleep(0.02)\n"
        "    return {'loss': x + random.random()}\n"
    )
    with trials(body, workers=2) as group:
        calm = {
            each.number: each.values
            for each in group.all([group.task(i, x=i) for i in range(30)])
        }
    chance = random.Random(3)
    with trials(body, workers=2) as group:
        left = [group.task(number, x=number) for number in range(30)]
        found: dict[int, Any] = {}
        kills = 0
        limit = time.monotonic() + 120
        while len(found) < 30 and time.monotonic() < limit:
            while left and group.executor.free:
                group.executor.submit(left.pop(0))
            if kills < 8 and chance.random() < 0.3:
                kills += 1
                victim = chance.choice(group.executor.pids)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            for each in group.executor.wait(chance.random() * 0.1):
                if isinstance(each, Broken):
                    left.append(group.task(each.number, x=each.number))
                else:
                    found[each.number] = each.values

    assert found == calm
    assert kills == 8


DRIVER = """
import sys, time
from pathlib import Path
from ml_experiment.executors.processes import ProcessExecutor
from ml_experiment.testing.executors import running
body = Path(sys.argv[2]).read_text()
with running(ProcessExecutor, Path(sys.argv[1]), body, workers=2) as group:
    for number in range(2):
        group.executor.submit(group.task(number))
    while True:
        group.executor.wait(None)
"""


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A driver of its own process, whose two trials hang, with children of their own."""
    body = HEAD + (
        "def main():\n    import re, subprocess, signal\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    child = subprocess.Popen(['sleep', '300'])\n"
        "    print(os.getpid(), child.pid, flush=True)\n"
        "    re.match('(a+)+$', 'a' * 60 + 'b')\n"  # never lets another thread run
    )
    (tmp_path / "body.py").write_text(body)
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path), str(tmp_path / "body.py")]
    )
    yield process
    process.kill()
    process.wait()


def test_no_worker_survives_a_driver_that_is_killed(
    driver: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Nor does anything that the workers have started."""
    logs = [tmp_path / "trials" / f"{number:05d}" / "stdout.log" for number in (0, 1)]
    wait_until(lambda: all(log.exists() and log.stat().st_size for log in logs))
    pids = [int(pid) for log in logs for pid in log.read_text().split()]

    driver.kill()
    driver.wait()

    wait_until(lambda: not any(alive(pid) for pid in pids))


def test_a_result_is_a_trial_result(trials: Any) -> None:
    """What comes over the pipe is what the search takes."""
    with trials("def main():\n    return {'loss': 1}\n") as group:
        result = group.one(0)

    assert isinstance(result, TrialResult)
    assert 0 < result.seconds < 30
