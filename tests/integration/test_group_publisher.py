"""What MLflow holds of a group, whatever happened to its publisher."""

from __future__ import annotations

import contextlib
import json
import math
import random
import shutil
import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.integration.groups import NAME, GroupOnDisk, runs_of
from tests.integration.places import free_port, serve, stop, wait_for, workplace

from ml_experiment.record.directory import read_json
from ml_experiment.record.journal import encode_number
from ml_experiment.record.outcome import read_outcome
from ml_experiment.tracking.publisher import Publisher
from ml_experiment.tracking.store import close_stores


if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlflow.entities import Run
    from tests.integration.places import Workplace

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning:sqlite3")


@pytest.fixture(autouse=True)
def _closed_stores() -> Iterator[None]:
    """Close the stores that a test has opened in this process."""
    yield
    close_stores()


def _trials_table(place: Workplace) -> dict[int, object]:
    """Return all that must be the same however often the publisher was killed."""
    _, children = runs_of(place)
    client = place.client
    return {
        number: (
            run.info.status,
            run.info.run_name,
            run.info.start_time,
            run.info.end_time,
            run.data.params,
            {
                key: [
                    (item.step, item.value, item.timestamp)
                    for item in client.get_metric_history(run.info.run_id, key)
                ]
                for key in run.data.metrics
            },
            {
                key: text
                for key, text in run.data.tags.items()
                if key != "mlflow.parentRunId"
            },
            sorted(item.path for item in client.list_artifacts(run.info.run_id)),
        )
        for number, run in children.items()
    }


def _count(place: Workplace) -> int:
    """Return how many runs the database holds, quicker than MLflow can say it."""
    with contextlib.closing(sqlite3.connect(place.path / "mlflow.db")) as database:
        (count,) = database.execute("SELECT count(*) FROM runs").fetchone()
    return int(count)


def _reason(run: Run) -> str:
    return str(run.data.tags.get("ml_experiment.status_reason", ""))


def _has(place: Workplace, count: int, publisher: subprocess.Popen[bytes]) -> bool:
    """Return whether there are so many runs, or nobody who would make more."""
    return _count(place) >= count or publisher.poll() is not None


def test_a_group_is_a_parent_with_a_run_for_each_trial(local: Workplace) -> None:
    """States, parameters, metrics, seeds, times and reasons are those on disk."""
    group = GroupOnDisk.create(local, num_trials=4, tags={"team": "blue"})
    group.start(fixed=1)
    journal = group.start_trial(0, C=0.5, layers=[1, 2])
    for step in range(3):
        journal.write("metrics", step=step, metrics={"loss": 1.0 / (step + 1)})
    group.end_trial(0, 1 / 3)
    group.start_trial(1, C=2.0)
    group.end_trial(1, state="pruned", reason="pruned at step 4")
    group.start_trial(2, C=3.0)
    group.end_trial(2, state="failed", reason="ValueError: no", cause="exception")
    group.start_trial(3, C=4.0)
    group.end_trial(3, state="failed", reason="stopped after 2 s", cause="timeout")
    group.close_group()

    assert local.publish(group).closed

    parent, children = runs_of(local)
    assert parent.info.status == "FINISHED"
    assert [children[n].info.status for n in range(4)] == [
        "FINISHED",
        "FINISHED",
        "FAILED",
        "KILLED",
    ]
    assert [children[n].data.tags["ml_experiment.trial_state"] for n in range(4)] == [
        "complete",
        "pruned",
        "failed",
        "failed",
    ]
    first = children[0]
    assert first.info.run_name == "Trial 0"
    assert first.data.params == {"fixed": "1", "C": "0.5", "layers": "[1, 2]"}
    assert first.data.tags["ml_experiment.seed"] == "100"
    assert first.data.tags["ml_experiment.run_id"] == group.run_id(0)
    assert first.data.tags["team"] == "blue"
    history = local.client.get_metric_history(first.info.run_id, "loss")
    assert [(item.step, item.value) for item in history] == [
        (0, 1.0),
        (1, 0.5),
        (2, 1 / 3),
    ]
    reasons = [
        children[n].data.tags["ml_experiment.status_reason"] for n in range(1, 4)
    ]
    assert reasons == ["pruned at step 4", "ValueError: no", "stopped after 2 s"]
    outcome = read_outcome(group.trial(3))
    assert outcome is not None
    assert children[3].info.end_time == int(outcome.ended * 1000)


