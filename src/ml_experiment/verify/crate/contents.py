"""What a crate holds: evidence, code, licence and data of a run."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import CrateError, RecordError
from ml_experiment.record.masking import copy_masked
from ml_experiment.verify.crate.items import Item, files_below
from ml_experiment.verify.crate.layout import (
    CODE_FOLDER,
    DATA_FOLDER,
    INDEX,
    LICENCE,
    RUN_FOLDER,
    DataEntry,
    Index,
    joined,
)
from ml_experiment.verify.restore import restore_source


if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.verify.crate.facts import Facts

_LICENCE_NAMES = ("license", "licence", "copying", "unlicense")
_MOST_CODE = 50_000_000
_SHOWN = 8
# Between the processes of one machine; and what concerns its MLflow alone.
_PASSING = frozenset({"order.json", "published.json", "tracking.log"})


@dataclass
class Contents:
    """The files of a crate, but for those that describe it.

    Attributes:
        items: All of them.
        run_folder: Where the run directory is.
        script: Where the script is; ``None`` if the code is not known.
        code_root: Where the top folder of the project is.
        has_licence: Whether the project's licence is in it.
        data: The data files that are in it.
        notes: What is not in it, and why.
    """

    run_folder: str
    items: list[Item] = field(default_factory=list)
    script: str | None = None
    code_root: str = CODE_FOLDER
    has_licence: bool = False
    data: list[DataEntry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _sorted: list[str] = field(default_factory=list)

    def names_below(self, place: str) -> list[str]:
        """Return the names of the files at or below a place, sorted."""
        if len(self._sorted) != len(self.items):
            self._sorted = sorted(item.name for item in self.items)
        first = bisect.bisect_left(self._sorted, place)
        last = bisect.bisect_left(self._sorted, place + "0")  # "0" comes after "/"
        return [
            name
            for name in self._sorted[first:last]
            if name == place or name.startswith(place + "/")
        ]


def collect(
    facts: Facts, scratch: Path, *, with_data: bool, secrets: AbstractSet[str]
) -> Contents:
    """Gather the files of a crate and take their digests.

    Args:
        facts: The run.
        scratch: A folder that lives until the crate is written.
        with_data: Take the data files along.
        secrets: What no text of the evidence may hold.

    Raises:
        CrateError: Data is asked for, and not as it was when the run read it.
    """
    contents = Contents(joined(RUN_FOLDER, facts.manifest.run_id))
    masked = _Masked(secrets, scratch / "masked")
    for name, path in _evidence(facts.run):
        contents.items.append(masked.item(joined(contents.run_folder, name), path))
    _add_code(contents, facts, scratch / CODE_FOLDER, masked)
    _add_licence(contents, facts)
    if with_data:
        _add_data(contents, facts)
    index = Index(run=contents.run_folder, data=contents.data)
    contents.items.append(Item.of_text(INDEX, index.model_dump_json(indent=2) + "\n"))
    return contents


def _evidence(run: RunDirectory) -> Iterator[tuple[str, Path]]:
    """Yield the files of the run directory, but for those of running processes."""
    homes = {run.path, *(trial.path for trial in run.trials())}
    for name, path in files_below(run.path):
        passing = path.name in _PASSING or path.name.startswith(".")
        if path.parent in homes and (passing or path.suffix == ".lock"):
            continue
        yield name, path


class _Masked:
    """Makes items of files, without the secrets that their texts hold."""

    def __init__(self, secrets: AbstractSet[str], scratch: Path) -> None:
        self._secrets = secrets
        self._scratch = scratch
        self._count = 0

    def item(self, name: str, path: Path) -> Item:
        """Return the file; masked unless it is the user's result, or compressed."""
        kept = "artifacts" in Path(name).parts or path.suffix in {".gz", ".zip"}
        if kept or not self._secrets:
            return Item.of_file(name, path)
        self._scratch.mkdir(exist_ok=True)
        self._count += 1
        target = self._scratch / str(self._count)
        copy_masked(path, target, self._secrets)
        return Item.of_file(name, target)


