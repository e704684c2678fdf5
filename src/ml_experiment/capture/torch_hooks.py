"""PyTorch's random generators, on the CPU and on devices, without replacing a name.

Every seed that PyTorch gets from Python passes through three methods of the type
``torch.Generator``: ``manual_seed``, ``seed`` and ``set_state``. ``torch.manual_seed`` and
its like call them for the default generators. They are replaced in the dictionary of the
type itself, so it does not matter who imported which name, and when; the type stays the
type. Whether that works with the PyTorch at hand is tried out when it is imported.

The one exception are seeds for CUDA before there is a CUDA context: PyTorch keeps them in
a queue, and what passes the queue is watched, too.

A ``torch.Generator()`` that nobody seeds is left alone: it begins with the same documented
number in every process. ``torch.seed()`` and ``generator.seed()``, which ask the operating
system, get their entropy from the run.
"""

# ruff: noqa: SLF001 - the private names of PyTorch are what this is about

from __future__ import annotations

import base64
import contextlib
import ctypes
import functools
import gc
import operator
import sys
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import (
    caller,
    is_user_frame,
    module_of,
    outside,
)
from ml_experiment.capture.library import LibraryControl, State
from ml_experiment.capture.torch_settings import TorchSettings


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, ModuleType

_SELF = frozenset({"torch"})
# Through these, user code seeds the default generators. What other modules of PyTorch seed
# (samplers, workers of a data loader) depends on seeds that have been seen already.
_ENTRANCES = frozenset(
    {
        *("torch.random", "torch.cuda", "torch.cuda.random", "torch.mps"),
        # Around `manual_seed`, once the compiler has been imported.
        *("torch.xpu.random", "torch._compile", "torch._dynamo.eval_frame"),
    }
)
_SEED_BITS = 63
_SMALL = 2**32


