"""Show how a group gets on, read from its journal while it runs.

On a terminal there is one live display; elsewhere, as in a log file, a plain line now and
then. Both end in a table of the best trials.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from ml_experiment.cli.text import duration
from ml_experiment.record.journal import JournalReader
from ml_experiment.tracking.group_journal import RUNNING, GroupTale


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.tracking.group_journal import TrialTale

_TENTHS = 10
_LINE_EVERY_S = 10.0
_DRAW_EVERY_S = 0.1
_BEST_SHOWN = 5
_LONGEST_PARAMS = 60
_LONGEST_REASON = 100
_RECENT = 50


class _Display(Protocol):
    def show(self, view: GroupView) -> None:
        """Show how things stand, if it is time to."""

    def finish(self, view: GroupView) -> None:
        """Show how things stand at the end, and end."""


class GroupView:
    """How a group stands, in words.

    Args:
        run_id: The group's.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.tale = GroupTale(run_id)
        self.notes: list[str] = []
        self._began = time.time()
        # Trials that had ended before, when a group is resumed, say nothing about time.
        self._ended_before = 0
        # Begun and to begin again: their worker was killed, or the group was resumed.
        self._waiting: set[int] = set()

    def take(self, event: dict[str, Any]) -> None:
        """Take in an event of the group's journal."""
        if event.get("event") == "group":
            self._began = float(event.get("time") or time.time())
            self._ended_before = self.done
            trials = self.tale.trials.values()
            self._waiting = {each.number for each in trials if each.state == RUNNING}
        elif event.get("event") == "note" and "again" in event:
            self._waiting.add(int(event["again"]))
        elif event.get("event") == "trial_started":
            self._waiting.discard(int(event["number"]))
        elif event.get("event") == "note" and event.get("show"):
            self.notes.append(str(event.get("text", "")))
        self.tale.take(event)

    @property
    def done(self) -> int:
        """How many trials have ended."""
        return len(self.tale.trials) - self.tale.count(RUNNING)

    @property
    def total(self) -> int | None:
        """How many trials there are to be; ``None`` while that is not known."""
        return self.tale.num_trials

    @property
    def elapsed_s(self) -> float:
        """Seconds since the search began, or went on."""
        return max(0.0, time.time() - self._began)

    @property
    def left_s(self) -> float | None:
        """Seconds that are left by the pace of the latest trials; ``None`` if unknown."""
        if self.total is None or self.done - self._ended_before <= 0:
            return None
        latest = [t for t in self.tale.trials.values() if (t.ended or 0) >= self._began]
        if not latest:
            return None
        ends = sorted(trial.ended or 0.0 for trial in latest)
        recent = ends[-_RECENT:]
        # Until there are many, the pace is that since the first trial began: starting the
        # workers takes its time once.
        first = min(trial.started for trial in latest)
        since = first if len(ends) <= _RECENT else ends[-_RECENT - 1]
        pace = (recent[-1] - since) / len(recent)
        return max(0.0, pace * (self.total - self.done) - (time.time() - recent[-1]))

    def progress(self) -> str:
        """Return ``12/100 trials``."""
        total = "?" if self.total is None else self.total
        return f"{self.done}/{total} trials"

    def counts(self) -> str:
        """Return ``2 running, 1 failed, 3 pruned``, without what there is none of."""
        running = self.tale.count(RUNNING) - len(self._waiting)
        ended = ((self.tale.count(state), state) for state in ("failed", "pruned"))
        found = ((running, RUNNING), *ended)
        return ", ".join(f"{count} {state}" for count, state in found if count)

    def best(self) -> str:
        """Return ``best loss=0.25 (trial 7)``; empty while there is none."""
        best = self.tale.best
        if best is not None:
            return f"best {self._values(best)} (trial {best.number})"
        if len(self.tale.directions) > 1 and (front := self.tale.front()):
            return f"{len(front)} best trials"
        return ""

    def _values(self, trial: TrialTale) -> str:
        names = self.tale.metrics or ("value",)
        pairs = zip(names, trial.values, strict=False)
        return "  ".join(f"{name}={value:.6g}" for name, value in pairs)

    def clock(self) -> str:
        """Return ``1 min 3 s, 20.0 s left``."""
        left = self.left_s if self.done != self.total else None
        parts = [duration(self.elapsed_s)]
        if left is not None:
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)

    def line(self) -> str:
        """Return all of it in one line."""
        parts = (self.progress(), self.counts(), self.best(), self.clock())
        return "  ".join(part for part in parts if part)

    def top(self) -> list[TrialTale]:
        """Return the trials that the final table shows, the best first."""
        if len(self.tale.directions) > 1:
            return self.tale.front()[:_BEST_SHOWN]
        able = [t for t in self.tale.trials.values() if self.tale.has_value(t)]
        return sorted(able, key=self.tale.rank)[:_BEST_SHOWN]


