"""How the machine is shared among workers."""

from __future__ import annotations

from typing import Any

import pytest

from ml_experiment.config.models import GroupConfig
from ml_experiment.errors import ConfigError
from ml_experiment.executors.resources import Slot, plan_workers, visible_gpus


def config(**fields: Any) -> GroupConfig:
    """Return a group's config with these fields."""
    base = {"name": "g", "run": ["s.py"], "num_trials": 100, "lookahead": 64}
    together: dict[str, Any] = base | fields
    return GroupConfig(**together)


@pytest.mark.parametrize(
    ("fields", "cpus", "workers", "threads"),
    [
        ({}, 4, 4, 1),
        ({"num_trials": 2}, 4, 2, 1),
        ({"lookahead": 3}, 4, 3, 1),
        ({"lookahead": "none"}, 16, 16, 1),
        ({"resources_per_worker": {"cpu": 0.25}}, 2, 8, 1),
        ({"resources_per_worker": {"cpu": 2.5}}, 8, 3, 2),
        ({"resources_per_worker": {"cpu": 1 / 3}}, 1, 3, 1),
        ({"ray_config": {"num_cpus": 2}}, 8, 2, 1),
        ({"ray_config": {"num_cpus": 12}}, 4, 4, 1),
    ],
    ids=str,
)
def test_cores_decide_how_many_run(
    fields: dict[str, Any], cpus: int, workers: int, threads: int
) -> None:
    """One worker a share of the cores; never more than trials, or than the lookahead."""
    plan = plan_workers(config(**fields), cpus=cpus)

    assert len(plan.slots) == workers
    assert {slot.threads for slot in plan.slots} == {threads}


@pytest.mark.parametrize(
    ("share", "gpus", "places"),
    [
        (0.5, 2, [("0",), ("1",), ("0",), ("1",)]),
        (1.0, 2, [("0",), ("1",)]),
        (2.0, 5, [("0", "1"), ("2", "3")]),
        (1 / 3, 1, [("0",)] * 3),
    ],
    ids=str,
)
def test_gpus_are_shared_out(
    share: float, gpus: int, places: list[tuple[str, ...]]
) -> None:
    """Fractions share a GPU, spread over all of them; whole ones are a worker's own."""
    plan = plan_workers(
        config(resources_per_worker={"cpu": 0.1, "gpu": share}),
        cpus=8,
        gpus=lambda: [str(number) for number in range(gpus)],
    )

    assert [slot.gpus for slot in plan.slots] == places


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"cpu": 8}, "a worker needs 8, but there are 4 cores"),
        ({"cpu": 1, "gpu": 1}, "a worker needs 1, but there is no GPU"),
        ({"cpu": 1, "gpu": 1.5}, "whole ones"),
    ],
    ids=["cpu", "gpu", "one-and-a-half"],
)
def test_a_worker_that_needs_more_than_there_is_is_refused(
    resources: dict[str, Any], said: str
) -> None:
    """The field and the numbers are named."""
    with pytest.raises(ConfigError, match=said) as caught:
        plan_workers(config(resources_per_worker=resources), cpus=4, gpus=list)

    assert str(caught.value.field).startswith("resources_per_worker.")


def test_gpus_that_ray_was_told_of_are_counted_where_none_is_seen() -> None:
    """The manual's example runs on a machine without a GPU, and says so."""
    plan = plan_workers(
        config(
            resources_per_worker={"cpu": 0.25, "gpu": 0.5},
            ray_config={"num_cpus": 4, "num_gpus": 1},
        ),
        cpus=2,
        gpus=list,
    )

    assert len(plan.slots) == 2
    assert "no GPU is seen" in plan.message
    assert plan.slots[0].gpus is None


def test_idle_workers_are_spoken_of() -> None:
    """Whoever has 16 cores and a lookahead of 8 should know what it costs."""
    plan = plan_workers(config(lookahead=8), cpus=16)

    assert plan.message.startswith("8 of 16 workers are used")
    assert "lookahead: 32" in plan.message
    assert plan_workers(config(lookahead=8), cpus=8).message == ""


def test_a_slot_pins_threads_but_not_those_that_the_user_has_chosen() -> None:
    """What this package gave the driver is replaced; the user's own number stays."""
    base = {"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "3", "PATH": "/bin"}

    found = Slot(number=0, threads=2, gpus=("1",)).environment(base, driver_threads=8)

    assert found["OMP_NUM_THREADS"] == found["OPENBLAS_NUM_THREADS"] == "2"
    assert found["MKL_NUM_THREADS"] == "3"
    assert found["CUDA_VISIBLE_DEVICES"] == "1"
    assert found["PATH"] == "/bin"
    assert "CUDA_VISIBLE_DEVICES" not in Slot(number=0).environment(base)


@pytest.mark.parametrize(
    ("value", "names"),
    [("", []), ("2,0", ["2", "0"]), ("1,-1,2", ["1"]), ("GPU-8a , 1", ["GPU-8a", "1"])],
    ids=repr,
)
def test_the_users_choice_of_gpus_is_kept(
    monkeypatch: pytest.MonkeyPatch, value: str, names: list[str]
) -> None:
    """Only GPUs that CUDA would show the driver are given to workers."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)

    assert visible_gpus() == names