def test_the_parent_tells_search_counts_and_best(local: Workplace) -> None:
    """How was searched, how the trials ended, and the best trial are on the parent."""
    group = GroupOnDisk.create(local)
    group.start(fixed=1)
    for number, value in enumerate((0.5, 0.2, 0.3)):
        group.whole_trial(number, value, C=number)
    group.best(1, 0.2, {"C": 1, "suggested": "x"})
    group.close_group()

    assert local.publish(group).closed

    parent, _ = runs_of(local)
    assert parent.data.params == {"fixed": "1", "best.C": "1", "best.suggested": "x"}
    assert parent.data.metrics == {"best.loss": 0.2}
    history = local.client.get_metric_history(parent.info.run_id, "best.loss")
    assert [(item.step, item.value) for item in history] == [(0, 0.5), (1, 0.2)]
    tags = {
        key.removeprefix("ml_experiment."): text
        for key, text in parent.data.tags.items()
    }
    assert tags["sampler"] == 'tpe {"n_startup_trials": 5}'
    assert tags["pruner"] == "none"
    assert tags["lookahead"] == "8"
    assert tags["num_trials"] == "3"
    assert tags["metric"] == "loss (minimize)"
    assert tags["trials_complete"] == "3"
    assert tags["trials_failed"] == "0"
    assert tags["best_trial"] == "1"


def test_several_metrics_give_the_front(local: Workplace) -> None:
    """With two metrics the parent names the trials that none surpasses."""
    group = GroupOnDisk.create(
        local, metrics=("loss", "score"), directions=("minimize", "maximize")
    )
    for number, values in enumerate(((1.0, 1.0), (2.0, 3.0), (2.0, 0.5))):
        group.start_trial(number)
        group.end_trial(number, *values)
    group.close_group()

    assert local.publish(group).closed

    parent, _ = runs_of(local)
    assert parent.data.tags["ml_experiment.best_trials"] == "0, 1"
    assert "ml_experiment.best_trial" not in parent.data.tags


def test_what_a_trial_draws_itself_is_a_parameter(local: Workplace) -> None:
    """Suggestions made inside the trial are told; parts of a parameter are not."""
    group = GroupOnDisk.create(local)
    group.start_trial(0, layers=[3])
    group.result(0, params={"layers[0]": 3, "depth": 4, "rate": {"$float": "inf"}})
    group.end_trial(0, 1.0)
    group.close_group()

    assert local.publish(group).closed

    _, children = runs_of(local)
    assert children[0].data.params == {
        "fixed": "1",
        "layers": "[3]",
        "depth": "4",
        "rate": "inf",
    }


def test_console_and_artifacts_of_a_trial_are_uploaded(local: Workplace) -> None:
    """Both streams in one file, and the user's artifacts; nothing for a silent trial."""
    group = GroupOnDisk.create(local, num_trials=2)
    journal = group.start_trial(0)
    trial = group.trial(0)
    trial.stdout.write_text("hello\n")
    trial.stderr.write_text("careful\n")
    folder = trial.artifacts / "model" / "weights" / "deep"
    folder.mkdir(parents=True)
    (folder / "one.txt").write_text("1")
    journal.write(
        "artifact", name="model", path="artifacts/model/weights", sha256="0", files=1
    )
    group.end_trial(0, 1.0)
    group.whole_trial(1, 2.0)
    group.close_group()

    assert local.publish(group).closed

    _, children = runs_of(local)
    run_id = children[0].info.run_id
    target = local.path / "downloaded"
    target.mkdir()
    local.client.download_artifacts(run_id, "", str(target))
    assert (target / "console.txt").read_text() == "hello\ncareful\n"
    assert (target / "model/weights/deep/one.txt").read_text() == "1"
    assert local.client.list_artifacts(children[1].info.run_id) == []


