"""Load the data of a job once."""

from __future__ import annotations

from typing import Any, ClassVar


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
