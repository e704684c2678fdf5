"""What the journal of a group tells: its trials, how each stands, and the best of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_experiment.record.journal import decode_number
from ml_experiment.tracking.told import JournalAccount, Point


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Event

RUNNING = "running"
ENDED_STATES = ("complete", "pruned", "failed")


@dataclass(frozen=True, kw_only=True)
class TrialTale:
    """What is told of one trial by now.

    Attributes:
        number: From 0.
        run_id: Our identifier of its run.
        path: Of its run directory, below that of the group.
        state: ``running``, ``complete``, ``pruned`` or ``failed``.
        params: What was drawn for it, and once it has ended what the script drew itself.
        seed: Its own.
        attempt: How often it was tried before.
        started: Seconds since the epoch.
        ended: Likewise; ``None`` while it runs.
        values: Of the optimised metrics, in the group's order; empty unless complete.
        reason: Why it failed or was pruned.
        cause: What made it fail, such as ``timeout``.
        seconds: How long it ran.
    """

    number: int
    run_id: str
    path: str
    state: str = RUNNING
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    attempt: int = 0
    started: float = 0.0
    ended: float | None = None
    values: tuple[float, ...] = ()
    reason: str = ""
    cause: str = ""
    seconds: float = 0.0


class GroupTale:
    """Takes in the events of a group's journal, one by one.

    A trial that is told of again, because it is tried again or the group was resumed, is
    still one trial; only what is told last counts.

    Args:
        run_id: The group's.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self.settings: dict[str, Any] = {}
        self.trials: dict[int, TrialTale] = {}
        self._best: TrialTale | None = None
        self._told_best: tuple[int, dict[str, Any]] | None = None

    def take(self, event: Event) -> TrialTale | None:
        """Take in an event; return the trial that it is about, if any.

        Raises:
            KeyError, TypeError, ValueError: The event is not as it should be.
        """
        match event.get("event"):
            case "group":
                self.settings = event
            case "trial_started":
                return self._started(event)
            case "trial_ended":
                return self._ended(event)
            case "best":
                self._told_best = int(event["number"]), dict(event["params"])
            case _:
                pass
        return None

    def _started(self, event: Event) -> TrialTale:
        number = int(event["number"])
        trial = TrialTale(
            number=number,
            run_id=str(event.get("run_id") or self._run_id_of(number)),
            path=str(event.get("path") or f"trials/{number:05d}"),
            params=dict(event.get("params") or {}),
            seed=int(event.get("seed") or 0),
            attempt=int(event.get("attempt") or 0),
            started=float(event["time"]),
        )
        return self._keep(trial)

    def _ended(self, event: Event) -> TrialTale:
        number = int(event["number"])
        before = self.trials.get(number)
        if before is None:  # its beginning was lost with a full disk
            before = TrialTale(
                number=number,
                run_id=self._run_id_of(number),
                path=f"trials/{number:05d}",
                started=float(event["time"]) - float(event.get("seconds") or 0.0),
            )
        state = str(event["state"])
        trial = TrialTale(
            number=number,
            run_id=before.run_id,
            path=before.path,
            state=state if state in ENDED_STATES else "failed",
            params={**before.params, **(event.get("suggested") or {})},
            seed=before.seed,
            attempt=int(event.get("attempt") or before.attempt),
            started=before.started,
            ended=float(event["time"]),
            values=tuple(decode_number(each) for each in event.get("values") or ()),
            reason=str(event.get("reason") or ""),
            cause=str(event.get("cause") or ""),
            seconds=float(event.get("seconds") or 0.0),
        )
        return self._keep(trial)

    def _keep(self, trial: TrialTale) -> TrialTale:
        self.trials[trial.number] = trial
        best = self._best
        if best is not None and best.number == trial.number:
            candidates = [each for each in self.trials.values() if self.has_value(each)]
            self._best = min(candidates, key=self.rank, default=None)
        elif self.has_value(trial) and (
            best is None or self.rank(trial) < self.rank(best)
        ):
            self._best = trial
        return trial

    def _run_id_of(self, number: int) -> str:
        return f"{self._run_id}-t{number:05d}"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what is optimised."""
        return tuple(str(name) for name in self.settings.get("metrics") or ())

    @property
    def directions(self) -> tuple[str, ...]:
        """``minimize`` or ``maximize``, one for each metric."""
        return tuple(str(each) for each in self.settings.get("directions") or ())

    @property
    def num_trials(self) -> int | None:
        """How many trials there are to be; ``None`` while that is not known."""
        count = self.settings.get("num_trials")
        return None if count is None else int(count)

    @property
    def best(self) -> TrialTale | None:
        """The best trial by one metric; of equal ones, the first."""
        return self._best if len(self.directions) < 2 else None  # noqa: PLR2004

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The parameters of the best trial, those that it drew itself included."""
        if self.best is None:
            return {}
        if self._told_best is not None and self._told_best[0] == self.best.number:
            return self._told_best[1]
        return self.best.params

    def has_value(self, trial: TrialTale) -> bool:
        """Return whether a trial can be ranked."""
        return (
            trial.state == "complete"
            and bool(trial.values)
            and not any(math.isnan(value) for value in trial.values)
        )

    def losses(self, trial: TrialTale) -> tuple[float, ...]:
        """Return the values of a trial such that less is better."""
        directions = self.directions or ("minimize",) * len(trial.values)
        return tuple(
            -value if direction == "maximize" else value
            for value, direction in zip(trial.values, directions, strict=False)
        )

    def rank(self, trial: TrialTale) -> tuple[tuple[float, ...], int]:
        """Return what sorts trials, the best first."""
        return self.losses(trial), trial.number

    def front(self) -> list[TrialTale]:
        """Return the trials that no other one surpasses in every metric."""
        found: list[tuple[tuple[float, ...], TrialTale]] = []
        ranked = [each for each in self.trials.values() if self.has_value(each)]
        # Sorted so, a trial can only be surpassed by one before it.
        for trial in sorted(ranked, key=self.rank):
            own = self.losses(trial)
            if not any(_surpasses(other, own) for other, _ in found):
                found.append((own, trial))
        return sorted((trial for _, trial in found), key=lambda trial: trial.number)

    def count(self, state: str) -> int:
        """Return how many trials are in a state."""
        return sum(trial.state == state for trial in self.trials.values())


def _surpasses(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


class GroupJournal(JournalAccount):
    """Reads the journal of a group as it grows.

    Args:
        run: The group's run directory.
        sent: Bytes of the journal whose metrics have been sent.
    """

    def __init__(self, run: RunDirectory, sent: int) -> None:
        super().__init__(run, sent)
        self.tale = GroupTale(run.run_id)
        self.news: dict[int, None] = {}

    def _take(self, event: Event) -> None:
        super()._take(event)
        best = self.tale.best
        trial = self.tale.take(event)
        if trial is None:
            return
        self.news[trial.number] = None
        new = self.tale.best
        if new is trial and new is not best and self._reader.offset > self._sent:
            self.account.points.append((self._reader.offset, self._best_points(trial)))

    def _best_points(self, trial: TrialTale) -> list[Point]:
        names = self.account.metric_names
        metric = (*self.tale.metrics, "value")[0]
        timestamp = int((trial.ended or 0.0) * 1000)
        return [
            Point(names[f"best.{metric}"], trial.values[0], timestamp, trial.number)
        ]
