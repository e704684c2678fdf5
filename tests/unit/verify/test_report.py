"""The report of a group says what its run directory says, whatever state that is in."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import FloatDistribution, distribution_to_json
from tests.group_directories import GroupWriter, failed_group, mixed_group

from ml_experiment.cli.report import report_group
from ml_experiment.errors import MissingExtraError, RecordError, RunNotFoundError
from ml_experiment.record.locks import hold
from ml_experiment.verify.report import write_report
from ml_experiment.verify.report_data import report_data
from ml_experiment.verify.report_figures import draw_figures


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory


def page_of(run: RunDirectory) -> str:
    """Return the report, without the library that draws."""
    text = write_report(run).read_text(encoding="utf-8")
    start, end = text.find("<script>/**\n* plotly"), text.find('<script type="appl')
    return text if start < 0 else text[:start] + text[end:]


def drawn(run: RunDirectory) -> dict[str, bool]:
    """Return the figures by their titles: whether they were drawn."""
    figures = draw_figures(report_data(run))
    return {figure.title: figure.spec is not None for figure in figures}


class TestReading:
    """What is read from the run directory."""

    def test_trials_are_read_with_all_that_the_table_shows(
        self, tmp_path: Path
    ) -> None:
        """Number, state, values, parameters, seed, times and run."""
        writer = GroupWriter(tmp_path / "g")
        writer.begin()
        run = writer.trial(0, "complete", values=[0.5], params={"C": 1.0})
        run.published.write_text(json.dumps({"mlflow_run_id": "abc"}))

        (trial,) = report_data(writer.run).trials

        assert (trial.state, trial.values, trial.params) == (
            "complete",
            (0.5,),
            {"C": 1.0},
        )
        assert (trial.seed, trial.seconds, trial.run_id) == (1000, 2.5, "abc")
        assert trial.started is not None
        assert trial.ended == trial.started + 2.5

    def test_an_unpublished_trial_is_called_by_its_own_run_id(
        self, tmp_path: Path
    ) -> None:
        """There is always something to look it up by."""
        group = report_data(mixed_group(tmp_path / "g", 1))

        assert group.trials[0].run_id == "g-t00000"

    def test_the_best_trial_follows_the_direction(self, tmp_path: Path) -> None:
        """Of a metric that is maximised, the greatest value."""
        writer = GroupWriter(tmp_path / "g")
        writer.begin()
        for number, value in enumerate([0.1, 0.9, 0.5]):
            writer.trial(number, "complete", values=[value])

        assert [trial.number for trial in report_data(writer.run).best] == [1]

    def test_of_several_metrics_the_unsurpassed_are_best(self, tmp_path: Path) -> None:
        """The first is maximised and the second minimised; equals stay both."""
        writer = GroupWriter(tmp_path / "g", ("accuracy", "latency"))
        writer.begin()
        pairs = [(0.9, 5.0), (0.8, 1.0), (0.8, 6.0), (0.9, 5.0), (0.1, 1.0)]
        for number, pair in enumerate(pairs):
            writer.trial(number, "complete", values=pair)

        assert [trial.number for trial in report_data(writer.run).best] == [0, 1, 3]

    def test_exact_numbers_come_back(self, tmp_path: Path) -> None:
        """Infinite values are numbers, too."""
        writer = GroupWriter(tmp_path / "g")
        writer.begin()
        writer.trial(0, "complete", values=[{"$float": "inf"}])

        assert report_data(writer.run).trials[0].values == (float("inf"),)
        assert "inf" in page_of(writer.run)

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[]", '{"state": "complete", "values": "x"}', '{"state": 1}'],
        ids=["empty", "torn", "a list", "no numbers", "no state"],
    )
    def test_one_broken_trial_costs_no_report(self, text: str, tmp_path: Path) -> None:
        """It is shown as what it is, and the others as ever."""
        run = mixed_group(tmp_path / "g", 3)
        (run.trial(1).path / "result.json").write_text(text)

        group = report_data(run)

        assert [trial.state for trial in group.trials][::2] == ["complete"] * 2
        assert group.trials[1].state != "complete"
        assert page_of(run)

    def test_values_that_do_not_fit_the_metrics_are_a_fault(
        self, tmp_path: Path
    ) -> None:
        """Two values for one metric: the trial is named, and not drawn."""
        writer = GroupWriter(tmp_path / "g")
        writer.begin()
        writer.trial(0, "complete", values=[1.0, 2.0])

        (trial,) = report_data(writer.run).trials

        assert (trial.state, trial.values) == ("failed", ())
        assert "2 values for 1 metrics" in trial.reason

    def test_an_open_trial_runs_while_the_group_does(self, tmp_path: Path) -> None:
        """Who holds the lock is alive; afterwards the trial is unfinished."""
        writer = GroupWriter(tmp_path / "g")
        run = writer.begin()
        writer.trial(0, None, params={"C": 2.0})
        lock = hold(run.owner_lock)
        assert lock is not None

        during = report_data(run)
        lock.release()
        after = report_data(run)

        assert (during.running, during.trials[0].state) == (True, "running")
        assert (after.running, after.trials[0].state) == (False, "unfinished")
        assert after.trials[0].params == {"C": 2.0}

    def test_a_single_experiment_has_no_report(self, tmp_path: Path) -> None:
        """The error says what shows it instead."""
        run = GroupWriter(tmp_path / "one").begin(kind="experiment")

        with pytest.raises(RecordError, match="ml-experiment show one"):
            report_data(run)

    def test_before_the_driver_spoke_the_config_is_asked(self, tmp_path: Path) -> None:
        """A group that failed at its start still has a report."""
        run = GroupWriter(tmp_path / "g").begin()
        run.journal.unlink()
        metric = {"name": "loss", "direction": "minimize"}
        run.config.write_text(json.dumps({"metric": metric, "num_trials": 3}))

        (found,) = report_data(run).metrics

        assert (found.name, found.direction) == ("loss", "minimize")


class TestFigures:
    """Which figures there are, and why some are not."""

    def test_all_figures_are_drawn(self, tmp_path: Path) -> None:
        """History, importances, parallel coordinates, each parameter, course."""
        found = drawn(mixed_group(tmp_path / "g", 30))

        assert all(found.values()), found
        assert list(found)[:4] == [
            "accuracy (maximize)",
            "Importances",
            "Parallel coordinates",
            "accuracy against C",
        ]
        assert {"accuracy against layers[2]", "Intermediate values", "Timeline"} <= set(
            found
        )

    def test_without_complete_trials_each_figure_says_why(self, tmp_path: Path) -> None:
        """When everything failed, the timeline is still there."""
        figures = draw_figures(report_data(failed_group(tmp_path / "g")))
        reasons = {each.title: each.reason for each in figures if each.spec is None}

        assert "no trial is complete" in reasons["accuracy (maximize)"]
        assert "2 complete trials" in reasons["Importances"]
        assert "Timeline" not in reasons

    def test_where_no_value_is_finite_the_figures_say_so(self, tmp_path: Path) -> None:
        """Optuna leaves infinite values out, and then knows of no parameter."""
        writer = GroupWriter(tmp_path / "g")
        writer.begin()
        drawn_from = {"C": distribution_to_json(FloatDistribution(0, 9))}
        for number in range(3):
            writer.trial(
                number,
                "complete",
                values=[{"$float": "inf"}],
                params={"C": float(number)},
                distributions=drawn_from,
            )
        figures = draw_figures(report_data(writer.run))
        reasons = {each.title: each.reason for each in figures if each.spec is None}

        assert reasons == dict.fromkeys(
            [
                "accuracy (maximize)",
                "Importances",
                "Parallel coordinates",
                "accuracy against C",
            ],
            "needs finite values; accuracy has none",
        )

    def test_one_trial_is_enough_for_all_but_importances(self, tmp_path: Path) -> None:
        """Importance is a matter of differences."""
        found = drawn(mixed_group(tmp_path / "g", 1))

        assert [title for title, good in found.items() if not good] == ["Importances"]

    def test_an_empty_group_has_a_page(self, tmp_path: Path) -> None:
        """Nothing has begun: that is what it says."""
        assert "No trial has begun" in page_of(mixed_group(tmp_path / "g", 0))

    def test_several_metrics_have_a_history_each_and_fronts(
        self, tmp_path: Path
    ) -> None:
        """Every pair of metrics is a compromise."""
        found = drawn(mixed_group(tmp_path / "g", 20, metrics=3))

        assert all(found.values()), found
        assert {
            "latency (minimize)",
            "Importances of size",
            "Best compromises: accuracy and latency",
            "Best compromises: latency and size",
        } <= set(found)

    def test_a_front_tells_the_best_from_the_others(self, tmp_path: Path) -> None:
        """By name, for the legend."""
        group = report_data(mixed_group(tmp_path / "g", 20, metrics=2))
        figures = {figure.title: figure.spec for figure in draw_figures(group)}

        front = figures["Best compromises: accuracy and latency"]

        assert front is not None
        assert [trace["name"] for trace in front["data"]] == ["others", "best"]

    def test_trials_keep_their_numbers_where_some_are_missing(
        self, tmp_path: Path
    ) -> None:
        """A trial without a record moves no other one."""
        writer = GroupWriter(tmp_path / "g")
        writer.begin()
        for number in (0, 5, 9):
            writer.drawn_trial(number)

        history = draw_figures(report_data(writer.run))[0].spec

        assert history is not None
        assert "9" in json.dumps(history["data"][0]["x"]) or _decoded_max(history) == 9

    def test_nothing_is_said_to_the_terminal(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Optuna's remarks are not the user's business."""
        write_report(mixed_group(tmp_path / "g", 3))

        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("package", ["plotly", "optuna"])
    def test_a_missing_library_is_named_with_its_extra(
        self, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error contains the command to type next."""
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *more: None if name == package else find(name, *more),
        )

        with pytest.raises(MissingExtraError, match=r"ml-experiment\[report\]"):
            write_report(mixed_group(tmp_path / "g", 1))


def _decoded_max(spec: dict[str, Any]) -> int:
    import base64

    import numpy as np

    x = spec["data"][0]["x"]
    return int(np.frombuffer(base64.b64decode(x["bdata"]), x["dtype"]).max())


class TestPage:
    """The page itself."""

    def test_what_users_wrote_is_text_and_no_html(self, tmp_path: Path) -> None:
        """Names, values, reasons and tags with angle brackets show as they are."""
        page = page_of(mixed_group(tmp_path / "g", 14))

        assert "<h1>iris &lt;search&gt; &amp; co</h1>" in page
        assert "could not &lt;convert&gt;" in page
        assert "alert(1)</script>" not in page
        assert "Which <b>" not in page

    def test_the_page_asks_for_nothing(self, tmp_path: Path) -> None:
        """No address to load from, and a policy that forbids it."""
        page = page_of(mixed_group(tmp_path / "g", 3))

        assert re.findall(r"(?:src|href)=\"(?!data:)", page) == []
        assert "default-src 'none'" in page

    def test_it_says_how_to_run_it_again(self, tmp_path: Path) -> None:
        """Folder, command and the seed that was drawn."""
        page = page_of(mixed_group(tmp_path / "g", 1))

        assert "cd &#x27;/home/me/a folder&#x27;" in page
        assert "ml-experiment --config_file group.yaml --seed 7" in page

    def test_the_table_has_a_row_for_each_trial(self, tmp_path: Path) -> None:
        """With its seed and its run; the best one is marked."""
        run = mixed_group(tmp_path / "g", 14)
        page = page_of(run)

        assert page.count("<tr data-state=") == 14
        assert page.count('class="best"') == 1
        assert ">1013<" in page
        assert ">g-t00013<" in page

    def test_the_table_survives_a_hundred_parameters(self, tmp_path: Path) -> None:
        """Too many for columns: they share one."""
        writer = GroupWriter(tmp_path / "g")
        writer.begin()
        params = {f"p{place}": place for place in range(100)}
        writer.trial(0, "complete", values=[1.0], params=params)

        page = page_of(writer.run)

        assert page.count("<th ") < 10
        assert "p99=99" in page

    def test_a_trial_ended_from_outside_is_pointed_at(self, tmp_path: Path) -> None:
        """From there on the search may go another way."""
        writer = GroupWriter(tmp_path / "g")
        writer.begin()
        writer.trial(0, "complete", values=[1.0])
        writer.trial(1, "failed", reason="timeout", depends_on_time=True)

        assert "Trial 1 was ended from outside" in page_of(writer.run)

    def test_two_thousand_trials_fit_into_ten_megabytes(self, tmp_path: Path) -> None:
        """Large groups have reports that can be sent around."""
        path = write_report(mixed_group(tmp_path / "g", 2000))

        assert path.stat().st_size < 10_000_000

    def test_the_file_goes_where_it_is_wanted(self, tmp_path: Path) -> None:
        """Folders on the way are made; a place that cannot be written is an error."""
        run = mixed_group(tmp_path / "g", 1)
        wanted = tmp_path / "new" / "folder" / "page.html"

        assert write_report(run, wanted) == wanted
        assert wanted.read_text(encoding="utf-8").startswith("<!doctype html>")
        with pytest.raises(RecordError, match="cannot be written"):
            write_report(run, run.manifest / "page.html")


class TestCommand:
    """``ml-experiment report``."""

    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder with a group, and a single experiment that is younger."""
        home = tmp_path / "home"
        mixed_group(home / "runs" / "20260101-000000-000aaaa", 1)
        writer = GroupWriter(home / "runs" / "20260102-000000-000bbbb")
        writer.begin(kind="experiment")
        monkeypatch.setenv("ML_EXPERIMENT_HOME", str(home))
        monkeypatch.chdir(tmp_path)
        return home

    def test_without_a_name_it_is_the_latest_group(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Not the latest run: an experiment has no report."""
        report_group(None, None)

        path = home / "runs" / "20260101-000000-000aaaa" / "report.html"
        assert capsys.readouterr().out == f"{path}\n"
        assert path.is_file()

    def test_a_folder_gets_a_file_named_after_the_group(
        self, home: Path, tmp_path: Path
    ) -> None:
        """A group's name may be the beginning of its run id."""
        del home
        report_group("20260101", str(tmp_path))

        assert (tmp_path / "20260101-000000-000aaaa.html").is_file()

    def test_where_there_is_no_group_it_says_how_to_make_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An empty folder is an error with a next step."""
        monkeypatch.setenv("ML_EXPERIMENT_HOME", str(tmp_path / "nothing"))
        monkeypatch.chdir(tmp_path)

        with pytest.raises(RunNotFoundError, match="kind: group"):
            report_group(None, None)
