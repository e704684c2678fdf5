"""What is shared comes back equal, read-only, and from one place in memory."""

from __future__ import annotations

import collections
import dataclasses
import errno
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ml_experiment.sharing import (
    SharingError,
    load_and_share,
    load_shared,
    share,
    store,
)
from ml_experiment.sharing import arrays as arrays_module


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Pair = collections.namedtuple("Pair", ["train", "test"])  # noqa: PYI024 - as users write it


@dataclasses.dataclass(frozen=True)
class Split:
    """A dataclass of a user's."""

    rows: Any
    names: list[str]


class Bundle:
    """A class of a user's that holds an array."""

    def __init__(self) -> None:
        self.rows = np.arange(5)


def round_trip(value: Any, folder: Path) -> Any:
    """Share a value and load it as a worker does."""
    share(value, folder)
    return load_shared(folder)


ARRAYS = {
    "matrix": np.arange(12).reshape(3, 4),
    "column order": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "every seventh": np.arange(100)[::7],
    "backwards": np.arange(10)[::-1],
    "axes swapped": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "part of a matrix": np.arange(100).reshape(10, 10)[2:5, 3:7],
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "no rows": np.empty((0, 3), np.float32),
    "a scalar": np.array(3.5),
    "texts": np.array(["a", "bb"]),
    "texts without letters": np.array(["", ""]),
    "bytes": np.array([b"a", b"bb"]),
    "dates": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "truths": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "big-endian": np.arange(3, dtype=">i4"),
    "half": np.arange(3, dtype=np.float16),
    "structured": np.array([(1, 2.0), (3, 4.0)], [("a", "i4"), ("b", "f8")]),
}


@pytest.mark.parametrize("name", list(ARRAYS))
def test_an_array_comes_back_equal_and_read_only(name: str, tmp_path: Path) -> None:
    """Any dtype, order and shape: same items, and NumPy refuses to change them."""
    array = ARRAYS[name]

    found = round_trip(array, tmp_path)

    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert not found.flags.writeable


