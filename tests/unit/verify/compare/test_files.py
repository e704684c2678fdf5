"""What is said of two files that are not the same byte for byte."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import pickle
import random
import sqlite3
import tarfile
import zipfile
import zlib
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import h5py
import joblib
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from ml_experiment.verify.compare.files import (
    Finding,
    Sameness,
    compare_bytes,
    compare_files,
)
from ml_experiment.verify.compare.formats import unpacking


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

mpl.use("Agg")


def _drawn(kind: str, values: list[float], moment: int, **notes: str) -> bytes:
    """Return a figure as it is saved at a moment."""
    figure = Figure(figsize=(2, 1.5))
    figure.subplots().plot(values, marker="o")
    date = datetime.fromtimestamp(moment, UTC)
    metadata: Any = {
        "svg": {"Date": date.isoformat()},
        "pdf": {"CreationDate": date},
        "png": notes,
    }[kind]
    file = io.BytesIO()
    figure.savefig(file, format=kind, metadata=metadata)
    return file.getvalue()


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _zipped(members: dict[str, bytes], year: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), content)
    return file.getvalue()


def _compare(name: str, old: bytes, new: bytes, rtol: float = 0.0) -> Finding:
    """Compare both ways, which must give the same."""
    found = compare_bytes(name, old, new, rtol)
    assert compare_bytes(name, new, old, rtol).sameness is found.sameness
    return found


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_a_figure_drawn_again_is_the_same(kind: str) -> None:
    """Only the date, and random names of its parts, are others."""
    old, new = _drawn(kind, [1, 3, 2], 10**9), _drawn(kind, [1, 3, 2], 2 * 10**9)

    found = _compare(f"figure.{kind}", old, new)

    assert old != new
    assert found.sameness is Sameness.SAME_CONTENT
    assert "date" in found.summary


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_another_figure_is_different(kind: str) -> None:
    """A point that has moved is seen in each format."""
    old, new = _drawn(kind, [1, 3, 2], 10**9), _drawn(kind, [1, 3, 1], 10**9)

    assert _compare(f"figure.{kind}", old, new).sameness is Sameness.DIFFERENT


def test_a_picture_with_other_notes_is_the_same() -> None:
    """The version of the library that drew it is in the file, and not in the picture."""
    old = _drawn("png", [1, 2], 0, Software="one")
    new = _drawn("png", [1, 2], 0, Software="another")

    assert _compare("figure.png", old, new).sameness is Sameness.SAME_CONTENT


def test_pixels_that_differ_are_counted() -> None:
    """How many, and how far, says whether to look for it."""
    found = _compare("a.png", _drawn("png", [1, 2], 0), _drawn("png", [2, 1], 0))

    assert "pixels differ, by at most" in found.summary


def _forest(seed: int) -> RandomForestClassifier:
    features, target = load_iris(return_X_y=True)
    return RandomForestClassifier(3, random_state=seed).fit(features, target)


@pytest.mark.parametrize(
    "write",
    [
        pickle.dump,
        lambda model, file: pickle.dump(model, file, protocol=2),
        joblib.dump,
        lambda model, file: joblib.dump(model, file, compress=3),
    ],
    ids=["pickle", "pickle-2", "joblib", "joblib-compressed"],
)
def test_the_attribute_of_a_model_that_differs_is_named(write: Any) -> None:
    """A model is taken apart as far as its arrays."""
    old, new = (_written(partial(write, _forest(seed))) for seed in (0, 1))

    found = _compare("model.bin", old, new)

    assert found.sameness is Sameness.DIFFERENT
    assert "random_state: 0 and 1" in found.summary
    assert "estimators_[0].tree_" in found.summary


def test_arrays_inside_of_a_model_are_measured() -> None:
    """The largest difference is that of the numbers, not of their bytes."""
    old = pickle.dumps({"weights": np.array([1.0, 2.0])})
    new = pickle.dumps({"weights": np.array([1.0, 2.5])})

    found = _compare("model.pkl", old, new)

    assert found.summary.endswith("1 of 2 values differ, by at most 0.5 (0.2 relative)")
    assert _compare("model.pkl", old, new, 0.25).sameness is Sameness.CLOSE


def test_protocols_of_pickle_are_no_difference() -> None:
    """What is in a pickle counts, not how it was written."""
    model = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])

    found = _compare("m.pkl", pickle.dumps(model, 2), pickle.dumps(model, 5))

    assert found.sameness is Sameness.SAME_CONTENT


def test_times_of_fitting_are_no_difference() -> None:
    """A search notes how long it took, which is another time each time."""
    features, target = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0)
    old, new = (
        GridSearchCV(tree, {"max_depth": [1, 2]}, cv=3).fit(features, target)
        for _ in range(2)
    )
    new.refit_time_ = old.refit_time_ + 1

    found = _compare("search.pkl", pickle.dumps(old), pickle.dumps(new))

    assert found.sameness is Sameness.SAME_CONTENT
    assert "refit_time_" in found.summary


class _Trap:
    """Leaves a trace when it is unpickled."""

    sprung: list[str] = []  # noqa: RUF012 - all share it

    def __init__(self, word: str) -> None:
        self.word = word

    def __reduce__(self) -> Any:
        return (_Trap.sprung.append, (self.word,))


def test_a_pickle_is_never_run() -> None:
    """What others have pickled may do anything; it is only looked at."""
    found = _compare("m.pkl", pickle.dumps(_Trap("a")), pickle.dumps(_Trap("b")))

    assert found.sameness is Sameness.DIFFERENT
    assert _Trap.sprung == []


def test_tensors_are_named_and_measured() -> None:
    """Of a checkpoint of PyTorch, the tensor and how far its numbers moved."""

    def saved(bias: float) -> bytes:
        state = {"weight": torch.ones(2, 2), "bias": torch.tensor([bias])}
        return _written(lambda file: torch.save(state, file))

    found = _compare("model.pt", saved(1.0), saved(2.0))

    assert found.sameness is Sameness.DIFFERENT
    assert "bias" in found.summary
    assert "by at most 1 (0.5 relative)" in found.summary
    assert "weight" not in found.summary


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (np.zeros(3), np.zeros(4), "shape (3,) and (4,)"),
        (np.zeros(3), np.zeros(3, "f4"), "dtype float64 and float32"),
        (np.array([np.nan, 1.0]), np.array([np.nan, 2.0]), "1 of 2 values differ"),
        (np.array([1.0]), np.array([np.inf]), "inf relative"),
        (np.array(["a", "b"]), np.array(["a", "c"]), "1 of 2 items differ"),
        (
            np.array([(1, 2.0)], [("n", int), ("x", float)]),
            np.array([(1, 3.0)], [("n", int), ("x", float)]),
            "x: 1 of 1 values differ",
        ),
    ],
)
def test_an_array_says_how_it_differs(old: Any, new: Any, words: str) -> None:
    """Shape, type, or how many numbers and how far."""
    found = _compare(
        "a.npy",
        _written(lambda file: np.save(file, old)),
        _written(lambda file: np.save(file, new)),
    )

    assert found.sameness is Sameness.DIFFERENT
    assert words in found.summary


def test_arrays_of_an_archive_are_compared_by_name() -> None:
    """A `.npz` is an archive of arrays."""
    old = _written(lambda file: np.savez(file, a=np.ones(2), b=np.zeros(2)))
    new = _written(lambda file: np.savez_compressed(file, a=np.ones(2), b=np.ones(2)))

    found = _compare("data.npz", old, new)

    assert found.summary.startswith("b.npy: 2 of 2 values differ")


def test_a_table_names_the_column() -> None:
    """Cells are numbers where they look like numbers."""
    old, new = b"id,score\n1,0.5\n2,0.25\n", b"id,score\n1,0.5\n2,0.26\n"

    found = _compare("table.csv", old, new)

    assert "column 'score' differs in 1 of 2 rows" in found.summary
    assert _compare("table.csv", old, new, 0.1).sameness is Sameness.CLOSE


def test_a_column_of_times_is_no_difference() -> None:
    """Results of a search are saved with the times they took."""
    old, new = b"mean_fit_time,score\n0.1,1\n", b"mean_fit_time,score\n0.2,1\n"

    found = _compare("results.csv", old, new)

    assert found.sameness is Sameness.SAME_CONTENT
    assert "mean_fit_time" in found.summary


def test_json_names_the_key() -> None:
    """Numbers are compared as numbers, and keys in any order."""
    old = json.dumps({"a": {"b": [1, 2.0]}, "time": 1.5, "c": "x"}).encode()
    new = json.dumps({"time": 2.5, "c": "x", "a": {"b": [1, 2.5]}}).encode()

    found = _compare("result.json", old, new)

    assert found.summary == "['a']['b'][1]: 2.0 and 2.5"
    assert _compare("result.json", old, new, 0.2).sameness is Sameness.CLOSE


@pytest.mark.parametrize(
    ("old", "new", "sameness"),
    [
        ("done in 1.2 s\n", "done in 3.4 s\n", Sameness.SAME_CONTENT),
        ("at 2026-01-02 10:00:01\n", "at 2026-01-03 11:00:02\n", Sameness.SAME_CONTENT),
        ("<Model at 0x7f00aa>\n", "<Model at 0x7f00bb>\n", Sameness.SAME_CONTENT),
        ("run_id: 0a1b\nseed: 1\n", "run_id: 2c3d\nseed: 1\n", Sameness.SAME_CONTENT),
        ("run_id: 0a1b\nseed: 1\n", "run_id: 2c3d\nseed: 2\n", Sameness.DIFFERENT),
        ("a\r\nb\r\n", "a\nb\n", Sameness.SAME_CONTENT),
        ("score 0.5\n", "score 0.6\n", Sameness.DIFFERENT),
        ("id 12345678901234567\n", "id 12345678901234568\n", Sameness.DIFFERENT),
        ("a\n", "a\nb\n", Sameness.DIFFERENT),
    ],
)
def test_a_text_says_what_it_says(old: str, new: str, sameness: Sameness) -> None:
    """Times, dates and places are of the run; all else is the result."""
    assert _compare("notes.txt", old.encode(), new.encode()).sameness is sameness


def test_the_first_line_that_differs_is_shown() -> None:
    """Of a long text, where to look."""
    old = "".join(f"line {number}\n" for number in range(50))

    found = _compare("log.txt", old.encode(), old.replace("e 30", "e XX").encode())

    assert (
        "1 of 50 lines differ, first line 31: 'line 30' and 'line XX'" in found.summary
    )


def test_times_in_an_archive_are_no_difference() -> None:
    """Members count, and not when they were packed."""
    members = {"config.json": b"{}", "weights.bin": b"\x00\x01"}

    found = _compare("model.keras", _zipped(members, 2020), _zipped(members, 2021))

    assert found.sameness is Sameness.SAME_CONTENT


def test_the_member_of_an_archive_that_differs_is_named() -> None:
    """A saved model of Keras is an archive that notes when it was saved."""
    old = {"metadata.json": b'{"date_saved": "1"}', "weights.bin": b"\x00\x01"}
    new = {"metadata.json": b'{"date_saved": "2"}', "weights.bin": b"\x00\x02"}

    found = _compare("model.keras", _zipped(old, 2020), _zipped(new, 2021))

    assert found.summary == "weights.bin: 1 of 2 bytes differ, the first at 1"
    dated = _compare(
        "m.keras", _zipped(old, 2020), _zipped(old | {"metadata.json": b"{}"}, 2020)
    )
    assert dated.sameness is Sameness.DIFFERENT


def test_when_it_was_compressed_is_no_difference() -> None:
    """A file of gzip notes when it was made."""
    old, new = (gzip.compress(b"the same", mtime=moment) for moment in (1, 2))

    assert _compare("text.txt.gz", old, new).sameness is Sameness.SAME_CONTENT


def test_arrays_of_hdf5_are_compared_by_name() -> None:
    """Weights of Keras are in such files."""

    def stored(value: float) -> bytes:
        file = io.BytesIO()
        with h5py.File(file, "w") as archive:
            archive["layer/kernel"] = np.full(3, value)
        return file.getvalue()

    found = _compare("weights.h5", stored(1.0), stored(1.5))

    assert found.summary.startswith("layer/kernel: 3 of 3 values differ")


def test_columns_of_parquet_are_compared_by_name() -> None:
    """Tables that pandas wrote."""

    def stored(value: float) -> bytes:
        table = pd.DataFrame({"a": [1, 2], "b": [0.5, value]})
        return _written(table.to_parquet)

    found = _compare("table.parquet", stored(1.0), stored(2.0))

    assert found.summary.startswith("b: 1 of 2 values differ")


def test_folders_are_compared_file_by_file(tmp_path: Path) -> None:
    """A model of MLflow is a folder whose description names the run."""
    for side, run in (("old", "aaa"), ("new", "bbb")):
        folder = tmp_path / side / "model"
        folder.mkdir(parents=True)
        (folder / "MLmodel").write_text(f"run_id: {run}\nutc_time_created: '{run}'\n")
        (folder / "weights.npy").write_bytes(_written(lambda f: np.save(f, np.ones(2))))

    found = compare_files(tmp_path / "old" / "model", tmp_path / "new" / "model")
    (tmp_path / "new" / "model" / "more.txt").write_text("more")
    more = compare_files(tmp_path / "old" / "model", tmp_path / "new" / "model")

    assert found.sameness is Sameness.SAME_CONTENT
    assert (more.sameness, more.summary) == (
        Sameness.DIFFERENT,
        "more.txt: only in the second",
    )


_HEADS = [
    *(
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.4",
        b"\x93NUMPY\x01\x00",
        b"\x89HDF\r\n\x1a\n",
    ),
    *(b"PAR1", b"PK\x03\x04", b"\x80\x04", b"\xff\xd8\xff", b"\x1f\x8b\x08", b"BZh9"),
    *(b"\x78\x9c", b"<svg ", b'{"a": ', b"a,b\n"),
]
_NAMES = st.sampled_from(["a.csv", "a.json", "a.svg", "a.pkl", "a.bin", "a.txt"])


@given(_NAMES, st.sampled_from(_HEADS), st.binary(), st.binary())
@example("a.csv", b"", b"", b"\n")
def test_any_two_files_can_be_compared(
    name: str, head: bytes, old: bytes, new: bytes
) -> None:
    """What is broken is compared by its bytes, whichever way round."""
    assert compare_bytes(name, head + old, head + old, 0.0).sameness is Sameness.SAME
    if old != new:
        found = _compare(name, head + old, head + new)
        assert found.sameness is not Sameness.SAME
        assert found.summary


def test_a_broken_model_is_compared_by_its_bytes() -> None:
    """A model that was cut off, or in which bits have turned."""
    whole = pickle.dumps(_forest(0))
    draw = random.Random(0)
    for _ in range(50):
        broken = bytearray(whole)
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)

        assert _compare("m.pkl", whole, bytes(broken)).summary
    assert _compare("m.pkl", whole, whole[:-5]).sameness is Sameness.DIFFERENT


def _picture(*frames: Any, kind: str) -> bytes:
    first, *others = map(Image.fromarray, frames)
    save = partial(first.save, format=kind)
    if others:
        save = partial(save, save_all=True, append_images=others)
    return _written(save)


def _parquet(table: pd.DataFrame) -> bytes:
    return _written(table.to_parquet)


def _hdf5(activation: str) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as archive:
        archive["kernel"] = np.ones(2)
        archive.attrs["model_config"] = activation
    return file.getvalue()


def _legacy(value: float) -> bytes:
    state = {"bias": torch.full((2,), value)}
    return _written(
        lambda file: torch.save(state, file, _use_new_zipfile_serialization=False)
    )


def _link(target: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("latest")
        member.type, member.linkname = tarfile.SYMTYPE, target
        archive.addfile(member)
    return file.getvalue()


def _database(folder: Path, *statements: str) -> bytes:
    path = folder / "results.db"
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
            database.commit()
    return path.read_bytes()


def test_databases_are_compared_by_their_rows(tmp_path: Path) -> None:
    """How often one was written to is no result, and a number in it is."""
    table = "CREATE TABLE scores (fold INTEGER, score REAL, note BLOB)"
    rows = "INSERT INTO scores VALUES (1, 0.5, x'00ff'), (2, 0.25, NULL)"
    once = _database(tmp_path, table, rows)
    wal = _database(tmp_path, "PRAGMA journal_mode = WAL", table, rows)
    twice = _database(tmp_path, table, rows, "DELETE FROM scores", rows)
    other = _database(tmp_path, table, rows.replace("0.25", "0.26"))
    blob = _database(tmp_path, table, rows.replace("ff", "fe"))

    for again in (twice, wal):
        assert once != again
        assert _compare("r.db", once, again).sameness is Sameness.SAME_CONTENT
    found = _compare("r.db", once, other)
    assert found.sameness is Sameness.DIFFERENT
    assert "score" in found.summary
    assert "0.25" in found.summary
    assert "0.26" in found.summary
    assert _compare("r.db", once, blob).sameness is Sameness.DIFFERENT
    assert _compare("r.db", once, other, rtol=0.1).sameness is Sameness.CLOSE


def test_broken_database_is_compared_by_its_bytes(tmp_path: Path) -> None:
    """As any file of which nothing is known."""
    good = _database(tmp_path, "CREATE TABLE a (b)", "INSERT INTO a VALUES (1)")
    broken = good[:100] + b"\xff" * (len(good) - 100)

    found = _compare("r.db", good, broken)

    assert found.sameness is Sameness.DIFFERENT
    assert "bytes differ" in found.summary


def _checkpoint(code: bytes) -> bytes:
    members = {"data.pkl": pickle.dumps({}), "code/net.py": code}
    return _zipped({f"net/{name}": each for name, each in members.items()}, 2020)


_BLACK, _GREY = np.zeros((3, 3), "u1"), np.full((3, 3), 90, "u1")
_SHARED = [[1.0], [2.0]]
_LARGE = 2**60


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param(
            "a.npy",
            *(
                _written(partial(np.save, arr=np.array([value])))
                for value in (_LARGE, _LARGE + 1)
            ),
            id="whole-numbers-beyond-floats",
        ),
        pytest.param(
            "a.json",
            *(b'{"seed": %d}' % value for value in (_LARGE, _LARGE + 1)),
            id="whole-numbers-of-json",
        ),
        pytest.param(
            "a.json", b'{"is": "pickled"}', b'{"is": "fresh"}', id="words-of-json"
        ),
        pytest.param(
            "a.csv", b"score;time\n1;1\n", b"score;time\n2;1\n", id="semicolons"
        ),
        pytest.param(
            "a.log",
            b"elapsed: 3.2 score: 0.91\n",
            b"elapsed: 3.4 score: 0.95\n",
            id="behind-a-time",
        ),
        pytest.param(
            "a.log", b"time=1, loss=0.9\n", b"time=2, loss=0.8\n", id="after-a-comma"
        ),
        pytest.param(
            "a.pkl",
            *(pickle.dumps(1) + pickle.dumps(value) for value in (2, 3)),
            id="second-pickle-of-a-file",
        ),
        pytest.param(
            "a.pkl",
            *(pickle.dumps({1: value, "1": 0}) for value in "ab"),
            id="keys-of-other-types",
        ),
        pytest.param(
            "a.pkl",
            *(pickle.dumps({"time": each, "score": each}) for each in _SHARED),
            id="shared-with-a-time",
        ),
        pytest.param("a.pt", _legacy(1), _legacy(2), id="older-files-of-torch"),
        pytest.param(
            "a.pt", _checkpoint(b"x + 1"), _checkpoint(b"x * 1"), id="code-of-a-model"
        ),
        pytest.param("a.h5", _hdf5("relu"), _hdf5("tanh"), id="attributes-of-hdf5"),
        pytest.param(
            "a.parquet",
            _parquet(pd.DataFrame({"a": [1, 2]})),
            _parquet(pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(5, 7))),
            id="index-of-a-table",
        ),
        pytest.param(
            "a.png",
            *(
                _picture(np.full((3, 3), value, "u2"), kind="png")
                for value in (3000, 3001)
            ),
            id="pixels-of-16-bits",
        ),
        pytest.param(
            "a.gif",
            _picture(_BLACK, _GREY, kind="gif"),
            _picture(_BLACK, _GREY + 9, kind="gif"),
            id="second-frame",
        ),
        pytest.param("a.tar", _link("a"), _link("b"), id="target-of-a-link"),
    ],
)
def test_a_result_is_not_taken_for_a_detail(name: str, old: bytes, new: bytes) -> None:
    """What differs beside what may differ is found, with no tolerance at all."""
    assert _compare(name, old, new).sameness is Sameness.DIFFERENT


def test_what_mlflow_notes_of_a_model_is_no_difference() -> None:
    """Its version and the size of the pickles are not the model."""
    text = (
        "mlflow_version: 3.{0}.1\nmodel_size_bytes: 1{0}\nmodel_uuid: {0}\nflavor: a\n"
    )

    found = _compare("MLmodel", text.format(1).encode(), text.format(2).encode())

    assert found.sameness is Sameness.SAME_CONTENT


def test_bytes_are_bytes_in_every_protocol() -> None:
    """Models of boosted trees are pickled as bytes, which older protocols spell out."""
    model = {"raw": bytearray(b"\x00\xff"), "more": b"\x01", "kinds": {1, 2}}

    found = _compare("m.pkl", pickle.dumps(model, 2), pickle.dumps(model, 5))

    assert found.sameness is Sameness.SAME_CONTENT


def test_a_small_file_that_holds_a_huge_one_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Zeros pack well; they are compared as they lie there."""
    monkeypatch.setattr(unpacking, "LARGEST", 1000)

    for pack in (gzip.compress, bz2.compress, lzma.compress, zlib.compress):
        old, new = pack(b"\0" * 10**6), pack(b"\0" * 10**6 + b"1")

        assert "bytes" in _compare("zeros", old, new).summary


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """One that is gone by now stops no comparison."""
    (tmp_path / "old.txt").write_text("here")

    found = compare_files(tmp_path / "old.txt", tmp_path / "new.txt")

    assert found.sameness is Sameness.DIFFERENT
    assert found.summary.startswith("cannot be read: ")


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_addresses_in_a_description_of_keras_are_no_difference(ending: str) -> None:
    """Keras tells what its layers share by where it lies in memory."""

    def saved(address: int, units: int) -> bytes:
        layer = {"units": units, "dtype": {"shared_object_id": address}}
        if ending == "h5":
            return _hdf5(json.dumps(layer))
        return _zipped({"config.json": json.dumps(layer).encode()}, 2020)

    name = f"model.{ending}"

    again = _compare(name, saved(139868571034256, 2), saved(139868760910864, 2))
    other = _compare(name, saved(139868571034256, 2), saved(139868760910864, 3))

    assert again.sameness is Sameness.SAME_CONTENT
    assert other.sameness is Sameness.DIFFERENT
    assert "['units']: 2 and 3" in other.summary


