"""What MLflow holds of a run that was published to a database and a folder."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.integration.places import CREATED, ENDED, wait_for

from ml_experiment.record.directory import write_json
from ml_experiment.record.journal import read_journal
from ml_experiment.tracking.settings import Settings


if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.places import Workplace

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning:sqlite3")


def test_a_finished_run_is_told_whole(local: Workplace) -> None:
    """Status, times, parameters, tags and files are those of the run directory."""
    run = local.new_run(tags={"team": "blue"}, description="First try.")
    run.start(C=10, kernel="rbf", layers=[1, 2], flag=True, nothing=None)
    run.metrics(None, accuracy=0.1 + 0.2)
    run.artifact("model", "model.txt", "weights")
    run.close()

    assert local.run_publisher(run) == 0

    found = local.only_run()
    assert found.info.status == "FINISHED"
    assert found.info.run_name == run.directory.run_id
    assert found.info.start_time == int(CREATED * 1000)
    assert found.info.end_time == int(ENDED * 1000)
    assert found.data.params == {
        "C": "10",
        "kernel": "rbf",
        "layers": "[1, 2]",
        "flag": "True",
        "nothing": "None",
    }
    (event,) = (e for e in read_journal(run.directory.journal) if "metrics" in e)
    assert local.history("accuracy") == [(0, 0.1 + 0.2, int(event["time"] * 1000))]
    tags = found.data.tags
    assert tags["team"] == "blue"
    assert tags["mlflow.note.content"] == "First try."
    assert tags["mlflow.source.name"] == "train.py"
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["mlflow.user"] == "ann"
    assert tags["ml_experiment.run_id"] == run.directory.run_id
    assert tags["ml_experiment.kind"] == "experiment"
    assert tags["ml_experiment.seed"] == "7"
    assert tags["ml_experiment.aspect.data_set"] == "missing: no file was read"
    assert tags["ml_experiment.aspect.fitting"] == "recorded"
    assert local.artifacts() == {
        "record.json",
        "record/run.tar.gz",
        "config.json",
        "console.txt",
        "requirements.txt",
        "code/train.py",
        "record/parts/software.json",
        "model/model.txt",
    }
    published = local.published(run)
    assert published["mlflow_run_id"] == found.info.run_id
    assert published["closed"] is True
    assert published["state"] == "closed"
    assert published["error"] is None


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_a_failure_is_told_with_its_reason(local: Workplace, status: str) -> None:
    """The outcome's status and reason are MLflow's."""
    run = local.new_run()
    run.start()
    run.close(status, "ValueError: no such luck")

    assert local.publish(run).closed

    found = local.only_run()
    assert found.info.status == status
    reason = found.data.tags["ml_experiment.status_reason"]
    assert reason == "ValueError: no such luck"


def test_the_outcome_has_the_last_word(local: Workplace) -> None:
    """User code may log and tag, but the status is the one that the run ended with."""
    run = local.new_run(tags={"team": "blue"})
    run.start(C=1)
    process = local.start(run)
    local.wait_until_open(run)
    mlflow_run_id = local.only_run().info.run_id
    local.client.set_tag(mlflow_run_id, "team", "red")
    local.client.set_terminated(mlflow_run_id, "FINISHED")
    local.client.log_metric(mlflow_run_id, "own", 1.0)
    run.close("FAILED", "exit status 3")

    process.communicate(timeout=60)

    assert process.returncode == 0
    found = local.only_run()
    assert found.info.status == "FAILED"
    assert found.data.metrics == {"own": 1.0}
    assert found.data.tags["team"] == "red"


def test_a_run_is_told_while_it_goes_on(local: Workplace) -> None:
    """Metrics and artifacts are in MLflow before the run ends; it stays RUNNING."""
    run = local.new_run()
    run.start(C=1)
    process = local.start(run)
    local.wait_until_open(run)
    run.metrics(0, loss=0.5)
    run.artifact("model", "model.txt", "weights", step=0)

    wait_for(lambda: "model/model.txt" in local.artifacts(), "the artifact")

    assert [value for _, value, _ in local.history("loss")] == [0.5]
    assert local.only_run().info.status == "RUNNING"
    run.artifact("model", "model.txt", "better weights", step=1)
    run.close()
    process.communicate(timeout=60)
    assert local.artifact_text("model/model.txt", local.path / "d") == "better weights"


def test_a_run_without_outcome_is_left_open(local: Workplace) -> None:
    """When the supervisor dies, what is known is told; nothing is pretended."""
    run = local.new_run()
    run.start(C=1)
    run.metrics(0, loss=0.5)

    assert not local.publish(run).closed

    assert local.only_run().info.status == "RUNNING"
    published = local.published(run)
    assert published["state"] == "pending"
    assert "not closed" in str(published["error"])


def test_special_numbers_are_kept_as_mlflow_can(local: Workplace) -> None:
    """NaN stays NaN; infinities become the largest floats, as MLflow's databases do."""
    run = local.new_run()
    run.start()
    run.odd_metrics(3, {"nan": math.nan, "up": math.inf, "down": -math.inf})
    run.close()

    assert local.publish(run).closed

    metrics = local.only_run().data.metrics
    assert math.isnan(metrics["nan"])
    assert metrics["up"] == sys.float_info.max
    assert metrics["down"] == -sys.float_info.max


