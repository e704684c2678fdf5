"""A group is the same whatever the workers, their speed, or a crash."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from ml_experiment.record.journal import read_journal


if TYPE_CHECKING:
    import subprocess

    from conftest import Folder


SCRIPT = """\
import random, time
from ml_experiment import job, Trial

@job
def main(x, y, n, kind, layers, fixed=1):
    random.seed()  # on purpose unseeded: the trial's seed counts
    noise = random.random() * 1e-3
    time.sleep(random.SystemRandom().random() / 100)  # another time at every run
    if kind == 'b':
        x += Trial.get_current().suggest_float('extra', 0, 1)
    for step in range(1, 5):
        yield {'loss': (x - 1) ** 2 + y + n + sum(layers) + 3 / step + noise}
"""

CONFIG = {
    "name": "search",
    "kind": "group",
    "num_trials": 16,
    "seed": 7,
    "lookahead": 8,
    "param_space": {
        "x": "uniform(-5, 5)",
        "y": "loguniform(1e-3, 10)",
        "n": "range(0, 10, 2)",
        "kind": "choice(['a', 'b'])",
        "layers": ["randint(1, 3)", "randint(1, 3)"],
    },
    "metric": {"name": "loss", "direction": "minimize"},
    "run": "search.py",
}


def _write(folder: Folder, **changes: Any) -> None:
    folder.write("search.py", SCRIPT)
    folder.write("group.json", json.dumps(CONFIG | changes))


def _trials(folder: Folder) -> list[tuple[Any, ...]]:
    """Return number, seed, params, values, steps and state of each trial."""
    (run,) = folder.run_directories()[-1:]
    found = []
    for path in sorted((run / "trials").iterdir()):
        result = json.loads((path / "result.json").read_text())
        manifest = json.loads((path / "manifest.json").read_text())
        found.append(
            (
                result["number"],
                manifest["seed"],
                result["params"],
                result["values"],
                result["intermediate_values"],
                result["state"],
            )
        )
    return found


def _search(folder: Folder, workers: int, **changes: Any) -> list[tuple[Any, ...]]:
    share = {"resources_per_worker": {"cpu": os.cpu_count() / workers}}  # type: ignore[operator]
    _write(folder, **(share | changes))
    done = folder.command("--config_file", "group.json")
    assert done.returncode == 0, done.stderr
    return _trials(folder)


SAMPLERS = ("tpe", "random", "cmaes", "gp", "nsgaii", "qmc", "grid")
# A Gaussian process takes seconds for each suggestion; its own begin after ten trials.
FEWER = {"gp": 24}
PRUNERS = ("median", "percentile", "sha", "hyperband")
GRID = {
    "x": "choice([-1.0, 0.5, 2.0])",
    "y": "choice([0.01, 1.0])",
    "n": "range(0, 10, 2)",
    "kind": "choice(['a', 'b'])",
    "layers": ["randint(1, 1)", "randint(2, 2)"],
}


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trials_do_not_depend_on_the_workers(folder: Folder, sampler: str) -> None:
    """One, two, three and eight workers: the same trials, bit for bit."""
    trials = FEWER.get(sampler, 60)
    search: dict[str, Any] = {"sampler": sampler, "num_trials": trials}
    if sampler == "grid":
        search["param_space"] = GRID

    alone = _search(folder, 1, **search)
    several = [_search(folder, workers, **search) for workers in (2, 3, 8)]
    other = _search(folder, 2, seed=8, **search)

    assert len(alone) == trials
    assert several == [alone] * 3
    assert other != alone


@pytest.mark.slow
@pytest.mark.parametrize("pruner", PRUNERS)
def test_pruning_does_not_depend_on_the_workers(folder: Folder, pruner: str) -> None:
    """What is pruned, and at which step, is the same for any number of workers."""
    search = {"sampler": "tpe", "pruner": pruner, "num_trials": 60}

    alone = _search(folder, 1, **search)
    several = [_search(folder, workers, **search) for workers in (2, 3, 8)]

    assert several == [alone] * 3
    assert {"complete", "pruned"} <= {state for *_, state in alone}


def _finished(folder: Folder) -> int:
    """Return how many trials of the latest group have a result."""
    runs = folder.run_directories()[-1:]
    return len([path for run in runs for path in run.glob("trials/*/result.json")])


def _drivers_of(command: int) -> list[psutil.Process]:
    """Return the driver of a group; one that still waits for its run is none."""
    try:
        family = psutil.Process(command).children()
        return [
            each
            for each in family
            if "ml_experiment.drive" in each.cmdline()
            and any(file.path.endswith(".log") for file in each.open_files())
        ]
    except psutil.Error:
        return []


def _kill(command: subprocess.Popen[bytes], *, driver_only: bool) -> None:
    """Kill a running group by SIGKILL, and wait until the command has ended."""
    drivers = _drivers_of(command.pid) if driver_only else []
    if drivers:
        with contextlib.suppress(psutil.NoSuchProcess):
            drivers[0].kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)
    command.wait(60)


@pytest.mark.slow
def test_search_goes_on_after_kills_as_if_nothing_had_been(folder: Folder) -> None:
    """Killed by SIGKILL at 20 random moments, resumed: equal to the straight search."""
    expected = _search(folder, 2, num_trials=40, name="straight")
    _write(folder, num_trials=40)
    chance = random.Random(3)
    group = len(folder.run_directories()) + 1

    words: tuple[str, ...] = ("--config_file", "group.json")
    kills = 0
    while True:
        begun = len(folder.run_directories()) == group
        enough = min((_finished(folder) if begun else 0) + chance.randint(0, 3), 38)
        if begun:
            words = ("--config_file", "group.json", "--resume")
        command = folder.start(*words)
        while command.poll() is None:
            begun = len(folder.run_directories()) == group
            if kills < 20 and begun and _finished(folder) >= enough:
                time.sleep(chance.random() / 5)  # anywhere in what it does then
                _kill(command, driver_only=kills % 2 == 0)
                kills += 1
                break
            time.sleep(0.005)
        else:
            break

    assert kills == 20
    assert command.returncode == 0
    assert len(folder.run_directories()) == group
    assert _trials(folder) == expected
    runs = folder.mlflow_runs("search")
    trials = [run for run in runs if "ml_experiment.trial" in run.data.tags]
    numbers = sorted(int(run.data.tags["ml_experiment.trial"]) for run in trials)
    assert numbers == list(range(40))
    assert {run.info.status for run in runs} == {"FINISHED"}


def _workers_of(command: int) -> list[psutil.Process]:
    """Return the worker processes of a group, by its command."""
    try:
        family = psutil.Process(command).children(recursive=True)
        return [each for each in family if "local_worker" in " ".join(each.cmdline())]
    except psutil.Error:
        return []


def test_workers_that_are_killed_change_nothing(folder: Folder) -> None:
    """A worker killed from outside is replaced, and its trial runs again as it was."""
    expected = _search(folder, 2, num_trials=30)
    chance = random.Random(1)
    command = folder.start("--config_file", "group.json")
    kills = 0
    while command.poll() is None:
        workers = _workers_of(command.pid)
        done = len(list(folder.run_directories()[-1].glob("trials/*/result.json")))
        if workers and kills < 6 and done > 2 * kills:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(workers).kill()
                kills += 1
        time.sleep(0.01)

    assert command.returncode == 0
    assert kills == 6
    assert _trials(folder) == expected


SAVERS = {
    "kept": """\
