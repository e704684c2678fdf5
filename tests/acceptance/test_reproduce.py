"""Runs are run again, wherever they were recorded, and judged."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Folder


SCRIPT = """\
import random
from pathlib import Path

import numpy as np

from helper import noisy
from ml_experiment import job


@job
def main(rate=0.1, fail=False):
    data = np.loadtxt("data/points.dat")
    Path("out/said.txt").write_text("said")
    print("sum", data.sum())
    if fail:
        raise ValueError(f"no luck: {random.random()}")
    for step in range(3):
        yield {"loss": float(noisy(data).sum()) * rate}
    np.save("out/weights.npy", np.random.rand(4))
    yield {"last": random.random()}, {"weights": "out/weights.npy"}
"""
HELPER = """\
import numpy as np


def noisy(data):
    return data + np.random.default_rng().normal(size=data.shape)
"""
SEARCH = """\
import numpy as np

from ml_experiment import Trial, job


@job
def main(x=0.5, kind="a"):
    trial = Trial.get_current()
    y = trial.suggest_float("y", 0, 1) if kind == "b" else 0.0
    value = 0.0
    for step in range(4):
        value += x * np.random.rand() + y * np.random.default_rng().random()
        yield {"value": value}
"""
CONFIG = """\
name: search
kind: group
run: search.py
num_trials: 30
param_space:
  x: uniform(0, 1)
  kind: choice(['a', 'b'])
metric: {name: value, direction: maximize}
pruner: median
ray_config: {num_cpus: 1}
"""


def project(folder: Folder) -> None:
    """Write a project with a helper, data, and an empty folder for what it saves."""
    folder.write("train.py", SCRIPT)
    folder.write("helper.py", HELPER)
    folder.write("data/points.dat", "1 2 3\n4 5 6\n")
    (folder.path / "out").mkdir()


def recorded(folder: Folder, *words: str, status: int = 0) -> Path:
    """Run the project and return its run directory."""
    done = folder.command("--name", "points", "train.py", *words)
    assert done.returncode == status, done.stderr
    return folder.run_directories()[-1]


def elsewhere(folder: Folder) -> Folder:
    """Return another folder of the same user's."""
    path = folder.path.parent / "elsewhere"
    path.mkdir(exist_ok=True)
    return replace(folder, path=path)


def reproduced(
    folder: Folder, run: object, *words: str, **environment: str
) -> tuple[int, dict[str, Any], str]:
    """Reproduce a run in another folder; status, the comparison, what was said."""
    there = elsewhere(folder)
    there = replace(there, environment=there.environment | environment)
    limit_s = 600 if "venv" in words else 120  # packages are downloaded
    done = there.command("reproduce", str(run), "--json", *words, timeout_s=limit_s)
    document = json.loads(done.stdout) if done.stdout else {}
    return done.returncode, document, done.stderr


def test_a_run_is_identical_when_it_is_run_again_in_another_folder(
    folder: Folder,
) -> None:
    """Nothing is seeded, and the project's folder is left as it was."""
    project(folder)
    run = recorded(folder)
    before = sorted(path.name for path in (folder.path / "out").iterdir())
    (folder.path / "out" / "said.txt").write_text("mine")

    status, document, said = reproduced(folder, run, OMP_NUM_THREADS="1")

    assert (status, document["verdict"]) == (0, "identical"), said
    assert "data: 1 of 1 file here, unchanged" in said
    assert sorted(path.name for path in (folder.path / "out").iterdir()) == before
    assert (folder.path / "out" / "said.txt").read_text() == "mine"
    [new] = elsewhere(folder).run_directories()
    assert json.loads((new / "comparison.json").read_text())["verdict"] == "identical"


def test_the_new_run_in_mlflow_names_the_earlier_one_and_the_verdict(
    folder: Folder,
) -> None:
    """Whoever looks at MLflow alone sees what was repeated, and with what result."""
    project(folder)
    run = recorded(folder)

    reproduced(folder, run)

    [found] = elsewhere(folder).mlflow_runs("points")
    assert found.data.tags["ml_experiment.reproduces"] == run.name
    assert found.data.tags["ml_experiment.verdict"] == "identical"
    [earlier] = folder.mlflow_runs("points")
    told = found.data.tags["ml_experiment.reproduces.mlflow_run_id"]
    assert told == earlier.info.run_id