class TorchRandom(LibraryControl):
    """Control of PyTorch's generators, and of its switches."""

    name = "torch"
    module = "torch"

    def hook(self, module: ModuleType) -> None:
        """Replace three methods, and try out whether that is seen."""
        self._torch: Any = module
        self._default = self._torch.default_generator
        self._switches = TorchSettings(self._torch, self.observations)
        self._switches.apply(self.deterministic)
        methods = _dictionary_of(self._torch.Generator)
        self._manual_seed: Any = methods["manual_seed"]
        methods["manual_seed"] = self._observed_manual_seed(methods["manual_seed"])
        methods["seed"] = self._derived_seed_of(methods["seed"])
        methods["set_state"] = self._observed_set_state(methods["set_state"])
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(self._torch.Generator))
        self._watch_queue()
        self._try_out()

    def seeded_before(self) -> bool | None:
        """Whether it was seeded: of its own accord it begins with 64 random bits."""
        torch: Any = sys.modules["torch"]
        if not hasattr(torch, "default_generator"):
            return False  # it is being imported
        return True if torch.default_generator.initial_seed() < _SMALL else None

    # The places.

    def _observed_manual_seed(self, original: Any) -> Any:
        control = self

        @functools.wraps(original)
        def manual_seed(self: Any, seed: Any, /) -> Any:
            result = original(self, seed)
            if not control.observations.is_quiet:
                with contextlib.suppress(Exception):  # the user's call must go on
                    control._seeded(self, seed, caller())
            return result

        return manual_seed

    def _derived_seed_of(self, original: Any) -> Any:
        control = self

        @functools.wraps(original)
        def seed(self: Any, /) -> int:
            if control.observations.is_quiet:
                return int(original(self))
            frame = caller()
            value = control.unseeded_value(frame) % (1 << _SEED_BITS)
            control._manual_seed(self, value)
            if control._is_default(self):
                control.note_global_seed(explicit=False)
            else:
                control.remember(self, outside(frame, _SELF))
            return value

        return seed

    def _observed_set_state(self, original: Any) -> Any:
        control = self

        @functools.wraps(original)
        def set_state(self: Any, new_state: Any, /) -> Any:
            result = original(self, new_state)
            if not control.observations.is_quiet and control._is_default(self):
                with contextlib.suppress(Exception):  # the user's call must go on
                    control._state_set(self, caller())
            return result

        return set_state

    def _watch_queue(self) -> None:
        random = sys.modules.get("torch.cuda.random")
        original = getattr(random, "_lazy_call", None)
        if original is None:
            return
        control = self

        @functools.wraps(original)
        def lazy_call(callable: Any, **kwargs: Any) -> Any:  # noqa: A002 - its name there
            frame = caller()
            if (
                frame is not None
                and kwargs
                and not control.observations.is_quiet
                and not control._torch.cuda.is_initialized()
            ):
                with contextlib.suppress(Exception):  # the user's call must go on
                    control._queued(frame)
            return original(callable, **kwargs)

        random._lazy_call = lazy_call  # type: ignore[union-attr]  # it has one: it was got

    # What was seen.

    def _seeded(self, generator: Any, seed: Any, frame: FrameType | None) -> None:
        nearest = _user_of(frame)
        if nearest is None:
            return
        value = operator.index(seed)
        if self._is_default(generator):
            if value == self.derived_seed and generator is not self._default:
                return  # ours, out of the queue
            self.note_global_seed(explicit=True)
            name = "manual_seed"
            if generator is not self._default:
                name = f"{generator.device.type}.manual_seed"
        else:
            if module_of(nearest).partition(".")[0] == "keras":
                return  # one for each random operation, from seeds that are known
            self.remember(generator, nearest)
            name = "Generator.manual_seed"
        self.observations.seeded("torch", f"torch.{name}", value, nearest)

    def _state_set(self, generator: Any, frame: FrameType | None) -> None:
        nearest = _user_of(frame)
        # Not what saves a state and puts it back: fork_rng, checkpoint.
        if nearest is None or not is_user_frame(nearest):
            return
        self.note_global_seed(explicit=True)
        state = _bytes_of(generator)
        self.observations.seeded("torch", "torch.set_rng_state", state, nearest)

    def _queued(self, frame: FrameType) -> None:
        nearest = outside(frame, _SELF)
        if nearest is not frame.f_back or "seed" not in frame.f_locals:
            return  # torch.manual_seed, which is seen elsewhere
        self.note_global_seed(explicit=True)
        name = f"torch.cuda.{frame.f_code.co_name}"
        value = operator.index(frame.f_locals["seed"])
        self.observations.seeded("torch", name, value, nearest)

    def _try_out(self) -> None:
        generator = self._torch.Generator()
        names = ("manual_seed", "seed", "set_state")
        unseen = [
            name
            for name in names
            if not hasattr(getattr(generator, name), "__wrapped__")
        ]
        if unseen:
            raise RuntimeError(f"PyTorch seeds in another way now: {unseen}")

    # The default generators.

    def _is_default(self, generator: Any) -> bool:
        return generator is self._default or any(
            generator is each for _, many in self._devices() for each in many
        )

    def _devices(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield the default generators of devices that are in use; none is started."""
        for name in ("cuda", "xpu"):
            backend = getattr(self._torch, name, None)
            if backend is None or not backend.is_initialized():
                continue
            # A context that was made before a fork is of no use after it.
            if not backend._is_in_bad_fork():
                yield name, list(backend.default_generators)
        mps = getattr(self._torch, "mps", None)
        if mps is not None and self._torch.backends.mps.is_available():
            yield "mps", [mps._get_default_mps_generator()]

    def seed_global(self, seed: int) -> None:
        """Do as ``torch.manual_seed(seed)`` does, on all devices."""
        self._torch.manual_seed(seed)

    def global_state(self) -> State:
        """Return the states of the default generators of all devices in use."""
        return {
            "initial_seed": self._default.initial_seed(),
            "cpu": _bytes_of(self._default),
            **{name: [_bytes_of(g) for g in many] for name, many in self._devices()},
        }

    def restore_global(self, state: State) -> None:
        """Put the default generators into recorded states.

        A device that was not in use then begins with the seed that the CPU had.
        """
        self._torch.manual_seed(state["initial_seed"])
        self._set(self._default, state["cpu"])
        for name, generators in self._devices():
            for generator, saved in zip(generators, state.get(name, ()), strict=False):
                self._set(generator, saved)

    def _set(self, generator: Any, saved: str) -> None:
        data = list(base64.b64decode(saved))
        torch = self._torch
        generator.set_state(torch.tensor(data, dtype=torch.uint8, device="cpu"))

    def generator_state(self, generator: Any) -> State:
        """Return the state of a generator of the user's."""
        return {"device": str(generator.device), "state": _bytes_of(generator)}

    def restore_generator(self, generator: Any, state: State) -> None:
        """Put a generator of the user's into a recorded state."""
        self._set(generator, state["state"])

    # The switches.

    def choose(self, deterministic: str) -> None:
        """Set PyTorch's switches, unless the user's code has set them otherwise."""
        super().choose(deterministic)
        if self.loaded:
            self._switches.apply(deterministic)

    def settings(self) -> dict[str, object]:
        """Return switches and thread counts as they are now."""
        return self._switches.shown()

    def snapshot(self) -> object:
        """Return what ``roll_back`` needs to undo what a run sets."""
        return self._switches.current()

    def roll_back(self, snapshot: Any) -> None:
        """Set the switches as they were."""
        self._switches.restore(snapshot)


def _dictionary_of(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the dictionary behind the read-only view that a type gives of it."""
    (found,) = (item for item in gc.get_referents(vars(cls)) if isinstance(item, dict))
    return found


def _user_of(frame: FrameType | None) -> FrameType | None:
    """Return who calls PyTorch; ``None`` if PyTorch seeds for a purpose of its own."""
    nearest = outside(frame, _SELF)
    while frame is not None and frame is not nearest:
        if module_of(frame) not in _ENTRANCES:
            return None
        frame = frame.f_back
    return nearest


def _bytes_of(generator: Any) -> str:
    # Not by NumPy, which need not be there.
    return base64.b64encode(bytes(generator.get_state().tolist())).decode("ascii")