import ctypes, random, time
from ml_experiment import job

@job
def main(x):
    libc = ctypes.CDLL(None)  # as native code writes: nothing of Python sees it
    libc.fopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fopen(b'model.txt', b'w'))
    libc.fputs(repr(x).encode(), file)
    libc.fclose(file)
    time.sleep(random.SystemRandom().random() / 50)
    return {'loss': x}, {'model': 'model.txt'}
""",
    "read back": """\
import random, time
from pathlib import Path
from ml_experiment import job

@job
def main(x):
    Path('model.txt').write_text(repr(x))
    time.sleep(random.SystemRandom().random() / 50)
    return {'loss': float(Path('model.txt').read_text())}
""",
    "made anew": """\
import random, shutil, time
from pathlib import Path
from ml_experiment import job

@job
def main(x):
    shutil.rmtree('parts', ignore_errors=True)
    Path('parts').mkdir()
    for number in range(3):
        Path(f'parts/{number}.txt').write_text(repr(x))
        time.sleep(random.SystemRandom().random() / 100)
    return {'loss': sum(float(Path(f'parts/{n}.txt').read_text()) for n in range(3)) / 3}
""",
}
ONE_NUMBER: dict[str, Any] = {"num_trials": 24, "param_space": {"x": "uniform(0, 1)"}}


def _notes(folder: Folder, words: str) -> list[str]:
    """Return the notes of the latest group with these words in them."""
    events = read_journal(folder.run_directories()[-1] / "journal.jsonl")
    notes = [str(event["text"]) for event in events if event["event"] == "note"]
    return [note for note in notes if words in note]


@pytest.mark.parametrize("use", SAVERS)
@pytest.mark.parametrize("workers", [2, 6])
def test_no_trial_keeps_or_reads_what_another_wrote(
    folder: Folder, use: str, workers: int
) -> None:
    """All save to one name, as a script does that was written for a single run."""
    _write(folder, **ONE_NUMBER, resources_per_worker={"cpu": os.cpu_count() / workers})  # type: ignore[operator]
    folder.write("search.py", SAVERS[use])

    done = folder.command("--config_file", "group.json")

    assert done.returncode == 0, done.stderr
    trials = _trials(folder)
    assert len(trials) == 24
    assert all(
        values == pytest.approx([params["x"]], rel=1e-12)
        for _, _, params, values, *_ in trials
    )
    kept = folder.run_directories()[-1].glob("trials/*/artifacts/model/model.txt")
    texts = [path.read_text() for path in sorted(kept)]
    assert texts in ([repr(values[0]) for _, _, _, values, *_ in trials], [])
    assert bool(texts) == (use == "kept")
    assert done.stderr.count("more than one trial writes '") == 1
    assert 2 <= len(_notes(folder, "runs again")) < 12
    runs = [
        run
        for run in folder.mlflow_runs("search")
        if "ml_experiment.trial" in run.data.tags
    ]
    assert len(runs) == 24
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_files_with_names_of_their_own_are_no_reason_to_wait(folder: Folder) -> None:
    """Nor is a log to which all trials add, or a file that was there before."""
    _write(folder, **ONE_NUMBER)
    folder.write(
        "search.py",
        """\
