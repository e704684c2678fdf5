"""What is shown of a group while it runs, and at its end."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.cli import progress
from ml_experiment.cli.progress import GroupProgress, GroupView
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.journal import Journal, encode_number, read_journal


if TYPE_CHECKING:
    from pathlib import Path

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return that it is."""
        return True


class Gone(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, _text: str) -> int:
        """Fail as a closed pipe does."""
        raise BrokenPipeError


class Group:
    """A group's journal, written as the driver does."""

    def __init__(self, folder: Path) -> None:
        self.run = RunDirectory.create(folder)
        self.journal = Journal(self.run.journal)

    def begin(self, num_trials: int, *directions: str) -> None:
        """Say what is searched."""
        directions = directions or ("minimize",)
        names = ["loss", "score"][: len(directions)]
        self.journal.write(
            "group", num_trials=num_trials, metrics=names, directions=list(directions)
        )

    def start(self, number: int, **params: Any) -> None:
        """A trial starts."""
        self.journal.write("trial_started", number=number, params=params, seed=1)

    def end(
        self, number: int, *values: float, state: str = "complete", **more: Any
    ) -> None:
        """A trial ends."""
        encoded = [encode_number(value) for value in values] or None
        self.journal.write(
            "trial_ended",
            number=number,
            state=state,
            values=encoded,
            seconds=0.1,
            **more,
        )

    def trial(self, number: int, *values: float, **params: Any) -> None:
        """A trial starts and is complete."""
        self.start(number, **params)
        self.end(number, *values)


@pytest.fixture
def group(tmp_path: Path) -> Group:
    """A group that has not begun."""
    return Group(tmp_path)


def _shown(group: Group) -> str:
    stream = io.StringIO()
    GroupProgress(group.run, stream).finish()
    return stream.getvalue()


def test_a_trial_that_is_to_run_again_is_not_running(group: Group) -> None:
    """Neither one that was given back, nor those of a group that goes on."""
    group.begin(10)
    for number in range(3):
        group.start(number)
    group.journal.write("note", text="trial 1 runs again: killed", again=1)

    def counts() -> str:
        view = GroupView(group.run.run_id)
        for event in read_journal(group.run.journal):
            view.take(event)
        return view.counts()

    given_back = counts()
    group.start(1)
    begun = counts()
    group.begin(10)
    resumed = counts()
    group.start(0)

    assert [given_back, begun, resumed, counts()] == [
        "2 running",
        "3 running",
        "",
        "1 running",
    ]


def test_a_log_file_gets_a_line_at_each_tenth_and_no_more(group: Group) -> None:
    """A hundred looks at a hundred trials make ten lines, without control characters."""
    stream = io.StringIO()
    shown = GroupProgress(group.run, stream)
    group.begin(100)
    for number in range(100):
        group.trial(number, 1.0 / (number + 1))
        shown.update()
        shown.update()

    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == [
        f"{n}/100" for n in range(10, 101, 10)
    ]
    assert "\x1b" not in stream.getvalue()


