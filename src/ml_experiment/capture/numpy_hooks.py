"""NumPy's random generators, without replacing one name that users see.

All of NumPy's seeding passes through names that its compiled modules look up in their own
module dictionaries, each time anew:

=============  ============================  ===========================================
module         name                          what passes through
=============  ============================  ===========================================
bit_generator  ``randbits``                  a request for entropy: no seed was given
bit_generator  ``_coerce_to_uint32_array``   the entropy of every new ``SeedSequence``
_mt19937       ``operator.index``            every legacy seed: ``seed(x)``, ``RandomState(x)``
mtrand         ``_MT19937``                  the bit generator of every new ``RandomState``
_generator     ``PCG64``                     the bit generator of ``default_rng``
mtrand         ``_rand``                     the global generator, as SciPy and scikit-learn
                                             take it where no ``random_state`` is given
=============  ============================  ===========================================

So classes stay classes, names imported early are seen as well, and nothing about pickling,
``isinstance`` or signatures changes. It holds for NumPy 1.17 to 2.4; whether it holds for
the NumPy at hand is tried out when it is imported, and the record says so if it does not.
"""

# ruff: noqa: SLF001 - the private names of NumPy are what this is about

from __future__ import annotations

import base64
import contextlib
import functools
import operator
import sys
import threading
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import called_name, caller, module_of, outside
from ml_experiment.capture.entropy import VALUE_BITS, current_task, is_marked
from ml_experiment.capture.library import LibraryControl, State


if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, ModuleType

_SELF = frozenset({"numpy"})
_PICKLE = "numpy.random._pickle"
_COPYING = frozenset({"numpy", "copy", "copyreg", "pickle", "_pickle"})
_CALLS = frozenset(
    {
        *("seed", "RandomState", "default_rng", "SeedSequence", "PCG64", "PCG64DXSM"),
        *("MT19937", "Philox", "SFC64", "set_state", "set_bit_generator"),
    }
)


class _Observed:
    """Stands for a class in a compiled module: calls are noted, the rest is the class's."""

    def __init__(
        self, cls: type, note: Callable[[Any, FrameType | None], None]
    ) -> None:
        self._cls = cls
        self._note = note

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = self._cls(*args, **kwargs)
        self._note(made, caller())
        return made

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._cls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cls, name)


class _ObservedOperator:
    """Stands for the module ``operator``: ``index`` is noted, the rest is the module's."""

    def __init__(self, index: Callable[[Any], int]) -> None:
        self.index = index

    def __getattr__(self, name: str) -> Any:
        return getattr(operator, name)