def test_trials_are_told_while_the_group_runs(local: Workplace) -> None:
    """A running trial has a run, its metrics while it goes on, and then its end."""
    group = GroupOnDisk.create(local)
    process = local.start(group)
    journal = group.start_trial(0, C=1)

    wait_for(
        lambda: (read_json(group.trial(0).published) or {}).get("mlflow_run_id"),
        "the trial's run",
    )
    _, children = runs_of(local)
    assert children[0].info.status == "RUNNING"
    journal.write("metrics", step=0, metrics={"loss": 0.5})
    wait_for(lambda: runs_of(local)[1][0].data.metrics, "the trial's metric")
    journal.write("metrics", step=1, metrics={"loss": 0.25})
    group.end_trial(0, 0.25)
    wait_for(lambda: runs_of(local)[1][0].info.status == "FINISHED", "the trial's end")
    assert runs_of(local)[0].info.status == "RUNNING"
    group.close_group()
    process.communicate(timeout=60)

    assert process.returncode == 0
    parent, children = runs_of(local)
    assert parent.info.status == "FINISHED"
    history = local.client.get_metric_history(children[0].info.run_id, "loss")
    assert [item.value for item in history] == [0.5, 0.25]


@pytest.mark.parametrize("again", [False, True], ids=["one publisher", "another one"])
def test_a_trial_that_runs_again_keeps_nothing_of_what_it_gave_before(
    local: Workplace, *, again: bool
) -> None:
    """Its worker was killed, or others had spoilt its files: only the last run counts."""
    group = GroupOnDisk.create(local)
    publisher = Publisher(group.directory, local.settings)
    for values in ([0.5, 0.25, 0.125], [2.5, 3.5]):
        journal = group.start_trial(0, C=1)
        publisher.step()
        for step, value in enumerate(values):
            journal.write("metrics", step=step, metrics={"loss": value})
        _tell_live(publisher, local, len(values))
        if again:
            publisher = Publisher(group.directory, local.settings)
    group.end_trial(0, 3.5)
    group.close_group()
    publisher.step()

    _, children = runs_of(local)
    client, child = local.client, children[0]
    history = client.get_metric_history(child.info.run_id, "loss")
    assert [(item.step, item.value) for item in history] == [(0, 2.5), (1, 3.5)]
    assert child.data.metrics["loss"] == 3.5
    assert _count(local) == 2


def _tell_live(publisher: Publisher, place: Workplace, count: int) -> None:
    """Let a publisher go on until so many values of the first trial are told."""

    def told() -> bool:
        publisher.step()
        _, children = runs_of(place)
        run_id = children[0].info.run_id
        return len(place.client.get_metric_history(run_id, "loss")) == count

    wait_for(told, "its metrics")


def test_no_trial_is_left_running_when_a_group_is_killed(local: Workplace) -> None:
    """A trial without an end is KILLED; one that was closed just before keeps its end."""
    group = GroupOnDisk.create(local)
    group.start_trial(0, C=1)
    group.start_trial(1, C=2)
    group.result(1, state="pruned")
    group.end_trial(1, state="pruned")
    # The driver died before its last line.
    lines = group.directory.journal.read_bytes().splitlines(keepends=True)
    group.directory.journal.write_bytes(b"".join(lines[:-1]))
    group.close_group("KILLED", "killed by SIGKILL")

    assert local.publish(group).closed

    parent, children = runs_of(local)
    assert parent.info.status == "KILLED"
    assert children[0].info.status == "KILLED"
    assert children[0].data.tags["ml_experiment.trial_state"] == "unfinished"
    assert children[1].info.status == "FINISHED"
    assert children[1].data.tags["ml_experiment.trial_state"] == "pruned"