def test_a_long_trial_is_told_of_after_ten_seconds(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below a tenth of the trials there is a line when ten seconds brought news."""
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    stream = io.StringIO()
    shown = GroupProgress(group.run, stream)
    group.begin(1000)
    group.start(0)
    shown.update()
    assert stream.getvalue() == ""

    now += 11
    shown.update()
    now += 11
    shown.update()

    (line,) = stream.getvalue().splitlines()
    assert line.startswith("0/1000 trials  1 running")


def test_the_line_counts_each_state_and_names_the_best(group: Group) -> None:
    """Running, failed and pruned trials are told apart; the best has its number."""
    group.begin(8, "maximize")
    group.trial(0, 0.5)
    group.trial(1, 0.75)
    group.start(2)
    group.end(2, state="failed", reason="ValueError: no")
    group.start(3)
    group.end(3, state="pruned")
    group.start(4)

    first = _shown(group).splitlines()[0]

    assert first.startswith(
        "4/8 trials  1 running, 1 failed, 1 pruned  best loss=0.75 (trial 1)  "
    )
    assert " left" in first


def test_the_end_shows_the_five_best_and_how_to_see_more(group: Group) -> None:
    """The table is ranked; below it stand the states and the next commands."""
    group.begin(8)
    for number, value in enumerate((0.7, 0.1, 0.5, float("inf"), 0.2, 0.3)):
        group.trial(number, value, C=number, kernel="rbf")
    group.start(6)
    group.end(6, state="failed", reason="ValueError: no such\nluck")
    group.start(7, C=7)
    group.end(7, 0.15, suggested={"depth": 3})  # by the script itself

    lines = _shown(group).splitlines()

    head = lines.index("trial  loss  parameters")
    ranked = [line.split()[0] for line in lines[head + 1 : head + 6]]
    assert ranked == ["1", "7", "4", "5", "2"]
    assert lines[head + 1] == "    1   0.1  C=1, kernel=rbf"
    assert lines[head + 2] == "    7  0.15  C=7, depth=3"
    assert "trials: 7 complete, 0 pruned, 1 failed" in lines
    assert "  trial 6: ValueError: no such luck" in lines
    assert f"  ml-experiment show {group.run.run_id}" in lines
    assert f"  ml-experiment report {group.run.run_id}" in lines
    assert "  ml-experiment ui" in lines


def test_a_group_whose_trials_all_failed_says_why(group: Group) -> None:
    """Equal reasons are told once, with their trials."""
    group.begin(6)
    for number in range(6):
        group.start(number)
        reason = "KeyError: 'a'" if number != 3 else "killed by SIGSEGV"
        group.end(number, state="failed", reason=reason)

    shown = _shown(group)

    assert "  trials 0, 1, 2, ...: KeyError: 'a'\n" in shown
    assert "  trial 3: killed by SIGSEGV\n" in shown
    assert "parameters" not in shown


def test_several_metrics_show_the_front(group: Group) -> None:
    """With two metrics the table holds the trials that none surpasses."""
    group.begin(3, "minimize", "maximize")
    group.trial(0, 1.0, 1.0)
    group.trial(1, 2.0, 3.0)
    group.trial(2, 2.0, 0.5)

    lines = _shown(group).splitlines()

    head = lines.index("trial  loss  score  parameters")
    assert [line.split()[0] for line in lines[head + 1 : head + 3]] == ["0", "1"]
    assert lines[head + 3] == ""
    assert "2 best trials" in lines[0]


def test_a_trial_tried_again_is_counted_once(group: Group) -> None:
    """A failure that is tried again is a running trial, and then what became of it."""
    group.begin(2)
    group.start(0)
    group.end(0, state="failed", reason="ValueError: no")
    group.start(0)
    assert _shown(group).startswith("0/2 trials  1 running  ")

    group.end(0, 0.5)

    assert _shown(group).startswith("1/2 trials  best loss=0.5 (trial 0)  ")


def test_a_terminal_has_one_display_that_ends_whole(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The display is drawn in place, gives the cursor back, and leaves its last state."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    shown = GroupProgress(group.run, stream)
    group.begin(20)
    for number in range(20):
        group.trial(number, 1.0 / (number + 1))
        shown.update()
    shown.finish()

    text = stream.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    plain = _CONTROL.sub("", text)
    assert "20/20 trials  best loss=0.05 (trial 19)" in plain
    assert plain.endswith("  ml-experiment ui\n")
    assert max(len(line) for line in re.split(r"[\r\n]", plain)) <= 80


def test_a_terminal_that_is_gone_does_not_stop_the_search(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed pipe is written to no more, and nothing is raised."""
    monkeypatch.setattr(Gone, "isatty", lambda _self: False)
    shown = GroupProgress(group.run, Gone())
    group.begin(1)
    group.trial(0, 0.5)

    shown.update()
    shown.finish()


def test_nothing_is_shown_of_a_group_that_never_began(group: Group) -> None:
    """A driver that failed at once has said why itself."""
    assert _shown(group) == ""


def test_odd_events_are_passed_over(group: Group) -> None:
    """What a later release writes differently does not stop the display."""
    group.begin(1)
    group.journal.write("trial_ended", number="x")
    group.journal.write("trial_ended", number=0, state="complete", values=["?"])
    group.trial(0, 0.5)

    assert _shown(group).startswith("1/1 trials  best loss=0.5 (trial 0)")


def test_the_time_left_follows_the_pace_since_the_group_went_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was done before a resume says nothing about the time that is left."""
    now = 1000.0
    monkeypatch.setattr("time.time", lambda: now)
    view = progress.GroupView("run")
    events: list[dict[str, Any]] = [
        {"event": "group", "time": 100.0, "num_trials": 10, "directions": ["minimize"]},
        *({"event": "trial_started", "time": 100.0, "number": n} for n in range(6)),
        *(
            {"event": "trial_ended", "time": 101.0, "number": n, "state": "failed"}
            for n in range(6)
        ),
        {"event": "group", "time": 980.0, "num_trials": 10, "directions": ["minimize"]},
        {"event": "trial_started", "time": 980.0, "number": 6},
    ]
    for event in events:
        view.take(event)
    assert view.left_s is None

    view.take({"event": "trial_ended", "time": 1000.0, "number": 6, "state": "failed"})

    assert view.left_s == pytest.approx(20.0 * 3)
    assert view.elapsed_s == pytest.approx(20.0)