class GroupProgress:
    """Follows a group while its supervisor watches it.

    Args:
        run: The group's run directory.
        stream: Where to show it: standard error.
        resumed_at: Offset in the journal, in bytes, at which this execution begins; notes
            before it were shown when they were written.
    """

    def __init__(
        self, run: RunDirectory, stream: TextIO, *, resumed_at: int = 0
    ) -> None:
        self._reader = JournalReader(run.journal)
        self._view = GroupView(run.run_id)
        self._stream = stream
        self._resumed_at = resumed_at
        self._display: _Display = (
            _Live(stream) if _is_terminal(stream) else _Lines(stream)
        )

    def update(self) -> None:
        """Take in what has happened since, and show it. Cheap enough for every 50 ms."""
        self._read()
        try:
            self._display.show(self._view)
        except OSError:
            self._display = _Nothing()  # the terminal is gone; the search goes on

    def finish(self) -> None:
        """Show the end, and how to see more."""
        self._read()
        try:
            self._display.finish(self._view)
            _final_table(self._view, self._stream)
        except OSError:
            self._display = _Nothing()

    def _read(self) -> None:
        for event in self._reader.read():
            try:
                self._view.take(event)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue  # an event of another release
            if self._reader.offset <= self._resumed_at:
                self._view.notes.clear()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


class _Nothing:
    def show(self, view: GroupView) -> None:
        """Nobody is there."""

    def finish(self, view: GroupView) -> None:
        """Nobody is there."""