def test_data_that_are_gone_are_named_and_nothing_is_run(folder: Folder) -> None:
    """Status 7, at once; a folder that mirrors the project helps."""
    project(folder)
    run = recorded(folder)
    mirror = folder.path.parent / "mirror" / "data"
    mirror.mkdir(parents=True)
    shutil.move(folder.path / "data" / "points.dat", mirror)

    status, document, said = reproduced(folder, run)

    assert (status, document["verdict"]) == (7, "not comparable")
    assert str(folder.path / "data" / "points.dat") in said
    assert not elsewhere(folder).run_directories()
    status, document, said = reproduced(folder, run, "--data", str(mirror.parent))
    assert (status, document["verdict"]) == (0, "identical"), said


def test_code_that_is_not_the_recorded_one_is_not_run(folder: Folder) -> None:
    """Status 7: one changed line in the archive would pass for what had run."""
    project(folder)
    run = recorded(folder)
    archive = run / "source" / "source.tar.gz"
    text = gzip.decompress(archive.read_bytes())
    archive.write_bytes(gzip.compress(text.replace(b'"sum"', b'"SUM"')))

    status, document, said = reproduced(folder, run)

    assert (status, document["verdict"]) == (7, "not comparable")
    assert "source.tar.gz is not as it was recorded" in said
    assert not elsewhere(folder).run_directories()


def test_one_changed_byte_of_data_is_the_first_cause(folder: Folder) -> None:
    """It is said before the run, and named as the cause after it."""
    project(folder)
    run = recorded(folder)
    folder.write("data/points.dat", "1 2 3\n4 5 7\n")

    status, document, said = reproduced(folder, run)

    assert (status, document["verdict"]) == (6, "different")
    assert "note: data have changed" in said
    assert "data/points.dat" in document["causes"][0]["sentence"]


def test_a_run_that_failed_fails_again_in_the_same_way(folder: Folder) -> None:
    """The exception's message holds a random number, and is the same."""
    project(folder)
    run = recorded(folder, "--params", "{fail: true}", status=1)

    status, document, said = reproduced(folder, run)

    assert (status, document["verdict"]) == (0, "identical"), said
    assert "the same is expected" in said


def test_a_run_that_was_killed_is_compared_as_far_as_it_got(folder: Folder) -> None:
    """What it had given by then is found again, and the rest is no difference."""
    folder.write(
        "train.py",
        """\
import os
import random
import time

from ml_experiment import job


@job
def main():
    yield {"a": random.random()}
    yield {"a": random.random()}
    if os.environ.get("WAITS"):
        open(os.environ["WAITS"], "w").close()
        time.sleep(600)
    yield {"a": random.random()}
""",
    )
    mark = folder.path.parent / "reached"
    waiting = replace(folder, environment=folder.environment | {"WAITS": str(mark)})
    process = waiting.start("--name", "points", "train.py")
    limit = time.monotonic() + 60
    while not mark.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    [run] = folder.run_directories()

    status, document, said = reproduced(folder, run)

    assert (status, document["verdict"]) == (0, "identical"), said
    assert "as far as" in said


def test_nothing_is_judged_by_a_repetition_that_was_ended_from_outside(
    folder: Folder,
) -> None:
    """Somebody has stopped it: that is no difference."""
    folder.write(
        "train.py",
        """\
import os
import random
import signal

from ml_experiment import job


@job
def main():
    yield {"a": random.random()}
    if os.environ.get("ENDS"):
        os.kill(os.getpid(), signal.SIGTERM)
    yield {"a": random.random()}
""",
    )
    run = recorded(folder)

    status, document, said = reproduced(folder, run, ENDS="1")

    assert status == 7, said
    assert "was ended from outside (SIGTERM)" in f"{said} {document}"


