"""Data that may not be there next time: missing, on the network, or read unseen."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.verify.checklist.paths import exists
from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.readers import (
    READS,
    UNSEEN,
    URL,
    may_write,
    names_given,
)
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

_NETWORK = re.compile(
    r"urllib\.request\.(urlopen|urlretrieve)|requests\.get"
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
_LOCAL_CALLS = frozenset({"exists", "is_file", "isfile", "is_dir", "isdir"})


def missing(module: Module, project: Project) -> Iterator[Finding]:
    """Find files that are read, by the name that is written, and are not there."""
    cwd = project.owner(module).cwd
    for call, name in module.calls:
        given = argument(call, 0)
        if given is None or not READS.fullmatch(name) or may_write(module, call, name):
            continue
        if name in {"sqlite3.connect", "duckdb.connect"} or _is_guarded(module, call):
            continue
        text = path_text(module, given)
        if text is None or not _is_plain(text):
            continue
        bases = (cwd, module.path.parent, project.root)
        there = next((base / text for base in bases if exists(base / text)), None)
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


def _is_plain(text: str) -> bool:
    if not text.strip() or "\n" in text or "\0" in text or URL.match(text):
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


def downloads(module: Module, project: Project) -> Iterator[Finding]:
    """Find what comes from the network each time."""
    del project
    for call, name in module.calls:
        given = argument(call, 0)
        text = UNKNOWN if given is None else constant(module, given)
        is_url = isinstance(text, str) and URL.match(text) is not None
        shown = name.removeprefix("builtins.")
        if _NETWORK.fullmatch(name) or (READS.fullmatch(name) and is_url):
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
        if not UNSEEN.fullmatch(name):
            continue
        given = argument(call, 0)
        text = UNKNOWN if given is None else constant(module, given)
        if may_write(module, call, name) or (isinstance(text, str) and URL.match(text)):
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
    known = sorted(suffixes & {".nc", ".tif", ".png", ".jpg", ".wav", ".tfrecord"})
    return f'"data/**/*{known[0]}"' if known else '"data/**"'


CHECKS = (missing, downloads, unseen)
