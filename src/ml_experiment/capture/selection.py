"""Which files of a project are its source: by name, place and size."""

# ruff: noqa: SIM905 - a list of words is read as a text, not as a column of quotes
from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MOST_FILES = 5000
LARGEST_FILE = 1_000_000
LARGEST_TRACKED_FILE = 10_000_000
LARGEST_ARCHIVE = 50_000_000

_SOURCE_SUFFIXES = frozenset(
    ".py .pyi .pyx .pxd .pyw .ipynb .c .h .cc .cpp .cxx .hpp .hh .cu .cuh .f .f90 .f95 .rs "
    ".go .java .scala .jl .r .rmd .m .lua .pl .rb .sh .bash .zsh .fish .ps1 .bat .cmd "
    ".sql .stan .bugs .proto .thrift .graphql .cmake .mk .make .gradle .tf .nf .smk .wdl "
    ".cwl .yaml .yml .json .json5 .jsonc .toml .ini .cfg .conf .config .properties .xml "
    ".j2 .jinja .jinja2 .tmpl .template .tpl .txt .md .rst .tex .bib .in .lock .html .css "
    ".js .ts .jsx .tsx .vue .svelte .qmd .org .gin .hydra .jsonnet .libsonnet .xsd".split()
)
_SOURCE_NAMES = frozenset(
    "Makefile makefile GNUmakefile Dockerfile Containerfile Snakefile Procfile Pipfile "
    "MLproject LICENSE LICENCE COPYING NOTICE README AUTHORS CHANGELOG VERSION justfile "
    "SConstruct SConscript CMakeLists.txt .gitignore .gitattributes .gitmodules "
    ".dockerignore .python-version .dvcignore".split()
)
_SKIPPED_FOLDERS = frozenset(
    "__pycache__ node_modules mlruns mlartifacts venv env ENV virtualenv site-packages "
    "dist-packages __pypackages__ lightning_logs wandb".split()
)
_SKIPPED_NAMES = frozenset({"mlflow.db", "mlflow.db-wal", "mlflow.db-shm", ".DS_Store"})
_COMPILED = (".pyc", ".pyo", ".o", ".a", ".obj")

_SECRET_NAMES = frozenset(
    ".env .envrc .netrc _netrc .pypirc .pgpass .my.cnf .htpasswd .git-credentials .s3cfg "
    ".boto .npmrc .dockercfg kaggle.json id_rsa id_dsa id_ecdsa id_ed25519 id_ecdsa_sk "
    "id_ed25519_sk credentials credentials.json credentials.yaml credentials.yml "
    "credentials.toml credentials.ini secrets.json secrets.yaml secrets.yml secrets.toml "
    "secrets.ini secret.json secret.yaml secret.yml secret.toml token.json".split()
)
_SECRET_SUFFIXES = (
    *(".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".asc"),
    *(".gpg", ".ovpn"),
)
_EXAMPLES = (".example", ".sample", ".template", ".dist", ".defaults")


def is_secret(path: str) -> bool:
    """Return whether a file of this name is made to hold credentials."""
    name = path.rpartition("/")[2]
    if name in _SECRET_NAMES or name.lower().endswith(_SECRET_SUFFIXES):
        return True
    return name.startswith(".env.") and not name.endswith(_EXAMPLES)


def is_source(path: str) -> bool:
    """Return whether a file of this name is code, configuration or text."""
    name = path.rpartition("/")[2]
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, thousands of them
    return suffix in _SOURCE_SUFFIXES or name in _SOURCE_NAMES


def is_debris(path: str) -> bool:
    """Return whether a file is a product of tools, of no use in a restored tree."""
    name = path.rpartition("/")[2]
    return name in _SKIPPED_NAMES or name.endswith(_COMPILED)


def is_in_skipped_folder(path: str) -> bool:
    """Return whether a file, by its path in the project, lies in a folder of tools."""
    return not _SKIPPED_FOLDERS.isdisjoint(path.split("/")[:-1])


def is_wide(folder: Path) -> bool:
    """Return whether a folder holds more than one project: never archived whole."""
    wide = {Path("/"), Path(os.path.realpath(tempfile.gettempdir()))}
    home = Path(os.path.realpath(Path("~").expanduser()))
    return folder in wide or folder == home or folder in home.parents


def is_skipped_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether a folder is none of the project's own: an environment, a cache."""
    name = entry.name
    if name.startswith(".") or name in _SKIPPED_FOLDERS:
        return True
    if name.endswith((".egg-info", ".dist-info")):
        return True
    return any(
        os.path.exists(os.path.join(entry.path, mark))  # noqa: PTH110, PTH118
        for mark in ("pyvenv.cfg", "conda-meta")
    )


def walk(folder: Path, ignore: Collection[str]) -> Iterator[str]:
    """Yield the paths of a project's files from ``folder``, links to folders not followed.

    Args:
        folder: Where to begin.
        ignore: Absolute paths of folders to keep out of.
    """
    waiting = [str(folder)]
    cut = len(str(folder).rstrip("/")) + 1
    while waiting:
        try:
            entries = sorted(os.scandir(waiting.pop()), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.path not in ignore and not is_skipped_folder(entry):
                    waiting.append(entry.path)
            elif entry.is_file() or entry.is_symlink():
                yield entry.path[cut:]
