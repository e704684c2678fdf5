"""Load the data of a job once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar


if TYPE_CHECKING:
    from collections.abc import Iterator


class DataLoader:
    """Base class of data loaders: derive from it and override ``load_data``.

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
def loaded_once(loader: type[DataLoader] | DataLoader | None) -> Iterator[None]:
    """Have the loader load its data once, however often it is asked, while this lasts.

    Args:
        loader: The job's loader; ``None`` for a job that has none.
    """
    if loader is None:
        yield
        return
    owner = loader if isinstance(loader, type) else type(loader)
    own = owner.__dict__.get("load_data")
    load = loader.load_data
    cache: list[Any] = []

    def load_data(_: object) -> Any:
        if not cache:
            cache.append(load())
        return cache[0]

    DataLoader.current = loader
    owner.load_data = classmethod(load_data)  # type: ignore[method-assign]
    try:
        yield
    finally:
        DataLoader.current = None
        if own is None:
            del owner.load_data
        else:
            owner.load_data = own  # type: ignore[method-assign]
