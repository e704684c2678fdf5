"""Samplers and pruners by name, and what is said of a wrong one."""

from __future__ import annotations

import sys
from typing import Any

import optuna
import pytest

from ml_experiment.config.words import PrunerEnum, SamplerEnum
from ml_experiment.errors import ConfigError, MissingExtraError, MlExperimentError
from ml_experiment.search.options import Request
from ml_experiment.search.order import FixedOrder
from ml_experiment.search.pruners import BUILT_IN as PRUNERS
from ml_experiment.search.pruners import make_pruner
from ml_experiment.search.samplers import BUILT_IN as SAMPLERS
from ml_experiment.search.samplers import make_sampler
from ml_experiment.search.space import read_space
from ml_experiment.testing.searches import describe


NEEDED: dict[str, dict[str, Any]] = {
    "partialfixed": {"fixed_params": {"x": 1}},
    "patient": {"patience": 3},
    "threshold": {"lower": 0.5},
}
DIRECTIONS = ("minimize",)


def request(
    name: str,
    options: dict[str, Any] | None = None,
    *,
    space: dict[str, Any] | None = None,
    directions: tuple[str, ...] = DIRECTIONS,
) -> Request:
    """Return a request for a sampler or pruner of a small space."""
    return Request(
        name=name,
        options=NEEDED.get(name, {}) if options is None else options,
        seed=1,
        space=read_space(space or {"x": "range(0, 9)", "c": "choice(['a', 'b'])"}),
        directions=directions,
    )


def test_every_name_of_the_config_is_known_here() -> None:
    """Whatever a config may ask for can be made."""
    assert SAMPLERS.keys() == {each.value for each in SamplerEnum}
    assert PRUNERS.keys() == {each.value for each in PrunerEnum}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_are_made_without_a_word(name: str) -> None:
    """No warning of Optuna's reaches the user, with the options that are needed."""
    assert isinstance(make_sampler(request(name)), optuna.samplers.BaseSampler)


@pytest.mark.parametrize("name", PRUNERS)
def test_pruners_are_made_without_a_word(name: str) -> None:
    """No warning of Optuna's reaches the user, with the options that are needed."""
    assert isinstance(make_pruner(request(name)), optuna.pruners.BasePruner)


def test_all_that_optuna_ships_has_a_name() -> None:
    """A sampler or pruner that a newer Optuna brings is noticed here."""
    ours = {"Grid": "grid", "SuccessiveHalving": "sha"}
    samplers = set(optuna.samplers.__all__) - {
        "BaseSampler",
        "BaseGASampler",
        "nsgaii",
    }
    names = {each.removesuffix("Sampler") for each in samplers}
    assert {ours.get(name, name.lower()) for name in names} <= SAMPLERS.keys()
    pruners = {each.removesuffix("Pruner") for each in optuna.pruners.__all__} - {
        "Base"
    }
    assert {ours.get(name, name.lower()) for name in pruners} <= PRUNERS.keys()


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("tpe", {"n_startup": 3}, "did you mean 'n_startup_trials'"),
        ("tpe", {"n_startup_trials": "ten"}, "an integer is needed"),
        ("tpe", {"n_startup_trials": True}, "an integer is needed"),
        ("tpe", {"seed": 3}, "the seed of the group"),
        ("random", {"x": 3}, "allowed: none"),
        ("qmc", {"qmc_type": "lattice"}, "allowed: sobol, halton"),
        ("nsgaii", {"crossover": "kiss"}, "allowed: uniform"),
        ("nsgaii", {"population_size": 1}, "population_size"),
        ("partialfixed", {}, "fixed_params is needed"),
        ("partialfixed", {"fixed_params": {"y": 1}}, "'y' is not in the space"),
        ("partialfixed", {"fixed_params": {"x": "a"}}, "a value of range"),
        ("partialfixed", {"fixed_params": {"x": 9}}, "got 9; a value of range"),
        ("partialfixed", {"fixed_params": {"c": "d"}}, "got 'd'; a value of choice"),
        ("tpe", {"n_ei_candidates": 0}, "n_ei_candidates: .* an integer from 1"),
        ("cmaes", {"popsize": 1}, "popsize: .* an integer from 2"),
        ("cmaes", {"popsize": "many"}, "popsize: .* an integer from 2"),
        ("cmaes", {"x0": {"c": "a"}}, "x0: .* no value for x; needed: x"),
        ("cmaes", {"x0": {"x": 90}}, "x0.x: .* a value of range"),
        ("cmaes", {"x0": 3}, "x0: .* a value for each number"),
        ("skopt", {"base_estimator": "NN"}, "allowed: GP, RF"),
        ("tbe", {}, "did you mean 'tpe'"),
    ],
)
def test_wrong_options_of_samplers_are_explained(
    name: str, options: dict[str, Any], complaint: str
) -> None:
    """The error says which option it is and what is allowed."""
    with pytest.raises(ConfigError, match=complaint):
        make_sampler(request(name, options))


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("median", {"warmup": 3}, "no option 'warmup'"),
        ("percentile", {"percentile": 250.0}, "between 0 and 100"),
        ("patient", {}, "patience is needed"),
        ("patient", {"patience": 2, "wrapped_pruner": "medium"}, "'median'"),
        ("threshold", {}, "lower or upper is needed"),
        ("hyperband", {"max_resource": "all"}, "an integer from 1 or auto"),
        ("hyperband", {"min_resource": "auto"}, "min_resource: .* integer from 1"),
        ("hyperband", {"reduction_factor": 1}, "reduction_factor: .* integer from 2"),
    ],
)
def test_wrong_options_of_pruners_are_explained(
    name: str, options: dict[str, Any], complaint: str
) -> None:
    """The error says which option it is and what is allowed."""
    with pytest.raises(ConfigError, match=complaint):
        make_pruner(request(name, options))


