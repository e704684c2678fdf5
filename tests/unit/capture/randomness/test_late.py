"""The hooks came after the user's code had begun: ``python script.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np


if TYPE_CHECKING:
    from tests.unit.capture.randomness.conftest import Controller
else:
    Controller = Any

MAIN = "def main(): out(a=random.random(), b=np.random.rand())\n"
SCRIPT = "import random, numpy as np\n" + MAIN
LOADED = "import random, numpy"


def test_unseeded_libraries_are_controlled_though_they_were_loaded(
    controlled: Controller,
) -> None:
    """Nothing in the user's code seeds: nothing keeps us from seeding."""
    first = controlled(SCRIPT, observed=False, force=False, before="import random")
    second = controlled(SCRIPT, observed=False, force=False, before="import random")

    assert first.part["libraries"] == {"random": "derived", "numpy": "derived"}
    assert first.results == second.results


def test_numpys_global_state_tells_that_it_was_never_seeded(
    controlled: Controller,
) -> None:
    """NumPy was loaded before us, and its global state is still the one it was born with."""
    script = "import numpy as np  # seed\ndef main(): out(b=np.random.rand())"

    first = controlled(script, observed=False, force=False, before=LOADED)
    second = controlled(script, observed=False, force=False, before=LOADED)

    assert first.results == second.results
    assert first.part["libraries"]["numpy"] == "derived"


def test_a_seed_that_numpy_got_before_us_is_kept(controlled: Controller) -> None:
    """The user seeded NumPy before we came: that stream goes on, even if we have a seed."""
    before = "import numpy; numpy.random.seed(4); numpy.random.rand()"
    script = "import numpy as np\nnp.random.rand()\ndef main(): out(b=np.random.rand())"

    result = controlled(script, observed=False, force=True, before=before)

    assert result.results == [{"b": np.random.RandomState(4).rand(3)[2]}]
    assert result.part["libraries"]["numpy"] == "user"


def test_what_may_have_been_seeded_is_left_and_its_state_recorded(
    controlled: Controller,
) -> None:
    """``random`` may have been seeded unseen: it goes on, and can be restored from the record."""
    import random

    before = "import random; random.seed(8)"
    script = "import random  # a seed was set\ndef main(): out(a=random.random())"

    result = controlled(script, observed=False, force=False, before=before)
    again = controlled(script, states=result.part["start_states"])

    assert result.results == [{"a": random.Random(8).random()}]
    assert result.part["libraries"]["random"] == "unseen"
    assert any("may have been seeded before" in what for what in result.escapes())
    assert again.results == result.results
    assert again.part["libraries"]["random"] == "restored"


def test_a_seed_that_was_asked_for_rules_what_was_unseen(
    controlled: Controller,
) -> None:
    """With a seed from the user, the run depends on that alone."""
    before = "import random; random.seed()"
    script = "import random  # seed\ndef main(): out(a=random.random())"

    first = controlled(script, observed=False, force=True, before=before)
    second = controlled(script, observed=False, force=True, before=before)

    assert first.results == second.results


def test_numpys_state_is_restored_from_a_record(controlled: Controller) -> None:
    """A recorded start state of NumPy, its normal spare included, begins the same stream."""
    script = "import numpy as np\nnp.random.seed(4)\nnp.random.randn()\n"
    script += "def main(): out(b=np.random.randn(3).tolist())"
    result = controlled(script)
    unseeded = "import numpy as np\ndef main(): out(b=np.random.randn(3).tolist())"

    again = controlled(unseeded, states=result.part["start_states"])

    assert again.results == result.results


def test_unseeded_generators_are_derived_though_the_class_was_known_before(
    controlled: Controller,
) -> None:
    """Names bound before the hooks came are under control as well."""
    before = (
        "import builtins, random\nfrom numpy.random import default_rng, RandomState\n"
        "builtins.early = default_rng, RandomState, random.Random"
    )
    script = (
        "import builtins\n"
        "def main():\n"
        "    a, b, c = builtins.early\n"
        "    out(a=a().random(), b=b().rand(), c=c().random())\n"
        "    a(31), b(32), c(33)\n"
    )

    first = controlled(script, observed=False, before=before)

    assert first.results == controlled(script, observed=False, before=before).results
    assert [value for _, value in first.seeds()] == [31, 32, 33]
