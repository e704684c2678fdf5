"""What is not under control is named in the record, and what is, is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from tests.unit.capture.randomness.conftest import Controller
else:
    Controller = Any

ENTROPY = {
    "os.urandom": "import os\ndef main(): os.urandom(4)",
    "secrets.randbelow": "import secrets\ndef main(): secrets.randbelow(9)",
    "secrets.token_hex": "from secrets import token_hex\ndef main(): token_hex(4)",
    "uuid.uuid4": "import uuid\ndef main(): uuid.uuid4()",
    "random.SystemRandom.random": "import random\ndef main(): random.SystemRandom().random()",
}


@pytest.mark.parametrize(("call", "script"), ENTROPY.items(), ids=ENTROPY)
def test_entropy_that_user_code_takes_from_the_system_is_named(
    controlled: Controller, call: str, script: str
) -> None:
    """The record says which call, and where."""
    [found] = controlled(script).part["uncontrolled"]

    assert call.split(".", maxsplit=1)[0] in found["what"]
    assert found["where"] == "train.py:2"
    assert found["count"] >= 1


def test_entropy_that_libraries_need_is_not_named(controlled: Controller) -> None:
    """Names of temporary files are of nobody's concern, and are not predictable."""
    script = (
        "import tempfile, uuid\n"
        "def main():\n"
        "    with tempfile.TemporaryDirectory() as name: out(name=name)\n"
        "    out(name=next(tempfile._RandomNameSequence()))\n"
    )

    first, second = controlled(script), controlled(script)

    assert first.escapes() == []
    assert first.results[0] != second.results[0]
    assert first.results[1] != second.results[1]


def test_system_random_stays_random(controlled: Controller) -> None:
    """``SystemRandom`` and ``secrets`` give real entropy, whatever the seed."""
    script = (
        "import random, secrets, uuid, os\n"
        "def main(): out(a=random.SystemRandom().random(), b=secrets.randbits(64),\n"
        "                c=str(uuid.uuid4()), d=os.urandom(8).hex())\n"
    )

    first, second = controlled(script).results[0], controlled(script).results[0]

    assert all(first[name] != second[name] for name in "abcd")


def test_other_programs_are_named_by_their_name_only(controlled: Controller) -> None:
    """The command line, which may hold a password, is not recorded."""
    script = (
        "import os, subprocess, sys\n"
        "def main():\n"
        "    subprocess.run([sys.executable, '-c', 'pass', 'secret-password'])\n"
        "    os.system('true secret-password')\n"
    )

    found = controlled(script).part["uncontrolled"]

    assert [item["where"] for item in found] == ["train.py:3", "train.py:4"]
    assert "python" in found[0]["what"]
    assert "(true)" in found[1]["what"]
    assert "secret-password" not in str(found)


def test_generators_made_in_threads_are_named(controlled: Controller) -> None:
    """Which thread comes first is a matter of time: so the record says it."""
    script = (
        "import threading\nimport numpy as np\n"
        "def work(): np.random.default_rng()\n"
        "def main():\n"
        "    t = threading.Thread(target=work); t.start(); t.join()\n"
    )

    [found] = controlled(script).part["uncontrolled"]

    assert "outside the main thread" in found["what"]
    assert found["where"] == "train.py:3"


def test_generators_in_named_threads_repeat(controlled: Controller) -> None:
    """Threads that each make one generator get the same seeds whichever runs first."""
    script = (
        "import random, threading, time\nimport numpy as np\n"
        "found = {}\n"
        "def work(i):\n"
        "    time.sleep(random.SystemRandom().random() / 50)\n"
        "    found[i] = np.random.default_rng().random()\n"
        "def main():\n"
        "    ts = [threading.Thread(target=work, args=(i,)) for i in range(6)]\n"
        "    [t.start() for t in ts]; [t.join() for t in ts]\n"
        "    out(x=[found[i] for i in range(6)])\n"
    )

    first = controlled(script).results

    assert first == controlled(script).results
    assert len(set(first[0]["x"])) == 6


@pytest.mark.parametrize("value", ["", "random"])
def test_a_hash_seed_that_is_not_set_is_named_with_the_remedy(
    controlled: Controller, value: str
) -> None:
    """The order of sets is not under control, and the record says what to type."""
    [found] = controlled("x = 1", PYTHONHASHSEED=value).part["uncontrolled"]

    assert "PYTHONHASHSEED" in found["what"]
    assert "ml-experiment" in found["fix"]


@pytest.mark.parametrize("value", ["0", "123"])
def test_a_hash_seed_that_is_set_is_no_escape(
    controlled: Controller, value: str
) -> None:
    """Nothing is named where nothing escapes."""
    assert controlled("x = 1", PYTHONHASHSEED=value).escapes() == []


def test_the_order_of_sets_repeats_with_the_childs_environment(
    controlled: Controller,
) -> None:
    """With the hash seed that the supervisor sets, sets have one order a seed."""
    from ml_experiment.config.determinism import child_environment

    script = "def main(): out(x=list({'a', 'b', 'c', 'd', 'e', 'f', 'g'}))"
    environments: list[Any] = [
        child_environment(seed=seed, deterministic=True, cpus=1, current_env={})
        for seed in (1, 1, 2, 3, 4, 5)
    ]

    results = [controlled(script, **values).results[0]["x"] for values in environments]

    assert results[0] == results[1]
    assert any(result != results[0] for result in results[2:])


def test_a_numpy_that_seeds_in_another_way_is_named(controlled: Controller) -> None:
    """Should NumPy change, the record says that it is not observed, and nothing breaks."""
    script = "import numpy as np\ndef main(): out(x=np.random.rand())"
    before = (
        "from ml_experiment.capture.numpy_hooks import NumpyRandom\n"
        "NumpyRandom._index = lambda self, value: value\n"
    )

    result = controlled(script, before=before)

    assert any("numpy cannot be observed" in what for what in result.escapes())
    assert result.results == controlled(script).results
