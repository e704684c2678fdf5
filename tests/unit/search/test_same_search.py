"""The promise of the search: the same trials, whatever the workers and the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_experiment.search.order import FixedOrder
from ml_experiment.testing.searches import PRUNERS, Pool, describe, log, search


if TYPE_CHECKING:
    from collections.abc import Mapping

TRIALS = 30
OPTIONS: dict[str, Mapping[str, Any]] = {
    "nsgaii": {"population_size": 5},
    "nsgaiii": {"population_size": 5},
}
QUICK = ("tpe", "random", "cmaes", "nsgaii", "qmc", "grid")


@pytest.mark.parametrize("pruner", PRUNERS)
@pytest.mark.parametrize("sampler", QUICK)
def test_workers_and_timing_do_not_matter(sampler: str, pruner: str) -> None:
    """One worker and eight, fast and slow: equal trials in every respect."""
    study = describe(sampler, pruner, options=OPTIONS.get(sampler))
    alone = search(study, trials=TRIALS)
    assert len(alone) == TRIALS
    if pruner != "nop":
        assert any(state == "pruned" for _, state, *_ in alone)
    for workers in (2, 3, 8):
        assert search(study, trials=TRIALS, workers=workers, timing=workers) == alone


@pytest.mark.parametrize("pruner", ["nop", "hyperband"])
@pytest.mark.parametrize(
    ("sampler", "options"),
    [
        ("gp", {"n_startup_trials": 2}),
        (
            "skopt",
            {"n_startup_trials": 2, "base_estimator": "ET", "acq_func": "EI"},
        ),
    ],
)
def test_samplers_with_a_model_do_not_look_at_the_clock(
    sampler: str, options: Mapping[str, Any], pruner: str
) -> None:
    """A Gaussian process or trees, fitted in the driver, see told trials and no others."""
    study = describe(sampler, pruner, options=options)
    alone = search(study, trials=5, lookahead=2)
    assert search(study, trials=5, lookahead=2, workers=2, timing=5) == alone


@pytest.mark.parametrize("sampler", [*QUICK, "nsgaiii"])
def test_another_seed_is_another_search(sampler: str) -> None:
    """Nothing hides the seed: with another one the parameters differ."""
    drawn = [
        [each[3] for each in search(describe(sampler, seed=seed), trials=12)]
        for seed in (1, 2)
    ]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "random"])
def test_several_metrics_do_not_depend_on_time(sampler: str) -> None:
    """A search for the best compromises is as steady as one for the best trial."""
    study = describe(
        sampler, directions=("minimize", "maximize"), options=OPTIONS.get(sampler)
    )
    alone = search(study, trials=20)
    assert search(study, trials=20, workers=3, timing=1) == alone


def test_the_first_trials_of_a_sequence_differ() -> None:
    """QMC has one seed for the group; what it leaves to chance is another draw each time."""
    drawn = [each[3]["x"] for each in search(describe("qmc"), trials=8)]
    assert len(set(drawn)) == len(drawn)


def test_a_worker_does_not_repeat_the_drivers_draws() -> None:
    """What a trial suggests itself is independent of what was drawn for it before."""
    results = search(describe("random"), trials=40)
    pairs = [
        (params["extra"], params["x"])
        for _, _, _, params, *_ in results
        if "extra" in params
    ]
    assert pairs
    assert all(abs(extra - (x + 5) / 15) > 1e-9 for extra, x in pairs)


class ToldEarly(FixedOrder):
    """A broken order, which tells a result as soon as it comes."""

    def _due(self) -> list[int]:
        return sorted(self._early)


def test_a_result_that_is_told_early_is_noticed() -> None:
    """The comparison above would fail if a result did not wait for its turn."""
    study = describe("tpe")
    alone = search(study, trials=TRIALS, order=ToldEarly)
    others = [
        search(study, trials=TRIALS, workers=8, timing=timing, order=ToldEarly)
        for timing in (1, 2, 3)
    ]
    assert any(other != alone for other in others)


@pytest.mark.parametrize("pruner", ["nop", "hyperband"])
@pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "qmc", "cmaes"])
def test_a_resumed_search_is_the_straight_one(sampler: str, pruner: str) -> None:
    """Cut after any number of results, replayed and gone on with: nothing differs."""
    study = describe(sampler, pruner, options=OPTIONS.get(sampler))
    trials = 14
    straight = search(study, trials=trials, lookahead=4)
    for cut in range(trials + 1):
        before = FixedOrder(study, num_trials=trials, lookahead=4)
        pool = Pool(before, workers=3, timing=cut)
        if cut:
            pool.run(until=cut)
        recorded = {number: each.params for number, each in pool.asked.items()}
        after = FixedOrder(study, num_trials=trials, lookahead=4)
        after.replay(before.results, recorded)
        Pool(after, workers=2, timing=cut).run()
        assert log(after) == straight


def test_without_lookahead_results_are_told_as_they_come() -> None:
    """The opt-out loses nothing: all trials are run, told, and marked as depending on time."""
    order = FixedOrder(describe("tpe", "median"), num_trials=20, lookahead=None)
    Pool(order, workers=4, timing=3).run()
    told = [trial.number for trial in order.told_trials()]
    assert sorted(told) == list(range(20))
    assert told != sorted(told)
    assert order.may_depend_on_time_from == 1


def test_a_search_without_lookahead_can_be_gone_on_with() -> None:
    """Parameters that cannot be drawn again are taken from the record."""
    study = describe("tpe")
    before = FixedOrder(study, num_trials=15, lookahead=None)
    pool = Pool(before, workers=4, timing=3)
    pool.run(until=7)
    recorded = {number: each.params for number, each in pool.asked.items()}
    results = {number: before.results[number] for number in before._told}
    after = FixedOrder(study, num_trials=15, lookahead=None)
    after.replay(results, recorded)
    continued = Pool(after, workers=4, timing=4)
    continued.run()
    assert after.results.keys() == set(range(15))
    assert all(after.results[number] == result for number, result in results.items())
    assert all(
        continued.asked[number].params == recorded[number]
        for number in recorded.keys() - results.keys()
    )
