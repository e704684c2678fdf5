"""The data files of a run: whether they are here, the same, and where to put them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.verify.reproduce.scratch import Scratch

State = Literal["same", "changed", "gone", "unchecked", "to be downloaded"]

# A larger file is linked: copying it would take longer than most runs.
_LARGEST_COPY = 256_000_000
_NEAR = 3  # levels up to which a path from the project may be meant
_PACKAGED = re.compile(r".*/(?:site|dist)-packages/(.*)", re.DOTALL)
# Where libraries put what they download, and will download again.
_DOWNLOADS = (
    *("/scikit_learn_data/", "/.keras/", "/.cache/huggingface/", "/.cache/torch/"),
    *("/nltk_data/", "/seaborn-data/", "/.cache/seaborn/", "/.cache/scipy-data/"),
    *("/tensorflow_datasets/", "/.cache/openml/", "/.fastai/", "/.cache/kagglehub/"),
)
_HOME = re.compile(r"(/home/[^/]+|/Users/[^/]+|/root)/")


@dataclass(frozen=True, kw_only=True)
class Input:
    """A data file that the earlier run read.

    Attributes:
        path: Where it was.
        sha256: Its digest; ``None`` if it could not be had.
        size: Bytes.
        rewritten: It was no longer the same when the run was over.
        packaged: Its place below ``site-packages``, if it came with a package.
    """

    path: str
    sha256: str | None
    size: int
    rewritten: bool = False
    packaged: str | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found for an input.

    Attributes:
        input: What was looked for.
        state: What is the matter with it.
        source: Where it is now; ``None`` if it is gone.
        elsewhere: What has become of the file where it was, if the recorded source has a
            copy of it: ``changed``, ``gone``, or nothing.
    """

    input: Input
    state: State
    source: Path | None = None
    elsewhere: Literal["changed", "gone", ""] = ""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where to look for data.

    Attributes:
        cwd: Working directory of the earlier run.
        root: Top folder of its project.
        given: Folders that mirror the project, as the user says.
        crate: Files of a crate, by the path that the earlier run read.
        here: Folders in which the project may be checked out on this machine.
        packages: Folders of installed packages of the environment to run in.
    """

    cwd: str
    root: str
    given: Sequence[Path] = ()
    crate: Mapping[str, Path] = field(default_factory=dict)
    here: Sequence[Path] = ()
    packages: Sequence[Path] = ()


def read_inputs(run: RunDirectory) -> list[Input]:
    """Return the data files of a run, those of a group's trials included."""
    found: dict[str, Input] = {}
    for item in _items(run):
        path = str(item["path"])
        packaged = _PACKAGED.fullmatch(path)
        found[path] = Input(
            path=path,
            sha256=item.get("sha256"),
            size=int(item.get("size") or 0),
            rewritten=bool(item.get("changed_since_read")),
            packaged=packaged[1] if packaged else None,
        )
    return list(found.values())


def _items(run: RunDirectory) -> Iterator[dict[str, Any]]:
    try:
        part: dict[str, Any] = read_json(run.part("data")) or {}
    except RecordError:
        return
    listed = part.get("all_files")
    if listed is None:
        yield from part.get("files", [])
        return
    try:
        # Only its name: a record must not point elsewhere.
        text = (run.parts / Path(str(listed)).name).read_text(
            encoding="utf-8", errors="surrogatepass"
        )
    except OSError:
        yield from part.get("files", [])
        return
    # Not splitlines(): the name of a file may hold what it takes for the end of a line.
    for line in filter(None, text.split("\n")):
        yield json.loads(line)


def find_data(inputs: Sequence[Input], places: Places, scratch: Scratch) -> list[Found]:
    """Look for each input, in the places where it may be, until it is found unchanged.

    Args:
        inputs: What to look for.
        places: Where.
        scratch: The restored project: some data are in it already.
    """
    return [_find(each, places, scratch) for each in inputs]


def _find(wanted: Input, places: Places, scratch: Scratch) -> Found:
    changed: Path | None = None
    for path in _candidates(wanted, places, scratch):
        if not path.is_file():
            continue
        if wanted.sha256 is None or wanted.rewritten:
            return Found(input=wanted, state="unchecked", source=path)
        if _is_same(path, wanted):
            kept = path.is_relative_to(scratch.top)
            return Found(
                input=wanted,
                state="same",
                source=path,
                elsewhere=_fate(wanted) if kept else "",
            )
        changed = changed or path
    if changed is not None:
        return Found(input=wanted, state="changed", source=changed)
    if any(mark in wanted.path for mark in _DOWNLOADS):
        return Found(input=wanted, state="to be downloaded")
    return Found(input=wanted, state="gone")


def _fate(wanted: Input) -> Literal["changed", "gone", ""]:
    """Return what has become of a file where it was."""
    original = Path(wanted.path)
    if not original.is_file():
        # On another machine there never was a project.
        return "gone" if original.parent.is_dir() else ""
    return "" if _is_same(original, wanted) else "changed"


def _candidates(wanted: Input, places: Places, scratch: Scratch) -> Iterator[Path]:
    if wanted.packaged is not None:
        yield from (folder / wanted.packaged for folder in places.packages)
        return
    from_cwd = os.path.relpath(wanted.path, places.cwd)
    from_root = os.path.relpath(wanted.path, places.root)
    for folder in places.given:
        yield from (folder / from_cwd, folder / from_root)
        yield folder / Path(wanted.path).name
    if wanted.path in places.crate:
        yield places.crate[wanted.path]
    place = place_of(wanted, places, scratch)
    if place is not None:
        yield place
    yield Path(wanted.path)
    for folder in places.here:
        yield from (folder / from_cwd, folder / from_root)
    if _HOME.match(wanted.path):
        yield Path.home() / _HOME.sub("", wanted.path, count=1)


def _is_same(path: Path, wanted: Input) -> bool:
    try:
        if path.stat().st_size != wanted.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256
    except OSError:
        return False


def place_of(wanted: Input, places: Places, scratch: Scratch) -> Path | None:
    """Return where a restored project has a file; ``None`` if it lies far outside of it.

    Such a file is named by its absolute path in the script, and is read there.
    """
    tree = scratch.tree
    for base, folder in ((places.cwd, tree.cwd), (places.root, tree.root)):
        relative = os.path.relpath(wanted.path, base)
        plain = Path(os.path.normpath(folder / relative))
        near = relative.split("/").count("..") <= _NEAR
        if near and plain.is_relative_to(scratch.top):
            return plain
    return None


def lay_out(found: Sequence[Found], places: Places, scratch: Scratch) -> None:
    """Put the data files where the script looks for them, beside the restored code.

    They are copied, so that nothing the script does to them reaches the user's own; very
    large ones are linked, unless the earlier run has itself rewritten them.
    """
    for each in found:
        if each.source is None or each.input.packaged is not None:
            continue
        target = place_of(each.input, places, scratch)
        if target is None or target == each.source:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if each.input.size > _LARGEST_COPY and not each.input.rewritten:
            target.symlink_to(each.source.absolute())
        else:
            shutil.copy2(each.source, target)
