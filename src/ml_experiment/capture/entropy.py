"""The source of all entropy of a run: what unseeded generators get instead of the OS's.

A value depends on the run's seed, the library that asks, the module that made it ask, the
task of a pool or else the thread if it is not the main one, and a running number for just
these. There is no counter that all share: a library that makes one generator more, because
it builds some cache in the first run, does not shift what the user's code gets.

Values carry a mark by which they are known again: they are 128 bits, of which the last 32
are a digest of the others. So a generator's own seed, copied or handed to another process,
is never taken for one that the user chose.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import module_of, outside
from ml_experiment.config.seeding import derive_bits, derive_seed


if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    _Numbers = dict[tuple[str, ...], itertools.count[int]]

_PAYLOAD_BITS = 96
_MARK_BITS = 32
VALUE_BITS = _PAYLOAD_BITS + _MARK_BITS

# Names that must not be guessed, and identities that must not collide between two runs
# with one seed: these modules get what they ask for.
_NEED_REAL_ENTROPY = frozenset(
    {
        *("tempfile", "uuid", "secrets", "ssl", "asyncio", "multiprocessing", "email"),
        *("http", "urllib", "requests", "urllib3", "cryptography", "socket", "hashlib"),
        *("hmac", "smtplib", "mailbox", "imaplib", "zipfile", "shutil", "_pyrepl"),
        *("concurrent", "websockets", "aiohttp", "httpx", "httpcore", "anyio", "trio"),
        *("paramiko", "OpenSSL", "jwt", "oauthlib", "google", "boto3", "botocore"),
        *("s3transfer", "grpc", "zmq", "tornado", "mlflow", "sqlalchemy", "alembic"),
        *("databricks", "werkzeug", "flask", "gunicorn", "uvicorn", "ipykernel"),
        *("jupyter_client", "ray", "distributed", "loky", "filelock", "opentelemetry"),
    }
)
_NEED_REAL_ENTROPY_BELOW = ("joblib.externals.loky", "sklearn.externals._loky")


def needs_real_entropy(module: str) -> bool:
    """Return whether a module's random values are for secrecy, not for computing."""
    return module.partition(".")[0] in _NEED_REAL_ENTROPY or module.startswith(
        _NEED_REAL_ENTROPY_BELOW
    )


def _marked(payload: int) -> int:
    digest = hashlib.blake2b(payload.to_bytes(_PAYLOAD_BITS // 8, "big"), digest_size=4)
    return payload << _MARK_BITS | int.from_bytes(digest.digest(), "big")


def is_marked(value: object) -> bool:
    """Return whether a value was made by ``Entropy``."""
    if type(value) is not int or value.bit_length() > VALUE_BITS:
        return False
    if value.bit_length() <= _MARK_BITS:
        return False
    return _marked(value >> _MARK_BITS) == value


def real_value() -> int:
    """Return a marked value from the operating system."""
    return _marked(int.from_bytes(os.urandom(_PAYLOAD_BITS // 8), "big"))


class Entropy:
    """Derives values from one seed. Nothing is derived before ``restart``.

    Attributes:
        seed: The run's seed; ``None`` before there is one.
    """

    def __init__(self) -> None:
        self.seed: int | None = None
        self._path: tuple[str, ...] = ()
        self._numbers: _Numbers = {}

    @property
    def path(self) -> tuple[str, ...]:
        """Which process this is, and which task of it, seen from the run's process."""
        task = current_task()
        return self._path if task is None else (*self._path, "task", str(task.seed))

    def restart(self, seed: int, path: tuple[str, ...] = ()) -> None:
        """Begin anew with a seed; all running numbers start from 0."""
        self.seed = seed
        self._path = path
        self._numbers = {}

    def number(self, *key: str) -> int:
        """Return how many times this was called with this key before."""
        # setdefault and next are each one step for the interpreter: no lock to be held
        # over a fork.
        task = current_task()
        numbers = self._numbers if task is None else task.numbers
        return next(numbers.setdefault(key, itertools.count()))

    def value(self, library: str, frame: FrameType | None) -> int:
        """Return 128 bits for an unseeded generator, real ones where they are needed.

        Args:
            library: Whose generator it is.
            frame: The frame that made it; frames of the library itself are passed over.
        """
        nearest = outside(frame, frozenset({library, "random", "copy", "copyreg"}))
        module = "?" if nearest is None else module_of(nearest)
        if self.seed is None or needs_real_entropy(module):
            return real_value()
        names = (*self.path, library, module, *_thread_name())
        number = self.number(*names)
        return _marked(derive_bits(self.seed, *names, number, bits=_PAYLOAD_BITS))

    def seed_for(self, *names: str, of_process: bool = False) -> int:
        """Return a 32-bit seed for a purpose of which there is one.

        Args:
            names: The purpose.
            of_process: There is one in the process, and not one in each task.

        Raises:
            RuntimeError: There is no seed yet.
        """
        if self.seed is None:
            raise RuntimeError("Entropy.restart() comes first")
        path = self._path if of_process else self.path
        return derive_seed(self.seed, *path, *names)


class Task:
    """A task that a thread of a pool has taken.

    Args:
        seed: Tells the task from all others of the run.

    Attributes:
        generators: What stands for the global generators while it is being done, by the
            name of the library.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.numbers: _Numbers = {}
        self.generators: dict[str, Any] = {}


_THREAD = threading.local()


def current_task() -> Task | None:
    """Return the task that this thread has taken from a pool, if it has."""
    return getattr(_THREAD, "task", None)


@contextmanager
def task_of_a_thread(seed: int) -> Iterator[None]:
    """Derive all that this thread asks for from the task, whichever thread it is.

    Args:
        seed: Tells the task from all others of the run.
    """
    before = current_task()
    _THREAD.task = Task(seed)
    try:
        yield
    finally:
        _THREAD.task = before


def in_main_thread() -> bool:
    """Return whether this is the main thread."""
    return threading.get_ident() == threading.main_thread().ident


def depends_on_the_thread() -> bool:
    """Return whether the values of this thread depend on which thread it is."""
    return not (in_main_thread() or current_task())


def _thread_name() -> tuple[str, ...]:
    # Threads that make generators at the same time would race for a shared number.
    return (threading.current_thread().name,) if depends_on_the_thread() else ()
