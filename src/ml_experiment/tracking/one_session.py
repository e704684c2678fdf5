"""Have MLflow's store for databases make a new run in one session, at one stroke.

By itself it opens a session for everything that it does, each with settings and a commit,
and reads the run again for each: a new run with a metric takes eight sessions. Here all is
collected in one, and written at its end: the database is locked for a moment only, and
another publisher can make its runs meanwhile.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow import MlflowClient
    from mlflow.entities import Run

_MAKER = "ManagedSessionMaker"
_RUN = "_get_run"
_INPUTS = "_get_run_inputs"


@contextmanager
def session_of_new_run(client: MlflowClient) -> Iterator[None]:
    """Let one session do all that is done to a run which is made inside of it.

    Nothing of it is in the database before the end. If anything fails, do it again without:
    there is nothing left of it, or, where the store is not built as in the releases that we
    know and nothing was changed here, a part of it.

    Args:
        client: A client of a database.
    """
    store: Any = getattr(getattr(client, "_tracking_client", None), "store", None)
    if not all(hasattr(store, name) for name in (_MAKER, _RUN, _INPUTS)):
        yield
        return
    make = getattr(store, _MAKER)
    with make(read_only=False) as session, ExitStack() as stack:

        @contextmanager
        def shared(**_: object) -> Iterator[Any]:
            yield session

        stack.enter_context(session.no_autoflush)
        for owner, name, value in (
            (store, _MAKER, shared),
            (store, _RUN, _finding_new(getattr(store, _RUN))),
            (store, _INPUTS, _no_inputs),
            (session, "commit", _not_yet),
        ):
            stack.enter_context(_replaced(owner, name, value))
        yield


def forget_earlier(client: MlflowClient, found: Run, started: float) -> None:
    """Delete the metrics that an earlier execution of a trial has given: they do not count.

    MLflow itself has no way to delete metrics; of another store than a database they stay.

    Args:
        client: An open store.
        found: The trial's run.
        started: When this execution started, in seconds since the epoch.
    """
    store: Any = getattr(getattr(client, "_tracking_client", None), "store", None)
    make = getattr(store, _MAKER, None)
    if make is None or found.info.start_time == int(started * 1000):
        return
    from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric

    with make(read_only=False) as session:
        for table in (SqlMetric, SqlLatestMetric):
            ours = table.run_uuid == found.info.run_id
            session.query(table).filter(ours).delete()


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Give an object an attribute of its own for a while."""
    before = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is None:
            delattr(owner, name)  # its class has it
        else:
            setattr(owner, name, before)


def _finding_new(get: Callable[..., Any]) -> Callable[..., Any]:
    """Find a run that was made in this session, and is not in the database yet."""

    def get_run(session: Any, run_uuid: str, **options: object) -> Any:
        from mlflow.store.tracking.dbmodels.models import SqlRun

        for each in session.new:
            if isinstance(each, SqlRun) and each.run_uuid == run_uuid:
                return each
        return get(session, run_uuid, **options)

    return get_run


def _no_inputs(_session: object, run_uuids: list[str]) -> list[list[object]]:
    """Return the datasets of runs that have just been made, and have none."""
    return [[] for _ in run_uuids]


def _not_yet() -> None:
    """Leave the commit to the end of the session."""
