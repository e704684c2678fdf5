"""The code of two runs: what was imported, and what else lay beside it."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from ml_experiment.record.wording import counted
from ml_experiment.verify.compare.answer import Cause, Row, State, first_of
from ml_experiment.verify.compare.sources import read_source, same_program


if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_experiment.verify.compare.evidence import Evidence

_CODE, _PACKAGED, _COMMENTS = 88, 74, 17
UNSEEN = 15.0  # a file that was changed, and that no run was seen to read
_COME_OR_GONE = 14.0
_SHOWN = 3
_CHANGED = "has changed"
_OUTSIDE = ".ml_experiment_outside"
# What no program reads, if it was not seen to.
_PROSE = re.compile(r"\.(?:md|rst|ipynb)$|(?:^|/)(?:LICENSE|\.git\w+)$")


def compare_code(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare the source files of two runs, those that were imported first."""
    before, after = _sources(old), _sources(new)
    if not before or not after:
        row = Row(name="code", state=State.UNKNOWN, summary="not recorded of both runs")
        return row, []
    used = used_files(old) | used_files(new)
    data = _data_paths(old) & _data_paths(new)  # told of as data
    changes = [
        (path in used, path, _how(path, before, after))
        for path in sorted((before.keys() | after.keys()) - data - left_out(old, new))
        if before.get(path) != after.get(path)
    ]
    # What no run imported may come and go: results, notebooks, other scripts.
    changes.sort(key=lambda each: not each[0])
    causes = [
        Cause(
            aspect="code",
            sentence=f"{path} {how}",
            hint="`ml-experiment diff` shows the lines",
            weight=_weight(path, old, new)
            if is_used
            else _weight_of_unseen(path, how, old, new),
        )
        for is_used, path, how in changes
        if is_used or not _PROSE.search(path)
    ]
    causes += _beside_one(old, new)
    details = tuple(f"{path} {how}" for _, path, how in changes)
    if any(is_used for is_used, _, _ in changes):
        return Row(
            name="code",
            state=State.CHANGED,
            summary=first_of(details),
            details=details,
        ), causes
    summary = (
        f"the script and what it imports, {counted(len(used & before.keys()), 'file')}"
    )
    if details:
        summary += f"; {counted(len(details), 'other file')} changed"
    return Row(name="code", state=State.SAME, summary=summary, details=details), causes


def _weight(path: str, old: Evidence, new: Evidence) -> float:
    """Return how likely a file that was used is the cause: comments change nothing."""
    if path.endswith(".py") and same_program(
        *(read_source(side, path) for side in (old, new))
    ):
        return _COMMENTS
    return _PACKAGED if _is_of_package(path, old, new) else _CODE


def _weight_of_unseen(path: str, how: str, old: Evidence, new: Evidence) -> float:
    """Return how likely a file is the cause that no run was seen to read."""
    texts = (read_source(side, path) for side in (old, new))
    is_result = PurePath(path).name in _kept_names(old) | _kept_names(new)
    if how != _CHANGED or is_result or (path.endswith(".py") and same_program(*texts)):
        return _COME_OR_GONE
    return UNSEEN


def _kept_names(side: Evidence) -> set[str]:
    """Return the names of the files that a run gave as artifacts."""
    return {PurePath(str(each.get("path"))).name for each in side.artifacts.values()}


def _beside_one(old: Evidence, new: Evidence) -> list[Cause]:
    """Return what was left out of the source and lay beside one of the runs only.

    A script may ask whether a file is there without reading it.
    """
    parts = [side.part("source") for side in (old, new)]
    if any(len(p.get("left_out") or []) < p.get("left_out_count", 0) for p in parts):
        return []  # the lists end somewhere
    one, other = _left_out(old), _left_out(new)
    seen = {*_sources(old), *_sources(new), *_data_paths(old), *_data_paths(new)}
    results = _kept_names(old) | _kept_names(new)
    causes = []
    for which, here, there in (("first", one, other), ("second", other, one)):
        names = sorted(
            path
            for path in here - there - seen
            if PurePath(path).name not in results and not _PROSE.search(path)
        )
        if names:
            more = len(names) - _SHOWN
            said = ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
            sentence = f"{said}: beside the code of the {which} run only"
            causes.append(Cause(aspect="code", sentence=sentence, weight=_COME_OR_GONE))
    return causes


def _is_of_package(path: str, old: Evidence, new: Evidence) -> bool:
    """Return whether a file lies outside, and is of a package of another version."""
    if not path.startswith(_OUTSIDE):
        return False
    top = PurePath(path).relative_to(_OUTSIDE).parts[1].removesuffix(".py")
    names = {
        str(each["name"])
        for each in new.part("software").get("packages") or []
        if top in (each.get("imports") or [str(each["name"]).replace("-", "_")])
    }
    return any(old.version_of(name) != new.version_of(name) for name in names)


def is_code_changed(old: Evidence, new: Evidence) -> bool:
    """Return whether a file differs that one of the runs has used."""
    return bool(_changed_files(old, new))


def are_only_defaults_changed(old: Evidence, new: Evidence, names: set[str]) -> bool:
    """Return whether the code differs in the defaults of parameters of some names only."""
    changed = _changed_files(old, new)
    return bool(changed) and all(
        same_program(*(read_source(side, path) for side in (old, new)), aside=names)
        for path in changed
    )


def _changed_files(old: Evidence, new: Evidence) -> list[str]:
    before, after = _sources(old), _sources(new)
    used = used_files(old) | used_files(new)
    return [path for path in used if before.get(path) != after.get(path)]


def _how(path: str, before: dict[str, str], after: dict[str, str]) -> str:
    if path not in after:
        return "is not there any more"
    return _CHANGED if path in before else "is new"


def _sources(side: Evidence) -> dict[str, str]:
    return {
        str(each["path"]): str(each.get("sha256"))
        for each in side.part("source").get("files") or []
    }


def used_files(side: Evidence) -> set[str]:
    """Return the files, below the root, of the script and of imported modules."""
    script = side.part("source").get("script")
    found = {str(script)} if script else set()
    return found | _below_roots(side, side.modules.values())


def _below_roots(side: Evidence, paths: Iterable[str]) -> set[str]:
    """Return absolute paths as the source's list of files has them; no others."""
    part = side.part("source")
    places = [(PurePath(str(part.get("root", ""))), PurePath())] + [
        (PurePath(str(each["path"])), PurePath(str(each["prefix"])))
        for each in part.get("extra_roots") or []
        if each.get("path") and each.get("prefix")
    ]
    found = set()
    for path in map(PurePath, paths):
        for place, prefix in places:
            if path.is_relative_to(place):
                found.add((prefix / path.relative_to(place)).as_posix())
                break
    return found


def left_out(old: Evidence, new: Evidence) -> set[str]:
    """Return the files that one of two runs has left out of its source, saying so.

    Without version control, files that are not source code by their name are.
    """
    return _left_out(old) | _left_out(new)


def _left_out(side: Evidence) -> set[str]:
    return {str(each["path"]) for each in side.part("source").get("left_out") or []}


def _data_paths(side: Evidence) -> set[str]:
    files = side.part("data").get("files") or []
    return _below_roots(side, (str(each["path"]) for each in files))
