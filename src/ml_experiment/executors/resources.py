"""How many trials run at once, and what of the machine each of them may use."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ml_experiment.config.determinism import THREAD_VARIABLES, available_cpus
from ml_experiment.errors import ConfigError


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ml_experiment.config.models import GroupConfig

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
_FIELD = "resources_per_worker"
# Three workers of a third of a core each fit on one core.
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The place of one worker.

    Attributes:
        number: From 0.
        threads: Threads that each numeric library may use, at least 1. It follows from
            the config alone, for sums depend on it.
        gpus: The GPUs that it sees, by their CUDA names; ``None``: as the driver does.
        variables: Variables that it has whatever the driver has.
    """

    number: int
    threads: int = 1
    gpus: tuple[str, ...] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(
        self, base: Mapping[str, str], *, driver_threads: int | None = None
    ) -> dict[str, str]:
        """Return the environment of this slot's worker.

        Args:
            base: The driver's environment. Thread counts that the user has chosen stay.
            driver_threads: The thread count that this package gave the driver, as opposed
                to one of the user's; ``None`` for one thread a core.
        """
        ours = {"", str(driver_threads or available_cpus())}
        environment = dict(base)
        for name in THREAD_VARIABLES:
            if base.get(name, "") in ours:
                environment[name] = str(self.threads)
        if self.gpus is not None:
            environment[VISIBLE_GPUS] = ",".join(self.gpus)
        return environment | dict(self.variables)


@dataclass(frozen=True, kw_only=True)
class WorkerPlan:
    """The workers of a group.

    Attributes:
        slots: One a worker; never empty.
        message: What the user should know about it; empty if nothing.
    """

    slots: tuple[Slot, ...]
    message: str = ""


def plan_workers(
    config: GroupConfig,
    *,
    cpus: int | None = None,
    gpus: Callable[[], Sequence[str]] | None = None,
) -> WorkerPlan:
    """Return how the machine is shared among the workers of a group.

    Args:
        config: The group's config.
        cpus: Cores to share; those that this process may use if ``None``.
        gpus: Returns the CUDA names of the GPUs; asked only if trials need one.

    Raises:
        ConfigError: One worker needs more than there is.
    """
    wanted = config.resources_per_worker
    share = 1.0 if wanted is None else wanted.cpu
    notes: list[str] = []
    workers = _by_cpu(config, share, available_cpus() if cpus is None else cpus, notes)
    places: list[tuple[str, ...]] | None = None
    if wanted is not None and wanted.gpu > 0:
        names = (gpus or visible_gpus)()
        places, room = _by_gpu(config, wanted.gpu, names, notes)
        workers = min(workers, room)
    workers = _within_lookahead(min(workers, config.num_trials), config, notes)
    threads = max(1, math.floor(share + _ROUNDING))
    return WorkerPlan(
        slots=tuple(
            Slot(number=i, threads=threads, gpus=None if places is None else places[i])
            for i in range(workers)
        ),
        message="\n".join(notes),
    )


def plan_again(
    config: GroupConfig, *, workers: int | None, variables: Mapping[str, str]
) -> WorkerPlan:
    """Return how the machine is shared when a group is repeated.

    Args:
        config: The group's config.
        workers: How many workers there are to be, whatever the config says; ``None`` for
            as many as it says.
        variables: The thread counts that its workers had.

    Raises:
        ConfigError: One worker needs more than there is.
    """
    if workers is None:
        plan = plan_workers(config)
    else:
        share = config.resources_per_worker
        cores = math.ceil(workers * (1.0 if share is None else share.cpu))
        ray = config.ray_config
        free = None if ray is None else ray.model_copy(update={"num_cpus": None})
        plan = plan_workers(config.model_copy(update={"ray_config": free}), cpus=cores)
    slots = tuple(replace(slot, variables=dict(variables)) for slot in plan.slots)
    return replace(plan, slots=slots)


def visible_gpus() -> list[str]:
    """Return the CUDA names of the GPUs that this process may use.

    No framework is imported for it: NVIDIA's library is asked, or ``nvidia-smi``.
    """
    chosen = os.environ.get(VISIBLE_GPUS)
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",")]
        # CUDA, too, stops at the first name that is none.
        stop = next((i for i, name in enumerate(names) if name in {"", "-1"}), None)
        return names[:stop]
    from ml_experiment.capture.gpus import describe_gpus

    found = describe_gpus()["gpus"]
    count = len(found) if isinstance(found, list) else 0
    return [str(number) for number in range(count)]


def _by_cpu(config: GroupConfig, share: float, cores: int, notes: list[str]) -> int:
    """Return how many workers the cores are enough for."""
    said = None if config.ray_config is None else config.ray_config.num_cpus
    bounded = cores if said is None else min(cores, said)
    workers = math.floor(bounded / share + _ROUNDING)
    if workers:
        return workers
    if said is None or said < share:
        raise _too_much("cpu", share, bounded, "core")
    notes.append(f"a worker is to have {share:g} cores, but there are {cores} here")
    return 1


def _by_gpu(
    config: GroupConfig, share: float, names: Sequence[str], notes: list[str]
) -> tuple[list[tuple[str, ...]] | None, int]:
    """Return the GPUs of each worker, and how many workers they are enough for.

    ``ray_config`` may tell of GPUs that are not here; as with Ray, they are counted then,
    and nothing more.
    """
    said = None if config.ray_config is None else config.ray_config.num_gpus
    if said and not names:
        notes.append(f"no GPU is seen here, although ray_config.num_gpus is {said}")
        return None, len(_gpu_places(share, [str(number) for number in range(said)]))
    places = _gpu_places(share, names if said is None else names[:said])
    return places, len(places)


def _gpu_places(share: float, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the GPUs of each worker, as many workers as there is room for."""
    if share > 1 and not share.is_integer():
        raise ConfigError(
            f"got {share:g}; a worker has a part of one GPU, or whole ones",
            field=f"{_FIELD}.gpu",
        )
    if share > len(names):
        raise _too_much("gpu", share, len(names), "GPU")
    if share >= 1:
        each = int(share)
        rounds = len(names) // each
        return [tuple(names[i * each : (i + 1) * each]) for i in range(rounds)]
    a_gpu = math.floor(1 / share + _ROUNDING)
    return [(name,) for _ in range(a_gpu) for name in names]


def _within_lookahead(workers: int, config: GroupConfig, notes: list[str]) -> int:
    lookahead = config.lookahead
    if not isinstance(lookahead, int) or workers <= lookahead:
        return workers
    notes.append(
        f"{lookahead} of {workers} workers are used: with lookahead: {lookahead} no more "
        "trials than that are begun before the first result is looked at\n"
        f"  lookahead: {2 * workers} uses them all; that is another search, and as "
        "reproducible"
    )
    return lookahead


def _too_much(field: str, share: float, there: int, unit: str) -> ConfigError:
    have = {0: f"is no {unit}", 1: f"is 1 {unit}"}.get(there, f"are {there} {unit}s")
    return ConfigError(
        f"a worker needs {share:g}, but there {have} for this group",
        field=f"{_FIELD}.{field}",
        hint=f"at most {there}" if there else "leave it out to run without",
    )