from pathlib import Path
from ml_experiment import Trial, job

@job
def main(x):
    path = Path(f'model-{Trial.get_current().number}.txt')
    path.write_text(repr(x))
    with open('calls.log', 'a') as file:
        print(x, file=file)
    Path('last.txt').write_text(repr(x))  # nobody reads it
    return {'loss': x}, {'model': path, 'config': 'group.json'}
""",
    )

    done = folder.command("--config_file", "group.json")

    assert done.returncode == 0, done.stderr
    assert not _notes(folder, "runs again")
    assert "more than one trial" not in done.stderr
    assert len((folder.path / "calls.log").read_text().splitlines()) == 24


def test_an_exception_of_any_making_is_a_reason(folder: Folder) -> None:
    """One that is its own cause, and one whose file name cannot be asked for."""
    _write(folder, num_trials=4, param_space={"n": "range(0, 4)"}, sampler="grid")
    folder.write(
        "search.py",
        """\
from ml_experiment import job

class Odd(Exception):
    @property
    def filename(self):
        raise RuntimeError('no')

@job
def main(n):
    error = OSError(5, 'own cause') if n == 1 else Odd('odd')
    if n in (1, 2):
        raise error from error
    return {'loss': n}
""",
    )

    done = folder.command("--config_file", "group.json")

    assert done.returncode == 0, done.stderr
    states = {params["n"]: state for _, _, params, *_, state in _trials(folder)}
    assert states == {0: "complete", 1: "failed", 2: "failed", 3: "complete"}


STREAMS = ("stdout.log", "stderr.log")
FAULTS = """\
import ctypes, os, signal, time
from ml_experiment import job

@job
def main(n):
    if n == 1:
        raise ValueError('one')
    if n == 2:
        ctypes.string_at(0)
    if n == 3:
        time.sleep(600)
    if n == 4:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        bytearray(1 << 31)
    if n == 5:
        os._exit(5)
    if n == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return {'loss': n}
"""


CLOSERS = """\
import os, sys
from ml_experiment import job

@job
def main(n):
    print('trial', n)
    print('error', n, file=sys.stderr)
    if n == 1:
        sys.stdout.close()
    if n == 2:
        sys.stderr.close()
        raise ValueError('real reason 2')
    if n == 3:
        os.close(2)
        raise ValueError('real reason 3')
    if n == 4:
        sys.stderr = None
        raise ValueError('real reason 4')
    if n == 5:
        sys.stdout = open(os.devnull, 'w')
    return {'loss': n}
