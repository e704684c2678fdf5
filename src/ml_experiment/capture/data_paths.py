"""Tell data from code and from what libraries read for themselves, by the path alone."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from ml_experiment.capture.targets import installed_elsewhere


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CODE = (
    *(".py", ".pyc", ".pyo", ".pyi", ".pyw", ".pyx", ".pxd", ".so", ".pyd", ".dll"),
    *(".dylib", ".egg", ".whl", ".egg-link", ".nbi", ".nbc", ".ipynb"),
    *(".ttf", ".otf", ".ttc", ".afm", ".pfb", ".mo"),
)
# The only files inside of installed packages that count: data sets that come with them.
_PACKAGED_DATA = (
    *(".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".tsv", ".tsv.gz", ".txt.gz", ".data"),
    *(".npz", ".npy", ".parquet", ".feather", ".arrow", ".orc", ".pkl", ".pickle"),
    *(".pkl.gz", ".joblib", ".arff", ".arff.gz", ".h5", ".hdf5", ".mat", ".bz2", ".xz"),
    *(".dta", ".sav", ".rda", ".xlsx", ".xls", ".ods", ".fits", ".svmlight", ".libsvm"),
)
_PACKAGED_IMAGES = (".jpg", ".jpeg", ".png")
_SYSTEM = (
    *("/proc/", "/sys/", "/dev/", "/etc/", "/private/etc/", "/System/"),
    *("/run/secrets/", "/run/systemd/", "/run/lock/"),
    *("/usr/share/zoneinfo/", "/usr/share/fonts/", "/usr/share/locale/"),
    *("/usr/share/mime/", "/usr/share/ca-certificates/", "/usr/lib/locale/"),
    *("/usr/lib/ssl/", "/Library/Fonts/", "/usr/local/share/ca-certificates/"),
)
_OWN = (".ml_experiment", "__pycache__", ".git")
_OWN_PARTS = tuple(f"{os.sep}{name}{os.sep}" for name in _OWN)
# Below the home folder: what libraries keep there for themselves.
_LIBRARY_CACHES = (
    *(".cache/matplotlib", ".cache/fontconfig", ".cache/pip", ".cache/uv"),
    *(".cache/ml-experiment", ".config", ".matplotlib", ".ipython", ".jupyter"),
    *(".local/share/jupyter", ".fontconfig", ".triton", ".nv", ".ssh", ".aws"),
)
# Where libraries put the data sets that they download: data also in the run that did it.
_DOWNLOADS = (
    *("/scikit_learn_data/", "/.keras/", "/.cache/huggingface/", "/.cache/torch/"),
    *("/nltk_data/", "/seaborn-data/", "/.cache/seaborn/", "/.cache/scipy-data/"),
    *("/tensorflow_datasets/", "/.cache/openml/", "/.fastai/", "/.cache/kagglehub/"),
)
_SITE = ("/site-packages/", "/dist-packages/")
# Not data, and a digest of a short secret would give it away.
_SECRET_NAMES = frozenset(
    {".netrc", "_netrc", ".pypirc", ".pgpass", ".git-credentials"}
)
_SECRET_SUFFIXES = (".pem", ".key", ".p12", ".pfx")
_ENVIRONMENT_FOLDERS = (
    "bin",
    "include",
    "share",
    "etc",
    "conda-meta",
    "Scripts",
    "ssl",
)


class PathFilter:
    """Decides which paths are data of the user's.

    Args:
        ignore: Folders and files that are not.
    """

    def __init__(self, ignore: Iterable[Path] = ()) -> None:
        ignored = {os.path.abspath(path) for path in ignore}  # noqa: PTH100
        self._ignored_files = frozenset(ignored)
        self._packages = installed_elsewhere()
        standard = {os.path.dirname(os.__file__)}  # noqa: PTH120
        standard |= {os.path.realpath(path) for path in standard}
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        standard |= {f"{base}/lib/{version}" for base in (sys.base_prefix, sys.prefix)}
        environment: set[str] = set()
        conda = os.path.isdir(f"{sys.prefix}/conda-meta")  # noqa: PTH112
        if sys.prefix != sys.base_prefix or conda:
            # Only folders that an environment has for itself: a project may be one.
            environment = {f"{sys.prefix}/{name}" for name in _ENVIRONMENT_FOLDERS}
        home = os.path.expanduser("~")  # noqa: PTH111
        caches = {f"{home}/{name}" for name in _LIBRARY_CACHES}
        # As ``tempfile`` has it; importing that module would cost more than all the rest.
        scratch = os.path.abspath(os.environ.get("TMPDIR") or "/tmp")  # noqa: PTH100, S108
        made_up = r"/tmp[a-z0-9_]{8}(?![a-z0-9_])"  # noqa: S108
        self._scratch = re.compile(re.escape(scratch) + made_up)
        self._ignored_folders = (
            *_SYSTEM,
            *(path + os.sep for path in ignored | standard | environment | caches),
        )

    def ignore(self, folder: Path) -> None:
        """Take nothing in a folder for data from now on."""
        path = os.path.abspath(folder) + os.sep  # noqa: PTH100
        if path not in self._ignored_folders:
            self._ignored_folders = (*self._ignored_folders, path)

    @staticmethod
    def is_uninteresting(path: str) -> bool:
        """Return whether a path is so plainly code that it needs no further look."""
        return path.endswith(_CODE)

    def is_scratch(self, path: str) -> bool:
        """Return whether a file has, or lies in, a name that ``tempfile`` has made up."""
        return self._scratch.match(path) is not None

    @staticmethod
    def is_download(path: str) -> bool:
        """Return whether a file that the run wrote is a data set it has downloaded."""
        return any(part in path for part in _DOWNLOADS)

    def is_data(self, path: str) -> bool:
        """Return whether an absolute path may be data; it may not be a regular file."""
        if path.endswith(_CODE):
            return False
        if any(part in path for part in _SITE) or path.startswith(self._packages):
            return _is_packaged_data(path)
        if path.startswith(self._ignored_folders) or path in self._ignored_files:
            return False
        if any(part in path for part in _OWN_PARTS):
            return False
        return not _is_noise(path.rpartition(os.sep)[2])


def _is_packaged_data(path: str) -> bool:
    if ".dist-info/" in path or ".egg-info/" in path:
        return False
    if path.endswith(_PACKAGED_DATA):
        return True
    return path.endswith(_PACKAGED_IMAGES) and "/datasets/" in path


def _is_noise(name: str) -> bool:
    if name.startswith(("mlflow.db", ".env", "fontlist-v", "matplotlibrc")):
        return True
    return (
        name in _SECRET_NAMES or name.endswith(_SECRET_SUFFIXES) or name == "pyvenv.cfg"
    )
