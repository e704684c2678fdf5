"""Data that may not be there next time: elsewhere, on the network, or read unseen."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.values import (
    UNKNOWN,
    argument,
    constant,
    is_open,
    keyword,
    last_name,
    path_text,
    words,
)


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

# Calls that read a file whose name is their first argument.
_READS = re.compile(
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
# Those of them that read without Python's own open(), so that nobody sees it.
_UNSEEN = re.compile(
    r"pandas\.(read_(hdf|parquet)|HDFStore)|polars\.(read|scan)_(?!json)\w+"
    r"|pyarrow\.(parquet\.(read_table|ParquetFile)|csv\.read_csv|feather\.read_\w+)"
    r"|pyarrow\.(dataset\.dataset|memory_map)|h5py\.File|netCDF4\.Dataset"
    r"|xarray\.open_\w+|cv2\.imread|duckdb\.(connect|read_\w+)|soundfile\.read"
    r"|librosa\.load|torchaudio\.load|torchvision\.io\.read_\w+|rasterio\.open"
    r"|SimpleITK\.ReadImage|anndata\.read_h5ad|tensorflow\.data\.TFRecordDataset"
    r"|tensorflow\.data\.TextLineDataset|tensorflow\.io\.read_file"
    r"|(tensorflow\.)?keras\.utils\.image_dataset_from_directory"
)
_UNSEEN_WHEN_NAMED = re.compile(r"xgboost\.(DMatrix|QuantileDMatrix)|lightgbm\.Dataset")
_OPENS = re.compile(r"(builtins|io|codecs|gzip|bz2|lzma)\.open")
_NETWORK = re.compile(
    r"urllib\.request\.(urlopen|urlretrieve)|requests\.(get|post|request)"
    r"|httpx\.(get|post|stream)|wget\.download|gdown\.(download|download_folder)"
    r"|aiohttp\.request|urllib3\.request|kaggle\.api\.\w+"
    r"|torch\.hub\.(load|load_state_dict_from_url|download_url_to_file)"
    r"|nltk\.download|ucimlrepo\.fetch_ucirepo|yfinance\.(download|Ticker)"
    r"|tensorflow_hub\.(load|KerasLayer)"
)
# Data sets that libraries fetch; with a version or a commit, always the same.
_DATASETS = re.compile(
    r"sklearn\.datasets\.fetch_\w+|datasets\.load_dataset|tensorflow_datasets\.load"
    r"|(tensorflow\.)?keras\.datasets\.\w+\.load_data|(tensorflow\.)?keras\.utils\.get_file"
    r"|seaborn\.load_dataset|openml\.datasets\.get_dataset|scipy\.datasets\.\w+"
    r"|huggingface_hub\.(hf_hub_download|snapshot_download)|kagglehub\.\w+"
    r"|transformers\.\w+\.from_pretrained|transformers\.pipeline|datasets\.load\.\w+"
)
_VERSIONS = ("version", "data_id", "revision", "file_hash")
_URL = re.compile(r"(https?|ftp|s3|gs|hdfs|abfss?)://\S+")
_ABSOLUTE = re.compile(r"(/[\w.@ -]+){2,}/?|~[\w-]*(/.*)?|[A-Za-z]:[\\/].+|\\\\\w+\\.+")
_NOT_DATA = (*("/dev/", "/proc/", "/sys/", "/etc/", "/usr/bin/", "/bin/"),)
_WRITING_MODES = frozenset("wax")
_LIKELY = re.compile(
    r"~|/(home|Users|mnt|media|data|datasets?|scratch|srv|root|work|nfs|gpfs|lustre"
    r"|Volumes|cluster|projects?|storage)/|[A-Za-z]:|\\\\"
)
_PATHS = frozenset(
    {"pathlib.Path", "pathlib.PosixPath", "pathlib.PurePath", "os.path.join"}
    | {"os.path.expanduser"}
)
_PATH_NAME = re.compile(
    r"(^|_)(path|dir|directory|folder|file|filename|root|data)s?$", re.IGNORECASE
)
_HOMES = frozenset({"pathlib.Path.home"})
_LOCAL_CALLS = frozenset({"exists", "is_file", "isfile", "is_dir", "isdir"})


def paths(module: Module, project: Project) -> Iterator[Finding]:
    """Find paths that are there on one machine only."""
    seen: set[int] = set()
    for node, text, is_read in _path_texts(module):
        problem = path_problem(text, project, is_read=is_read)
        if problem is None:
            problem = _upward_problem(text, module, project)
        line = getattr(node, "lineno", 0)
        if problem is not None and line not in seen:
            seen.add(line)
            yield at(module, node, *problem)
    for call, name in module.calls:
        if name in _HOMES and call.lineno not in seen:
            yield at(
                module,
                call,
                "data-outside-project",
                "the home folder is outside of the project: a copy of it will not have it",
                "keep data below the project, and write their paths from there",
            )


def path_problem(
    text: str, project: Project, *, is_read: bool
) -> tuple[str, str, str] | None:
    """Return code, message and remedy of a path that only this machine has.

    Args:
        text: The path.
        project: The project.
        is_read: It is sure that something is read from there. Else it has to look like
            the home of data: ``/health`` is no path of a file.
    """
    if not _ABSOLUTE.fullmatch(text) or text.startswith(_NOT_DATA) or text == "~":
        return None
    if not is_read and not _LIKELY.match(text) and not _exists(Path(text)):
        return None
    full = os.path.expanduser(text)  # noqa: PTH111 - "~nobody" stays as it is
    if project.inside(full):
        message = f"{text} is an absolute path: it is there on this machine only"
        return "absolute-path", message, f'"{_relative(full, project)}"'
    return (
        "data-outside-project",
        f"{text} is outside of the project: a copy of it will not have it",
        "keep it below the project and write its path from there, as in data/...",
    )


def _relative(full: str, project: Project) -> str:
    return os.path.relpath(os.path.realpath(full), os.path.realpath(project.root))


def _path_texts(module: Module) -> Iterator[tuple[ast.expr, str, bool]]:
    """Yield texts that name a file or folder, and whether it is surely read."""
    for call, name in module.calls:
        given = argument(call, 0)
        reads = _READS.fullmatch(name) is not None
        if given is None or not (reads or name in _PATHS) or _is_written(module, call):
            continue
        if reads and _writes(module, call, name):
            continue
        text = path_text(module, given)
        if text is not None:
            yield given, text, reads
    for node in module.nodes:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Constant(value=str(text)) as value,
            ) if is_path_name(name):
                yield value, text, False
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for default in _default_paths(node):
                    yield default, str(default.value), False
            case _:
                pass


def _default_paths(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[ast.Constant]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    given = positional[len(positional) - len(arguments.defaults) :]
    pairs = [
        *zip(given, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for each, default in pairs:
        if _is_text(default) and is_path_name(each.arg):
            yield default


def _is_text(node: ast.expr | None) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_path_name(name: str) -> bool:
    """Return whether something is called as if it were a path that is read."""
    return bool(_PATH_NAME.search(name)) and "out" not in name.lower()


def _is_written(module: Module, call: ast.Call) -> bool:
    """Return whether ``Path("...")`` is only there to be written to."""
    parent = module.parents.get(call)
    writers = {"write_text", "write_bytes", "mkdir", "touch", "unlink"}
    if isinstance(parent, ast.Attribute) and parent.attr in writers:
        return True
    return (
        isinstance(parent, ast.Call)
        and re.match(r"(to_|save|dump|write|makedirs|mkdir)", last_name(parent))
        is not None
    )


def _upward_problem(
    text: str, module: Module, project: Project
) -> tuple[str, str, str] | None:
    if not text.startswith("../"):
        return None
    for base in (project.owner(module).cwd, module.path.parent):
        if project.inside(os.path.join(base, text)):  # noqa: PTH118 - ".." stays
            return None
    return (
        "data-outside-project",
        f"{text} is outside of the project: a copy of it will not have it",
        "keep it below the project, as in data/...",
    )


def _writes(module: Module, call: ast.Call, name: str) -> bool:
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


def missing(module: Module, project: Project) -> Iterator[Finding]:
    """Find files that are read, by the name that is written, and are not there."""
    cwd = project.owner(module).cwd
    for call, name in module.calls:
        given = argument(call, 0)
        if given is None or not _READS.fullmatch(name) or _writes(module, call, name):
            continue
        if name in {"sqlite3.connect", "duckdb.connect"} or _is_guarded(module, call):
            continue
        text = path_text(module, given)
        if text is None or not _is_plain(text):
            continue
        bases = (cwd, module.path.parent, project.root)
        there = next((base / text for base in bases if _exists(base / text)), None)
        if there is not None:
            if not there.is_file() and not there.is_dir():
                yield at(
                    module,
                    call,
                    "data-unhashable",
                    f"{text} is no regular file: it has no digest",
                    "write what comes from it to a file first, and read that",
                )
            continue
        if not any(text in names_given(each) for each in project.modules):
            yield at(
                module,
                call,
                "data-missing",
                f"{text} is not there",
                f"put it there, seen from {cwd}; or say in README how it is made",
            )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return True  # a name that is none is not our business


def _is_plain(text: str) -> bool:
    if not text.strip() or "\n" in text or "\0" in text or _URL.match(text):
        return False
    return not (os.path.isabs(text) or text.startswith("~") or set("*?{<") & set(text))  # noqa: PTH117


def _is_guarded(module: Module, call: ast.Call) -> bool:
    node: ast.AST = call
    while node in module.parents:
        node = module.parents[node]
        if isinstance(node, ast.Try):
            return True
        if isinstance(node, (ast.If, ast.IfExp)):
            inner = [each for each in ast.walk(node.test) if isinstance(each, ast.Call)]
            if any(last_name(each) in _LOCAL_CALLS for each in inner):
                return True
    return False


def names_given(module: Module) -> Iterator[str]:
    """Yield the paths that some call other than a reading one is given: it may write."""
    for call, name in module.calls:
        if _READS.fullmatch(name) and not _writes(module, call, name):
            continue
        given = [*call.args, *(each.value for each in call.keywords)]
        if isinstance(call.func, ast.Attribute):  # Path("x").write_text(...)
            given.append(call.func.value)
        for each in given:
            text = path_text(module, each)
            if text is not None:
                yield text


def downloads(module: Module, project: Project) -> Iterator[Finding]:
    """Find what comes from the network each time."""
    del project
    for call, name in module.calls:
        given = argument(call, 0)
        text = UNKNOWN if given is None else constant(module, given)
        is_url = isinstance(text, str) and _URL.match(text) is not None
        shown = name.removeprefix("builtins.")
        if _NETWORK.fullmatch(name) or (_READS.fullmatch(name) and is_url):
            yield at(
                module,
                call,
                "download",
                f"{shown} reads from the network: nobody knows what is there next time",
                "download it once into data/, and read it from there",
            )
        elif _DATASETS.fullmatch(name):
            if not _is_versioned(call) and not is_open(call):
                yield _dataset(module, call, shown)
        elif name.startswith("torchvision.datasets."):
            given = keyword(call, "download")
            if given is not None and constant(module, given) is True:
                yield _dataset(module, call, shown)


def _is_versioned(call: ast.Call) -> bool:
    given = [keyword(call, name) for name in _VERSIONS]
    return any(
        each is not None
        and not (isinstance(each, ast.Constant) and each.value in {None, "active"})
        for each in given
    )


def _dataset(module: Module, call: ast.Call, name: str) -> Finding:
    return at(
        module,
        call,
        "dataset-download",
        f"{name} downloads a data set where it is not in a cache yet",
        "name its version or revision if it has one; keep a copy of the data",
    )


def unseen(module: Module, project: Project) -> Iterator[Finding]:
    """Find readers whose files are not seen, where no data are declared."""
    if project.data_declared:
        return
    for call, name in module.calls:
        named = _UNSEEN_WHEN_NAMED.fullmatch(name) is not None
        if not named and not _UNSEEN.fullmatch(name):
            continue
        given = argument(call, 0)
        text = UNKNOWN if given is None else constant(module, given)
        if named and not isinstance(text, str):
            continue
        if _writes(module, call, name) or (isinstance(text, str) and _URL.match(text)):
            continue
        if text == ":memory:" or (name == "duckdb.connect" and given is None):
            continue
        yield at(
            module,
            call,
            "data-unseen",
            f"{name} does not read through Python: its files are not seen",
            f"data: [{_glob(module, text)}], in the config",
        )


def _glob(module: Module, text: object) -> str:
    if isinstance(text, str) and not os.path.isabs(text):  # noqa: PTH117
        return f'"{text}"'
    suffixes = {
        Path(word).suffix
        for word in words(module.tree)
        if "/" in word and len(word) < 100  # noqa: PLR2004
    }
    known = sorted(
        suffixes & {".parquet", ".h5", ".hdf5", ".nc", ".tif", ".png", ".jpg"}
    )
    return f'"data/**/*{known[0]}"' if known else '"data/**"'


CHECKS = (paths, missing, downloads, unseen)
