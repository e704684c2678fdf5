"""See the files that libraries read and write in native code, of which Python is not told.

Their functions are wrapped when the library is imported: a table says which, and which of
the arguments is a path. The calls do what they always do. What is not in the table (SQL
engines, a C++ library of the user's) is for the config's ``data:`` globs.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ml_experiment.capture.when_imported import when_imported


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

    from ml_experiment.capture.data import DataWatch

_MOST = 10_000


class NativeCall(NamedTuple):
    """A function, or a method of a class, that opens a file.

    Attributes:
        module: Full name of the module.
        name: The function's name in it; ``Class.method`` for a method.
        argument: Name of the argument that is a path; ``result.files``: the files are told
            by this attribute of what is returned, or of what is made.
        position: Where the argument stands if it is given without its name.
        does: ``reads``, ``writes``, or as the argument ``mode`` says, which comes next.
        mode: What it is by default.
    """

    module: str
    name: str
    argument: str
    position: int = 0
    does: Literal["reads", "writes", "mode"] = "reads"
    mode: str = "r"


def _calls(module: str, names: str, argument: str, **fields: Any) -> list[NativeCall]:
    return [NativeCall(module, name, argument, **fields) for name in names.split()]


NATIVE_CALLS = (
    *_calls("h5py._hl.files", "File.__init__", "name", does="mode"),
    *_calls("tables.file", "File.__init__", "filename", does="mode"),
    *_calls("pyarrow.parquet.core", "ParquetFile.__init__", "source"),
    *_calls("pyarrow.parquet.core", "ParquetDataset.__init__", "result.files"),
    *_calls("pyarrow.parquet.core", "ParquetWriter.__init__", "where", does="writes"),
    *_calls(
        "pandas.io.parquet", "PyArrowImpl.write", "path", position=1, does="writes"
    ),
    *_calls("pyarrow.dataset", "dataset", "result.files"),
    *_calls("pyarrow.csv", "read_csv open_csv", "input_file"),
    *_calls("pyarrow.csv", "write_csv", "output_file", position=1, does="writes"),
    *_calls("pyarrow.json", "read_json", "input_file"),
    *_calls("pyarrow.feather", "read_table", "source"),
    *_calls("pyarrow.feather", "write_feather", "dest", position=1, does="writes"),
    *_calls("pyarrow.orc", "ORCFile.__init__", "source"),
    *_calls("pyarrow", "memory_map", "path", does="mode"),
    *_calls(
        "polars",
        "read_csv scan_csv read_parquet scan_parquet read_ipc scan_ipc read_ndjson "
        "scan_ndjson read_json",
        "source",
    ),
    *_calls("xgboost.core", "DMatrix.__init__", "data"),
    *_calls("xgboost.core", "Booster.load_model", "fname"),
    *_calls("xgboost.core", "Booster.save_model", "fname", does="writes"),
    *_calls("lightgbm.basic", "Dataset.__init__", "data"),
    *_calls("lightgbm.basic", "Booster.__init__", "model_file", position=2),
    *_calls("lightgbm.basic", "Booster.save_model", "filename", does="writes"),
    *_calls("torch.serialization", "save", "f", position=1, does="writes"),
    *_calls("safetensors.torch", "load_file", "filename"),
    *_calls("safetensors.torch", "save_file", "filename", position=1, does="writes"),
    *_calls("safetensors.numpy", "load_file", "filename"),
    *_calls("safetensors.numpy", "save_file", "filename", position=1, does="writes"),
    *_calls("cv2", "imread", "filename"),
    *_calls("cv2", "imwrite", "filename", does="writes"),
)


class NativeFiles:
    """Tells the watch over files what native code opens.

    Args:
        watch: Takes the paths.
    """

    def __init__(self, watch: DataWatch) -> None:
        self._watch = watch

    def install(self) -> None:
        """Watch from now on, once a process."""
        by_module: dict[str, list[NativeCall]] = {}
        for call in NATIVE_CALLS:
            by_module.setdefault(call.module, []).append(call)
        for module, calls in by_module.items():
            when_imported(module, functools.partial(self._hook, calls))

    def _hook(self, calls: Iterable[NativeCall], module: ModuleType) -> None:
        for call in calls:
            with contextlib.suppress(Exception):  # another version has other names
                self._wrap(call, module)

    def _wrap(self, call: NativeCall, module: ModuleType) -> None:
        home: Any = module
        *classes, name = call.name.split(".")
        for each in classes:
            home = getattr(home, each)
        original: Callable[..., Any] = getattr(home, name)

        @functools.wraps(original)
        def opens(*args: Any, **kwargs: Any) -> Any:
            given = args[len(classes) :]
            if call.argument == _FILES:
                returned = original(*args, **kwargs)
                made = args[0] if classes else returned
                self._tell(self._watch.read, getattr(made, "files", ()))
                return returned
            path = _argument(call.argument, call.position, given, kwargs)
            mode = _mode(call, given, kwargs)
            if mode.startswith(("r", "a")):
                self._tell(self._watch.read, path)
            try:
                return original(*args, **kwargs)
            finally:
                if mode != "r":
                    added_to = mode.startswith(("r", "a"))
                    wrote = functools.partial(self._watch.wrote, added_to=added_to)
                    self._tell(wrote, path)

        setattr(home, name, opens)
        origin = sys.modules.get(str(getattr(original, "__module__", None)))
        if not classes and getattr(origin, name, None) is original:
            setattr(origin, name, opens)  # where a pickle of it looks

    def _tell(self, tell: Callable[[str], None], paths: object) -> None:
        with contextlib.suppress(Exception):  # the user's call must go on
            for number, path in enumerate(_paths(paths)):
                if number == _MOST:
                    return
                tell(path)


_FILES = "result.files"


def _argument(
    name: str, position: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> object:
    return args[position] if len(args) > position else kwargs.get(name)


def _mode(call: NativeCall, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return ``r``, ``r+``, ``w`` or ``a``, in the words of ``open``."""
    if call.does != "mode":
        return call.does[0]
    given = _argument("mode", call.position + 1, args, kwargs)
    mode = given if isinstance(given, str) else call.mode
    return {"x": "w", "w-": "w"}.get(mode, mode)


def _paths(value: object) -> Iterator[str]:
    """Yield the paths of local files in what a library was given."""
    if isinstance(value, (str, os.PathLike)):
        path = os.fsdecode(value)
        if "://" in path or "\0" in path:
            return
        path = os.path.expanduser(path)  # noqa: PTH111
        if os.path.isdir(path):  # noqa: PTH112
            for folder, _, names in os.walk(path):
                yield from (os.path.join(folder, name) for name in names)  # noqa: PTH118
        elif not os.path.exists(path) and any(sign in path for sign in "*?["):  # noqa: PTH110
            from glob import iglob

            yield from iglob(path, recursive=True)  # noqa: PTH207 - absolute ones, too
            yield path.partition("?")[0]  # as XGBoost is told the format
        else:
            yield path
    elif isinstance(value, (list, tuple)) and isinstance(value[0], (str, os.PathLike)):
        for each in value:
            yield from _paths(each)
