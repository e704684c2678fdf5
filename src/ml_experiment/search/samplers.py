"""Samplers by name: each made anew for every trial, from that trial's own seed.

What a sampler remembers must be in the study, or be a function of the group's seed: only so
does trial 17 get the same parameters in a search that was resumed at trial 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_experiment.config.seeding import derive_seed
from ml_experiment.errors import ConfigError, nearest
from ml_experiment.search.checks import (
    named,
    need_at_least,
    need_finite,
    need_inside,
    need_numbers,
    need_one_metric,
    need_start,
)
from ml_experiment.search.options import (
    Request,
    check_options,
    find_factory,
    made,
    need,
    options_of,
)
from ml_experiment.search.space import (
    common_distributions,
    leaves,
    read_space,
)


if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from ml_experiment.search.messages import StudyDescription

DEFAULT_SAMPLER = "tpe"
_HERE = "ml_experiment.search.samplers"
BUILT_IN = {
    name: f"{_HERE}:{name}_sampler"
    for name in (
        "random",
        "tpe",
        "cmaes",
        "gp",
        "qmc",
        "nsgaii",
        "nsgaiii",
        "bruteforce",
        "partialfixed",
        "grid",
        "skopt",
    )
}
_FUNCTIONS = ("gamma", "weights", "constraints_func")
_DEPRECATED = ("consider_prior", "consider_magic_clip", "consider_endpoints")
_STRATEGIES = (
    "mutation",
    "elite_population_selection_strategy",
    "child_generation_strategy",
    "after_trial_strategy",
)
_CROSSOVERS = {
    "uniform": "UniformCrossover",
    "blxalpha": "BLXAlphaCrossover",
    "spx": "SPXCrossover",
    "sbx": "SBXCrossover",
    "vsbx": "VSBXCrossover",
    "undx": "UNDXCrossover",
}
# Samplers that leave what they did not foresee to chance: a worker needs no more of them.
_CHANCE = frozenset(BUILT_IN) - {"tpe", "bruteforce", "partialfixed"}


def sampler_request(description: StudyDescription, seed: int) -> Request:
    """Return what the factory of a study's sampler is told."""
    name, options = description.sampler
    return Request(
        name=name,
        options=options,
        seed=seed,
        group_seed=derive_seed(description.seed, "sampler"),
        space=read_space(description.space),
        directions=description.directions,
    )


def make_sampler(request: Request) -> BaseSampler:
    """Return the sampler that draws a trial in the driver.

    Raises:
        ConfigError: There is none of that name, or its options or the space do not fit.
        MissingExtraError: A library that it needs is not installed.
    """
    sampler: BaseSampler = find_factory("sampler", request.name, BUILT_IN)(request)
    return sampler


def make_worker_sampler(request: Request) -> BaseSampler:
    """Return the sampler for what a trial suggests beyond the parameter space.

    What the driver's sampler foresaw comes with the trial; this one draws the rest.
    """
    if request.name in _CHANCE:
        return _random(request.seed)
    return make_sampler(request)


def random_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``RandomSampler``."""
    check_options("sampler", request, {})
    return _random(request.seed)


def tpe_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``TPESampler``."""
    from optuna.samplers import TPESampler

    need_at_least("sampler", request, n_ei_candidates=1)
    return _built(request, TPESampler, without=(*_FUNCTIONS, *_DEPRECATED), warn=None)


def cmaes_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``CmaEsSampler``."""
    from optuna.samplers import CmaEsSampler

    need("cmaes", "cmaes", "cmaes")
    need_one_metric(request)
    need_numbers(request)
    need_at_least("sampler", request, popsize=2)
    need_start(request, "x0")
    return _built(
        request,
        CmaEsSampler,
        without=(
            "independent_sampler",
            "source_trials",
            "restart_strategy",
            "inc_popsize",
        ),
        independent_sampler=_random(request.seed),
    )


def gp_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``GPSampler``."""
    from optuna.samplers import GPSampler

    need("torch", "torch", "gp")
    need("scipy", "scipy", "gp")
    return _built(
        request,
        GPSampler,
        without=("independent_sampler", *_FUNCTIONS),
        independent_sampler=_random(request.seed),
    )


def qmc_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``QMCSampler``: one sequence, so one seed, for the group.

    It is scrambled unless told otherwise: without, all groups get the same points, the
    first of which is the corner where every parameter has its least value.
    """
    from optuna.samplers import QMCSampler

    need("scipy", "scipy", "qmc")
    options = options_of(QMCSampler, without=("independent_sampler",))
    check_options("sampler", request, options)
    from ml_experiment.search.qmc import KnownSpaceSampler

    quiet = {"warn_independent_sampling": False, "scramble": True}
    given = quiet | dict(request.options)
    if given.get("qmc_type", "sobol") not in {"sobol", "halton"}:
        raise ConfigError(
            f"qmc: got {given['qmc_type']!r}; allowed: sobol, halton",
            field="sampler.qmc_type",
        )
    return made(
        "sampler",
        request,
        KnownSpaceSampler,
        known={
            name: each
            for name, each in common_distributions(request.space).items()
            if not each.single()
        },
        seed=request.group_seed,
        independent_sampler=_random(request.seed),
        **given,
    )


def nsgaii_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``NSGAIISampler``."""
    from optuna.samplers import NSGAIISampler

    return _genetic(request, NSGAIISampler)


