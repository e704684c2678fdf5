"""Read a pickle without running any of it.

Every class and function that a pickle names becomes a symbol, and every call that it asks
for becomes a note of that call. So what is in it can be looked at, whoever has written it,
and without the libraries that it was made with.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar


if TYPE_CHECKING:
    from collections.abc import Callable

_WRAPPERS = frozenset({"joblib.numpy_pickle.NumpyArrayWrapper"})
# Names of today for those of before, as protocol 2 and older libraries write them.
_RENAMED = {
    "numpy.core.": "numpy._core.",
    "__builtin__.": "builtins.",
    "copy_reg.": "copyreg.",
}
_SETS = {"builtins.set": set, "builtins.frozenset": frozenset}


@dataclass(frozen=True)
class Symbol:
    """A class or a function that a pickle names."""

    name: str

    def __call__(self, *args: Any, **options: Any) -> Made:
        """Note that it was called."""
        return Made(self.name, args, options)


@dataclass(eq=False)
class Made:
    """What a call that a pickle asks for would have made.

    Attributes:
        name: What was called.
        args: With what.
        options: And with these.
        states: What was set in it afterwards.
        items: What was appended to it.
        pairs: What was put into it, by key.
        raw: Bytes that followed it in the file (joblib writes arrays so).
    """

    name: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    states: list[Any] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    raw: Any = None

    def append(self, item: Any) -> None:
        """Note an item."""
        self.items.append(item)

    add = append

    def extend(self, items: Any) -> None:
        """Note several items."""
        self.items.extend(items)

    update = extend

    def __setitem__(self, key: Any, value: Any) -> None:
        self.pairs.append((key, value))


class _Reader(pickle._Unpickler):  # noqa: SLF001 - the one that can be extended
    """Unpickles into symbols; nothing that a pickle names is ever looked up."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)  # noqa: SLF001
    append: Callable[[Any], None]
    stack: list[Any]

    def __init__(self, file: io.BytesIO, elsewhere: list[Made]) -> None:
        super().__init__(file, encoding="latin1")
        self._stream = file
        self._elsewhere = elsewhere

    def find_class(self, module: str, name: str) -> Symbol:
        """Answer every name with a symbol."""
        whole = f"{module}.{name}"
        for before, now in _RENAMED.items():
            if whole.startswith(before):
                whole = now + whole.removeprefix(before)
        return Symbol(whole)

    def get_extension(self, code: int) -> None:
        """Answer a registered name with a symbol."""
        self.append(Symbol(f"extension.{code}"))

    def persistent_load(self, pid: Any) -> Made:
        """Note what lies elsewhere, such as the numbers of a tensor."""
        made = Made("elsewhere", tuple(pid) if isinstance(pid, tuple) else (pid,))
        self._elsewhere.append(made)
        return made

    def _instantiate(self, klass: Any, args: Any) -> None:
        self.append(_call(klass, tuple(args)))

    def load_reduce(self) -> None:
        """Note a call."""
        args = self.stack.pop()
        self.stack[-1] = _call(self.stack[-1], tuple(args))

    def load_newobj(self) -> None:
        """Note that an object is made."""
        args = self.stack.pop()
        self.stack[-1] = _call(self.stack[-1], tuple(args))

    def load_newobj_ex(self) -> None:
        """Note that an object is made, with keywords."""
        options = self.stack.pop()
        args = self.stack.pop()
        made = _call(self.stack[-1], tuple(args))
        made.options.update(options)
        self.stack[-1] = made

    def load_build(self) -> None:
        """Note the state of an object."""
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, Made):
            raise pickle.UnpicklingError("a state for what is no object")
        made.states.append(state)
        if made.name in _WRAPPERS:
            made.raw = self._array(state)

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build

    def _array(self, state: dict[str, Any]) -> Any:
        """Return the array that joblib wrote behind its wrapper."""
        from ml_experiment.verify.compare.formats.symbolic_arrays import to_dtype

        dtype = to_dtype(state["dtype"])
        if dtype is None or dtype.hasobject:
            return _Reader(self._stream, self._elsewhere).load()
        if state.get("numpy_array_alignment_bytes"):
            self._stream.read(self._stream.read(1)[0])
        import numpy as np

        count = 1
        for length in state["shape"]:
            count *= int(length)
        data = self._stream.read(count * dtype.itemsize)
        return np.frombuffer(data, dtype).reshape(state["shape"], order=state["order"])


def _call(what: Any, args: tuple[Any, ...]) -> Any:
    if not isinstance(what, Symbol):
        raise pickle.UnpicklingError("a call of what has no name")
    plain = _plain(what.name, args)
    return what(*args) if plain is None else plain


def _plain(name: str, args: tuple[Any, ...]) -> Any:
    """Return a value that has no sign of its own in older protocols; ``None`` for others."""
    found: Any = None
    match name, args:
        case ("_codecs.encode", (str() as text, "latin1")):
            found = text.encode("latin1")
        case ("builtins.bytes", ()):
            found = b""
        case ("builtins.bytearray", ()):
            found = bytearray()
        case ("builtins.bytearray", (bytes() as data,)):
            found = bytearray(data)
        case ("builtins.bytearray", (str() as text, "latin-1")):
            found = bytearray(text.encode("latin1"))
        case ("builtins.set" | "builtins.frozenset", (list() as items,)):
            found = _SETS[name](items)
        case _:
            pass
    return found


def read_symbols(data: bytes, elsewhere: list[Made] | None = None) -> Any:
    """Return what a pickle holds, as symbols.

    Of several pickles one after the other, a list; bytes that follow the last are its end.

    Args:
        data: The pickle.
        elsewhere: Gets a note of everything that the pickle says lies elsewhere.

    Raises:
        ValueError: It is no pickle, or a broken one.
    """
    notes: list[Made] = [] if elsewhere is None else elsewhere
    stream = io.BytesIO(data)
    found: list[Any] = []
    start = 0
    while start < len(data):
        try:
            found.append(_Reader(stream, notes).load())
        except Exception as error:
            if not found:
                raise ValueError(f"{type(error).__name__}: {error}") from error
            found.append(data[start:])
            break
        start = stream.tell()
    return found[0] if len(found) == 1 else found
