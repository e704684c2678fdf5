"""Load the data of a job once."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, ClassVar


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class DataLoader:
    """Base class of data loaders: derive from it and override ``load_data``.

    The data are loaded once. The trials of a group share them in memory, so there the
    arrays are read-only: ``copy()`` what is to be changed.

    Example:
        >>> class Numbers(DataLoader):
        ...     @classmethod
        ...     def load_data(cls):
        ...         return [1, 2, 3]
        >>> Numbers.load_data()
        [1, 2, 3]
    """

    current: ClassVar[type[DataLoader] | DataLoader | None] = None

    @classmethod
    def load_data(cls) -> Any:
        """Load, prepare and return the data.

        Called on ``DataLoader`` itself inside a job, it gives the data of the job's
        loader.

        Raises:
            NotImplementedError: A loader does not override it, or the job has none.
        """
        if cls is DataLoader and DataLoader.current is not None:
            return DataLoader.current.load_data()
        raise NotImplementedError(
            f"{cls.__name__}.load_data: override it in a class of your own, and pass that "
            "class as @job(data_loader=...)"
        )


def check_data_loader(loader: object) -> type[DataLoader] | DataLoader | None:
    """Return the loader.

    Raises:
        TypeError: It is neither a class derived from ``DataLoader`` nor an instance.
    """
    if loader is None or isinstance(loader, DataLoader):
        return loader
    if isinstance(loader, type) and issubclass(loader, DataLoader):
        return loader
    raise TypeError(
        f"data_loader: got {loader!r}; expected a class derived from "
        "ml_experiment.DataLoader, or an instance of one"
    )


@contextlib.contextmanager
def loaded_once(
    loader: type[DataLoader] | DataLoader | None,
    *,
    read: Callable[[], Any] | None = None,
    on_loaded: Callable[[Any], None] | None = None,
) -> Iterator[None]:
    """Have the loader load its data once, however often it is asked, while this lasts.

    Args:
        loader: The job's loader; ``None`` for a job that has none.
        read: Gives the data in the place of the loader's own ``load_data``: what the
            driver of a group has shared with its workers.
        on_loaded: Told of the data when they have been loaded.
    """
    if loader is None:
        yield
        return
    owner = loader if isinstance(loader, type) else type(loader)
    own = owner.__dict__.get("load_data")
    once = _Once(read or loader.load_data, on_loaded)
    outer = DataLoader.current
    DataLoader.current = loader
    owner.load_data = classmethod(lambda _: once())  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        DataLoader.current = outer
        if own is None:
            del owner.load_data
        else:
            owner.load_data = own  # type: ignore[method-assign]


class _Once:
    """Calls a function at the first call, whichever thread makes it, and remembers."""

    def __init__(
        self, load: Callable[[], Any], on_loaded: Callable[[Any], None] | None
    ) -> None:
        self._load = load
        self._on_loaded = on_loaded
        self._lock = threading.RLock()
        self._loading = False
        self._values: list[Any] = []

    def __call__(self) -> Any:
        with self._lock:
            if not self._values:
                self._values.append(self._loaded())
            return self._values[0]

    def _loaded(self) -> Any:
        if self._loading:
            raise RecursionError(
                "load_data calls itself, by DataLoader.load_data() or its own name"
            )
        self._loading = True
        try:
            value = self._load()
        finally:
            self._loading = False
        if self._on_loaded is not None:
            self._on_loaded(value)
        return value