class NumpyRandom(LibraryControl):
    """Control of ``numpy.random``."""

    name = "numpy"
    module = "numpy.random"

    def hook(self, module: ModuleType) -> None:
        """Take these places, and try out whether they are what they should be."""
        numpy_random: Any = module
        bits = sys.modules["numpy.random.bit_generator"]
        legacy = sys.modules["numpy.random._mt19937"]
        mtrand: Any = sys.modules["numpy.random.mtrand"]
        generator: Any = sys.modules["numpy.random._generator"]
        self._random = numpy_random
        self._rand = mtrand._rand
        self._local = threading.local()
        coerce: Any = vars(bits)["_coerce_to_uint32_array"]
        vars(bits)["randbits"] = self._randbits(vars(bits)["randbits"])
        vars(bits)["_coerce_to_uint32_array"] = self._coerce(coerce)
        vars(legacy)["operator"] = _ObservedOperator(self._index)
        mtrand._MT19937 = _Observed(mtrand._MT19937, self._made)
        generator.PCG64 = _Observed(generator.PCG64, self._made)
        for name in ("set_state", "set_bit_generator"):
            self._watch_function(mtrand, name)
        self._try_out()
        self._give_each_task_its_own(mtrand)

    def seeded_before(self) -> bool | None:
        """Whether the global state was seeded: it keeps its first seed until then."""
        numpy_random: Any = sys.modules["numpy.random"]
        bit_generator = numpy_random.mtrand._rand._bit_generator
        try:
            first = bit_generator._seed_seq
            if first is None:
                return True  # a legacy seed takes its place
            fresh = type(bit_generator)(first).state["state"]["key"]
            untouched = (fresh == bit_generator.state["state"]["key"]).all()
        except (AttributeError, KeyError, TypeError):
            return None
        return False if untouched else None

    # The places.

    def _randbits(self, original: Callable[[int], int]) -> Callable[[int], int]:
        @functools.wraps(original)
        def randbits(k: int) -> int:
            self._seen("entropy")
            if k != VALUE_BITS or self.observations.is_quiet:
                return original(k)
            frame = caller()
            self._is_state_being_made(made=False)
            if self._is_global_being_seeded():
                self.note_global_seed(explicit=False)
            return self.unseeded_value(frame)

        return randbits

    def _coerce(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @functools.wraps(original)
        def _coerce_to_uint32_array(x: Any) -> Any:
            self._seen("sequence")
            # It calls itself for the items of a list.
            depth = getattr(self._local, "depth", 0)
            self._local.depth = depth + 1
            try:
                result = original(x)
            finally:
                self._local.depth = depth
            if not depth and not self.observations.is_quiet:
                self._entropy_given(x, caller())
            return result

        return _coerce_to_uint32_array

    def _entropy_given(self, value: Any, frame: FrameType | None) -> None:
        # The second call for each sequence has its spawn key, a tuple.
        if isinstance(value, tuple) or is_marked(value):
            return
        self._seed_seen(value, frame, "numpy.random.SeedSequence")

    def _index(self, value: Any) -> int:
        self._seen("legacy")
        if not self.observations.is_quiet:
            # A RandomState is made without a seed at first, also where one is given.
            if self._is_state_being_made(made=False):
                self.is_seeded_after_all()
            call = "numpy.random.RandomState"
            if self._is_global_being_seeded():
                self.note_global_seed(explicit=True)
                call = "numpy.random.seed"
            self._seed_seen(value, caller(), call)
        return operator.index(value)

    def _is_global_being_seeded(self) -> bool:
        """Whether this thread holds the global generator's lock, as ``seed`` does."""
        lock = self._rand._bit_generator.lock
        owned = getattr(lock, "_is_owned", None) or lock.locked
        return bool(owned())

    def _seed_seen(self, value: Any, frame: FrameType | None, call: str) -> None:
        with contextlib.suppress(Exception):  # the user's call must go on
            nearest = outside(frame, _SELF)
            if nearest is None or module_of(nearest) in _COPYING:
                return
            spelled = (called_name(nearest) or "").rpartition(".")[2]
            if spelled in _CALLS:
                call = f"numpy.random.{spelled}"
            self.observations.seeded("numpy", call, value, nearest)

    def _is_state_being_made(self, *, made: bool) -> bool:
        """Return whether this thread has just made what a ``RandomState`` begins with.

        Args:
            made: Whether it does so now.
        """
        before = bool(getattr(self._local, "made", False))
        self._local.made = made
        return before

    def _made(self, bit_generator: Any, frame: FrameType | None) -> None:
        legacy = type(bit_generator).__name__ == "MT19937"
        self._is_state_being_made(made=legacy)
        if not self.observations.is_quiet:
            self.remember(bit_generator, outside(frame, _SELF))

    def _watch_function(self, mtrand: Any, name: str) -> None:
        original = getattr(mtrand, name, None)
        if original is None:
            return

        @functools.wraps(original)
        def observed(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if not self.observations.is_quiet:
                self.note_global_seed(explicit=True)
                nearest = outside(caller(), _SELF)
                with contextlib.suppress(Exception):  # the user's call must go on
                    self.observations.seeded(
                        "numpy", f"numpy.random.{name}", repr((args, kwargs)), nearest
                    )
            return result

        for home in (mtrand, self._random):
            if getattr(home, name, None) is original:
                setattr(home, name, observed)

    def unseeded_value(self, frame: FrameType | None) -> int:
        """Return the entropy for a generator that was made without a seed."""
        value = super().unseeded_value(frame)
        if frame is not None and frame.f_globals.get("__name__") == _PICKLE:
            # It is about to get the state of the one that was pickled.
            self.is_seeded_after_all()
        return value

    # The global generator on several threads.

    def _give_each_task_its_own(self, mtrand: ModuleType) -> None:
        """Let libraries that ask for the global generator get the task's, in a task.

        Threads that draw from one generator get numbers that depend on which is faster.
        """
        control = self

        class Module(type(mtrand)):  # type: ignore[misc]
            @property
            def _rand(self) -> Any:
                return control._global_of_thread()

            @_rand.setter
            def _rand(self, value: Any) -> None:
                control._rand = value

        mtrand.__class__ = Module

    def _global_of_thread(self) -> Any:
        task = current_task()
        if task is None or self.entropy.seed is None or self.is_users:
            return self._rand
        if self.name not in task.generators:
            with self.observations.quiet():
                seed = self.entropy.seed_for(self.name)
                task.generators[self.name] = self._random.RandomState(seed)
        return task.generators[self.name]

    # Trying out.

    def _seen(self, place: str) -> None:
        trial = getattr(self._local, "trial", None)
        if trial is not None:
            trial.add(place)

    def _try_out(self) -> None:
        trial: set[str] = set()
        self._local.trial = trial
        try:
            # Not default_rng(): NumPy is not wholly imported yet.
            self._random.SeedSequence()
            self._random.RandomState(1)
        finally:
            self._local.trial = None
        missing = {"entropy", "sequence", "legacy"} - trial
        if missing:
            raise RuntimeError(f"NumPy seeds in another way now: {sorted(missing)}")

    # The global state.

    def seed_global(self, seed: int) -> None:
        """Do as ``numpy.random.seed(seed)`` does."""
        self._rand.seed(seed)

    def global_state(self) -> State:
        """Return the global generator's state."""
        state: State = _as_json(self._rand.get_state(legacy=False))
        return state

    def restore_global(self, state: State) -> None:
        """Put the global generator into a recorded state."""
        self._rand.set_state(self._from_json(state))

    def generator_state(self, generator: Any) -> State:
        """Return the state of a bit generator."""
        state: State = _as_json(generator.state)
        return state

    def restore_generator(self, generator: Any, state: State) -> None:
        """Put a bit generator into a recorded state."""
        generator.state = self._from_json(state)

    def _from_json(self, value: Any) -> Any:
        if isinstance(value, dict) and "base64" in value:
            numpy = sys.modules["numpy"]
            data = base64.b64decode(value["base64"])
            return numpy.frombuffer(data, dtype=value["dtype"]).copy()
        if isinstance(value, dict):
            return {key: self._from_json(item) for key, item in value.items()}
        return value


def _as_json(value: Any) -> Any:
    """Return a state with its arrays as little-endian base64."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    if hasattr(value, "tobytes") and getattr(value, "shape", None):
        little = value.astype(value.dtype.newbyteorder("<"))
        data = base64.b64encode(little.tobytes()).decode("ascii")
        return {"dtype": little.dtype.str, "base64": data}
    return value.item() if hasattr(value, "item") else value
