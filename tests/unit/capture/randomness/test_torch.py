"""PyTorch's generators and switches are under control, and calls with seeds unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.capture.randomness.conftest import Controller


pytest.importorskip("torch")
pytestmark = pytest.mark.slow

# Everything that is random in a training script, and not one seed.
UNSEEDED = """\
import random
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

LAYER = torch.nn.Linear(3, 2)

class Noisy(Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, index):
        draws = [random.random(), np.random.rand(), np.random.default_rng().random()]
        return torch.tensor([index, *draws, torch.rand(1).item()])

def main():
    x = torch.randn(32, 3)
    shuffled = DataLoader(TensorDataset(x), batch_size=8, shuffle=True)
    workers = DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=2)
    own = torch.Generator()
    own.seed()
    out(
        layer=LAYER.weight.tolist(),
        batches=[batch.sum().item() for (batch,) in shuffled],
        workers=[batch.tolist() for batch in workers],
        dropout=torch.nn.functional.dropout(x).sum().item(),
        own=torch.rand(1, generator=own).item(),
        asked=torch.seed(),
        after=torch.rand(1).item(),
    )
"""


def test_unseeded_code_repeats_with_its_seed_and_only_with_it(
    controlled: Controller,
) -> None:
    """Layers, shuffling, workers of loaders, dropout, new generators: all of them."""
    first = controlled(UNSEEDED, seed=7)
    again = controlled(UNSEEDED, seed=7)
    other = controlled(UNSEEDED, seed=8)

    assert first.results == again.results
    assert first.part["end_states"] == again.part["end_states"]
    assert first.part["libraries"]["torch"] == "derived"
    assert first.escapes() == []
    assert first.seeds() == []
    same = {k for k, v in first.results[0].items() if v == other.results[0][k]}
    assert same == set()


def test_a_trial_does_not_depend_on_those_before_it(controlled: Controller) -> None:
    """Third of three runs in a process, or first: the same numbers, states, switches."""
    script = UNSEEDED.replace(
        "def main():\n",
        "MINE = torch.Generator().manual_seed(3)\ndef main():\n"
        "    out(mine=torch.rand(1, generator=MINE).item(), dtype=str(x_type()))\n"
        "    torch.set_default_dtype(torch.float64)\n"
        "    torch.use_deterministic_algorithms(False)\n"
        "    torch.set_num_threads(2)\n",
    ).replace("LAYER =", "x_type = torch.get_default_dtype\nLAYER =")

    three = controlled(script, runs=[5, 6, 7])
    alone = controlled(script, seed=7)

    # What stands outside of main has the seed of the import.
    late, first = three.results[4:], alone.results
    del late[1]["layer"], first[1]["layer"]
    assert late == first
    assert three.parts[2]["end_states"] == alone.part["end_states"]
    assert three.parts[2]["settings"] == alone.part["settings"]


@pytest.mark.parametrize(
    "importing",
    ["import torch", "from torch import manual_seed\nimport torch"],
    ids=["module", "name"],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_users_seed_wins_and_is_told(
    controlled: Controller, importing: str, when: str
) -> None:
    """Whoever imported what first: ``manual_seed(3)`` does what it always does."""
    call = "manual_seed" if "from" in importing else "torch.manual_seed"
    script = (
        f"{importing}\n{call}(3)\nGENERATOR = torch.Generator().manual_seed(4)\n"
        "def main():\n"
        "    out(a=torch.rand(3).tolist(), b=torch.rand(2, generator=GENERATOR).tolist())\n"
    )

    came = controlled(
        script,
        runs=[1, 2],
        observed=when == "after",
        before="import torch; from torch import manual_seed" * (when == "before"),
        force=False,
    )

    import torch

    state = torch.get_rng_state()
    torch.manual_seed(3)
    expected = {
        "a": torch.rand(3).tolist(),
        "b": torch.rand(2, generator=torch.Generator().manual_seed(4)).tolist(),
    }
    torch.set_rng_state(state)
    assert came.results == [expected, expected]
    assert came.seeds() == [
        ("torch.manual_seed", 3),
        ("torch.Generator.manual_seed", 4),
    ]
    assert came.parts[0]["libraries"]["torch"] == "user"


def test_a_seed_that_was_set_before_anybody_watched_is_kept(
    controlled: Controller,
) -> None:
    """PyTorch's own first seed is too long to be a person's."""
    script = "import torch\ndef main():\n    out(seed=torch.initial_seed())\n"

    seeded = controlled(
        script, observed=False, before="import torch; torch.manual_seed(99)"
    )
    unseeded = controlled(script, observed=False, before="import torch")

    assert seeded.results == [{"seed": 99}]
    assert seeded.part["libraries"]["torch"] == "user"
    assert unseeded.part["libraries"]["torch"] == "derived"
    assert unseeded.results == [{"seed": unseeded.part["derived_seeds"]["torch"]}]


def test_a_state_that_the_user_sets_counts_as_a_seed(controlled: Controller) -> None:
    """``set_rng_state`` decides what comes; ``fork_rng`` puts back what was."""
    script = (
        "import torch\nSTATE = torch.Generator().manual_seed(8).get_state()\n"
        "{line}\ndef main():\n    out(a=torch.rand(2).tolist())\n"
    )

    given = controlled(script.format(line="torch.set_rng_state(STATE)"), runs=[1, 2])
    forked = controlled(
        script.format(line="with torch.random.fork_rng(): torch.rand(3)"), runs=[1, 2]
    )

    assert given.results[0] == given.results[1]
    assert given.parts[0]["libraries"]["torch"] == "user"
    assert [call for call, _ in given.seeds()][-1] == "torch.set_rng_state"
    assert forked.results[0] != forked.results[1]
    assert forked.parts[0]["libraries"]["torch"] == "derived"


def test_the_start_state_of_the_record_can_be_restored(controlled: Controller) -> None:
    """A global generator whose seed nobody knows begins from its recorded state."""
    script = "import torch\ndef main():\n    out(a=torch.rand(4).tolist())\n"
    before = "import torch; seed = torch.manual_seed(2**40 + 1)"
    unseen = controlled("# seed\n" + script, observed=False, before=before, force=False)
    assert unseen.part["libraries"]["torch"] == "unseen"

    restored = controlled(script, seed=5, states=unseen.part["start_states"])

    assert restored.results == unseen.results


def test_switches_are_set_on_import_and_the_users_choice_stays(
    controlled: Controller,
) -> None:
    """Deterministic unless the script says otherwise; the record has what was in force."""
    script = "import torch\n{line}\ndef main(): pass\n"

    ours = controlled(script.format(line="")).part["settings"]["torch"]
    theirs = controlled(
        script.format(
            line="torch.use_deterministic_algorithms(False)\n"
            "torch.backends.cudnn.benchmark = True"
        )
    ).part["settings"]["torch"]

    assert ours["deterministic_algorithms"]
    assert ours["deterministic_warn_only"]
    assert ours["cudnn_deterministic"]
    assert not ours["cudnn_benchmark"]
    assert not theirs["deterministic_algorithms"]
    assert theirs["cudnn_benchmark"]


def test_an_operation_that_is_not_deterministic_is_named(
    controlled: Controller,
) -> None:
    """PyTorch's warning stays, and the record says which operation, and where."""
    script = (
        "import torch\n\ndef main():\n"
        "    torch.zeros(4).put_(torch.tensor([1, 1]), torch.tensor([2.0, 3.0]))\n"
    )

    seen = controlled(script)

    (item,) = seen.part["uncontrolled"]
    assert item["what"] == "put_ of PyTorch is not deterministic on this device"
    assert item["where"] == "train.py:4"


