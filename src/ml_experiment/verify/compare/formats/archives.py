"""Archives and containers, member by member: zip, tar, gzip, HDF5, Parquet."""

from __future__ import annotations

import importlib
import io
import json
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.compare.finding import (
    SAME,
    Comparer,
    Finding,
    Sameness,
    combined,
    different,
    named_parts,
    same_but,
)
from ml_experiment.verify.compare.formats.checkpoints import (
    TENSORS,
    compare_checkpoints,
)
from ml_experiment.verify.compare.formats.numbers import compare_arrays
from ml_experiment.verify.compare.formats.unpacking import FAILURES, LARGEST, UNPACKERS
from ml_experiment.verify.compare.measured import looks_volatile


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def compare_members(
    old: Mapping[str, bytes], new: Mapping[str, bytes], rtol: float, compare: Comparer
) -> Finding:
    """Compare the members of two archives by name."""
    both, found = named_parts(old, new)
    found += [(name, compare(name, old[name], new[name], rtol)) for name in both]
    return combined(found)


def compare_archives(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare two archives of one kind; ``None`` if they cannot be opened."""
    for read in (_zip_members, _tar_members):
        try:
            before, after = read(old), read(new)
        except (OSError, ValueError, zipfile.BadZipFile, tarfile.TarError, EOFError):
            continue
        found, but = None, "the times in the archive"
        if TENSORS in before and TENSORS in after:
            whole = before
            before, after = _without_sources(before), _without_sources(after)
            if before.keys() != whole.keys():
                but = "where its source lay"
            found = compare_checkpoints(before, after, rtol, compare)
        if found is None:
            found = compare_members(before, after, rtol, compare)
        if read is _tar_members:
            modes = _compare_modes(old, new, compare)
            found = max(found, modes, key=lambda each: each.sameness)
        return found if found.sameness else same_but(but)
    del name
    return None


def _without_sources(members: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out of what TorchScript saved which line of which file each step was.

    It is for tracebacks, and holds the path of the script.
    """
    return {
        name: content
        for name, content in members.items()
        if not (name.startswith("code/") and name.endswith(".debug_pkl"))
    }


def _zip_members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [each for each in archive.infolist() if not each.is_dir()]
        if sum(each.file_size for each in members) > LARGEST:
            raise ValueError("too large")
        try:
            found = {each.filename: archive.read(each) for each in members}
        except (RuntimeError, zlib.error) as error:  # a password, another method
            raise ValueError(str(error)) from error
    return _without_common_top(found)


def _tar_members(data: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        if sum(each.size for each in members) > LARGEST:
            raise ValueError("too large")
        for each in members:
            file = archive.extractfile(each) if each.isfile() else None
            if file is not None:
                found[each.name] = file.read()
            elif each.linkname:
                found[each.name] = f"a link to {each.linkname}".encode()
    return found


def _compare_modes(old: bytes, new: bytes, compare: Comparer) -> Finding:
    """Compare who may do what with the members of two tar archives."""
    before, after = _tar_modes(old), _tar_modes(new)
    for name, mode in before.items():
        other = after.get(name, mode)
        if mode != other:
            if compare.same_inputs:  # as the umask of a machine is
                return same_but("the modes in the archive")
            return different(f"{name}: mode {mode:o} and {other:o}")
    return SAME


def _tar_modes(data: bytes) -> dict[str, int]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {each.name: each.mode for each in archive.getmembers()}


def _without_common_top(members: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out a folder that holds all: PyTorch calls it as the file was called."""
    tops = {name.partition("/")[0] for name in members}
    if len(tops) != 1 or any("/" not in name for name in members):
        return members
    return {name.partition("/")[2]: content for name, content in members.items()}


def compare_compressed(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare what two compressed files hold; ``None`` if they are not compressed."""
    for unpack in UNPACKERS:
        try:
            before, after = unpack(old), unpack(new)
        except FAILURES:
            continue
        inner = name.rpartition(".")[0] or name
        found = compare(inner, before, after, rtol)
        return found if found.sameness else same_but("the time, or how it was packed")
    return None


def compare_hdf5(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare two HDF5 files, array by array; ``None`` if h5py is not installed."""
    del name
    try:
        h5py = importlib.import_module("h5py")

        before, after = _hdf5_parts(h5py, old), _hdf5_parts(h5py, new)
    except (ImportError, OSError, ValueError, KeyError):
        return None
    return _compare_named(before, after, rtol, compare)


def _is_no_time(name: str) -> bool:
    del name
    return False


def _timed(compare: Comparer) -> Callable[[str], bool]:
    """Return what says of a column's title that it is of the run, and no result."""
    return lambda title: looks_volatile(title, same_inputs=compare.same_inputs)


def _compare_named(
    old: dict[str, Any],
    new: dict[str, Any],
    rtol: float,
    compare: Comparer,
    *,
    timed: Callable[[str], bool] = _is_no_time,
) -> Finding:
    both, found = named_parts(old, new)
    for key in both:
        values = old[key], new[key]
        if all(each.dtype.kind == "U" and not each.ndim for each in values):
            # Keras describes a model so, in JSON.
            one, other = (str(each).encode() for each in values)
            found.append((key, compare(f"{key}.json", one, other, rtol)))
        else:
            result = compare_arrays(*values, rtol)
            if result.sameness and timed(key):
                result = same_but(f"the column {key}")
            found.append((key, result))
    result = combined(found)
    return result if result.sameness else same_but("how it was stored")


def _hdf5_parts(h5py: Any, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        found[name] = item[()] if isinstance(item, h5py.Dataset) else "a group"
        found.update({f"{name}@{key}": value for key, value in item.attrs.items()})

    import numpy as np

    with h5py.File(io.BytesIO(data), "r") as file:
        visit("", file)
        file.visititems(visit)
    return {key: np.asarray(value) for key, value in found.items()}


def compare_parquet(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare two Parquet files, column by column; ``None`` if they cannot be read."""
    del name
    try:
        reader = importlib.import_module("pyarrow.parquet")

        tables = [reader.read_table(io.BytesIO(each)) for each in (old, new)]
    except (ImportError, OSError, ValueError):
        return None
    before, after = (
        {
            key: table.column(key).to_numpy(zero_copy_only=False)
            for key in table.column_names
        }
        for table in tables
    )
    found = _compare_named(before, after, rtol, compare, timed=_timed(compare))
    notes = [_parquet_notes(table.schema) for table in tables]
    if found.sameness is Sameness.SAME_CONTENT and notes[0] != notes[1]:
        return different("types of columns, index or notes of the table")
    return found


def _parquet_notes(schema: Any) -> tuple[str, dict[bytes, Any]]:
    """Return types and notes; of those of pandas without its version."""
    notes = dict(schema.metadata or {})
    if b"pandas" in notes:
        written = json.loads(notes[b"pandas"])
        notes[b"pandas"] = {
            key: value
            for key, value in written.items()
            if key not in {"creator", "pandas_version"}
        }
    return schema.remove_metadata().to_string(), notes