def test_a_resumed_group_goes_on_in_the_same_runs(local: Workplace) -> None:
    """Parent and interrupted trial are taken up again; finished trials stay as they are."""
    group = GroupOnDisk.create(local)
    group.start(fixed=1)
    group.whole_trial(0, 0.5, C=1)
    group.start_trial(1, C=2)
    group.close_group("KILLED", "killed by SIGKILL")
    assert local.publish(group).closed
    parent_before, before = runs_of(local)

    group.resume()
    assert not local.publish(group).closed
    assert runs_of(local)[0].info.status == "RUNNING"
    group.begin(num_trials=3, metrics=["loss"], directions=["minimize"])
    group.whole_trial(1, 0.25, C=2)
    group.whole_trial(2, 0.75, C=3)
    group.close_group()
    assert local.publish(group).closed

    parent, after = runs_of(local)
    assert parent.info.run_id == parent_before.info.run_id
    assert parent.info.status == "FINISHED"
    assert parent.data.params["best.C"] == "2"
    assert after[0].info.run_id == before[0].info.run_id
    assert after[0].info.end_time == before[0].info.end_time
    assert after[1].info.run_id == before[1].info.run_id
    assert after[1].info.status == "FINISHED"
    assert after[1].data.tags["ml_experiment.trial_state"] == "complete"
    assert len(after) == 3


def test_a_resumed_group_loses_the_reason_of_its_first_end(local: Workplace) -> None:
    """Neither the group nor a trial that succeeds now is said to have been killed."""
    group = GroupOnDisk.create(local)
    group.start_trial(0, C=1)
    group.start_trial(1, C=2)
    group.close_group("KILLED", "killed by SIGKILL")
    assert local.publish(group).closed
    parent, children = runs_of(local)
    assert _reason(parent) == "killed by SIGKILL"
    assert _reason(children[0]) == "the group ended before this trial did"

    group.resume()
    group.start_trial(0, C=1)
    assert not local.publish(group).closed
    parent, children = runs_of(local)
    assert (_reason(parent), _reason(children[0])) == ("", "")
    group.end_trial(0, 0.5)
    group.whole_trial(1, 0.25, C=2)
    group.close_group()
    assert local.publish(group).closed

    parent, children = runs_of(local)
    assert parent.info.status == "FINISHED"
    assert [_reason(run) for run in (parent, children[0], children[1])] == [""] * 3


def test_a_group_resumed_behind_the_publishers_back_is_told_again(
    local: Workplace,
) -> None:
    """A group that was closed, resumed and closed again without MLflow is not forgotten."""
    group = GroupOnDisk.create(local)
    group.whole_trial(0, 0.5, C=1)
    group.close_group("KILLED", "killed by SIGKILL")
    assert local.publish(group).closed

    group.resume()
    group.whole_trial(1, 0.25, C=2)
    group.close_group()
    assert local.publish(group).closed

    parent, children = runs_of(local)
    assert parent.info.status == "FINISHED"
    assert _reason(parent) == ""
    assert len(children) == 2


def test_a_trial_that_is_tried_again_is_one_run(local: Workplace) -> None:
    """Only the last attempt counts, and its number is told."""
    group = GroupOnDisk.create(local)
    group.start_trial(0, C=1)
    group.end_trial(0, state="failed", reason="ValueError: no")
    local.publish(group)
    group.start_trial(0, attempt=1, C=1)
    group.end_trial(0, 0.5, attempt=1)
    group.close_group()

    assert local.publish(group).closed

    _, children = runs_of(local)
    assert children[0].info.status == "FINISHED"
    assert children[0].data.tags["ml_experiment.attempt"] == "1"


def test_a_trial_that_succeeds_at_last_keeps_no_reason_of_a_failure(
    local: Workplace,
) -> None:
    """One publisher sees all attempts: the reason is there while it is true."""
    group = GroupOnDisk.create(local)
    publisher = Publisher(group.directory, local.settings)
    found: list[str] = []
    for attempt in range(2):
        group.start_trial(0, attempt=attempt, C=1)
        publisher.step()
        reason = f"ValueError: {attempt}"
        group.end_trial(0, state="failed", reason=reason, attempt=attempt)
        publisher.step()
        found.append(_reason(runs_of(local)[1][0]))
    group.start_trial(0, attempt=2, C=1)
    publisher.step()
    found.append(_reason(runs_of(local)[1][0]))
    group.end_trial(0, 0.5, attempt=2)
    group.close_group()
    publisher.step()

    assert found == ["ValueError: 0", "ValueError: 1", ""]
    assert _reason(runs_of(local)[1][0]) == ""