def test_a_seed_for_cuda_is_seen_before_there_is_a_context(
    controlled: Controller,
) -> None:
    """PyTorch queues it until CUDA is used, which may be never."""
    script = (
        "import torch\ntorch.cuda.manual_seed(5)\ntorch.cuda.manual_seed_all(6)\n"
        "def main(): pass\n"
    )

    assert controlled(script).seeds() == [
        ("torch.cuda.manual_seed", 5),
        ("torch.cuda.manual_seed_all", 6),
    ]


def test_importing_is_not_slowed_by_the_compiler(controlled: Controller) -> None:
    """The public function for the switch would import PyTorch's compiler."""
    script = (
        "import sys, torch\ndef main():\n"
        "    out(compiler='torch._inductor.config' in sys.modules)\n"
    )

    assert controlled(script).results == [{"compiler": False}]


def test_a_generator_stays_what_it_is(controlled: Controller) -> None:
    """Types, returned values and errors are PyTorch's own."""
    script = """\
import pickle, torch
def main():
    made = torch.Generator()
    try:
        made.manual_seed("x")
        error = None
    except Exception as caught:
        error = type(caught).__name__
    out(
        type=type(made) is torch._C.Generator,
        chained=made.manual_seed(1) is made,
        default=torch.manual_seed(2) is torch.default_generator,
        first=made.initial_seed(),
        error=error,
        returned=made.seed() == made.initial_seed(),
    )
"""

    (result,) = controlled(script).results

    assert result.pop("error") in {"TypeError", "RuntimeError"}
    assert result == {
        "type": True,
        "chained": True,
        "default": True,
        "first": 1,
        "returned": True,
    }