def test_a_run_that_mlflow_never_heard_of_is_reproduced_from_its_directory(
    folder: Folder,
) -> None:
    """The server was away, and still is; the verdict is there all the same."""
    project(folder)
    away = replace(
        folder,
        environment=folder.environment
        | {
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        },
    )
    run = recorded(away)

    status, document, said = reproduced(away, run)

    assert (status, document["verdict"]) == (0, "identical"), said
    assert "not published yet" in said


@pytest.mark.parametrize("group", [False, True], ids=["experiment", "group"])
def test_mlflows_run_is_enough_where_the_run_directory_is_not(
    folder: Folder, group: bool
) -> None:
    """The run directories are deleted; MLflow has all that is needed."""
    project(folder)
    folder.write("search.py", SEARCH)
    folder.write("search.yaml", CONFIG.replace("30", "6"))
    words = ["--config_file", "search.yaml"] if group else ["--name", "m", "train.py"]
    assert folder.command(*words).returncode == 0
    run = folder.run_directories()[-1]
    published = json.loads((run / "published.json").read_text())
    shutil.rmtree(folder.path / ".ml_experiment")

    status, document, said = reproduced(
        folder,
        published["mlflow_run_id"],
        MLFLOW_TRACKING_URI=f"sqlite:///{folder.path}/mlflow.db",
    )

    assert (status, document["verdict"]) == (0, "identical"), said


def test_a_group_is_identical_with_another_number_of_workers_and_so_is_one_trial(
    folder: Folder,
) -> None:
    """30 trials with pruning and parameters of their own; then trial 17, and a pruned one."""
    folder.write("search.py", SEARCH)
    folder.write("search.yaml", CONFIG)
    assert folder.command("--config_file", "search.yaml").returncode == 0
    run = folder.run_directories()[-1]

    status, document, said = reproduced(folder, run, "--workers", "3")

    assert (status, document["verdict"]) == (0, "identical"), said
    assert len(document["trials"]) == 30
    assert {each["verdict"] for each in document["trials"]} == {"identical"}
    states = {
        int(path.parent.name): json.loads(path.read_text())["state"]
        for path in run.glob("trials/*/result.json")
    }
    pruned = [number for number, state in states.items() if state == "pruned"]
    for number in [17, *pruned[:1]]:
        status, document, said = reproduced(folder, run, "--trial", str(number))
        assert (status, document["verdict"]) == (0, "identical"), said
    for name in (run / "trials" / "00017", f"{run}:17"):
        status, _, said = reproduced(folder, name, "--trial", "3")
        assert status == 2
        assert "--trial: got 3" in said


def test_a_trial_that_was_ended_from_outside_keeps_its_outcome(folder: Folder) -> None:
    """A faster machine would bring it to its end, and the search would be another."""
    folder.write(
        "search.py",
        """\
import os
import time

import numpy as np

from ml_experiment import job


@job
def main(x=0.5):
    if x > 0.5 and not os.environ.get("FAST"):
        time.sleep(60)
    return {"value": x + np.random.rand()}
""",
    )
    text = CONFIG.replace("30", "6").replace("  kind: choice(['a', 'b'])\n", "")
    folder.write("search.yaml", text + "timeout_per_trial: 0.7\nseed: 5\nretries: 1\n")
    assert folder.command("--config_file", "search.yaml").returncode == 0
    run = folder.run_directories()[-1]
    states = [
        json.loads(path.read_text())["cause"]
        for path in run.glob("trials/*/result.json")
    ]
    assert "timeout" in states

    status, document, said = reproduced(folder, run, FAST="1")

    assert (status, document["verdict"]) == (0, "identical"), said
    [new] = elsewhere(folder).run_directories()
    assert "its recorded outcome is taken" in (new / "journal.jsonl").read_text()