def test_a_run_without_a_reason_has_no_tag_of_it(local: Workplace) -> None:
    """Nothing is blanked that was never there."""
    group = GroupOnDisk.create(local)
    group.start_trial(0, C=1)
    local.publish(group)
    group.end_trial(0, 0.5)
    group.close_group()

    assert local.publish(group).closed

    parent, children = runs_of(local)
    assert "ml_experiment.status_reason" not in parent.data.tags
    assert "ml_experiment.status_reason" not in children[0].data.tags


def test_a_trial_deleted_in_mlflow_stays_deleted(local: Workplace) -> None:
    """What a person deletes is not made again, and stops nothing."""
    group = GroupOnDisk.create(local)
    group.whole_trial(0, 0.5)
    local.publish(group)
    local.client.delete_run(runs_of(local)[1][0].info.run_id)
    group.whole_trial(1, 0.25)
    group.close_group()

    assert local.publish(group).closed

    _, children = runs_of(local)
    assert children[0].info.lifecycle_stage == "deleted"
    assert children[1].info.status == "FINISHED"


def test_an_unwanted_group_is_deleted_with_its_trials(local: Workplace) -> None:
    """``delete_if_failed`` leaves nothing active in MLflow."""
    group = GroupOnDisk.create(local, delete_if_failed=True)
    group.whole_trial(0, 0.5)
    local.publish(group)
    group.close_group("FAILED", "all trials failed")

    assert local.publish(group).closed

    stages = {run.info.lifecycle_stage for run in local.mlflow_runs(NAME)}
    assert stages == {"deleted"}


def test_user_code_that_logs_into_a_trial_does_not_disturb(local: Workplace) -> None:
    """A parameter that the script told otherwise, and its own end of the run, are survived."""
    group = GroupOnDisk.create(local)
    group.start_trial(0, C=1)
    local.publish(group)
    run_id = runs_of(local)[1][0].info.run_id
    local.client.log_param(run_id, "depth", "two")
    local.client.set_terminated(run_id, "FINISHED")
    group.result(0, params={"depth": 2, "width": 3})
    group.end_trial(0, state="failed", reason="ValueError: no")
    group.close_group()

    assert local.publish(group).closed

    _, children = runs_of(local)
    assert children[0].info.status == "FAILED"
    assert children[0].data.params == {
        "fixed": "1",
        "C": "1",
        "depth": "two",
        "width": "3",
    }
    assert children[0].data.tags["ml_experiment.param.depth"] == "2"
    assert children[0].data.tags["ml_experiment.trial_state"] == "failed"


def test_long_and_many_values_of_a_trial_are_told(local: Workplace) -> None:
    """A trial with more than one request can hold is told whole."""
    group = GroupOnDisk.create(local)
    journal = group.start_trial(0, text="x" * 7000, **{f"p{n}": n for n in range(150)})
    for step in range(1500):
        journal.write("metrics", step=step, metrics={"loss": 1.0 / (step + 1)})
    group.end_trial(0, 0.5)
    group.close_group()

    assert local.publish(group).closed

    _, children = runs_of(local)
    assert len(children[0].data.params) == 152
    history = local.client.get_metric_history(children[0].info.run_id, "loss")
    assert len(history) == 1500


def test_a_trial_that_cannot_be_made_at_one_stroke_is_told_step_by_step(
    local: Workplace,
) -> None:
    """A metric that was not a number twice at one moment is one value to the database."""
    group = GroupOnDisk.create(local, num_trials=2)
    journal = group.start_trial(0, x=1)
    moment = time.time()
    for _ in range(2):
        journal.write("metrics", step=3, metrics={"loss": encode_number(math.nan)})
    journal.close()
    _at_one_moment(group.trial(0).journal, moment)
    group.end_trial(0, math.nan, state="failed", reason="loss is not a number")
    group.whole_trial(1, 2.0, x=2)
    group.close_group()

    assert local.publish(group).closed

    _, trials = runs_of(local)
    assert trials[0].info.status == "FAILED"
    assert math.isnan(trials[0].data.metrics["loss"])
    assert trials[0].data.params["x"] == "1"
    assert trials[1].data.metrics == {"loss": 2.0}


