"""The digest of any value; ``content`` says what it is made from."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from ml_experiment.sharing.arrays import (
    chunks,
    holds_bytes,
    is_array,
    is_plain_tensor,
    is_sparse,
    loaded,
    tensor_bytes,
)


if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = (int, float, complex, str, bytes, bool, type(None))
_PLAIN_SET = frozenset(_PLAIN)
_BY_NAME = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
_DEEPEST = 200
_ITEMS_AT_ONCE = 10_000
# What an object's __reduce_ex__ is asked for; its parts are told apart since 2.
_REDUCE_PROTOCOL = 4
# Callable, arguments, state, and then iterators over a list's items and a dict's.
_REDUCED_PARTS = 5
_ITEMS = 3


class _UntellableError(Exception):
    """The content of a part cannot be told."""


class Digester:
    """Digests of values; that of a value asked for by itself is found once.

    A digester must not outlive the values that it was given.
    """

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._open: set[int] = set()

    def hex(self, value: object) -> str | None:
        """Return the digest of a value, or ``None`` if its content cannot be told."""
        self._open.clear()
        try:
            digest = self._digest(value)
        except Exception:  # noqa: BLE001 - user types fail in any way they like
            return None
        # Only here: the caller keeps this value, so its id stays its own.
        self._known[id(value)] = digest
        return digest.hex()

    def _digest(self, value: Any) -> bytes:
        kind = type(value)
        if kind in _PLAIN_SET:
            return _hash(kind.__name__, [_plain_text(value)])
        known = self._known.get(id(value))
        if known is not None:
            return known
        if id(value) in self._open:
            return _hash("seen above", [])
        if len(self._open) > _DEEPEST:
            raise _UntellableError
        self._open.add(id(value))
        digest = self._digest_data(value)
        if digest is None:
            digest = self._digest_container(value)
        self._open.discard(id(value))
        return digest

    def _digest_data(self, value: Any) -> bytes | None:
        """Return the digest of an array or a table; ``None`` if it is neither."""
        if is_array(value):
            return self._array(value)
        if is_plain_tensor(value):
            head = [str(value.dtype), *map(str, value.shape)]
            return self._bytes("tensor", head, chunks(tensor_bytes(value), "C"))
        if is_sparse(value):
            return self._sparse(value)
        return self._digest_pandas(value)

    def _digest_pandas(self, value: Any) -> bytes | None:
        pandas = loaded("pandas")
        if not hasattr(pandas, "DataFrame"):
            return None
        if isinstance(value, pandas.DataFrame):
            return self._table(value)
        if isinstance(value, pandas.Series):
            parts = [value.name, str(value.dtype), value.index]
            return self._node("series", [*parts, self._column(value)])
        return self._index(value) if isinstance(value, pandas.Index) else None

    def _node(self, kind: str, parts: Iterable[object]) -> bytes:
        return _hash(kind, [self._digest(part) for part in parts])

    def _bytes(
        self, kind: str, head: Iterable[str], pieces: Iterable[memoryview]
    ) -> bytes:
        hasher = hashlib.sha256()
        for piece in pieces:
            hasher.update(piece)
        return _hash(kind, [*(text.encode() for text in head), hasher.digest()])

    def _array(self, array: Any) -> bytes:
        numpy = loaded("numpy")
        if isinstance(array, numpy.ma.MaskedArray):
            filled = array.filled(0) if holds_bytes(array) else array.data
            mask = numpy.ma.getmaskarray(array)
            return self._node("masked", [numpy.asarray(filled), mask])
        if holds_bytes(array):
            dtype = array.dtype.str if array.dtype.names is None else array.dtype.descr
            head = [str(dtype), *map(str, array.shape)]
            return self._bytes("array", head, chunks(array, "C"))
        items = [str(array.dtype), *map(str, array.shape)]
        return self._node("objects", [*items, numpy.asarray(array).ravel().tolist()])

    def _table(self, table: Any) -> bytes:
        columns = [
            part
            for place, (name, dtype) in enumerate(table.dtypes.items())
            for part in (name, str(dtype), self._column(table.iloc[:, place]))
        ]
        return self._node("table", [len(table), *columns, table.index])

    def _index(self, index: Any) -> bytes:
        pandas = loaded("pandas")
        if isinstance(index, pandas.RangeIndex):
            return self._node("range", [index.start, index.stop, index.step])
        if isinstance(index, pandas.MultiIndex):
            levels = [index.get_level_values(place) for place in range(index.nlevels)]
            return self._node("levels", [list(index.names), *levels])
        return self._node("index", [index.name, str(index.dtype), self._column(index)])

    def _column(self, column: Any) -> bytes:
        """Return the digest of the values of a series or an index."""
        pandas = loaded("pandas")
        if isinstance(column.dtype, pandas.CategoricalDtype):
            values = column.array
            return self._node("codes", [values.codes, values.categories])
        if isinstance(column.dtype, pandas.StringDtype):
            texts = [text if type(text) is str else None for text in column.tolist()]
            return self._items("items", texts)
        raw = column.array
        if hasattr(raw, "_ndarray") and is_array(raw._ndarray):  # noqa: SLF001 - no public way without a copy
            return self._digest(raw._ndarray)  # noqa: SLF001
        if hasattr(raw, "_mask") and hasattr(raw, "_data"):
            # What is below the mask means nothing.
            empty = raw.isna()
            return self._node(
                "masked", [raw.to_numpy(raw.dtype.numpy_dtype, na_value=0), empty]
            )
        return self._items("items", column.tolist())

    def _sparse(self, matrix: Any) -> bytes:
        form = matrix.format
        if form in {"csr", "csc", "bsr"}:
            parts = [matrix.data, matrix.indices, matrix.indptr]
        elif form == "dia":
            parts = [matrix.data, matrix.offsets]
        else:
            flat = matrix.tocoo()
            parts = [flat.data, *flat.coords]
        return self._node("sparse", [form, list(matrix.shape), *parts])

    def _digest_container(self, value: Any) -> bytes:
        kind = type(value)
        if kind in {list, tuple}:
            return self._items(kind.__name__, value)
        if kind is dict:
            keys = self._items("keys", list(value))
            return _hash("dict", [keys, self._items("values", list(value.values()))])
        if isinstance(value, AbstractSet):
            name = _name_of(kind)
            return _hash(name, sorted(self._digest(item) for item in value))
        if isinstance(value, _BY_NAME):
            return _hash("name", [_name_of(value).encode()])
        if kind in {bytearray, memoryview}:
            return _hash(kind.__name__, [bytes(value)])
        return self._object(value)

    def _items(self, kind: str, items: Any) -> bytes:
        """Return the digest of a sequence; of one of plain values at the speed of C."""
        if items and set(map(type, items)) <= _PLAIN_SET:
            hasher = hashlib.sha256()
            for start in range(0, len(items), _ITEMS_AT_ONCE):
                part = tuple(items[start : start + _ITEMS_AT_ONCE])
                hasher.update(repr(part).encode("utf-8", "surrogatepass"))
            return _hash(kind, [b"plain", hasher.digest()])
        return _hash(kind, [self._digest(item) for item in items])

    def _object(self, value: Any) -> bytes:
        reduced: Any = value.__reduce_ex__(_REDUCE_PROTOCOL)
        if isinstance(reduced, str):
            return _hash("global", [_name_of(type(value)).encode(), reduced.encode()])
        # Missing parts count as those that are None.
        parts = [*reduced, None, None, None][:_REDUCED_PARTS]
        parts[_ITEMS:] = [
            None if each is None else list(each) for each in parts[_ITEMS:]
        ]
        return self._node(_name_of(type(value)), parts)


def _plain_text(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    return repr(value).encode("utf-8", "surrogatepass")


def _name_of(value: Any) -> str:
    module = getattr(value, "__module__", "")
    return f"{module}.{getattr(value, '__qualname__', value.__name__)}"


def _hash(kind: str, parts: Iterable[bytes]) -> bytes:
    hasher = hashlib.sha256()
    for part in (kind.encode(), *parts):
        hasher.update(b"%d:" % len(part))
        hasher.update(part)
    return hasher.digest()