def test_one_of_several_runs_of_a_script_is_repeated_with_its_arguments(
    folder: Folder,
) -> None:
    """``python sweep.py 3`` makes three runs; each is found again, the others unrecorded."""
    folder.write(
        "sweep.py",
        """\
import random
import sys

import numpy as np

from ml_experiment import job

FIRST = np.random.rand()


@job
def main(k):
    return {"v": FIRST + np.random.rand() + random.random() + k}


if __name__ == "__main__":
    for k in range(int(sys.argv[1])):
        main(k)
""",
    )
    done = folder.python("sweep.py", "3")
    assert done.returncode == 0, done.stderr
    runs = folder.run_directories()
    assert len(runs) == 3

    for run in runs[1:]:
        status, document, said = reproduced(folder, run)
        assert (status, document["verdict"]) == (0, "identical"), said
    assert len(elsewhere(folder).run_directories()) == 2


def test_noise_that_is_measured_is_called_no_change(folder: Folder) -> None:
    """A number that no seed controls lies where the repetitions lie, or it does not."""
    runs = folder.path.parent / "runs so far"
    runs.mkdir()
    folder.write(
        "train.py",
        f"""\
import pathlib

from ml_experiment import job

RUNS = pathlib.Path({str(runs)!r})
NOISE = [0.5, 0.9, 0.1, 0.7, 0.3, 0.6, 0.8]


@job
def main():
    number = len(list(RUNS.iterdir()))
    (RUNS / str(number)).touch()
    return {{"v": 1.0 + 1e-9 * NOISE[number]}}
""",
    )
    run = recorded(folder)

    status, document, said = reproduced(folder, run)
    assert (status, document["verdict"]) == (6, "different")

    status, document, said = reproduced(folder, run, "--repeats", "5")
    assert (status, document["verdict"]) == (0, "within tolerance"), said
    assert "noise, measured by 5 runs" in said


@pytest.mark.slow
def test_the_recorded_packages_are_installed_once_and_give_the_same(
    folder: Folder,
) -> None:
    """The second time the environment is there already."""
    project(folder)
    run = recorded(folder)

    status, document, said = reproduced(folder, run, "--env", "venv")
    assert (status, document["verdict"]) == (0, "identical"), said
    assert "building an environment" in said

    status, document, said = reproduced(folder, run, "--env", "venv")
    assert (status, document["verdict"]) == (0, "identical"), said
    assert "building an environment" not in said


def test_wrong_wishes_are_refused_before_anything_runs(folder: Folder) -> None:
    """Each with the option that is wrong, and status 2."""
    project(folder)
    run = recorded(folder)

    for words, text in (
        (["--env", "docker"], "--env: got docker"),
        (["--trial", "3"], "is no group"),
        (["--workers", "2"], "is no group"),
        (["--repeats", "0"], "--repeats: got 0"),
        (["--rtol", "2"], "--rtol: got 2"),
        (["--data", "nowhere"], "--data: got nowhere"),
    ):
        status, _, said = reproduced(folder, run, *words)
        assert status == 2, said
        assert text in said
    assert not elsewhere(folder).run_directories()


def test_nothing_is_left_of_the_restored_project(
    folder: Folder, tmp_path: Path
) -> None:
    """Unless it is asked for: then it says where it is."""
    project(folder)
    run = recorded(folder)
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    reproduced(folder, run, TMPDIR=str(scratch))
    assert not [path for path in scratch.iterdir() if path.name.startswith("ml-exp")]

    _, _, said = reproduced(folder, run, "--keep", TMPDIR=str(scratch))
    [kept] = [path for path in scratch.iterdir() if path.name.startswith("ml-exp")]
    assert f"kept: {kept}" in said
    assert list(kept.glob("1/**/train.py"))


def test_a_clone_of_the_repository_has_the_data(folder: Folder) -> None:
    """Data that git ignores are found where the user has put them: in the clone."""
    project(folder)
    folder.write(
        ".gitignore", "data/\n.ml_experiment/\nmlruns/\nmlflow.db*\n__pycache__/\n"
    )
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-C"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "All"]):
        subprocess.run([*git, str(folder.path), *words], check=True)
    run = recorded(folder)
    clone = elsewhere(folder).path
    subprocess.run(
        [*git, str(clone.parent), "clone", "-q", folder.path, clone], check=True
    )
    shutil.move(folder.path / "data", clone / "data")

    status, document, said = reproduced(folder, run)

    assert (status, document["verdict"]) == (0, "identical"), said


