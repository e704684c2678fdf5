"""Calls that read files, told by the names of libraries' functions."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.values import (
    argument,
    constant,
    path_text,
)


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module

# Calls that read a file whose name is their first argument.
READS = re.compile(
    r"builtins\.open|io\.open|codecs\.open|gzip\.open|bz2\.open|lzma\.open"
    r"|pandas\.(read_(?!sql|clipboard|html|gbq)\w+|ExcelFile|HDFStore)"
    r"|numpy\.(load|loadtxt|genfromtxt|fromfile|memmap|recfromcsv)"
    r"|polars\.(read|scan)_\w+|pyarrow\.(parquet\.(read_table|ParquetFile)|csv\.read_csv)"
    r"|pyarrow\.(feather\.read_\w+|dataset\.dataset|memory_map)"
    r"|torch\.load|joblib\.load|scipy\.io\.(loadmat|arff\.loadarff|wavfile\.read)"
    r"|h5py\.File|netCDF4\.Dataset|xarray\.open_\w+|PIL\.Image\.open|cv2\.imread"
    r"|imageio(\.v\d)?\.imread|skimage\.io\.imread|matplotlib\.(pyplot|image)\.imread"
    r"|sklearn\.datasets\.load_(svmlight_file|files)|sqlite3\.connect|duckdb\.(connect|read_\w+)"
    r"|librosa\.load|soundfile\.read|torchaudio\.load|torchvision\.io\.read_\w+"
    r"|rasterio\.open|nibabel\.load|SimpleITK\.ReadImage|anndata\.read_h5ad|uproot\.open"
)
# Those of them that read neither by Python's own open(), nor by what
# ``capture.native_files`` wraps, so that nobody sees it.
UNSEEN = re.compile(
    r"polars\.(read|scan)_(?!(csv|parquet|ipc|ndjson|json)$)\w+|netCDF4\.Dataset"
    r"|xarray\.open_\w+|duckdb\.(connect|read_\w+)|soundfile\.read"
    r"|librosa\.load|torchaudio\.load|torchvision\.io\.read_\w+|rasterio\.open"
    r"|SimpleITK\.ReadImage|tensorflow\.data\.TFRecordDataset"
    r"|tensorflow\.data\.TextLineDataset|tensorflow\.io\.read_file"
    r"|(tensorflow\.)?keras\.utils\.image_dataset_from_directory"
)
_OPENS = re.compile(r"(builtins|io|codecs|gzip|bz2|lzma)\.open")
URL = re.compile(r"(https?|ftp|s3|gs|hdfs|abfss?)://\S+")
_WRITING_MODES = frozenset("wax")


def may_write(module: Module, call: ast.Call, name: str) -> bool:
    """Return whether a call opens a file to write it, or may do so."""
    if not (_OPENS.fullmatch(name) or name in {"h5py.File", "pandas.HDFStore"}):
        return False
    given = argument(call, 1, "mode")
    if given is None:
        return name == "pandas.HDFStore"
    mode = constant(module, given)
    if not isinstance(mode, str):
        return True
    return bool(_WRITING_MODES & set(mode)) and mode != "r+"


def names_given(module: Module) -> Iterator[str]:
    """Yield the paths that some call other than a reading one is given: it may write."""
    for call, name in module.calls:
        if READS.fullmatch(name) and not may_write(module, call, name):
            continue
        given = [*call.args, *(each.value for each in call.keywords)]
        if isinstance(call.func, ast.Attribute):  # Path("x").write_text(...)
            given.append(call.func.value)
        for each in given:
            text = path_text(module, each)
            if text is not None:
                yield text
