"""What is asked for and told, and when it ends."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

import pytest

from ml_experiment.config.json_values import encode
from ml_experiment.errors import ConfigError
from ml_experiment.search.order import Asked, FixedOrder
from ml_experiment.search.replay import SearchChangedError
from ml_experiment.search.replica import Replica
from ml_experiment.search.results import from_document, to_document
from ml_experiment.testing.searches import Pool, describe


if TYPE_CHECKING:
    from ml_experiment.search.messages import State, TrialResult


def order_of(trials: int = 10, lookahead: int | None = 3, **options: int) -> FixedOrder:
    """Return the order of a random search."""
    return FixedOrder(
        describe("random"), num_trials=trials, lookahead=lookahead, **options
    )


def ended(asked: Asked, state: State = "complete", value: float = 1.0) -> TrialResult:
    """Return how a trial ended that suggested nothing of its own."""
    replica = Replica(describe("random"))
    task = asked.task(run_path="", params=asked.params, told=asked.between[:0])
    return replica.result_of(
        None,
        state,
        (value,) if state == "complete" else None,
        task=task,
    )


def asked_now(order: FixedOrder) -> list[Asked]:
    """Return all trials that may be asked for now."""
    found = []
    while (asked := order.next_task()) is not None:
        found.append(asked)
    return found


def test_no_more_than_lookahead_trials_are_ahead() -> None:
    """Three trials at first, and then one for every result in its turn."""
    order = order_of()
    first = asked_now(order)
    assert [each.number for each in first] == [0, 1, 2]
    assert order.accept(ended(first[2])).told == ()
    assert asked_now(order) == []
    assert [each.number for each in order.accept(ended(first[0])).told] == [0]
    assert [(each.number, each.told_count) for each in asked_now(order)] == [(3, 1)]


def test_the_rest_is_told_when_all_are_asked_for() -> None:
    """At the end nothing waits: the last results are told in order."""
    order = order_of(trials=3, lookahead=8)
    first = asked_now(order)
    assert order.accept(ended(first[1])).told == ()
    told = order.accept(ended(first[0])).told
    assert [each.number for each in told] == [0, 1]
    assert not order.done
    order.accept(ended(first[2]))
    assert order.done


def test_a_failed_trial_is_tried_again_with_its_parameters() -> None:
    """An attempt has the number, the parameters and the view of the first, but a new seed."""
    order = order_of(retries=1)
    first = asked_now(order)[0]
    accepted = order.accept(ended(first, "failed"))
    assert accepted.retried
    assert order.told == 0
    again = order.next_task()
    assert again is not None
    assert (again.number, again.attempt, again.params) == (0, 1, first.params)
    assert again.seed != first.seed
    last = order.accept(ended(again, "failed"))
    assert not last.retried
    assert last.result.attempt == 1
    assert order.failures == 1


def test_a_retried_trial_sees_what_it_saw_before() -> None:
    """Trials told in between are hidden from it, even in a worker that knows them."""
    order = order_of(trials=6, lookahead=3, retries=1)
    replica = Replica(order.description)
    first = asked_now(order)
    order.accept(ended(first[0]))
    order.accept(ended(first[1], "failed"))
    following = asked_now(order)
    assert [each.number for each in following] == [1, 3]
    assert order.told_to(following[0], 1) == ()
    assert [each.number for each in order.told_to(following[1], 0)] == [0]
    for each in (following[1], following[0]):
        told = order.told_trials(replica.told)
        trial = replica.trial_for(each.task(run_path="", params={}, told=told))
        seen = trial.study.get_trials(deepcopy=False)
        finished = [other.number for other in seen if other.state.is_finished()]
        assert finished == list(range(each.told_count))
        assert seen[-1].number == trial.number == each.number


def test_too_many_failures_end_the_search() -> None:
    """With one failure more than allowed nothing is asked for, and what runs is told."""
    order = order_of(trials=20, lookahead=4, max_failures=1)
    running = asked_now(order)
    while running:
        order.accept(ended(running.pop(0), "failed"))
        running += asked_now(order)
    assert order.done
    assert order.told == 5
    assert "max_failures is 1" in (order.stopped or "")


def test_values_that_are_no_numbers_fail() -> None:
    """NaN and a wrong number of values are failures with a reason, not errors."""
    order = order_of()
    first = asked_now(order)
    result = order.accept(ended(first[0], value=float("nan"))).result
    assert (result.state, result.cause) == ("failed", "result")
    assert "NaN" in result.reason
    two = dataclasses.replace(ended(first[1]), values=(1.0, 2.0))
    assert "2 values for 1" in order.accept(two).result.reason


def test_a_result_counts_once() -> None:
    """A trial that is not awaited has no result, be it told twice or never asked for."""
    order = order_of()
    first = asked_now(order)[0]
    order.accept(ended(first))
    with pytest.raises(ValueError, match="trial 0 is awaited"):
        order.accept(ended(first))


def test_the_best_trial_is_among_the_told() -> None:
    """The least value wins, the first of equal ones; failed trials never."""
    order = order_of(trials=4, lookahead=8)
    assert order.best_trials == []
    for asked, value in zip(asked_now(order), (3.0, 1.0, 2.0, 1.0), strict=True):
        order.accept(ended(asked, value=value))
    assert order.best is not None
    assert order.best.number == 1


def test_a_trial_ended_by_the_clock_is_remembered() -> None:
    """The record can say from which trial on another time may give another search."""
    order = order_of()
    first = asked_now(order)
    assert order.may_depend_on_time_from is None
    order.accept(dataclasses.replace(ended(first[1], "failed"), depends_on_time=True))
    assert order.may_depend_on_time_from == 1


def test_a_grid_ends_when_it_is_through() -> None:
    """More trials than points are not run, and no point is tried twice."""
    space = {"x": "range(0, 3)", "layers": "repeat(choice([1, 2]), range(1, 3))"}
    for sampler in ("grid", "bruteforce"):
        order = FixedOrder(describe(sampler, space=space), num_trials=50, lookahead=4)
        running = asked_now(order)
        seen = []
        while running:
            asked = running.pop(0)
            seen.append(json.dumps(asked.params))
            order.accept(ended(asked))
            running += asked_now(order)
        assert order.done
        assert len(seen) == len(set(seen)) == 3 * (2 + 4)


def test_a_replay_that_differs_says_where() -> None:
    """A trial with other parameters than recorded is named, with both values."""
    study = describe("tpe")
    order = FixedOrder(study, num_trials=12, lookahead=3)
    pool = Pool(order, 2, 1)
    pool.run()
    recorded = {number: dict(each.params) for number, each in pool.asked.items()}
    recorded[7]["x"] = 0.125
    again = FixedOrder(study, num_trials=12, lookahead=3)
    with pytest.raises(
        SearchChangedError, match=r"trial 7: x was 0\.125 and"
    ) as caught:
        again.replay(order.results, recorded)
    assert caught.value.number == 7


def test_a_replay_with_fewer_trials_is_refused() -> None:
    """Results that the search would never ask for are not passed over."""
    order = FixedOrder(describe("random"), num_trials=12, lookahead=3)
    Pool(order, 1, 1).run()
    shorter = FixedOrder(describe("random"), num_trials=5, lookahead=3)
    with pytest.raises(SearchChangedError, match="only 5 trials"):
        shorter.replay(order.results, {})


def test_a_retry_survives_a_replay() -> None:
    """A trial that failed with attempts left is tried again after the search is resumed."""
    order = order_of(retries=2)
    first = asked_now(order)[0]
    failed = order.accept(ended(first, "failed")).result
    resumed = order_of(retries=2)
    resumed.replay({0: failed}, {0: first.params})
    again = resumed.next_task()
    assert again is not None
    assert (again.number, again.attempt) == (0, 1)


def test_a_result_survives_its_document() -> None:
    """Strict JSON holds infinite values, steps and distributions; reading gives them back."""
    order = FixedOrder(describe("tpe", "sha"), num_trials=6, lookahead=2)
    Pool(order, 1, 1).run()
    for result in order.results.values():
        odd = dataclasses.replace(
            result, intermediate_values={0: float("-inf"), 3: 1.5}, reason="é\n"
        )
        text = json.dumps(to_document(odd), allow_nan=False)
        assert from_document(json.loads(text)) == odd


def test_an_empty_space_is_refused() -> None:
    """A search without anything to search has its own error."""
    with pytest.raises(ConfigError, match="param_space: is empty"):
        FixedOrder(dataclasses.replace(describe(), space={}), num_trials=2, lookahead=1)


def test_asking_takes_no_longer_with_many_trials() -> None:
    """At 2,000 told trials the order and the replica take less than 3 ms a trial."""
    order = FixedOrder(describe("random"), num_trials=2020, lookahead=8)
    replica = Replica(order.description)
    spent = []
    while not order.done:
        before = time.process_time()
        asked = order.next_task()
        assert asked is not None
        told = order.told_trials(replica.told)
        task = asked.task(run_path="", params=asked.params, told=told)
        trial = replica.trial_for(task)
        order.accept(replica.result_of(trial, "complete", (1.0,)))
        spent.append(time.process_time() - before)
    assert sorted(spent[-20:])[10] < 0.003 + 3 * sorted(spent[:100])[50]


def test_drawn_parameters_can_be_written_down() -> None:
    """What a trial is called with is plain JSON, whatever the sampler is made of."""
    order = FixedOrder(describe("qmc"), num_trials=3, lookahead=3)
    for asked in asked_now(order):
        assert json.loads(json.dumps(encode(asked.params))) == asked.params


def test_an_early_result_is_told_when_its_turn_comes() -> None:
    """It need not wait for another result: the next trial is there at once."""
    order = order_of(lookahead=3)
    running = [order.next_task(), order.next_task()]
    assert running[0] is not None
    order.accept(ended(running[0]))
    assert order.told == 0
    assert [each.number for each in asked_now(order)] == [2, 3]
    assert order.told == 1
