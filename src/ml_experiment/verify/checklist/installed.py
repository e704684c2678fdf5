"""Which distribution a module comes from, and what is known of its installation."""

from __future__ import annotations

import functools
import importlib.util
import json
from dataclasses import dataclass
from importlib import metadata


# Where the name to import is not the name to install.
_NAMES = {
    "Bio": "biopython",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "google": "",
    "imblearn": "imbalanced-learn",
    "mpl_toolkits": "matplotlib",
    "pytorch_lightning": "pytorch-lightning",
    "ruamel": "ruamel.yaml",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "umap": "umap-learn",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}


@dataclass(frozen=True)
class Package:
    """A distribution that provides a module.

    Attributes:
        names: What it may be called; the first is the likeliest.
        version: The version that is installed; ``None`` if it is not known.
        origin: Where it was installed from by hand, as PEP 610 records it.
    """

    names: tuple[str, ...]
    version: str | None = None
    origin: dict[str, object] | None = None


def is_importable(top: str) -> bool:
    """Return whether a module of this name is there; it is not imported."""
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError, AttributeError):
        return False


@functools.cache
def package_of(top: str) -> Package:
    """Return the distribution that a top-level module comes from."""
    candidates = [name for name in (_NAMES.get(top), top) if name]
    for name in candidates:
        try:
            found = metadata.distribution(name)
        except (metadata.PackageNotFoundError, ValueError):
            continue
        return Package((name, top), found.version, _origin(found))
    names = tuple(_providers().get(top, ())) if is_importable(top) else ()
    for name in names:
        found = metadata.distribution(name)
        return Package((*names, top), found.version, _origin(found))
    return Package(tuple(candidates))


@functools.cache
def _providers() -> dict[str, list[str]]:
    """Return the distributions by module: slow, for all of them are looked at."""
    return {
        top: list(names) for top, names in metadata.packages_distributions().items()
    }


def _origin(found: metadata.Distribution) -> dict[str, object] | None:
    try:
        text = found.read_text("direct_url.json")
        document = json.loads(text) if text else None
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