def nsgaiii_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``NSGAIIISampler``."""
    from optuna.samplers import NSGAIIISampler

    return _genetic(request, NSGAIIISampler)


def bruteforce_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``BruteForceSampler``."""
    from optuna.samplers import BruteForceSampler

    need_finite(request)
    return _built(request, BruteForceSampler, without=(), warn=None)


def partialfixed_sampler(request: Request) -> BaseSampler:
    """Return Optuna's ``PartialFixedSampler``: some parameters fixed, the rest drawn."""
    from optuna.samplers import PartialFixedSampler

    known = {"fixed_params": None, "base_sampler": None}
    check_options("sampler", request, known)
    fixed = request.options.get("fixed_params")
    if not isinstance(fixed, Mapping) or not fixed:
        raise ConfigError(
            "partialfixed: fixed_params is needed: the parameters that stay as they are",
            field="sampler.fixed_params",
            hint="sampler: {name: partialfixed, fixed_params: {C: 1.0}, base_sampler: tpe}",
        )
    names = [name for name, _ in leaves(request.space)]
    for name in fixed:
        if name not in names and "[" not in name and not name.endswith(".times"):
            near = nearest(name, names)
            ask = f"did you mean '{near}'? " if near else ""
            raise ConfigError(
                f"partialfixed: '{name}' is not in the space; "
                f"{ask}allowed: {', '.join(names)}",
                field="sampler.fixed_params",
            )
    need_inside(request, "fixed_params", fixed)
    name, options = named(
        request.options.get("base_sampler"), DEFAULT_SAMPLER, "sampler"
    )
    base = make_sampler(
        Request(
            name=name,
            options=options,
            seed=request.seed,
            group_seed=request.group_seed,
            space=request.space,
            directions=request.directions,
        )
    )
    return made(
        "sampler",
        request,
        PartialFixedSampler,
        fixed_params=dict(fixed),
        base_sampler=base,
    )


def grid_sampler(request: Request) -> BaseSampler:
    """Return a sampler that goes through all points of the space, once each."""
    from ml_experiment.search.grid import GridSampler, enumerate_grid

    check_options("sampler", request, {})
    need_finite(request)
    return GridSampler(
        enumerate_grid(request.space),
        seed=request.group_seed,
        beyond=_random(request.seed),
    )


def skopt_sampler(request: Request) -> BaseSampler:
    """Return a sampler over scikit-optimize, of which Optuna had one once."""
    need("skopt", "scikit-optimize", "skopt")
    need_one_metric(request)
    from ml_experiment.search.skopt import DEFAULTS, SkoptSampler

    check_options("sampler", request, DEFAULTS)
    return made(
        "sampler",
        request,
        SkoptSampler,
        seed=request.seed,
        independent_sampler=_random(request.seed),
        **request.options,
    )


def _random(seed: int) -> BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def _built(
    request: Request,
    cls: type[BaseSampler],
    *,
    without: tuple[str, ...],
    warn: bool | None = False,
    **fixed: Any,
) -> BaseSampler:
    known = options_of(cls, without=without)
    check_options("sampler", request, known)
    quiet = {} if warn is None else {"warn_independent_sampling": warn}
    given = quiet | dict(request.options) | fixed
    return made("sampler", request, cls, seed=request.seed, **given)


def _genetic(request: Request, cls: type[BaseSampler]) -> BaseSampler:
    without = (*_FUNCTIONS, *_STRATEGIES, "reference_points")
    known = options_of(cls, without=without)
    check_options("sampler", request, known)
    given = dict(request.options)
    crossover = given.pop("crossover", None)
    if crossover is not None:
        given["crossover"] = _crossover(request, crossover)
    return made("sampler", request, cls, seed=request.seed, **given)


def _crossover(request: Request, name: object) -> object:
    from optuna.samplers import nsgaii

    key = str(name).lower().removesuffix("crossover").replace("-", "").replace("_", "")
    if key not in _CROSSOVERS:
        raise ConfigError(
            f"{request.name}: got {name!r}; allowed: {', '.join(_CROSSOVERS)}",
            field="sampler.crossover",
        )
    return made("sampler", request, getattr(nsgaii, _CROSSOVERS[key]))
