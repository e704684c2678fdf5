"""The order in which trials are asked for and told, which is the same whatever the clock says.

With a lookahead of L, trials 0 to L-1 are asked for at once; then, for every k from L on, the
result of trial k-L is awaited and told, and trial k asked for. A result that comes early
waits. So what a sampler has seen when it draws trial k are trials 0 to k-L, however many
workers there are and whichever of them is the fastest.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ml_experiment.config.seeding import derive_seed
from ml_experiment.search.asked import Accepted, Asked
from ml_experiment.search.replay import replay
from ml_experiment.search.results import completed, settled
from ml_experiment.search.study import DriverStudy


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from ml_experiment.search.messages import StudyDescription, TrialResult

__all__ = ["Accepted", "Asked", "FixedOrder"]


class FixedOrder:
    """Says which trial runs next. No processes, no clock, nothing on disk.

    Args:
        description: The study.
        num_trials: How many trials there are at most.
        lookahead: How many trials may be asked for before the first of them is told;
            ``None`` to tell results as they come, which cannot be reproduced.
        retries: How often a trial that failed is tried again.
        max_failures: So many trials may fail; with one more, no further trials are asked
            for. ``None`` for no limit.

    Raises:
        ConfigError: The space is empty, or sampler and pruner do not fit it.
        MissingExtraError: A library that they need is not installed.
    """

    def __init__(
        self,
        description: StudyDescription,
        *,
        num_trials: int,
        lookahead: int | None,
        retries: int = 0,
        max_failures: int | None = None,
    ) -> None:
        self.description = description
        self.lookahead = lookahead
        self.retries = retries
        self.max_failures = max_failures
        self._study = DriverStudy(description)
        most = self._study.most_trials
        self._limit = num_trials if most is None else min(num_trials, most)
        self._asked = 0
        self._untold: dict[int, Asked] = {}
        self._waiting: dict[int, Asked] = {}
        self._again: list[Asked] = []
        self._early: dict[int, TrialResult] = {}
        self._results: dict[int, TrialResult] = {}
        self._told: list[int] = []
        self._reported = 0
        self._failures = 0
        self._timed: set[int] = set()
        self._best: list[int] | None = None

    # What is to be done

    def next_task(self) -> Asked | None:
        """Return the next trial; ``None`` if there is none, or none before a result comes."""
        self._tell_due()  # a result that came early may be the one that is waited for
        if self._again:
            asked = self._again.pop(0)
        elif self._complete or not self._may_ask():
            return None
        else:
            asked = self._ask()
        self._waiting[asked.number] = asked
        return asked

    def accept(self, result: TrialResult) -> Accepted:
        """Take the result of a trial that ``next_task`` returned.

        Raises:
            ValueError: That trial is not awaited: it was not asked for, or has a result.
        """
        asked = self._waiting.pop(result.number, None)
        if asked is None:
            raise ValueError(f"no result of trial {result.number} is awaited")
        attempt = max(asked.attempt, result.attempt)
        result = completed(result, asked.trial)
        result = settled(result, len(self.description.directions))
        result = dataclasses.replace(result, attempt=attempt)
        if result.depends_on_time:
            self._timed.add(result.number)
        if result.state == "failed" and attempt < self.retries:
            self._again.append(self._next_attempt(asked, attempt + 1))
            return Accepted(result=result, retried=True, told=())
        self._results[result.number] = self._early[result.number] = result
        self._tell_due()
        told = self.told_results(self._reported)
        self._reported = len(self._told)
        return Accepted(result=result, retried=False, told=told)

    def replay(
        self,
        results: Mapping[int, TrialResult],
        recorded_params: Mapping[int, Mapping[str, object]],
    ) -> tuple[TrialResult, ...]:
        """Go through what was done before, as if it were done now.

        Afterwards ``next_task`` returns the trials that were asked for and have no result,
        and then goes on as it would have.

        Args:
            results: Results on disk, by number; without lookahead, in the order in which
                they came.
            recorded_params: Drawn parameters on disk, by number.

        Returns:
            Results that are told by now, in order.

        Raises:
            SearchChangedError: A trial would get other parameters today.
        """
        pending = replay(self, results, recorded_params)
        self.give_back(pending)
        self._reported = len(self._told)
        return self.told_results()

    def give_back(self, pending: Sequence[Asked]) -> None:
        """Let ``next_task`` return these again: nobody executes them now."""
        for asked in pending:
            self._waiting.pop(asked.number, None)
        self._again = sorted([*self._again, *pending], key=lambda each: each.number)

    def ask_known(self, params: Mapping[str, Any] | None) -> Asked:
        """Ask for the next trial, with parameters by Optuna's names where they are known."""
        asked = self._ask(params)
        self._waiting[asked.number] = asked
        return asked

    # What was done

    @property
    def limit(self) -> int:
        """How many trials there are at most: a grid may have fewer than were asked for."""
        return self._limit

    @property
    def asked(self) -> int:
        """How many trials were asked for."""
        return self._asked

    @property
    def told(self) -> int:
        """How many trials are told."""
        return len(self._told)

    @property
    def failures(self) -> int:
        """How many of the told trials failed."""
        return self._failures

    @property
    def done(self) -> bool:
        """Whether all trials that there will be are told."""
        return self._complete and len(self._told) == self._asked

    @property
    def stopped(self) -> str | None:
        """Why no more trials are asked for before all of them were; ``None`` if they are."""
        if self._too_many_failures:
            return f"{self._failures} trials failed, and max_failures is {self.max_failures}"
        if self._has_no_metric:
            return (
                "the first trial has no such metric, so no other will: look at `metric`"
            )
        if self._study.exhausted and self._asked < self._limit:
            return "the sampler has tried all that there is"
        return None

    @property
    def results(self) -> Mapping[int, TrialResult]:
        """The results that count, by number, those not told yet included."""
        return self._results

    @property
    def best(self) -> TrialResult | None:
        """The best of the told trials; of several metrics, the first that is not beaten."""
        found = self.best_trials
        return found[0] if found else None

    @property
    def best_trials(self) -> list[TrialResult]:
        """The best of the told trials; of several metrics, all that are not beaten."""
        if self._best is None:
            self._best = self._study.best_numbers()
        return [self._results[number] for number in self._best]

    @property
    def timed(self) -> tuple[int, ...]:
        """Trials that were ended from outside, at a moment that may differ another time."""
        return tuple(sorted(self._timed))

    @property
    def may_depend_on_time_from(self) -> int | None:
        """The first trial that another time may turn out otherwise; ``None``: none will."""
        if self.lookahead is None:
            return 1
        return min(self._timed, default=None)

    def told_results(self, start: int = 0) -> tuple[TrialResult, ...]:
        """Return the results that are told, in order, from the ``start``-th on."""
        return tuple(self._results[number] for number in self._told[start:])

    def told_to(self, asked: Asked, start: int) -> tuple[FrozenTrial, ...]:
        """Return what a trial may see beyond the first ``start`` told trials.

        Nothing, for another attempt at a trial that was asked for before these were told.
        """
        return self.told_trials(start)[: max(asked.told_count - start, 0)]

    def told_trials(self, start: int = 0) -> tuple[FrozenTrial, ...]:
        """Return the told trials, in order, from the ``start``-th on."""
        trials = self._study.trials()
        return tuple(trials[number] for number in self._told[start:])

    # How it is done

    @property
    def _too_many_failures(self) -> bool:
        return self.max_failures is not None and self._failures > self.max_failures

    @property
    def _has_no_metric(self) -> bool:
        """Whether the first trial lacked the metric: a wrong name, found at once."""
        return bool(self._told) and self._results[self._told[0]].cause == "metric"

    @property
    def _complete(self) -> bool:
        return (
            self._asked >= self._limit
            or self._study.exhausted
            or self._too_many_failures
            or self._has_no_metric
        )

    def _may_ask(self) -> bool:
        ahead = self._asked - len(self._told)
        return self.lookahead is None or ahead < self.lookahead

    def _due(self) -> list[int]:
        """Return the trials that are to be told now; at most the next one."""
        if self.lookahead is None:
            return list(self._early)
        following = len(self._told)
        # Told only when no trial may be asked for before it, so that none sees it early.
        in_turn = self._complete or not self._may_ask()
        return [following] if following in self._early and in_turn else []

    def _tell_due(self) -> None:
        while due := self._due():
            for number in due:
                result = self._early.pop(number)
                self._study.tell(result)
                del self._untold[number]
                self._told.append(number)
                self._failures += result.state == "failed"
                self._best = None

    def _ask(self, known: Mapping[str, Any] | None = None) -> Asked:
        number = self._asked
        drawn = self._study.ask(number, known)
        asked = Asked(
            number=number,
            attempt=0,
            seed=derive_seed(self.description.seed, "trial", number),
            params=drawn.params,
            told_count=len(self._told),
            between=tuple(each.trial for each in self._untold.values()),
            trial=drawn.trial,
            relative=drawn.relative,
        )
        self._asked += 1
        self._untold[number] = asked
        return asked

    def _next_attempt(self, asked: Asked, attempt: int) -> Asked:
        seed = derive_seed(
            self.description.seed, "trial", asked.number, "attempt", attempt
        )
        return dataclasses.replace(asked, attempt=attempt, seed=seed)