def test_tensors_of_sixteen_bits_are_measured() -> None:
    """Half of the precision, and the same words."""

    def saved(value: float) -> bytes:
        tensor = torch.full((2,), value, dtype=torch.bfloat16)
        return _written(lambda file: torch.save({"weight": tensor}, file))

    found = _compare("model.pt", saved(1.0), saved(4.0))

    assert found.summary.endswith("2 of 2 values differ, by at most 3 (0.75 relative)")


@pytest.mark.parametrize("title", ["trip_duration", "predicted_time", "survival_time"])
def test_a_time_that_is_predicted_is_a_result(title: str) -> None:
    """What is told of trips and patients is no time that the run took."""
    old, new = (f"id,{title}\n1,{value}\n".encode() for value in (500, 510))

    assert _compare("predictions.csv", old, new).sameness is Sameness.DIFFERENT


def _noted(**notes: str) -> bytes:
    return _drawn("png", [1, 2], 0, **notes)


def _packed(mode: int, moment: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("run.sh")
        member.size, member.mode, member.mtime = 4, mode, moment
        archive.addfile(member, io.BytesIO(b"true"))
    return file.getvalue()


_BARE = ("time", "times", "duration", "runtime", "elapsed", "latency", "memory", "date",
         "datetime", "timestamp", "created_at")  # fmt: skip
_AMBIGUOUS = [
    *(
        pytest.param("a.csv", *(f"{title}\n{n}\n".encode() for n in (1, 2)), id=title)
        for title in _BARE
    ),
    pytest.param(
        "a.parquet",
        *(_parquet(pd.DataFrame({"time": [value]})) for value in (1.0, 2.0)),
        id="time-of-parquet",
    ),
    pytest.param("a.json", b'{"time": 1.5}', b'{"time": 2.5}', id="time-of-json"),
    pytest.param(
        "a.pkl",
        *(pickle.dumps({"duration": value}) for value in (1.5, 2.5)),
        id="duration-of-a-pickle",
    ),
    pytest.param("a.txt", b"on 2020-01-02\n", b"on 2020-01-03\n", id="date-of-a-text"),
    pytest.param("a.txt", b"open 10:15\n", b"open 10:45\n", id="clock-of-a-text"),
    pytest.param("a.txt", b"stay: 3 h\n", b"stay: 4 h\n", id="span-of-a-text"),
    pytest.param("a.txt", b"median 3.1 s\n", b"median 3.5 s\n", id="seconds-of-a-text"),
    pytest.param("a.html", b"<p>2020-01-02</p>", b"<p>2020-01-03</p>", id="markup"),
    pytest.param(
        "a.png", _noted(Title="one"), _noted(Title="another"), id="note-of-a-picture"
    ),
    pytest.param(
        "a.tar", _packed(0o644, 1), _packed(0o755, 1), id="mode-in-an-archive"
    ),
]


@pytest.mark.parametrize(("name", "old", "new"), _AMBIGUOUS)
def test_what_may_be_data_counts_where_inputs_differ(
    name: str, old: bytes, new: bytes
) -> None:
    """Another seed draws other times of survival, and other days."""
    one = compare_bytes(name, old, new, 0.0, same_inputs=False)
    other = compare_bytes(name, new, old, 0.0, same_inputs=False)

    assert one.sameness is other.sameness is Sameness.DIFFERENT


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        *(
            pytest.param(
                "a.csv", *(f"{title}\n{n}\n".encode() for n in (1, 2)), id=title
            )
            for title in (
                *("fit_time", "mean_fit_time", "score_time", "train_time", "trainTime"),
                *("training_time", "elapsed_s", "wall_time", "took", "train_seconds"),
                *("refit_time_", "std_score_time", "peak_memory_mb", "date_saved"),
            )
        ),
        pytest.param(
            "a.parquet",
            *(_parquet(pd.DataFrame({"fit_time": [value]})) for value in (1.0, 2.0)),
            id="parquet",
        ),
        pytest.param(
            "a.txt", b"took 1.2 s, at 0x7f00aa\n", b"took 3 s, at 0x7f00bb\n", id="text"
        ),
        pytest.param(
            "a.png", _noted(Software="one"), _noted(Software="another"), id="picture"
        ),
        pytest.param("a.tar", _packed(0o644, 1), _packed(0o644, 2), id="archive"),
        pytest.param(
            "a.svg",
            *(_drawn("svg", [1, 2], each * 10**9) for each in (1, 2)),
            id="drawing",
        ),
    ],
)
def test_what_only_the_run_can_have_taken_never_counts(
    name: str, old: bytes, new: bytes
) -> None:
    """How long it fitted is no result of another seed either."""
    found = compare_bytes(name, old, new, 0.0, same_inputs=False)

    assert found.sameness is Sameness.SAME_CONTENT