"""


def test_a_trial_that_closes_its_streams_harms_no_other(folder: Folder) -> None:
    """Its own reason is kept, and the next trial of the worker prints as ever."""
    _write(
        folder,
        num_trials=7,
        sampler="grid",
        ray_config={"num_cpus": 1},
        param_space={"n": "range(0, 7)"},
    )
    folder.write("search.py", CLOSERS)

    done = folder.command("--config_file", "group.json")

    assert done.returncode == 0, done.stderr
    (run,) = folder.run_directories()
    ended, printed = {}, {}
    for path in (run / "trials").iterdir():
        result = json.loads((path / "result.json").read_text())
        number = result["params"]["n"]
        ended[number] = result["reason"] or result["state"]
        printed[number] = [(path / name).read_text().splitlines() for name in STREAMS]
    reasons = {n: f"ValueError: real reason {n}" for n in (2, 3, 4)}
    assert ended == dict.fromkeys(range(7), "complete") | reasons
    for number, (out, errors) in printed.items():
        assert out == [f"trial {number}"]
        assert errors[0] == f"error {number}"
        assert number not in reasons or errors[-1] == reasons[number]


def test_bad_trials_do_not_end_the_group(folder: Folder) -> None:
    """A hang, a crash, a lack of memory, an exception: each failed with its reason."""
    _write(
        folder,
        num_trials=7,
        sampler="grid",
        timeout_per_trial=2,
        param_space={"n": "range(0, 7)"},
    )
    folder.write("search.py", FAULTS)

    done = folder.command("--config_file", "group.json")

    assert done.returncode == 0, done.stderr
    (run,) = folder.run_directories()
    results = [
        json.loads((path / "result.json").read_text())
        for path in (run / "trials").iterdir()
    ]
    ended = {
        result["params"]["n"]: (result["state"], result["reason"]) for result in results
    }
    assert ended[0][0] == "complete"
    assert {state for n, (state, _) in ended.items() if n} == {"failed"}
    for n, word in {
        1: "ValueError: one",
        2: "SIGSEGV",
        3: "2",
        4: "MemoryError",
        5: "5",
        6: "SIGKILL",
    }.items():
        assert word in ended[n][1]
    statuses = {
        run.info.status
        for run in folder.mlflow_runs("search")
        if "ml_experiment.trial" in run.data.tags
    }
    assert statuses == {"FINISHED", "FAILED", "KILLED"}


FLAKY = """\
import random
from ml_experiment import job

@job
def main(n):
    luck = random.random()
    if luck < 0.4:
        raise ValueError(luck)
    return {'loss': n + luck}
