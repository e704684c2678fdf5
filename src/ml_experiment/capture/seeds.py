"""Nothing random escapes: one control over all random generators of this process.

Unseeded generators get their entropy from the run's seed (``entropy``). What the user's
code seeds keeps its seed, bit for bit, and is reported (``random_hooks``,
``numpy_hooks``). What cannot be controlled is named (``escapes``). Processes that the
user's code starts are taken care of, too (``children``).

There is one control a process, for what it watches belongs to the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import caller, module_of, outside
from ml_experiment.capture.children import ProcessHooks, is_child, provide_child_side
from ml_experiment.capture.entropy import Entropy
from ml_experiment.capture.escapes import hash_seed_escape, watch_escapes
from ml_experiment.capture.keras_hooks import KerasRandom
from ml_experiment.capture.library import LibraryControl, digest
from ml_experiment.capture.numpy_hooks import NumpyRandom
from ml_experiment.capture.observations import Observations
from ml_experiment.capture.random_hooks import PythonRandom
from ml_experiment.capture.torch_hooks import TorchRandom
from ml_experiment.config.determinism import SWITCHES
from ml_experiment.config.seeding import derive_seed


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "LIBRARIES",
    "SEED_VARIABLE",
    "RandomnessControl",
    "derive_seed",
    "join_as_child",
]

LIBRARIES: tuple[type[LibraryControl], ...] = (
    PythonRandom,
    NumpyRandom,
    TorchRandom,
    KerasRandom,
)
"""The libraries under control; the order is that in which they are seeded."""

SEED_VARIABLE = "ML_EXPERIMENT_SEED"
"""Tells a process that user code starts which seed its parent's run has."""

_FORKERS = frozenset({"os", "multiprocessing", "subprocess", "concurrent", "joblib"})