@pytest.mark.parametrize("chunk_bytes", [1, 24, 64, 10**6])
def test_an_array_is_written_in_chunks_of_any_size(
    chunk_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows longer than a chunk are cut as well."""
    monkeypatch.setattr(arrays_module, "CHUNK_BYTES", chunk_bytes)

    found = round_trip(ARRAYS, tmp_path)

    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)


def test_changing_a_shared_array_is_numpys_own_error(tmp_path: Path) -> None:
    """User code that writes into the data is told so; a copy can be changed."""
    found = round_trip({"X": np.zeros(3)}, tmp_path)

    with pytest.raises(ValueError, match="read-only"):
        found["X"][0] = 1
    own = found["X"].copy()
    own[0] = 1

    assert found["X"][0] == 0


def test_code_that_ignores_the_mark_changes_its_own_copy_only(tmp_path: Path) -> None:
    """A library that writes through the pointer crashes nothing and spoils nothing."""
    share(np.zeros(1000), tmp_path)
    first, second = load_shared(tmp_path), load_shared(tmp_path)

    first.flags.writeable = True
    first[:] = 7

    assert second.sum() == 0
    assert load_shared(tmp_path).sum() == 0


def test_containers_come_back_as_they_were(tmp_path: Path) -> None:
    """Tuples, lists, dicts, named tuples, dataclasses and own classes, in any nesting."""
    value = (
        [np.arange(3), {"deep": Pair(np.arange(2), "text")}],
        Split(np.ones(4), ["a", "b"]),
        Bundle(),
        None,
    )

    found = round_trip(value, tmp_path)

    assert isinstance(found, tuple)
    np.testing.assert_array_equal(found[0][0], [0, 1, 2])
    assert isinstance(found[0][1]["deep"], Pair)
    assert found[0][1]["deep"].test == "text"
    assert isinstance(found[1], Split)
    assert found[1].names == ["a", "b"]
    np.testing.assert_array_equal(found[2].rows, np.arange(5))
    assert found[3] is None


def test_an_array_that_is_there_twice_is_written_once(tmp_path: Path) -> None:
    """Identity is kept, and the bytes are not doubled."""
    array = np.arange(1000)

    found = round_trip([array, {"again": array}], tmp_path)

    assert found[0] is found[1]["again"]
    assert (tmp_path / store.BYTES_NAME).stat().st_size == array.nbytes


def test_every_load_gives_containers_of_its_own(tmp_path: Path) -> None:
    """What one trial appends to a list is not seen by the next."""
    share({"names": ["a"]}, tmp_path)
    load_shared(tmp_path)["names"].append("b")

    assert load_shared(tmp_path) == {"names": ["a"]}


TABLES = {
    "numbers": pd.DataFrame({"a": np.arange(6.0), "b": np.arange(6)}),
    "texts": pd.DataFrame({"a": list("abcdef"), "b": [None, *"abcde"]}),
    "categories": pd.DataFrame({"a": pd.Categorical(list("aabbcc"))}),
    "times": pd.DataFrame(
        {
            "a": pd.date_range("2020-01-01", periods=3),
            "b": pd.date_range("2020-01-01", periods=3, tz="Europe/Madrid"),
        }
    ),
    "missing integers": pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64")}),
    "objects": pd.DataFrame({"a": [{"x": 1}, [2], None]}),
    "rows of another": pd.DataFrame({"a": np.arange(9.0)})[::2],
    "no rows": pd.DataFrame({"a": np.empty(0), "b": pd.Series([], dtype="str")}),
    "levels": pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5, 6]}).set_index(
        ["a", "b"]
    ),
}


@pytest.mark.parametrize("name", list(TABLES))
def test_a_table_comes_back_equal(name: str, tmp_path: Path) -> None:
    """Whatever the types of its columns."""
    pd.testing.assert_frame_equal(round_trip(TABLES[name], tmp_path), TABLES[name])


def test_the_columns_of_a_table_are_maps(tmp_path: Path) -> None:
    """Numbers of a table are not in the pickle, and computing with them works."""
    table = pd.DataFrame({"a": np.arange(10_000.0), "b": np.arange(10_000)})

    found = round_trip({"table": table}, tmp_path)

    assert (tmp_path / store.VALUE_NAME).stat().st_size < 5_000
    assert not found["table"]["a"].to_numpy().flags.writeable
    pd.testing.assert_series_equal(found["table"].mean(), table.mean())
    found["table"]["new"] = 1  # a table itself may be changed; its columns may not
    assert "new" not in load_shared(tmp_path)["table"]


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia", "lil"])
def test_a_sparse_matrix_comes_back_equal(form: str, tmp_path: Path) -> None:
    """In any format."""
    matrix = sparse.random(20, 10, 0.3, format="csr", random_state=0).asformat(form)

    found = round_trip(matrix, tmp_path)

    assert found.format == form
    np.testing.assert_array_equal(found.toarray(), matrix.toarray())


def test_the_arrays_of_a_sparse_matrix_are_maps(tmp_path: Path) -> None:
    """A large one is not in the pickle."""
    matrix = sparse.random(1000, 100, 0.3, format="csr", random_state=0)

    found = round_trip(matrix, tmp_path)

    assert not found.data.flags.writeable
    assert (tmp_path / store.VALUE_NAME).stat().st_size < 2_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.ma.masked_equal(np.arange(4), 2),
        lambda: np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        lambda: np.matrix([[1, 2]]),
    ],
    ids=["masked", "record", "matrix"],
)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_kinds_of_arrays_keep_their_kind(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    """What NumPy derives from its array stays what it is."""
    value = make()

    found = round_trip(value, tmp_path)

    assert type(found) is type(value)
    assert str(found) == str(value)
    assert (tmp_path / store.BYTES_NAME).stat().st_size > 0


def test_an_array_of_objects_is_pickled_and_its_arrays_are_mapped(
    tmp_path: Path,
) -> None:
    """Objects cannot be mapped; arrays among them can."""
    value = np.array([None, {"a": np.arange(3)}], dtype=object)

    found = round_trip(value, tmp_path)

    assert found[0] is None
    assert not found[1]["a"].flags.writeable


def test_a_users_own_read_only_file_map_is_not_copied(tmp_path: Path) -> None:
    """A file that is mapped already is mapped again by the workers."""
    file = tmp_path / "rows.bin"
    np.arange(1000.0).tofile(file)
    rows = np.memmap(file, dtype=np.float64, mode="r", shape=(10, 100))

    found = round_trip({"rows": rows, "part": rows[2:4]}, tmp_path / "shared")

    np.testing.assert_array_equal(found["rows"], np.asarray(rows))
    np.testing.assert_array_equal(found["part"], np.asarray(rows[2:4]))
    assert (tmp_path / "shared" / store.BYTES_NAME).stat().st_size == 2 * 100 * 8


@pytest.mark.parametrize("fate", ["deleted", "replaced", "moved"])
def test_a_map_whose_file_is_gone_is_copied(tmp_path: Path, fate: str) -> None:
    """What load_data mapped in a temporary folder is nowhere but in the map."""
    file = tmp_path / "rows.bin"
    np.arange(100.0).tofile(file)
    rows = np.memmap(file, dtype=np.float64, mode="r", shape=(10, 10))
    if fate == "moved":
        file.rename(tmp_path / "elsewhere.bin")
    else:
        file.unlink()
    if fate != "deleted":
        np.zeros(100).tofile(file)

    found = round_trip(rows, tmp_path / "shared")

    np.testing.assert_array_equal(found, np.arange(100.0).reshape(10, 10))


def test_a_file_that_went_away_later_is_named(tmp_path: Path) -> None:
    """It is a file of the user's that is not found then, and not what was shared."""
    file = tmp_path / "rows.bin"
    np.arange(100.0).tofile(file)
    share(np.memmap(file, dtype=np.float64, mode="r"), tmp_path / "shared")
    file.unlink()

    with pytest.raises(FileNotFoundError, match=r"rows\.bin"):
        load_shared(tmp_path / "shared")


def test_a_tensor_comes_back_equal(tmp_path: Path) -> None:
    """Tensors are mapped, too; in-place changes stay with whoever made them."""
    torch = pytest.importorskip("torch")
    value = {
        "t": torch.arange(6.0).reshape(2, 3),
        "b": torch.ones(3, dtype=torch.bfloat16),
        "turned": torch.arange(6).reshape(2, 3).T,
        "none": torch.empty(0, 3),
    }

    found = round_trip(value, tmp_path)

    for name, tensor in value.items():
        assert torch.equal(found[name], tensor)
        assert found[name].dtype == tensor.dtype
    found["t"].add_(1)
    assert torch.equal(load_shared(tmp_path)["t"], value["t"])


class Stubborn:
    """Cannot be pickled, and says so in a way of its own."""

    def __reduce__(self) -> Any:
        raise RuntimeError("not today")


@pytest.mark.parametrize(
    ("value", "path", "kind"),
    [
        ({"a": [1, {"f": lambda x: x}]}, r"\['a'\]\[1\]\['f'\]", "function"),
        ((np.arange(3), threading.Lock()), r"\[1\]", "_thread.lock"),
        (Pair(1, (n for n in "ab")), r"\.test", "generator"),
        (Split(Stubborn(), []), r"\.rows", "Stubborn"),
        (threading.Lock(), "", "_thread.lock"),
    ],
    ids=["function", "lock", "generator", "own error", "the value itself"],
)
def test_what_cannot_be_pickled_is_named(
    value: Any, path: str, kind: str, tmp_path: Path
) -> None:
    """The error says the type and where it is, and leaves no value behind."""
    with pytest.raises(SharingError, match=rf"the value{path} is of type .*{kind}"):
        share(value, tmp_path)

    with pytest.raises(SharingError, match="no shared data"):
        load_shared(tmp_path)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder and the reason are named, and the half-written file is gone."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store._ByteFile, "_write", full)

    with pytest.raises(SharingError, match="No space left"):
        share(np.arange(3), tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_sharing_again_leaves_what_is_mapped_already(tmp_path: Path) -> None:
    """A worker that still reads the earlier value keeps it whole."""
    before = round_trip(np.zeros(1000), tmp_path)

    after = round_trip(np.ones(1000), tmp_path)

    assert (before.sum(), after.sum()) == (0, 1000)


def test_loading_and_sharing_loads_once_and_describes(tmp_path: Path) -> None:
    """The driver's one call: load, write, describe."""
    calls = []

    def load() -> dict[str, Any]:
        calls.append(1)
        return {"X": np.arange(10), "y": np.arange(3)}

    description = load_and_share(load, tmp_path)

    assert calls == [1]
    assert [entry.path for entry in description.entries] == ["['X']", "['y']"]
    np.testing.assert_array_equal(load_shared(tmp_path)["X"], np.arange(10))


_PSS = """
import sys
from pathlib import Path
import numpy as np
from ml_experiment.sharing import load_and_share, load_shared
folder = Path(sys.argv[1])
def own():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
before = own()
if sys.argv[2] == "driver":
    load_and_share(lambda: {"X": np.ones(8_000_000)}, folder)
else:
    assert load_shared(folder)["X"].sum() == 8_000_000
print(own() - before)
"""


@pytest.mark.skipif(
    not os.path.exists("/proc/self/smaps_rollup"),  # noqa: PTH110 - a plain question
    reason="needs Linux's /proc",
)
def test_neither_driver_nor_worker_keeps_a_copy(tmp_path: Path) -> None:
    """After sharing 64 MB, the memory of their own has not grown by an eighth of it."""
    grown = {}
    for role in ("driver", "worker"):
        done = subprocess.run(
            [sys.executable, "-c", _PSS, str(tmp_path), role],
            capture_output=True,
            text=True,
            check=True,
        )
        grown[role] = int(done.stdout)

    assert max(grown.values()) < 8_000, grown