def test_names_that_mlflow_refuses_are_replaced(local: Workplace) -> None:
    """No two names become one, and a tag keeps each original."""
    run = local.new_run(tags={"a?b": "x"})
    run.start(**{"ß=1": 1, "a=1": 2, "a?1": 3, "a_1": 4, "": 5})
    run.odd_metrics(0, {"loss@1": 1.0, "loss#1": 2.0, "loss_1": 3.0, "../up": 4.0})
    run.odd_metrics(1, {"x" * 400: 5.0, "loss_1": 6.0})
    run.close()

    assert local.publish(run).closed

    data = local.only_run().data
    assert data.metrics == {
        "loss_1": 1.0,
        "loss_1_2": 2.0,
        "loss_1_3": 6.0,
        "up": 4.0,
        "x" * 200: 5.0,
    }
    assert data.tags["ml_experiment.metric_name.loss_1_2"] == "loss#1"
    assert data.tags["ml_experiment.metric_name.up"] == "../up"
    assert data.params == {"ß_1": "1", "a_1": "2", "a_1_2": "3", "a_1_3": "4", "_": "5"}
    assert data.tags["a_b"] == "x"
    assert data.tags["ml_experiment.tag_name.a_b"] == "a?b"


def test_many_and_long_values_are_sent_within_limits(local: Workplace) -> None:
    """More than MLflow takes at once is sent in parts; what is too long is cut, and says so."""
    run = local.new_run(tags={f"t{i}": "ü" * 9000 for i in range(120)})
    run.start(**{f"p{i}": i for i in range(250)}, long="x" * 7000, odd="a\0b\ud800")
    run.odd_metrics(None, {f"m{i}": float(i) for i in range(1500)})
    for step in range(1200):
        run.metrics(step, loss=1 / (step + 3))
    run.close()

    assert local.publish(run).closed

    data = local.only_run().data
    assert len(data.params) == 252
    assert len(data.params["long"]) == 6000
    assert data.params["long"].endswith(
        "[cut: 7000 characters, all of them in config.json]"
    )
    assert data.params["odd"] == "a\ufffdb?"
    assert len(data.metrics) == 1501
    assert len(data.tags["t7"]) == 8000
    assert [(s, v) for s, v, _ in local.history("loss")] == [
        (step, 1 / (step + 3)) for step in range(1200)
    ]


def test_source_is_told_under_mlflows_own_names(local: Workplace) -> None:
    """Commit, branch, remote, and the uncommitted change; no credentials in the remote."""
    run = local.new_run()
    run.start()
    git = {
        "commit": "a" * 40,
        "branch": "main",
        "remote": "https://ann:pa55word@example.org/x.git",
        "dirty": True,
    }
    write_json(run.directory.part("source"), {"git": git})
    run.directory.source_changes.write_text("+" * 9000)
    run.close()

    assert local.publish(run).closed

    tags = local.only_run().data.tags
    assert tags["mlflow.source.git.commit"] == "a" * 40
    assert tags["mlflow.source.git.branch"] == "main"
    assert tags["mlflow.source.git.repoURL"] == "https://example.org/x.git"
    assert tags["mlflow.source.git.dirty"] == "true"
    assert len(tags["mlflow.source.git.diff"]) == 8000
    assert tags["mlflow.source.git.diff"].endswith("in source/changes.diff]")
    assert "source/changes.diff" in local.artifacts()


