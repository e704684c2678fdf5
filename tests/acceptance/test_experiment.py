"""The manual's first experiment, in a folder of its own, by each way of starting it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ml_experiment.record.model import ASPECTS


if TYPE_CHECKING:
    from conftest import Folder


SCRIPT = """\
from ml_experiment import job

import numpy as np
from sklearn.svm import SVC
from sklearn.model_selection import train_test_split
from sklearn.datasets import load_iris

SEED = 1234

@job # ADD THIS DECORATOR
def main(C = 1.0, kernel = 'rbf', degree = 3, gamma = 'scale'):
    np.random.seed(SEED)
    iris = load_iris()
    X_train, X_val, y_train, y_val = train_test_split(iris.data, iris.target, random_state=SEED)
    model = SVC(C=C, gamma=gamma, kernel=kernel, degree=degree)
    model.fit(X_train, y_train)
    accuracy = model.score(X_val, y_val)
    return {'val_accuracy': accuracy}

if __name__ == '__main__':
    main()
"""

CONFIG = """\
name: "SVM #1"

params:
  C: 10
  kernel: poly
  gamma: auto
  degree: 3

run:
- examples/scripts/train_svm.py
"""

PATH = "examples/scripts/train_svm.py"


@pytest.fixture
def svm(folder: Folder) -> Folder:
    """Return a folder with the manual's files."""
    folder.write(PATH, SCRIPT)
    folder.write("svm.yaml", CONFIG)
    return folder


def test_manual_quickstart_is_recorded_and_published(svm: Folder) -> None:
    """Section 2.1, as printed: one finished run with all that was promised."""
    done = svm.command("--config_file", "svm.yaml")

    assert done.returncode == 0, done.stderr
    (run,) = svm.mlflow_runs("SVM #1")
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "C": "10",
        "kernel": "poly",
        "gamma": "auto",
        "degree": "3",
    }
    assert run.data.metrics == {"val_accuracy": pytest.approx(0.97, abs=0.05)}
    record = svm.record()
    assert run.data.tags["ml_experiment.seed"] == str(record["run"]["seed"])
    assert {"record.json", "config.json", "requirements.txt", "console.txt"} <= {
        path.name for path in svm.run_directories()[0].iterdir()
    }


def test_artifacts_in_mlflow_hold_the_evidence(svm: Folder) -> None:
    """Record, config, script, console and requirements are artifacts of the run."""
    from mlflow import MlflowClient

    svm.command("--config_file", "svm.yaml")

    (run,) = svm.mlflow_runs("SVM #1")
    client = MlflowClient(f"sqlite:///{svm.path}/mlflow.db")
    paths = _all_artifacts(client, run.info.run_id)
    names = {path.rpartition("/")[2] for path in paths}
    assert {
        "record.json",
        "config.json",
        "svm.yaml",
        "train_svm.py",
        "console.txt",
        "requirements.txt",
        "source.tar.gz",
    } <= names


def _all_artifacts(client: object, run_id: str, path: str | None = None) -> set[str]:
    found: set[str] = set()
    for item in client.list_artifacts(run_id, path):  # type: ignore[attr-defined]
        found |= (
            _all_artifacts(client, run_id, item.path) if item.is_dir else {item.path}
        )
    return found


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("--config_file", "svm.yaml"), id="file"),
        pytest.param(
            ("--name=My experiment", "--params={'C': 10}", PATH), id="options"
        ),
        pytest.param(("--config_file=svm.yaml", "--params={'C': 3}"), id="both"),
        pytest.param((), id="python"),
    ],
)
def test_every_way_of_starting_gives_a_complete_record(
    svm: Folder, words: tuple[str, ...]
) -> None:
    """Each of the eight aspects is recorded, or missing with a reason."""
    done = svm.command(*words) if words else svm.python(PATH)

    assert done.returncode == 0, done.stderr
    record = svm.record()
    assert tuple(record["aspects"]) == ASPECTS
    assert {
        name: aspect["status"] for name, aspect in record["aspects"].items()
    } == dict.fromkeys(ASPECTS, "recorded")
    assert all(aspect["summary"] for aspect in record["aspects"].values())
    assert record["outcome"]["status"] == "FINISHED"
    assert record["published"]["closed"] is True