@pytest.mark.parametrize(
    ("name", "space", "complaint"),
    [
        ("grid", {"x": "uniform(0, 1)"}, "grid tries every point, but x is"),
        ("bruteforce", {"x": "repeat(uniform(0, 1), 2)"}, "bruteforce tries every"),
        ("cmaes", {"c": "choice([1, 2])"}, "nothing but choices"),
    ],
)
def test_spaces_that_do_not_fit_are_explained(
    name: str, space: dict[str, Any], complaint: str
) -> None:
    """The error names sampler and parameter."""
    with pytest.raises(ConfigError, match=complaint):
        make_sampler(request(name, space=space))


def test_pruning_several_metrics_is_refused() -> None:
    """Nobody can say which of two trials is worse then."""
    with pytest.raises(ConfigError, match="needs one metric"):
        make_pruner(request("median", directions=("minimize", "maximize")))
    with pytest.raises(ConfigError, match="can optimise one metric"):
        make_sampler(request("cmaes", directions=("minimize", "maximize")))


@pytest.mark.parametrize(
    ("name", "module"), [("cmaes", "cmaes"), ("gp", "torch"), ("skopt", "skopt")]
)
def test_a_missing_library_is_named_with_its_extra(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is the command that mends it."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"ml-experiment\[{name}\]"):
        make_sampler(request(name))


def test_fixed_parameters_stay_fixed() -> None:
    """Partial fixing leaves the rest to the sampler that it is laid over."""
    study = describe(
        "partialfixed",
        options={"fixed_params": {"x": 2.5, "c": "a"}, "base_sampler": {"name": "tpe"}},
    )
    order = FixedOrder(study, num_trials=4, lookahead=4)
    drawn = [order.next_task() for _ in range(4)]
    assert {(each.params["x"], each.params["c"]) for each in drawn if each} == {
        (2.5, "a")
    }
    assert len({each.params["y"] for each in drawn if each}) == 4


def test_a_sampler_that_fails_is_named_with_its_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An option that nobody checked is no reason to show where Optuna stumbled over it."""

    def stumble(*_: object) -> None:
        raise IndexError("out of bounds")

    order = FixedOrder(describe("random"), num_trials=4, lookahead=4)
    order.next_task()
    monkeypatch.setattr(
        optuna.samplers.RandomSampler, "infer_relative_search_space", stumble
    )
    with pytest.raises(MlExperimentError) as caught:
        order.next_task()
    assert str(caught.value) == (
        "sampler random could not draw trial 1 (IndexError: out of bounds)"
    )


def test_a_pruner_that_fails_is_named_with_the_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hyperband is asked for its brackets before a trial is drawn."""

    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    order = FixedOrder(
        describe("random", pruner="hyperband"), num_trials=4, lookahead=4
    )
    monkeypatch.setattr(optuna.pruners.HyperbandPruner, "prune", stumble)
    with pytest.raises(
        MlExperimentError,
        match=r"^pruner hyperband could not prepare trial 0 \(ZeroDivisionError\)$",
    ):
        order.next_task()


def test_quasi_random_points_do_not_begin_anew() -> None:
    """A list whose length is drawn does not make the sequence repeat its points."""
    order = FixedOrder(describe("qmc"), num_trials=8, lookahead=8)
    drawn = [order.next_task() for _ in range(8)]
    assert len({each.params["x"] for each in drawn if each}) == 8
