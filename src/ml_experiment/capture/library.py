"""What is common to the control of every library's random generators.

A library gets one small module with one subclass of ``LibraryControl``, named in
``seeds.LIBRARIES``. The subclass knows how to observe and to seed; when which of the two
is right is decided here.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ml_experiment.capture.callsite import is_user_file, outside, site_of
from ml_experiment.capture.entropy import depends_on_the_thread, in_main_thread
from ml_experiment.capture.when_imported import when_imported


if TYPE_CHECKING:
    from types import FrameType, ModuleType

    from ml_experiment.capture.entropy import Entropy
    from ml_experiment.capture.observations import Observations

State = dict[str, Any]
Origin = Literal["derived", "user", "unseen", "restored"]

_GENERATORS = 64
_OF_THREADS = (
    "generators made outside the main thread: which gets which seed may depend on the "
    "order of the threads"
)
_FIX_OF_THREADS = "give them seeds of their own"


class LibraryControl(ABC):
    """Seeds and observes one library's generators.

    Attributes:
        name: Name of the library in the record.
        module: The module whose import makes it usable.
        origin: Where the global generator's state at the beginning of the run came from:
            ``derived`` from the run's seed, the ``user``'s own seeding, ``unseen`` (the
            library was there before we were, and may have been seeded), or ``restored``
            from an earlier run's record.
        derived_seed: What the global generator was seeded with, if ``derived``.
        start_state: Its state at the beginning, where no seed tells it.
    """

    name: ClassVar[str]
    module: ClassVar[str]

    def __init__(self, entropy: Entropy, observations: Observations) -> None:
        self.entropy = entropy
        self.observations = observations
        self.origin: Origin | None = None
        self.derived_seed: int | None = None
        self.start_state: State | None = None
        self.to_restore: State | None = None
        self._loaded: ModuleType | None = None
        self._unseen = False
        self._seeded_by_user = False
        self._users_state: State | None = None
        self._ran = False
        self._fresh: State | None = None
        self._generators: list[tuple[Any, str]] = []
        self._known: set[int] = set()
        self.deterministic = "warn"
        self._snapshot: object = None
        self._kept: list[tuple[Any, State]] = []
        self._snapshot_is_due = True
        self._of_thread = threading.local()

    # What a library's module has to say.

    @abstractmethod
    def hook(self, module: ModuleType) -> None:
        """Observe the library from now on."""

    @abstractmethod
    def seed_global(self, seed: int) -> None:
        """Seed the library's global generator."""

    @abstractmethod
    def global_state(self) -> State:
        """Return the complete state of the global generator, as JSON can hold it."""

    @abstractmethod
    def restore_global(self, state: State) -> None:
        """Put the global generator into a state that ``global_state`` returned."""

    @abstractmethod
    def generator_state(self, generator: Any) -> State:
        """Return the complete state of a generator that ``remember`` was given."""

    @abstractmethod
    def restore_generator(self, generator: Any, state: State) -> None:
        """Put a generator into a state that ``generator_state`` returned."""

    def seeded_before(self) -> bool | None:
        """Whether the global generator had a seed of the user's when we came.

        ``None``: there is no telling.
        """
        return None

    def settings(self) -> dict[str, object]:
        """Return what else of the library decides on its numbers, for the record."""
        return {}

    def choose(self, deterministic: str) -> None:
        """Take note of the config's switch: ``"true"``, ``"warn"`` or ``"false"``."""
        self.deterministic = deterministic

    def snapshot(self) -> object:
        """Return what ``roll_back`` needs to undo what a run sets; ``None``: nothing."""
        return None

    def roll_back(self, snapshot: Any) -> None:  # noqa: B027 - most have nothing to undo
        """Undo what an earlier run set: a trial must not depend on those before it."""

    # When to do what.

    @property
    def loaded(self) -> bool:
        """Whether the library has been imported, and is being observed."""
        return self._loaded is not None

    def install(self, *, observed_from_start: bool) -> None:
        """Hook the library now or, if it is not there, when it is imported."""
        if not observed_from_start and self.module in sys.modules:
            self._came_late()
        when_imported(self.module, self._arrived)

    def _came_late(self) -> None:
        seeded = self.seeded_before()
        if seeded is None and user_code_cannot_have_seeded():
            seeded = False
        if seeded:
            self._seeded_by_user = True
        self._unseen = seeded is not False

    def _arrived(self, module: ModuleType) -> None:
        try:
            with self.observations.quiet():
                self.hook(module)
        except Exception as error:  # noqa: BLE001 - another version of the library
            reason = f"{type(error).__name__}: {error}"
            self.observations.escaped(
                f"{self.name} cannot be observed in this version ({reason})",
                self.module,
            )
            if not self._is_usable():
                return
        self._loaded = module
        if self.entropy.seed is not None:
            self.begin(force=False)

    def _is_usable(self) -> bool:
        """Return whether it can be seeded at least, though it cannot be observed."""
        try:
            with self.observations.quiet():
                self.global_state()
                self.settings()
                self.snapshot()
        except Exception:  # noqa: BLE001 - a module of the user's that has the same name
            return False
        return True

    def begin(self, *, force: bool, goes_on: bool = False) -> None:
        """Bring the global generator to where the run is to start."""
        if self._loaded is None:
            return
        with self.observations.quiet():
            self._settle(goes_on=goes_on)
            self._generators, self._known = [], set()
            self.start_state = self.derived_seed = None
            self.origin = self._start(force=force, goes_on=goes_on)
            self._fresh = self.global_state() if self.origin == "derived" else None
        self._seeded_by_user = False

    @property
    def is_users(self) -> bool:
        """Whether the user has seeded the global generator: then it is left alone."""
        return self._seeded_by_user or self._users_state is not None

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has drawn from the global generator since the run began.

        What was drawn before does not count: imports of libraries do that all the time.
        """
        return self._fresh is not None and self.global_state() == self._fresh

    def _settle(self, *, goes_on: bool) -> None:
        """Let settings and generators begin as the script's import has left them."""
        if self._snapshot_is_due or goes_on:
            self._snapshot = self.snapshot()
            self._kept = [
                (generator, self.generator_state(generator))
                for generator, _ in self._generators
            ]
            return
        if self._snapshot is not None:
            self.roll_back(self._snapshot)
        for generator, state in self._kept:
            self.restore_generator(generator, state)

    def _start(self, *, force: bool, goes_on: bool) -> Origin:
        if self.to_restore is not None:
            self.restore_global(self.to_restore)
            self.start_state = self.to_restore
            return "restored"
        if self._seeded_by_user or (self._users_state is not None and not self._ran):
            self._users_state = self.start_state = self.global_state()
            self._ran = False
            return "user"
        if self._users_state is not None:
            if not goes_on:
                self.restore_global(self._users_state)
            self.start_state = self.global_state()
            return "user"
        if self._unseen and not force:
            self.start_state = self.global_state()
            return "unseen"
        self._unseen = False
        # A task on a thread may be the first to import the library.
        self.derived_seed = self.entropy.seed_for(self.name, of_process=True)
        self.seed_global(self.derived_seed)
        return "derived"

    def begin_task(self) -> None:
        """A task begins in a process that takes many, in an order that nobody knows."""
        if self._loaded is None or self.is_users:
            return
        with self.observations.quiet():
            self.seed_global(self.entropy.seed_for(self.name))

    def after_fork(self) -> None:  # noqa: B027 - most libraries have nothing to do
        """This is a new process now, with a copy of the parent's generators."""

    def end(self) -> None:
        """A run is over: the seeds that it set are none of the next one's."""
        self._seeded_by_user = False
        self._ran = True
        self._snapshot_is_due = self._loaded is None
        self._generators, self._known = [], set()

    # For the hooks.

    def unseeded_value(self, frame: FrameType | None) -> int:
        """Return the entropy for a generator that was made without a seed."""
        if depends_on_the_thread():
            nearest = outside(frame, frozenset({self.name}))
            place = "?" if nearest is None else site_of(nearest).where
            self.observations.escaped(_OF_THREADS, place, fix=_FIX_OF_THREADS)
            self._of_thread.place = place
        return self.entropy.value(self.name, frame)

    def is_seeded_after_all(self) -> None:
        """The generator that this thread has just made gets a seed of the user's."""
        place = getattr(self._of_thread, "place", None)
        if place is not None:
            self._of_thread.place = None
            self.observations.withdraw(_OF_THREADS, place)

    def note_global_seed(self, *, explicit: bool) -> None:
        """The global generator was just seeded by user code, or a library for it."""
        self._seeded_by_user = explicit
        if not explicit:
            self._users_state = None

    def remember(self, generator: Any, frame: FrameType | None) -> None:
        """Keep a generator that user code made itself, for the digest of its end state.

        Those of other threads have no order in which to compare them.
        """
        if len(self._generators) >= _GENERATORS or id(generator) in self._known:
            return
        if not in_main_thread():
            return
        site = site_of(frame)
        if site.direct:
            self._known.add(id(generator))
            self._generators.append((generator, site.where))

    def end_states(self) -> list[dict[str, object]]:
        """Return the digests of the generators that user code made, in their order."""
        return [
            {"where": where, "state": digest(self.generator_state(generator))}
            for generator, where in self._generators
        ]


def digest(state: State) -> str:
    """Return a digest of a state that two equal states share on all machines."""
    text = json.dumps(state, sort_keys=True, allow_nan=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def user_code_cannot_have_seeded() -> bool:
    """Return whether the user's code up to here has surely not seeded any generator.

    It has not if the word does not occur in it. In a session that is typed in there is no
    knowing.
    """
    main = sys.modules.get("__main__")
    if getattr(main, "__file__", None) is None:
        return False
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or not is_user_file(path):
            continue
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slower
                text = file.read().lower()
        except OSError:
            return False
        if b"seed" in text or b"setstate" in text or b"set_state" in text:
            return False
    return True
