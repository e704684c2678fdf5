"""What a value holds: every array and table in it, with shape, dtype and digest.

The digest is SHA-256, and its meaning never changes: a run recorded today is compared by
every later version. A node's digest is that of its kind, what it says of itself, and the
digests of its parts, each with its length before it.

| value | what is hashed |
| --- | --- |
| array | dtype, shape, and its bytes, last index fastest |
| table | number of rows; name, dtype and content of each column; index |
| sparse matrix | format, shape, and the arrays it is made of |
| tensor | dtype, shape, and its bytes, last index fastest |
| plain values, containers | type and content; order counts, except in sets |
| other objects | class, and what its pickle would be made from |

It takes about half a second a gigabyte of numbers (SHA-256 in hardware), and about two
seconds for ten million texts in a column.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ml_experiment.sharing.arrays import is_array, is_sparse, loaded
from ml_experiment.sharing.digests import Digester
from ml_experiment.sharing.faults import parts_of


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

ALGORITHM = "sha256"
_MOST_PARTS = 64
_DEEPEST = 8


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One array, table or other part of a value.

    Attributes:
        path: Where in the value it is: ``""`` (the value itself), ``[0]``, ``['X'].rows``.
        kind: ``array``, ``table``, ``series``, ``index``, ``sparse``, ``tensor``, or the
            name of the type of anything else.
        shape: Its shape; of a container its length; ``None`` where it has none.
        dtype: Its dtype, or of a table each column's; ``None`` where it has none.
        digest: Hexadecimal digits; ``None`` where the content cannot be told.
        bytes: Bytes in memory; ``None`` where that is not known.
    """

    path: str
    kind: str
    shape: list[int] | None
    dtype: str | dict[str, str] | None
    digest: str | None
    bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a value holds.

    Attributes:
        entries: Its parts, in order.
        digest: Of the value as a whole; ``None`` if a part's content cannot be told.
        seconds: How long it took to find out.
        algorithm: What the digests are.
    """

    entries: tuple[Entry, ...]
    digest: str | None
    seconds: float
    algorithm: str = ALGORITHM

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the fields of the journal's ``loaded`` events, one a part."""
        for entry in self.entries:
            yield asdict(entry) | {"algorithm": self.algorithm}


def describe(value: object) -> Description:
    """Say what a value holds, without changing or copying it."""
    begun = time.perf_counter()
    digester = Digester()
    entries = tuple(
        _entry(path, part, digester) for path, part in _leaves("", value, 0)
    )
    digest = entries[0].digest if len(entries) == 1 else digester.hex(value)
    return Description(
        entries=entries, digest=digest, seconds=time.perf_counter() - begun
    )


def _leaves(path: str, value: object, depth: int) -> Iterator[tuple[str, object]]:
    """Yield the parts that are told of one by one."""
    parts = _few_parts(value) if depth < _DEEPEST else []
    if not any(_is_telling(part) for _, part in parts):
        yield path, value
        return
    for step, part in parts:
        yield from _leaves(path + step, part, depth + 1)


def _few_parts(value: object) -> list[tuple[str, object]]:
    if kind_of(value) is not None:
        return []
    parts = []
    for part in parts_of(value):
        parts.append(part)
        if len(parts) > _MOST_PARTS:
            return []
    return parts


def _is_telling(value: object) -> bool:
    """Whether a part is worth an entry: it is data, or may hold some."""
    return kind_of(value) is not None or next(parts_of(value), None) is not None


def kind_of(value: object) -> str | None:
    """Return what kind of data a value is; ``None`` if it is none that is known."""
    if is_array(value):
        return "array"
    pandas = loaded("pandas")
    for name, kind in _PANDAS_KINDS:
        known = getattr(pandas, name, None)
        if known is not None and isinstance(value, known):
            return kind
    if is_sparse(value):
        return "sparse"
    tensor = getattr(loaded("torch"), "Tensor", None)
    return "tensor" if tensor is not None and isinstance(value, tensor) else None


_SPARSE_PARTS = ("data", "indices", "indptr", "coords", "offsets", "row", "col")
_PANDAS_KINDS = (("DataFrame", "table"), ("Series", "series"), ("Index", "index"))


def _entry(path: str, value: Any, digester: Digester) -> Entry:
    kind = kind_of(value)
    return Entry(
        path=path,
        kind=kind or type(value).__name__,
        shape=_told(_shape, value, kind),
        dtype=_told(_dtype, value, kind),
        digest=digester.hex(value),
        bytes=_told(_bytes, value, kind),
    )


def _told(
    ask: Callable[[Any, str | None], T], value: Any, kind: str | None
) -> T | None:
    """Return an answer, or ``None``: describing the data must never cost a run."""
    try:
        return ask(value, kind)
    except Exception:  # noqa: BLE001 - user types fail in any way they like
        return None


def _shape(value: Any, kind: str | None) -> list[int] | None:
    if kind is not None:
        return [int(size) for size in value.shape]
    return [len(value)]


def _dtype(value: Any, kind: str | None) -> str | dict[str, str] | None:
    if kind is None:
        return None
    if kind == "table":
        return {str(name): str(dtype) for name, dtype in value.dtypes.items()}
    return str(value.dtype)


def _bytes(value: Any, kind: str | None) -> int | None:
    if kind in {"array", "tensor"}:
        return int(value.nbytes) if hasattr(value, "nbytes") else None
    if kind == "table":
        return int(value.memory_usage(index=True).sum())
    if kind == "series":
        return int(value.memory_usage(index=True))
    if kind == "index":
        return int(value.memory_usage())
    if kind == "sparse":
        parts: list[Any] = [getattr(value, name, None) for name in _SPARSE_PARTS]
        sizes: list[int] = [part.nbytes for part in parts if is_array(part)]
        return sum(sizes)
    return len(value) if isinstance(value, (bytes, bytearray)) else None