def _at_one_moment(journal: Path, moment: float) -> None:
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    lines = [json.dumps(event | {"time": moment}) + "\n" for event in events]
    journal.write_text("".join(lines))


def test_a_publisher_killed_at_any_moment_doubles_and_loses_nothing(
    local: Workplace,
) -> None:
    """After many SIGKILLs the trials in MLflow equal those told without any."""
    group = GroupOnDisk.create(local, num_trials=30)
    for number in range(30):
        journal = group.start_trial(number, C=number)
        journal.write("metrics", step=0, metrics={"loss": 1.0})
        journal.write("metrics", step=1, metrics={"loss": number / 30})
        if number % 5 == 0:
            group.trial(number).stdout.write_text("hello\n")
        group.end_trial(number, number / 30)
    group.close_group()
    generator = random.Random(3)
    kills = 0
    for _ in range(4):
        process = local.start(group)
        enough = _count(local) + generator.randrange(1, 6)
        wait_for(partial(_has, local, enough, process), "more runs")
        time.sleep(generator.random() * 0.02)  # any moment
        kills += process.poll() is None
        process.kill()
        process.communicate()

    assert kills > 1
    assert local.publish(group).closed

    table = _trials_table(local)
    assert sorted(table) == list(range(30))
    again = workplace(local.path / "again", f"sqlite:///{local.path}/again/mlflow.db")
    group.directory.published.unlink()
    for number in range(30):
        group.trial(number).published.unlink()
    assert again.publish(group).closed
    assert _trials_table(again) == table


def _noting(
    asked: list[str], name: str, original: Callable[..., object]
) -> Callable[..., object]:
    """Return a function that notes each call, and makes it."""

    def note(*args: object, **kwargs: object) -> object:
        asked.append(name)
        return original(*args, **kwargs)

    return note


def test_nothing_is_sent_twice(
    local: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second publisher looks once at what there is, and tells nothing anew."""
    from mlflow import MlflowClient

    group = GroupOnDisk.create(local)
    for number in range(3):
        group.whole_trial(number, 0.5)
    local.publish(group)
    asked: list[str] = []
    for name in ("create_run", "log_batch", "set_terminated", "search_runs"):
        noting = _noting(asked, name, getattr(MlflowClient, name))
        monkeypatch.setattr(MlflowClient, name, noting)

    publisher = Publisher(group.directory, local.settings)
    publisher.step()

    assert asked.count("search_runs") == 1
    assert "create_run" not in asked
    assert "set_terminated" not in asked


def test_a_server_that_goes_away_delays_but_loses_nothing(
    tmp_path: Path, filled_database: Path
) -> None:
    """Trials that end while the server is away are told once when it is back."""
    port = free_port()
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copyfile(filled_database, folder / "mlflow.db")
    words = ("--backend-store-uri", f"sqlite:///{folder}/mlflow.db")
    server = serve(folder, port, *words)
    place = workplace(tmp_path / "user", f"http://127.0.0.1:{port}")
    try:
        group = GroupOnDisk.create(place, num_trials=6)
        process = place.start(group)
        group.whole_trial(0, 0.5, C=0)
        group.start_trial(1, C=1)
        wait_for(
            lambda: (read_json(group.trial(1).published) or {}).get("mlflow_run_id"),
            "the trial's run",
        )
        stop(server)
        for number in range(2, 6):
            group.whole_trial(number, 0.5 - number / 20, C=number)
        group.end_trial(1, 0.45)
        wait_for(lambda: place.published(group).get("error"), "the trouble")
        server = serve(folder, port, *words)
        group.close_group()
        process.communicate(timeout=120)

        assert process.returncode == 0
        parent, children = runs_of(place)
        assert parent.info.status == "FINISHED"
        assert sorted(children) == list(range(6))
        assert {run.info.status for run in children.values()} == {"FINISHED"}
    finally:
        stop(server)