def test_the_scripts_own_seeds_are_tags(local: Workplace) -> None:
    """Each call by which user code seeds something is told, with every place."""
    run = local.new_run()
    run.start()
    for value, where in ((1, "train.py:3"), (2, "train.py:9")):
        run.journal.write(
            "seeded",
            library="numpy",
            call="numpy.random.seed",
            value=value,
            where=where,
        )
    run.close()

    assert local.publish(run).closed

    tag = local.only_run().data.tags["ml_experiment.seeded.numpy.random.seed"]
    assert tag == "1 (train.py:3); 2 (train.py:9)"


def test_credentials_are_masked_everywhere(
    local: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password of the environment is in no text that MLflow gets."""
    run = local.new_run(tags={"note": "with hunter2-hunter2"})
    run.start(url="http://ann:hunter2-hunter2@host/")
    run.close("FAILED", "login with hunter2-hunter2 failed")
    run.directory.console.write_text("password is hunter2-hunter2\n")

    monkeypatch.setenv("DB_PASSWORD", "hunter2-hunter2")
    assert local.publish(run).closed

    data = local.only_run().data
    assert "hunter2" not in str(data.tags) + str(data.params)
    for path in local.artifacts():
        assert "hunter2" not in local.artifact_text(path, tmp_path / "down")


def test_artifact_names_do_not_hide_the_evidence(local: Workplace) -> None:
    """A user's artifact called like one of our files lies beside it."""
    run = local.new_run()
    run.start()
    run.artifact("record.json", "a.txt", "mine")
    run.artifact("code", "train.py", "mine")
    run.close()

    assert local.publish(run).closed

    assert {
        "record.json",
        "code/train.py",
        "artifacts/record.json/a.txt",
        "artifacts/code/train.py",
    } <= local.artifacts()


def test_a_parameter_that_user_code_logged_differently_is_kept(
    local: Workplace,
) -> None:
    """MLflow keeps the first value; ours becomes a tag, and all others arrive."""
    run = local.new_run()
    process = local.start(run)
    local.wait_until_open(run)
    local.client.log_param(local.only_run().info.run_id, "C", "ten")
    run.start(C=10, kernel="rbf")
    run.close()

    process.communicate(timeout=60)

    assert process.returncode == 0
    data = local.only_run().data
    assert data.params == {"C": "ten", "kernel": "rbf"}
    assert data.tags["ml_experiment.param.C"] == "10"


def test_a_failed_run_is_deleted_when_asked(local: Workplace) -> None:
    """delete_if_failed leaves no active run behind."""
    run = local.new_run(delete_if_failed=True)
    run.start()
    process = local.start(run)
    local.wait_until_open(run)
    run.close("FAILED", "no luck")

    process.communicate(timeout=60)

    assert process.returncode == 0
    assert local.only_run().info.lifecycle_stage == "deleted"


def test_an_unwanted_run_is_not_even_created(local: Workplace) -> None:
    """A run that had failed before the publisher came is never seen in MLflow."""
    run = local.new_run(delete_if_failed=True)
    run.close("FAILED", "no luck")

    assert local.publish(run).closed

    assert local.mlflow_runs() == []


def test_a_plain_job_is_not_published(local: Workplace) -> None:
    """Kind job touches no MLflow at all."""
    (local.path / "mlflow.db").unlink()
    run = local.new_run(kind="job")
    run.close()

    assert local.publish(run).closed

    assert not (local.path / "mlflow.db").exists()


def test_artifact_root_gives_new_experiments_their_place(local: Workplace) -> None:
    """Each new experiment has a readable folder of its own below the root."""
    root = local.path / "store"
    first, second = local.new_run("SVM: a/b"), local.new_run("SVM: a/b")
    for run in (first, second):
        run.close()

    place = replace(local, settings=Settings(local.settings.tracking_uri, str(root)))

    assert place.publish(first).closed
    assert place.publish(second).closed

    (folder,) = root.iterdir()
    assert folder.name.startswith("SVM-a-b-")
    assert len(list(folder.rglob("record.json"))) == 2