"""


def test_retried_trials_do_not_depend_on_the_workers(folder: Folder) -> None:
    """A trial that fails is tried again with another seed, the same one every time."""
    found = []
    for workers in (1, 2):
        share = {"resources_per_worker": {"cpu": 2 / workers}}
        _write(
            folder, **share, num_trials=12, retries=3, param_space={"n": "range(0, 9)"}
        )
        folder.write("search.py", FLAKY)
        done = folder.command("--config_file", "group.json")
        assert done.returncode == 0, done.stderr
        found.append(_trials(folder))

    assert found[0] == found[1]
    notes = folder.record()["notes"]
    assert any("is tried again" in note for note in notes)


def test_group_without_a_success_fails(folder: Folder) -> None:
    """All trials failing is status 1, with the first reason."""
    _write(folder, num_trials=3, param_space={"n": "choice([1])"})
    folder.write("search.py", FAULTS)

    done = folder.command("--config_file", "group.json")

    assert done.returncode == 1
    assert "none of 3 trials has succeeded" in done.stderr
    assert "ValueError: one" in done.stderr
    assert folder.record()["outcome"]["status"] == "FAILED"


def test_a_wrong_metric_is_found_by_the_first_trials(folder: Folder) -> None:
    """Not by all of them: that may be a night later."""
    _write(
        folder,
        num_trials=200,
        metric={"name": "lose", "direction": "minimize"},
        lookahead=4,
    )

    done = folder.command("--config_file", "group.json")

    assert done.returncode == 1
    assert "did you mean 'loss'" in done.stderr
    assert any("look at `metric`" in note for note in folder.record()["notes"])
    (run,) = folder.run_directories()
    assert len(list((run / "trials").iterdir())) == 4


def test_changed_config_is_not_resumed(folder: Folder) -> None:
    """What has changed is named, and --force goes on all the same and is recorded."""
    _write(folder, num_trials=200)
    command = folder.start("--config_file", "group.json")
    limit = time.monotonic() + 60
    while not list(folder.path.glob(".ml_experiment/runs/*/trials/*/result.json")):
        assert time.monotonic() < limit
        time.sleep(0.02)
    command.terminate()
    command.wait(60)

    config = json.loads((folder.path / "group.json").read_text())
    space = dict(reversed(config["param_space"].items()))
    _write(folder, num_trials=200, param_space=space)
    reordered = folder.command("--config_file", "group.json", "--resume")
    _write(folder, num_trials=16, retries=1)

    refused = folder.command("--config_file", "group.json", "--resume")
    forced = folder.command("--config_file", "group.json", "--resume", "--force")

    assert reordered.returncode == 2
    assert "the order of param_space was" in reordered.stderr
    assert refused.returncode == 2
    assert "num_trials was 200 and is 16" in refused.stderr
    assert "retries was 0 and is 1" in refused.stderr
    assert forced.returncode == 0, forced.stderr
    assert "num_trials" in str(folder.record()["run"]["forced"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"metric": "lost"}, ["lost", "minimize"], id="no direction"),
        pytest.param({"metric": None}, ["metric"], id="no metric"),
        pytest.param(
            {
                "param_space": {},
                "params": {"x": 1, "y": 1, "n": 1, "kind": "a", "layers": [1]},
            },
            ["param_space"],
            id="empty space",
        ),
        pytest.param(
            {"metric": {"name": "lose", "direction": "minimize"}},
            ["lose", "loss"],
            id="wrong metric",
        ),
        pytest.param({"sampler": "grid"}, ["grid", "x"], id="grid of floats"),
        pytest.param({"pruner": {"name": "sha", "factor": 3}}, ["factor"], id="option"),
    ],
)
def test_wrong_group_has_its_own_error(
    folder: Folder, changes: dict[str, Any], said: list[str]
) -> None:
    """The message names what is wrong and what there is."""
    _write(folder, **({"num_trials": 3} | changes))

    done = folder.command("--config_file", "group.json")

    assert done.returncode != 0
    for word in said:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_an_interrupted_group_says_how_to_go_on(
    folder: Folder, number: signal.Signals
) -> None:
    """It shows no stack of a driver that only waits, but the command to type next."""
    _write(folder, num_trials=500)
    errors = folder.path / "errors.txt"
    with errors.open("wb") as stream:
        command = folder.start("--config_file", "group.json", stderr=stream)
        while not list(folder.path.glob(".ml_experiment/runs/*/trials/*/result.json")):
            assert command.poll() is None
            time.sleep(0.01)
        os.killpg(command.pid, number)
        status = command.wait(60)

    said = errors.read_text()
    assert status == 128 + number
    assert "Traceback" not in said
    assert "most recent call first" not in said
    assert said.rstrip().endswith("--config_file group.json --resume  goes on with it")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"param_space": {}, "params": {"n": 0}}, "param_space: is empty"),
        (
            {"sampler": {"name": "tpe", "warmth": 2}},
            "sampler.warmth: tpe has no option",
        ),
        (
            {"sampler": "grid", "param_space": {"n": "uniform(0, 1)"}},
            "grid tries every",
        ),
        ({"pruner": "threshold"}, "threshold: lower or upper is needed"),
    ],
    ids=["empty space", "unknown option", "endless grid", "no threshold"],
)
def test_a_search_that_cannot_be_is_wrong_input(
    folder: Folder, changes: dict[str, Any], words: str
) -> None:
    """Status 2 before the first trial; the run that was begun says why it failed."""
    _write(folder, **{"param_space": {"n": "range(0, 6)"}, **changes})
    folder.write("search.py", FAULTS)

    done = folder.command("--config_file", "group.json")

    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    outcome = folder.record()["outcome"]
    assert outcome["status"] == "FAILED"
    assert words in outcome["reason"]
    (run,) = folder.run_directories()
    assert not list((run / "trials").glob("*"))
