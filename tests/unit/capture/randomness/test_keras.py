"""Keras 3 on PyTorch repeats, and a trial does not see the trials before it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from tests.unit.capture.randomness.conftest import Controller


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not find_spec("keras") or not find_spec("torch"), reason="Keras on PyTorch"
    ),
]

UNSEEDED = """\
import os
os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

def main():
    model = keras.Sequential([
        keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.3),
        keras.layers.GaussianNoise(0.1), keras.layers.Dense(1),
    ])
    model.compile("adam", "mse")
    x = np.random.rand(32, 3)
    history = model.fit(x, x.sum(1), epochs=2, batch_size=8, verbose=0).history
    out(
        loss=history["loss"],
        weights=[weight.tolist() for weight in model.get_weights()],
        drawn=keras.random.normal((2,)).tolist(),
        names=[layer.name for layer in model.layers],
    )
"""


def test_unseeded_training_repeats_with_its_seed_and_only_with_it(
    controlled: Controller,
) -> None:
    """Also as the third run of a process, where even the names of layers are the same."""
    three = controlled(UNSEEDED, runs=[5, 6, 7])
    alone = controlled(UNSEEDED, seed=7)

    assert three.results[2] == alone.results[0]
    assert three.parts[2]["end_states"] == alone.part["end_states"]
    assert three.results[0]["names"] == three.results[1]["names"]
    for name in ("loss", "weights", "drawn"):
        assert three.results[0][name] != three.results[1][name]
    assert alone.escapes() == []
    assert alone.seeds() == []
    assert alone.part["settings"]["keras"] == {
        "backend": "torch",
        "floatx": "float32",
        "dtype_policy": "float32",
    }


def test_the_users_seed_wins_in_each_trial_and_is_told(controlled: Controller) -> None:
    """``keras.utils.set_random_seed`` seeds four libraries, and all of them begin anew."""
    script = UNSEEDED.replace(
        "def main():\n",
        "keras.utils.set_random_seed(3)\nBEFORE = keras.random.normal((1,)).tolist()\n"
        "def main():\n",
    )

    two = controlled(script, runs=[1, 2])

    assert two.results[0] == two.results[1]
    assert two.parts[0]["libraries"] == dict.fromkeys(
        ("random", "numpy", "torch", "keras"), "user"
    )
    assert ("keras.utils.set_random_seed", 3) in two.seeds()
    assert two.parts[0]["end_states"] == two.parts[1]["end_states"]


def test_generators_with_seeds_are_told_and_begin_anew(controlled: Controller) -> None:
    """A ``SeedGenerator`` of the script's own gives each trial the same numbers."""
    script = """\
import os
os.environ["KERAS_BACKEND"] = "torch"
import keras
SEEDS = keras.random.SeedGenerator(11)
def main():
    keras.config.set_floatx("float64")
    out(a=keras.random.normal((2,), seed=SEEDS, dtype="float32").tolist())
"""

    two = controlled(script, runs=[1, 2])

    assert two.results[0] == two.results[1]
    assert ("keras.random.SeedGenerator", 11) in two.seeds()
    floats = [part["settings"]["keras"]["floatx"] for part in two.parts]
    assert floats == ["float64", "float64"]