class _Lines:
    """A plain line at every tenth of the trials, or when ten seconds brought any news."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tenth = 0
        self._shown = ""
        self._noted = 0
        self._next = time.monotonic() + _LINE_EVERY_S

    def show(self, view: GroupView) -> None:
        self._notes(view)
        if view.total is None:
            return
        tenth = view.done * _TENTHS // max(1, view.total)
        if tenth > self._tenth or time.monotonic() >= self._next:
            self._tenth = max(tenth, self._tenth)
            self._line(view)

    def _notes(self, view: GroupView) -> None:
        for note in view.notes[self._noted :]:
            self._stream.write(f"note: {note}\n")
        self._noted = len(view.notes)

    def _line(self, view: GroupView) -> None:
        self._next = time.monotonic() + _LINE_EVERY_S
        now = f"{view.progress()} {view.counts()} {view.best()}"
        if now != self._shown:
            self._stream.write(view.line() + "\n")
            self._stream.flush()
        self._shown = now

    def finish(self, view: GroupView) -> None:
        self._notes(view)
        if view.tale.trials:
            self._line(view)


class _Live:
    """One display that is drawn anew; it leaves its last state behind."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live: Any = None
        self._bar: Any = None
        self._task: Any = None
        self._text: Any = None
        self._clock: Any = None
        self._noted = 0
        self._next = 0.0

    def show(self, view: GroupView) -> None:
        if view.total is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _DRAW_EVERY_S
        self._draw(view)

    def _draw(self, view: GroupView) -> None:
        from rich.text import Text

        if self._live is None:
            self._begin(view)
        for note in view.notes[self._noted :]:
            self._live.console.print(Text(f"note: {note}"))
        self._noted = len(view.notes)
        self._bar.update(self._task, completed=view.done, total=view.total)
        parts = (view.progress(), view.counts(), view.best())
        self._text.plain = "  ".join(part for part in parts if part)
        self._clock.plain = view.clock()
        self._live.refresh()

    def _begin(self, view: GroupView) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, Progress
        from rich.table import Table
        from rich.text import Text

        console = Console(file=self._stream, stderr=True, highlight=False)
        self._bar = Progress(
            BarColumn(bar_width=None), console=console, auto_refresh=False, expand=True
        )
        self._task = self._bar.add_task("", total=view.total)
        self._text = Text("", overflow="ellipsis", no_wrap=True)
        self._clock = Text("", no_wrap=True)
        first = Table.grid(expand=True, padding=(0, 1))
        first.add_column(ratio=1)
        first.add_column(justify="right")
        first.add_row(self._bar, self._clock)
        # Drawn when there is news, by this thread: none of its own, no hidden cost.
        self._live = Live(
            Group(first, self._text),
            console=console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def finish(self, view: GroupView) -> None:
        if self._live is None and view.tale.trials:
            self._begin(view)
        if self._live is None:
            return
        try:
            self._draw(view)
        finally:
            self._live.stop()  # gives the cursor back


def _final_table(view: GroupView, stream: TextIO) -> None:
    """Write the best trials, how the others ended, and what to type to see more."""
    if not view.tale.trials:
        return
    top = view.top()
    lines = [""]
    if top:
        lines += _columns(_head(view), [_row(trial) for trial in top])
        lines.append("")
    states = ("complete", "pruned", "failed")
    counts = ((view.tale.count(state), state) for state in states)
    lines.append("trials: " + ", ".join(f"{count} {state}" for count, state in counts))
    lines += _failures(view)
    lines += [
        f"  ml-experiment show {view.run_id}",
        f"  ml-experiment report {view.run_id}",
        "  ml-experiment ui",
    ]
    stream.write("\n".join(lines) + "\n")
    stream.flush()


def _head(view: GroupView) -> list[str]:
    return ["trial", *(view.tale.metrics or ("value",)), "parameters"]


def _row(trial: TrialTale) -> list[str]:
    params = ", ".join(
        f"{name}={_short(value)}" for name, value in trial.params.items()
    )
    values = [f"{value:.6g}" for value in trial.values]
    return [str(trial.number), *values, _cut(params, _LONGEST_PARAMS)]


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cut(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}\u2026"


def _columns(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return a table whose columns are aligned; numbers to the right."""
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head) - 1)]
    return [
        "  ".join(
            [
                *(cell.rjust(width) for cell, width in zip(row, widths, strict=False)),
                row[-1],
            ]
        ).rstrip()
        for row in table
    ]


def _failures(view: GroupView) -> list[str]:
    """Return the reasons for failures, each once, the most frequent first."""
    reasons: dict[str, list[int]] = {}
    for trial in view.tale.trials.values():
        if trial.state == "failed":
            shown = _cut(trial.reason or "no reason is known", _LONGEST_REASON)
            reasons.setdefault(shown, []).append(trial.number)
    ranked = sorted(reasons.items(), key=lambda item: (-len(item[1]), item[1]))
    lines = []
    for reason, numbers in ranked[:3]:
        which = ", ".join(map(str, sorted(numbers)[:3]))
        more = "" if len(numbers) <= 3 else ", ..."  # noqa: PLR2004 - as many as shown
        noun = "trial" if len(numbers) == 1 else "trials"
        lines.append(f"  {noun} {which}{more}: {reason}")
    if len(ranked) > 3:  # noqa: PLR2004 - as many as shown
        lines.append(f"  and {len(ranked) - 3} other reasons")
    return lines