def test_command_line_wins_over_the_file(svm: Folder) -> None:
    """Dicts are merged, and the command line has the last word."""
    svm.command("--config_file", "svm.yaml", "--params", "{'C': 3}", "--name", "Mine")

    record = svm.record()
    assert record["run"]["name"] == "Mine"
    assert record["aspects"]["fitting"]["details"]["params"] == {
        "C": 3,
        "kernel": "poly",
        "degree": 3,
        "gamma": "auto",
    }


DECORATED = """\
import random

from ml_experiment import job

SEED = 7
DRAWN = random.random()


@job(name="decorated", seed=SEED, data=["*.csv"], tags={{"a": "b"}}{more})
def main():
    return {{"import": DRAWN, "call": random.random()}}


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("command", ["ml-experiment", "python"])
def test_decorator_holds_where_nothing_else_is_said(
    folder: Folder, command: str
) -> None:
    """Name, seed, data and tags, however the script is started."""
    folder.write("train.py", DECORATED.format(more=""))
    folder.write("table.csv", "1,2\n")
    start = folder.python if command == "python" else folder.command

    records = []
    for _ in range(2):
        done = start("train.py")
        assert done.returncode == 0, done.stderr
        records.append(folder.record())
    record = records[-1]
    metrics = [each["aspects"]["evaluation"]["details"]["metrics"] for each in records]

    assert record["run"]["name"] == "decorated"
    assert (record["run"]["seed"], record["run"]["seed_drawn"]) == (7, False)
    assert record["run"]["tags"] == {"a": "b"}
    assert record["aspects"]["data_set"]["status"] == "recorded"
    assert metrics[0]["call"] == metrics[1]["call"]
    if command == "ml-experiment":
        assert metrics[0] == metrics[1]
    assert len(folder.mlflow_runs("decorated")) == 2


def test_config_and_command_line_win_over_the_decorator(folder: Folder) -> None:
    """What is said nearer to the run holds; the rest is the decorator's."""
    folder.write("train.py", DECORATED.format(more=""))
    folder.write("job.yaml", "name: filed\nrun: train.py\n")

    done = folder.command("--config_file", "job.yaml", "--seed", "8")
    filed = folder.record()["run"]
    named = folder.command("train.py", "--name", "typed")
    typed = folder.record()["run"]
    folder.write("job.yaml", "name: filed\nrun: train.py\ndata: [train.*]\n")
    read = folder.command("--config_file", "job.yaml")
    assert read.returncode == 0, read.stderr
    assert folder.record()["run"]["data"] == ["train.*"]

    assert (done.returncode, named.returncode) == (0, 0), done.stderr + named.stderr
    assert (filed["name"], filed["seed"], filed["data"]) == ("filed", 8, ["*.csv"])
    assert (typed["name"], typed["seed"]) == ("typed", 7)


def test_seed_that_the_decorator_computes_is_the_runs(folder: Folder) -> None:
    """It is known when the script has run so far, and recorded as given."""
    folder.write("train.py", DECORATED.format(more="").replace("= 7", "= 3 + 4"))

    done = folder.command("train.py")

    assert done.returncode == 0, done.stderr
    run = folder.record()["run"]
    assert (run["seed"], run["seed_drawn"]) == (7, False)


def test_wrong_value_in_the_decorator_is_refused(folder: Folder) -> None:
    """Before anything runs, with script and field."""
    folder.write("train.py", DECORATED.format(more="").replace("= 7", "= -7"))

    done = folder.command("train.py")

    assert done.returncode == 2
    assert "train.py: @job: seed: got -7" in done.stderr
    assert not folder.run_directories()


def test_plain_python_prints_what_the_script_prints(folder: Folder) -> None:
    """Started directly, a script's terminal shows its own output and nothing else."""
    folder.write(
        "train.py",
        "import sys\nfrom ml_experiment import job\n"
        "@job\ndef main(x=1):\n    print('out', x)\n    print('err', file=sys.stderr)\n"
        "    return {'x': x}\n"
        "print('before')\nresult = main()\nprint('after', result)\n",
    )

    done = folder.python("train.py")

    assert done.stdout == "before\nout 1\nafter {'x': 1}\n"
    assert done.stderr == "err\n"
    (run,) = folder.run_directories()
    assert sorted((run / "console.txt").read_text().splitlines()) == ["err", "out 1"]


