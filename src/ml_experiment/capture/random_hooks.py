"""Python's own ``random``.

``Random.seed`` is where every generator of the module begins: the global one, instances,
subclasses. It is replaced by a function that does the same with a derived value instead
of ``None``. ``SystemRandom`` has a ``seed`` of its own and is not touched.
"""

# ruff: noqa: SLF001 - `random._inst` is the global generator

from __future__ import annotations

import base64
import contextlib
import functools
import struct
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import caller, outside
from ml_experiment.capture.library import LibraryControl, State


if TYPE_CHECKING:
    from types import FrameType, ModuleType

_SELF = frozenset({"random"})


class PythonRandom(LibraryControl):
    """Control of ``random``."""

    name = "random"
    module = "random"

    def hook(self, module: ModuleType) -> None:
        """Replace ``Random.seed`` and ``Random.setstate``."""
        random: Any = module
        self._random = random
        random.Random.seed = self._seeder(random.Random.seed)
        random.Random.setstate = self._setter(random.Random.setstate)
        random.seed = random._inst.seed
        random.setstate = random._inst.setstate

    def _seeder(self, original: Any) -> Any:
        control = self

        @functools.wraps(original)
        def seed(self: Any, a: Any = None, version: int = 2) -> None:
            if control.observations.is_quiet:
                original(self, a, version)
                return
            frame = caller()
            if a is None:
                original(self, control.unseeded_value(frame), version)
            else:
                original(self, a, version)
            with contextlib.suppress(Exception):  # the user's call must go on
                control._seeded(self, a, frame)

        return seed

    def _seeded(self, generator: Any, value: Any, frame: FrameType | None) -> None:
        nearest = outside(frame, _SELF)
        is_global = generator is self._random._inst
        if is_global:
            self.note_global_seed(explicit=value is not None)
        else:
            self.remember(generator, nearest)
        if value is not None:
            call = "random.seed" if is_global else f"random.{_class_name(generator)}"
            self.observations.seeded("random", call, value, nearest)

    def _setter(self, original: Any) -> Any:
        control = self

        @functools.wraps(original)
        def setstate(self: Any, state: Any) -> None:
            original(self, state)
            if self is control._random._inst and not control.observations.is_quiet:
                nearest = outside(caller(), _SELF)
                control.note_global_seed(explicit=True)
                with contextlib.suppress(Exception):  # the user's call must go on
                    control.observations.seeded(
                        "random", "random.setstate", repr(state), nearest
                    )

        return setstate

    def seed_global(self, seed: int) -> None:
        """Do as ``random.seed(seed)`` does."""
        self._random._inst.seed(seed)

    def after_fork(self) -> None:
        """Seed anew: CPython has just seeded the child's generator from the OS."""
        if self.loaded and self.entropy.seed is not None:
            self._users_state = None
            self._seeded_by_user = False
            with self.observations.quiet():
                self.seed_global(self.entropy.seed_for(self.name))

    def global_state(self) -> State:
        """Return the global generator's state."""
        return self.generator_state(self._random._inst)

    def generator_state(self, generator: Any) -> State:
        """Return what ``getstate()`` returns: words as little-endian base64."""
        version, words, gauss = generator.getstate()
        packed = struct.pack(f"<{len(words)}I", *words)
        return {
            "version": version,
            "words": base64.b64encode(packed).decode("ascii"),
            "gauss_next": gauss,
        }

    def restore_global(self, state: State) -> None:
        """Put the global generator into a recorded state."""
        self.restore_generator(self._random._inst, state)

    def restore_generator(self, generator: Any, state: State) -> None:
        """Put a generator into a recorded state."""
        packed = base64.b64decode(state["words"])
        words = struct.unpack(f"<{len(packed) // 4}I", packed)
        generator.setstate((state["version"], words, state["gauss_next"]))


def _class_name(generator: Any) -> str:
    return str(type(generator).__name__)
