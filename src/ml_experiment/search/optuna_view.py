"""The told trials in a storage of Optuna's, for its dashboard and for people's own plots.

A view: nothing is ever decided by what is in there. Where it cannot be written, the search
goes on, and what is missing is added later.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from optuna.study import StudyDirection  # noqa: TID253 - for groups only

from ml_experiment.search.study import quiet


if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://(.*)$")
_DEFAULT_GRPC_PORT = 13000
_LONGEST_PAUSE = 64
_ADD_EVERY_S = 0.5


class OptunaView:
    """Keeps a study in a storage in step with the told trials of a group.

    Args:
        storage: See ``open_storage``.
        study_name: Name of the study there; another one for every group.
        directions: ``minimize`` or ``maximize``, one a metric.
        every_s: Seconds between two additions, unless one is to be at once.
    """

    def __init__(
        self,
        storage: str,
        study_name: str,
        directions: Sequence[str],
        *,
        every_s: float = _ADD_EVERY_S,
    ) -> None:
        self._every_s = every_s
        self._storage = storage
        self._name = study_name
        self._directions = [StudyDirection[each.upper()] for each in directions]
        self._study: Study | None = None
        self._count = 0
        self._pause = 0
        self._left_to_skip = 0
        self._next = 0.0
        self.problems: list[str] = []

    def publish(self, told: Sequence[FrozenTrial], *, at_once: bool = False) -> bool:
        """Add what the storage lacks of the told trials.

        Soon after the last addition nothing is done: of many short trials, several are
        added at once. After a failure the next calls do nothing, ever more of them: a
        server that is away may take its time to say so.

        Args:
            told: All told trials, in order.
            at_once: Try now, whatever was before: at the end of a group.

        Returns:
            Whether the storage has all of them now. If not, ``problems`` says why.
        """
        if not at_once:
            if time.monotonic() < self._next:
                return False
            if self._left_to_skip:
                self._left_to_skip -= 1
                return False
        try:
            with quiet():
                self._add(told)
        except Exception as error:  # noqa: BLE001 - of any library that a storage is made of
            self._study = None
            self._pause = min(max(2 * self._pause, 1), _LONGEST_PAUSE)
            self._left_to_skip = self._pause
            problem = f"{type(error).__name__}: {error}".splitlines()[0]
            if problem not in self.problems:
                self.problems.append(problem)
            return False
        self._pause = 0
        self._next = time.monotonic() + self._every_s
        return True

    def _add(self, told: Sequence[FrozenTrial]) -> None:
        if self._study is None:
            self._study = self._opened()
            # Counted there, not remembered: an attempt that failed may have added some.
            self._count = len(self._study.get_trials(deepcopy=False))
        for trial in told[self._count :]:
            self._study.add_trial(trial)
            self._count += 1

    def _opened(self) -> Study:
        import optuna

        return optuna.create_study(
            study_name=self._name,
            storage=open_storage(self._storage),
            directions=self._directions,
            load_if_exists=True,
        )


def open_storage(place: str) -> BaseStorage:
    """Return the storage that a URL or the path of a file names.

    ``redis://`` is Optuna's journal in Redis, ``grpc://host:port`` its proxy, every other
    ``scheme://`` a database; a path, or ``journal:///path``, is the file of a journal.
    """
    from optuna.storages import (
        GrpcStorageProxy,
        JournalStorage,
        RDBStorage,
    )
    from optuna.storages.journal import JournalFileBackend, JournalRedisBackend

    found = _SCHEME.match(place)
    scheme = found[1].lower() if found else "journal"
    rest = found[2] if found else place
    if scheme in {"journal", "file"}:
        return JournalStorage(JournalFileBackend(rest))
    if scheme in {"redis", "rediss"}:
        return JournalStorage(JournalRedisBackend(place))
    if scheme == "grpc":
        host, _, port = rest.partition(":")
        return GrpcStorageProxy(host=host, port=int(port or _DEFAULT_GRPC_PORT))
    return RDBStorage(place)