def test_native_output_and_children_are_in_the_console(folder: Folder) -> None:
    """What C code and other programs write is kept, too."""
    folder.write(
        "train.py",
        "import os\nfrom ml_experiment import job\n@job\ndef main():\n"
        "    os.write(1, b'native\\n')\n    os.system('echo child')\n",
    )

    done = folder.command("train.py")

    assert done.stdout == "native\nchild\n"
    (run,) = folder.run_directories()
    assert (run / "console.txt").read_text() == "native\nchild\n"


def test_script_without_guard_is_run(folder: Folder) -> None:
    """A script that only defines its job, as the manual prints them, is run once."""
    folder.write(
        "train.py",
        "from ml_experiment import job\n@job\ndef main(x=1):\n    return {'x': x}\n",
    )

    done = folder.command("--params", "x=5", "train.py")

    assert done.returncode == 0, done.stderr
    assert len(folder.run_directories()) == 1
    assert folder.record()["aspects"]["evaluation"]["details"]["metrics"] == {"x": 5.0}


def test_generator_reports_step_by_step(folder: Folder) -> None:
    """What a generator yields is recorded with its step, exactly."""
    folder.write(
        "train.py",
        "from ml_experiment import job\n@job\ndef main():\n"
        "    for epoch in range(5):\n        yield {'loss': 1 / (3 + epoch)}\n",
    )

    folder.command("--name", "Steps", "train.py")

    from mlflow import MlflowClient

    (run,) = folder.mlflow_runs("Steps")
    client = MlflowClient(f"sqlite:///{folder.path}/mlflow.db")
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(item.step, item.value) for item in history] == [
        (step, 1 / (3 + step)) for step in range(5)
    ]


def test_artifacts_are_copied_and_digested(folder: Folder) -> None:
    """Files and folders that main returns are kept as they were at that moment."""
    folder.write(
        "train.py",
        "import os\nfrom ml_experiment import job\n@job\ndef main():\n"
        "    open('model.txt', 'w').write('weights')\n    os.makedirs('plots/deep')\n"
        "    open('plots/deep/a.txt', 'w').write('plot')\n"
        "    return {'a': 1}, {'model': 'model.txt', 'plots': 'plots'}\n",
    )

    done = folder.command("train.py")

    assert done.returncode == 0, done.stderr
    (run,) = folder.run_directories()
    assert (run / "artifacts/model/model.txt").read_text() == "weights"
    assert (run / "artifacts/plots/plots/deep/a.txt").read_text() == "plot"
    details = folder.record()["aspects"]["evaluation"]["details"]
    assert [item["name"] for item in details["artifacts"]] == ["model", "plots"]


def test_wrong_result_fails_with_its_name(folder: Folder) -> None:
    """A metric that is no number fails the run and says which one."""
    folder.write(
        "train.py",
        "from ml_experiment import job\n@job\ndef main():\n    return {'acc': 'high'}\n",
    )

    done = folder.command("train.py")

    assert done.returncode == 1
    assert "metric 'acc': got str 'high', expected a number" in done.stderr
    assert folder.record()["outcome"]["status"] == "FAILED"


def test_several_scripts_run_in_order_and_stop_at_a_failure(folder: Folder) -> None:
    """Each script is a run; after a failed one the rest are named and not run."""
    body = "from ml_experiment import job\n@job\ndef main():\n    "
    folder.write("one.py", body + "return {'a': 1}\n")
    folder.write("two.py", body + "raise ValueError\n")
    folder.write("three.py", body + "return {'a': 3}\n")

    done = folder.command("one.py", "two.py", "three.py")

    assert done.returncode == 1
    assert len(folder.run_directories()) == 2
    assert "not run:" in done.stderr
    assert "three.py" in done.stderr