class RandomnessControl:
    """The random generators of this process.

    ``install`` once; then ``begin`` and ``end`` around each run. ``begin`` may also be
    called before there is a run, for what the script does when it is imported.

    Args:
        report: ``report(event, **fields)``: told of each seed of the user's, once.
    """

    def __init__(self, report: Callable[..., object] | None = None) -> None:
        self.entropy = Entropy()
        self.observations = Observations(report)
        self.libraries = [make(self.entropy, self.observations) for make in LIBRARIES]
        self._inherited: tuple[int, tuple[str, ...]] | None = None
        self._forced = False
        self._seed_before: int | None = None
        self._hash_seed = hash_seed_escape()
        self._forks = "0"

    def bind(self, report: Callable[..., object] | None) -> None:
        """Report to somebody else from now on."""
        self.observations.report = report

    def install(self, *, observed_from_start: bool) -> None:
        """Put the hooks in place.

        Args:
            observed_from_start: Nothing of the user's has run yet. If not, libraries that
                are loaded may have been seeded unseen: unless that can be ruled out, their
                global generators are left as they are, and their states are recorded.

        Raises:
            RuntimeError: This process is under the control of another object already.
        """
        if _active and _active[0] is not self:
            raise RuntimeError("randomness is controlled once a process")
        if _active:
            return
        _active.append(self)
        self._inherited = _inherited_seed()
        for library in self.libraries:
            library.install(observed_from_start=observed_from_start)
        watch_escapes(self.observations)
        ProcessHooks(self.entropy).install()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_child=self._after_fork
            )

    def begin(
        self, seed: int | None, *, force: bool = False, goes_on: bool = False
    ) -> None:
        """Seed everything that the user's code has not seeded itself.

        A global generator that the user seeded while no run was on starts each run from
        the state in which that left it; all others from a seed derived from ``seed``.

        Args:
            seed: The run's seed; ``None`` to draw one from the operating system.
            force: The seed was asked for: generators that may have been seeded before
                anybody watched are seeded, too.
            goes_on: A global generator that the user seeded goes on from where it is, as
                in any program that calls a function several times. A trial must not
                depend on those before it.
        """
        if seed is None:
            seed = secrets.randbits(32)
        path: tuple[str, ...] = ()
        if self._inherited is not None:
            seed, path = self._inherited
        self._forced = force
        # What the script did before its run depended on the seed of an earlier begin().
        self._seed_before = self.entropy.seed
        self.entropy.restart(seed, path)
        self.observations.begin()
        os.environ[SEED_VARIABLE] = json.dumps([seed, *path])
        for library in self.libraries:
            library.begin(force=force, goes_on=goes_on)

    def choose(self, deterministic: str) -> None:
        """Have frameworks be deterministic, now or when they are imported.

        What the user's code has set itself stays as it is.

        Args:
            deterministic: ``"true"``, ``"warn"`` or ``"false"``, as in the config.
        """
        with self.observations.quiet():
            for library in self.libraries:
                library.choose(deterministic)

    def restore(self, start_states: Mapping[str, Any]) -> None:
        """Begin every run from recorded states: ``start_states`` of an earlier ``end()``.

        Args:
            start_states: State of the global generator, by the name of the library.
        """
        for library in self.libraries:
            library.to_restore = start_states.get(library.name)

    def end(self) -> dict[str, object]:
        """Return what is to be recorded of the run that is now over, and end it."""
        loaded = [library for library in self.libraries if library.loaded]
        with self.observations.quiet():
            part: dict[str, object] = {
                "seed": self.entropy.seed,
                "seed_before": self._seed_before,
                "forced": self._forced,
                "libraries": {item.name: item.origin for item in loaded},
                "derived_seeds": {
                    item.name: item.derived_seed
                    for item in loaded
                    if item.derived_seed is not None
                },
                "start_states": {
                    item.name: item.start_state
                    for item in loaded
                    if item.start_state is not None
                },
                "end_states": {
                    item.name: digest(item.global_state()) for item in loaded
                },
                "untouched": [item.name for item in loaded if item.is_untouched],
                "generators": {
                    item.name: states
                    for item in loaded
                    if (states := item.end_states())
                },
                "seeds_seen": self.observations.seeds(),
                "seeds_of_libraries": self.observations.library_seeds,
                "seeds_unlisted": self.observations.unlisted_seeds,
                "uncontrolled": self._uncontrolled(),
                "uncontrolled_unlisted": self.observations.unlisted_escapes,
                "switches": {name: os.environ.get(name) for name in SWITCHES},
                "settings": {
                    item.name: settings
                    for item in loaded
                    if (settings := item.settings())
                },
            }
        for library in self.libraries:
            library.end()
        self.observations.forget_run()
        return part

    def _uncontrolled(self) -> list[dict[str, object]]:
        found = self.observations.escapes()
        if self._hash_seed is not None:
            what, fix = self._hash_seed
            found.insert(0, {"what": what, "where": "?", "count": 1, "fix": fix})
        found += [
            {
                "what": f"{item.name} may have been seeded before it could be observed; "
                "its state at the start is recorded",
                "where": "?",
                "count": 1,
                "fix": "import ml_experiment first, or give the run a seed",
            }
            for item in self.libraries
            if item.origin == "unseen"
        ]
        return found

    # Child processes.

    def _before_fork(self) -> None:
        frame = outside(caller(), _FORKERS)
        module = "?" if frame is None else module_of(frame)
        self._forks = f"{module}-{self.entropy.number('fork', module)}"

    def _after_fork(self) -> None:
        seed = self.entropy.seed
        self.observations.loud()
        if seed is not None:
            self.entropy.restart(seed, (*self.entropy.path, "fork", self._forks))
            for library in self.libraries:
                library.after_fork()

    def begin_process(self, seed: int) -> None:
        """Make this process, which our parent's user code started, depend on ``seed``."""
        first = self.entropy.seed is None or self._inherited is not None
        self._inherited = None
        self.entropy.restart(seed)
        for library in self.libraries:
            if first:
                library.begin(force=True)
            else:
                library.after_fork()

    def begin_task(self, seed: int) -> None:
        """Make a task of a pool depend on ``seed``, and on no task before it."""
        self.entropy.restart(seed)
        for library in self.libraries:
            library.begin_task()

    def end_task(self) -> None:
        """The task is over: what it has seeded is none of the next one's."""
        for library in self.libraries:
            library.end()


_active: list[RandomnessControl] = []


def _inherited_seed() -> tuple[int, tuple[str, ...]] | None:
    """Return seed and path for a process of ``multiprocessing`` whose parent has them."""
    if not is_child():
        return None
    with contextlib.suppress(KeyError, ValueError, TypeError):
        seed, *path = json.loads(os.environ[SEED_VARIABLE])
        name = sys.modules["multiprocessing.process"].current_process().name
        return int(seed), (*map(str, path), "process", name)
    return None


def _child_side() -> RandomnessControl:
    """Return the control of this process, made if need be."""
    if not _active:
        control = RandomnessControl()
        control.install(observed_from_start=False)
    return _active[0]


provide_child_side(_child_side)


def join_as_child() -> bool:
    """Control this process if it was started by a controlled one's ``multiprocessing``.

    Call it when the package is imported: user modules that a spawned process imports are
    then under control like those of the parent.

    Returns:
        Whether it is such a process. Elsewhere nothing is done.
    """
    if _inherited_seed() is None:
        return False
    if not _active:
        control = _child_side()
        control.begin(None, force=True)
    return True