def test_data_that_were_recorded_with_the_source_are_restored(folder: Folder) -> None:
    """The project's own have changed since, which is said; the run has what it had."""
    project(folder)
    folder.write("train.py", SCRIPT.replace("points.dat", "points.txt"))
    folder.write("data/points.txt", "1 2 3\n4 5 6\n")
    run = recorded(folder)
    folder.write("data/points.txt", "1 2 3\n4 5 7\n")

    status, document, said = reproduced(folder, run)

    assert (status, document["verdict"]) == (0, "identical"), said
    assert "points.txt has changed since" in said
    assert any("points.txt has changed" in each for each in document["warnings"])


def test_what_a_run_wrote_unseen_is_no_data_of_it(folder: Folder) -> None:
    """Another program, or native code, writes a file: the next run writes it anew."""
    folder.write(
        "train.py",
        """\
import subprocess
import sys

from ml_experiment import job

WRITE = "open('model.txt', 'w').write('1.5')"


@job
def main():
    subprocess.run([sys.executable, "-c", WRITE], check=True)
    with open("model.txt") as file:
        return {"value": float(file.read())}, {"model": "model.txt"}
""",
    )
    run = recorded(folder)
    (folder.path / "model.txt").unlink()

    status, document, said = reproduced(folder, run)

    assert (status, document["verdict"]) == (0, "identical"), said
    part = json.loads((run / "parts" / "data.json").read_text())
    assert part["made_by_run"] == [str(folder.path / "model.txt")]


def test_a_group_that_was_stopped_before_any_trial_ended_is_not_run_again(
    folder: Folder,
) -> None:
    """There is nothing to compare with, and that is said before anything runs."""
    folder.write(
        "search.py",
        """\
import pathlib
import time

from ml_experiment import job


@job
def main(x=0.5, kind="a"):
    pathlib.Path("reached").touch()
    time.sleep(600)
""",
    )
    folder.write("search.yaml", CONFIG)
    process = folder.start("--config_file", "search.yaml")
    while not (folder.path / "reached").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    [run] = folder.run_directories()

    status, _, said = reproduced(folder, run)
    of_one, _, said_of_one = reproduced(folder, run, "--trial", "0")

    assert (status, of_one) == (7, 7), said
    assert "no trial of" in said
    assert "trial 0 of" in said_of_one
    assert not elsewhere(folder).run_directories()


_STOPPED = """\
import os, time
from ml_experiment import job

@job
def main():
    if os.path.exists({mark!r}):
        open({mark!r}, "w").write("running")
        time.sleep(60)
    {ending}

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("by_cli", [True, False], ids=["command", "script"])
def test_a_job_that_interrupts_itself_is_judged(
    folder: Folder, *, by_cli: bool
) -> None:
    """Nobody has stopped the repetition: it has ended as the run did."""
    mark = str(folder.path.parent / "mark")
    folder.write("k.py", _STOPPED.format(mark=mark, ending="raise KeyboardInterrupt"))
    done = folder.command("k.py") if by_cli else folder.python("k.py")
    assert "KeyboardInterrupt" in done.stderr

    again = folder.command("reproduce", folder.run_directories()[0].name)

    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("identical: ")


def test_a_repetition_that_is_interrupted_is_not_judged(
    folder: Folder, tmp_path: Path
) -> None:
    """Ctrl-C ends the command as it ends any other."""
    mark = tmp_path / "mark"
    folder.write("k.py", _STOPPED.format(mark=str(mark), ending="return {'x': 1}"))
    folder.command("k.py")
    mark.touch()
    again = folder.start("reproduce", folder.run_directories()[0].name)
    limit = time.monotonic() + 60
    while not mark.read_text() and time.monotonic() < limit:
        time.sleep(0.02)

    os.killpg(again.pid, signal.SIGINT)

    assert again.wait(60) == 130
    assert not (folder.run_directories()[-1] / "comparison.json").exists()