def test_plain_job_is_not_tracked(folder: Folder) -> None:
    """Kind job may return anything and goes to no MLflow."""
    folder.write(
        "prepare.py",
        "from ml_experiment import job\n@job\ndef main():\n    return [1, 2]\n",
    )

    done = folder.command("--kind", "job", "prepare.py")

    assert done.returncode == 0, done.stderr
    assert not (folder.path / "mlflow.db").exists()


def test_imports_of_the_users_folder_do_not_shadow_the_tool(folder: Folder) -> None:
    """Modules of the user's named like those of the library are the user's alone."""
    folder.write("json.py", "raise SystemExit('the wrong json')\n")
    folder.write(
        "scripts/train.py",
        "import helper\nfrom ml_experiment import job\n@job\ndef main():\n"
        "    return {'a': helper.value}\n",
    )
    folder.write("scripts/helper.py", "value = 4\n")

    done = folder.command("scripts/train.py")

    assert done.returncode == 0, done.stderr
    assert folder.record()["aspects"]["evaluation"]["details"]["metrics"] == {"a": 4.0}


def test_users_own_mlflow_calls_go_to_the_same_run(folder: Folder) -> None:
    """Code that logs through MLflow itself finds the run it expects."""
    folder.write(
        "train.py",
        "from ml_experiment import job\n@job\ndef main():\n    import mlflow\n"
        "    mlflow.log_metric('own', 0.5)\n    mlflow.set_tag('colour', 'red')\n"
        "    return {'a': 1}\n",
    )

    done = folder.command("--name", "Own", "train.py")

    assert done.returncode == 0, done.stderr
    (run,) = folder.mlflow_runs("Own")
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"own": 0.5, "a": 1.0}
    assert run.data.tags["colour"] == "red"


def test_failing_callback_is_told_and_does_no_harm(folder: Folder) -> None:
    """A callback that raises is reported; the run succeeds."""
    folder.write(
        "train.py",
        "from ml_experiment import job\nfrom ml_experiment.callbacks import Callback\n"
        "class Bad(Callback):\n"
        "    def on_job_start(self, config, **kw):\n        print('start', config.name)\n"
        "    def on_info_logged(self, config, metrics, artifacts, **kw):\n"
        "        raise RuntimeError('broken pipe')\n"
        "    def on_job_end(self, config, exception):\n        print('end', exception)\n"
        "@job(callbacks=[Bad()])\ndef main():\n    return {'a': 1}\n",
    )

    done = folder.command("--name", "Told", "train.py")

    assert done.returncode == 0
    assert done.stdout == "start Told\nend None\n"
    assert (
        "callback Bad.on_info_logged failed: RuntimeError: broken pipe" in done.stderr
    )
    assert any("Bad.on_info_logged" in note for note in folder.record()["notes"])


def test_job_stays_a_function(folder: Folder) -> None:
    """Called in another program it returns what the function returns, and is recorded."""
    folder.write("train.py", SCRIPT)
    folder.write(
        "program.py",
        "import pickle\nfrom train import main\n"
        "result = main(C=2.0)\nassert set(result) == {'val_accuracy'}, result\n"
        "assert main.__name__ == 'main' and pickle.loads(pickle.dumps(main)) is main\n"
        "print(main.function(C=1.0) == main(1.0))\n",
    )

    done = folder.python("program.py")

    assert done.stdout == "True\n", done.stderr
    assert len(folder.run_directories()) == 2
    params = folder.record()["aspects"]["fitting"]["details"]["params"]
    assert params["C"] == 1.0


def test_show_prints_every_aspect_for_people(svm: Folder) -> None:
    """The record on one screen, with the eight aspects."""
    svm.command("--config_file", "svm.yaml")

    shown = svm.command("show", COLUMNS="100")

    assert shown.returncode == 0
    for aspect in ASPECTS:
        assert aspect.replace("_", " ") in shown.stdout
    assert "FINISHED" in shown.stdout


def test_requirements_can_be_installed_from(svm: Folder) -> None:
    """Every line of requirements.txt is one that pip accepts."""
    svm.command("--config_file", "svm.yaml")
    (run,) = svm.run_directories()

    checked = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps"),
            *("-q", "--no-index", "-r", str(run / "requirements.txt")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