# What PyTorch asks of CUDA about its generators, answered by generators of the CPU.
CUDA = """\
import torch
DEVICES = (torch.Generator(), torch.Generator())
torch.cuda.is_initialized = lambda: True
torch.cuda.random.is_initialized = lambda: True
torch.cuda.device_count = torch.cuda.random.device_count = lambda: 2
torch.cuda.default_generators = DEVICES
torch.cuda.random._lazy_call = lambda call, **kwargs: call()
"""


def test_generators_of_devices_begin_with_the_run_and_are_digested(
    controlled: Controller,
) -> None:
    """Every GPU in use has a derived seed, and a state that the digest covers."""
    script = (
        f"{CUDA}\ndef main():\n"
        "    out(seeds=[each.initial_seed() for each in DEVICES])\n"
        "    {line}\n"
    )

    idle = controlled(script.format(line="pass"), runs=[1, 2])
    used = controlled(script.format(line="torch.rand(1, generator=DEVICES[1])"))

    for result, part in zip(idle.results, idle.parts, strict=True):
        assert result["seeds"] == [part["derived_seeds"]["torch"]] * 2
    assert idle.parts[0]["end_states"] != used.parts[0]["end_states"]
    assert idle.seeds() == []


def test_a_seed_of_the_users_holds_on_devices_in_every_trial(
    controlled: Controller,
) -> None:
    """Also on those that no run had used when it was set."""
    script = (
        "import torch\ntorch.manual_seed(5)\n"
        f"{CUDA.replace('import torch', '')}\n"
        "torch.cuda.is_initialized = lambda: False\n"
        "def main():\n    torch.cuda.is_initialized = lambda: True\n"
        "    out(a=[torch.rand(1, generator=each).item() for each in DEVICES])\n"
    )

    three = controlled(script, runs=[1, 2, 3])

    assert three.results[1] == three.results[2]
    assert three.parts[1]["libraries"]["torch"] == "user"


@pytest.mark.parametrize("name", ["torch", "keras"])
def test_a_module_of_the_users_that_has_the_same_name_is_left_alone(
    controlled: Controller, tmp_path: Path, name: str
) -> None:
    """It is named as something that cannot be observed, and the run goes on."""
    (tmp_path / f"{name}.py").write_text("answer = 42\n")
    script = f"import {name}\ndef main():\n    out(answer={name}.answer)\n"

    two = controlled(script, runs=[1, 2])

    assert two.results == [{"answer": 42}] * 2
    assert name not in two.parts[1]["libraries"]
    (what,) = [item["what"] for item in two.parts[1]["uncontrolled"]]
    assert what.startswith(f"{name} cannot be observed in this version")