def _add_code(contents: Contents, facts: Facts, folder: Path, masked: _Masked) -> None:
    run = facts.run
    try:
        tree = restore_source(run, folder)
    except RecordError as error:
        contents.notes.append(f"The code is not in here to be read: {error}")
        submitted = run.submitted / facts.manifest.script_name
        if submitted.is_file():
            below = submitted.relative_to(run.path).as_posix()
            contents.script = joined(contents.run_folder, below)
        return
    files = list(files_below(folder))
    script = tree.script.relative_to(folder).as_posix()
    if sum(path.stat().st_size for _, path in files) > _MOST_CODE:
        contents.notes.append(
            "Of the code only the script is in `code/`, as the whole is large; all of "
            "it is in `source/source.tar.gz` of the run directory."
        )
        files = [each for each in files if each[0] == script]
    for name, path in files:
        contents.items.append(masked.item(joined(CODE_FOLDER, name), path))
    contents.script = joined(CODE_FOLDER, script)
    contents.code_root = joined(CODE_FOLDER, tree.root.relative_to(folder).as_posix())


def _add_licence(contents: Contents, facts: Facts) -> None:
    restored = {
        item.name: item for item in contents.items if item.name.startswith(CODE_FOLDER)
    }
    for name, item in sorted(restored.items()):
        folder, _, base = name.rpartition("/")
        if folder == contents.code_root and _is_licence(base):
            content = item.content
            contents.items.append(Item(LICENCE, content, item.sha256, item.size))
            contents.has_licence = True
            return
    project = facts.part("source").get("root")
    for path in _licences(Path(project)) if project else []:
        contents.items.append(Item.of_file(LICENCE, path))
        contents.has_licence = True
        return


def _licences(project: Path) -> list[Path]:
    try:
        return sorted(
            path
            for path in project.iterdir()
            if path.is_file() and _is_licence(path.name)
        )
    except OSError:
        return []  # the project is not on this machine


def _is_licence(name: str) -> bool:
    stem, _, suffix = name.lower().partition(".")
    return stem in _LICENCE_NAMES and suffix in {"", "md", "txt", "rst"}


def _add_data(contents: Contents, facts: Facts) -> None:
    troubles: list[str] = []
    for entry in facts.part("data").get("files", []):
        if entry.get("package"):
            continue  # it comes with the package
        try:
            contents.items.append(_data_item(entry))
        except _UnfitDataError as error:
            troubles.append(f"{entry['path']} {error}")
            continue
        item = contents.items[-1]
        contents.data.append(
            DataEntry(
                path=entry["path"],
                file=item.name,
                sha256=item.sha256,
                size=item.size,
            )
        )
    if troubles:
        more = len(troubles) - _SHOWN
        listed = "".join(f"\n  {trouble}" for trouble in troubles[:_SHOWN])
        listed += f"\n  and {more} more" if more > 0 else ""
        raise CrateError(
            f"the data of run {facts.manifest.run_id} cannot be taken along:{listed}\n"
            "  bring the files back as they were, or export without --with_data"
        )
    contents.items[:] = {item.name: item for item in contents.items}.values()


class _UnfitDataError(Exception):
    """A data file cannot be taken along; the text says why."""


def _data_item(entry: dict[str, Any]) -> Item:
    path, sha256 = Path(entry["path"]), entry.get("sha256")
    if sha256 is None:
        raise _UnfitDataError("has no digest in the record")
    name = path.name.replace("\\", "_").encode("utf-8", "replace").decode()
    try:
        item = Item.of_file(joined(DATA_FOLDER, sha256, name), path)
    except FileNotFoundError:
        raise _UnfitDataError("is gone") from None
    except OSError as error:
        raise _UnfitDataError(f"cannot be read: {error.strerror}") from None
    if item.sha256 != sha256:
        raise _UnfitDataError("has changed since the run")
    return item