@pytest.mark.parametrize("title", ["time", "date"])
def test_tables_of_every_format_are_judged_alike(title: str) -> None:
    """What is excused in a text is excused in Parquet."""
    tables = [pd.DataFrame({title: [value]}) for value in (1.0, 2.0)]

    texts = (table.to_csv(index=False).encode() for table in tables)
    binary = map(_parquet, tables)

    for name, pair in (("a.csv", texts), ("a.parquet", binary)):
        found = _compare(name, *pair)
        assert found.sameness is Sameness.SAME_CONTENT
        assert title in found.summary


def test_modes_in_an_archive_are_not_called_times() -> None:
    """Which of the two it is says where to look."""
    found = _compare("a.tar", _packed(0o644, 1), _packed(0o755, 1))

    assert found.summary == "identical but for the modes in the archive"


def test_where_the_source_of_torchscript_lay_is_no_difference() -> None:
    """It keeps the paths of the script for its tracebacks; its code is the model."""

    def saved(place: str, code: bytes) -> bytes:
        debug = pickle.dumps(["def forward(x)", place])
        members = {
            "data.pkl": pickle.dumps({}),
            "code/__torch__.py": code,
            "code/__torch__.py.debug_pkl": debug,
        }
        return _zipped({f"net/{name}": each for name, each in members.items()}, 2020)

    one = saved("/project/net.py", b"x + 1")

    again = _compare("net.ts", one, saved("/scratch/net.py", b"x + 1"))
    other = _compare("net.ts", one, saved("/scratch/net.py", b"x * 1"))

    assert again.sameness is Sameness.SAME_CONTENT
    assert again.summary == "identical but for where its source lay"
    assert other.sameness is Sameness.DIFFERENT
    assert "debug_pkl" not in other.summary
