"""The random numbers of Keras 3, which come from seeds that Keras draws itself.

An unseeded layer, initialiser or ``keras.random.SeedGenerator`` draws its seed from
Python's ``random``, and its numbers from the backend: both are under control. What is left
is the one generator that Keras makes for all unseeded operations and keeps from then on:
each run gets a new one. Keras also counts the layers that have no name; a trial begins to
count where the script's import stopped, so that names in saved models do not tell which
trials a worker had before.
"""

# ruff: noqa: SLF001 - a generator can be put back only with what it was made from

from __future__ import annotations

import contextlib
import copy
import functools
import sys
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import caller, outside
from ml_experiment.capture.library import LibraryControl, State


if TYPE_CHECKING:
    from types import FrameType, ModuleType

_SELF = frozenset({"keras"})
_GENERATOR, _SEED = "global_seed_generator", "global_random_seed"
_COUNTS, _POLICY = "object_name_uids", "dtype_policy"
_STATE = "keras.src.backend.common.global_state"
_SEEDER = "keras.src.utils.rng_utils"


class _ObservedState:
    """Stands for the module ``global_state`` where ``set_random_seed`` looks it up."""

    def __init__(self, module: Any, control: KerasRandom) -> None:
        self._module = module
        self._control = control

    def set_global_attribute(self, name: str, value: Any) -> None:
        """Do as the module does, and note a seed."""
        self._module.set_global_attribute(name, value)
        if name == _SEED:
            self._control.seed_set(value, caller())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


class KerasRandom(LibraryControl):
    """Control of Keras' own generators."""

    name = "keras"
    module = "keras"

    def hook(self, module: ModuleType) -> None:
        """Take the place where a seed is set, and see seeded generators being made."""
        self._keras: Any = module
        self._state: Any = sys.modules[_STATE]
        seeder: Any = sys.modules[_SEEDER]
        seeder.global_state = _ObservedState(seeder.global_state, self)
        generators = self._keras.random.SeedGenerator
        generators.__init__ = self._observed(generators.__init__)

    def seeded_before(self) -> bool | None:
        """Whether ``keras.utils.set_random_seed`` was called."""
        state: Any = sys.modules.get(_STATE)
        return state is not None and state.get_global_attribute(_SEED) is not None

    def seed_set(self, value: Any, frame: FrameType | None) -> None:
        """Note that ``keras.utils.set_random_seed`` was called."""
        if self.observations.is_quiet:
            return
        self.note_global_seed(explicit=True)
        with contextlib.suppress(Exception):  # the user's call must go on
            nearest = outside(frame, _SELF)
            self.observations.seeded(
                "keras", "keras.utils.set_random_seed", value, nearest
            )

    def _observed(self, original: Any) -> Any:
        control = self

        @functools.wraps(original)
        def __init__(self: Any, seed: Any = None, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, seed, *args, **kwargs)
            if not control.observations.is_quiet:
                with contextlib.suppress(Exception):  # the user's call must go on
                    control._made(self, seed, caller())

        return __init__

    def _made(self, generator: Any, seed: Any, frame: FrameType | None) -> None:
        nearest = outside(frame, _SELF)
        self.remember(generator, nearest)
        if seed is not None:
            self.observations.seeded(
                "keras", "keras.random.SeedGenerator", seed, nearest
            )

    # The generator of all unseeded operations.

    def seed_global(self, seed: int) -> None:  # noqa: ARG002 - from `random`, which has it
        """Let Keras make a new generator when it needs one."""
        self._state.set_global_attribute(_GENERATOR, None)
        self._state.set_global_attribute(_SEED, None)

    def global_state(self) -> State:
        """Return the seed that was set, and the state of the generator, if there is one."""
        generator = self._state.get_global_attribute(_GENERATOR)
        return {
            "seed": self._state.get_global_attribute(_SEED),
            "generator": None if generator is None else self.generator_state(generator),
        }

    def restore_global(self, state: State) -> None:
        """Put seed and generator back."""
        generator, saved = None, state["generator"]
        if saved is not None:
            # With a name, or it would be counted; with a seed, or it would draw one.
            made = self._keras.random.SeedGenerator
            generator = made(0, name="seed_generator")
            generator._initial_seed = saved["seed"]
            generator.state.assign(saved["state"])
        self._state.set_global_attribute(_GENERATOR, generator)
        self._state.set_global_attribute(_SEED, state["seed"])

    def generator_state(self, generator: Any) -> State:
        """Return the state of a ``SeedGenerator``."""
        numbers = self._keras.ops.convert_to_numpy(generator.state)
        return {
            "seed": generator.get_config()["seed"],
            "state": [int(number) for number in numbers],
        }

    def restore_generator(self, generator: Any, state: State) -> None:
        """Put a ``SeedGenerator`` into a recorded state."""
        generator.state.assign(state["state"])

    # What is not random, and must not pass from one trial to the next.

    def settings(self) -> dict[str, object]:
        """Return the backend, and the precision that layers compute in."""
        config = self._keras.config
        # Not config.dtype_policy(), which fixes it for good at the first question.
        policy = self._state.get_global_attribute(_POLICY)
        return {
            "backend": config.backend(),
            "floatx": config.floatx(),
            "dtype_policy": config.floatx() if policy is None else policy.name,
        }

    def snapshot(self) -> object:
        """Return how many objects of each name there have been, and the precision."""
        counts = self._state.get_global_attribute(_COUNTS)
        policy = self._state.get_global_attribute(_POLICY)
        return copy.copy(counts), self._keras.config.floatx(), policy

    def roll_back(self, snapshot: Any) -> None:
        """Count on from there, with that precision."""
        counts, floatx, policy = snapshot
        self._state.set_global_attribute(_COUNTS, copy.copy(counts))
        self._keras.config.set_floatx(floatx)
        self._state.set_global_attribute(_POLICY, policy)
