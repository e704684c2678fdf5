"""What went into two runs: parameters, code and data."""

from __future__ import annotations

import json
import math
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.compare.answer import Cause, Row, State


if TYPE_CHECKING:
    from ml_experiment.verify.compare.evidence import Evidence

# What a run is called, where it is kept, and how it is spread over the machine.
_HARMLESS = frozenset(
    {
        "name", "description", "tags", "storage", "ray_config", "resources_per_worker",
        "executor", "run", "params", "seed",
    }
)  # fmt: skip
_PARAM, _CONFIG, _CODE, _OTHER_CODE, _DATA, _LOADED, _SPLIT = 91, 90, 88, 15, 92, 46, 45
_LONGEST = 60


def compare_params(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare parameters and config."""
    changes = list(_changes(old.params, new.params))
    causes = [
        Cause(
            aspect="parameters",
            sentence=f"parameter {text}",
            hint="`--params` sets it for one run",
            weight=_PARAM,
        )
        for text in changes
    ]
    settings = list(_changes(_settings(old), _settings(new)))
    causes += [
        Cause(aspect="parameters", sentence=f"config: {text}", weight=_CONFIG)
        for text in settings
    ]
    details = [*changes, *(f"config: {text}" for text in settings)]
    if not details:
        count = len(old.params)
        summary = f"{count} parameter{'s' if count != 1 else ''}, the same"
        return Row(name="parameters", state=State.SAME, summary=summary), causes
    return (
        Row(
            name="parameters",
            state=State.CHANGED,
            summary=details[0] + _more(details),
            details=tuple(details),
        ),
        causes,
    )


def _settings(side: Evidence) -> dict[str, Any]:
    return {name: each for name, each in side.config.items() if name not in _HARMLESS}


def _changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found = []
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            found.append(f"{name} was {_shown(old[name])} and is not given")
        elif name not in old:
            found.append(f"{name} was not given and is {_shown(new[name])}")
        elif not _equal(old[name], new[name]):
            found.append(f"{name} was {_shown(old[name])} and is {_shown(new[name])}")
    return found


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return old == new or (math.isnan(old) and math.isnan(new))
    return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def compare_code(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare the source files of two runs, those that were imported first."""
    before, after = _sources(old), _sources(new)
    if not before or not after:
        row = Row(name="code", state=State.UNKNOWN, summary="not recorded of both runs")
        return row, []
    used = used_files(old) | used_files(new)
    changes = [
        (path in used, path, _how(path, before, after))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]
    # What no run imported may come and go: results, notebooks, other scripts.
    changes.sort(key=lambda each: not each[0])
    causes = [
        Cause(
            aspect="code",
            sentence=f"{path} {how}",
            hint="`ml-experiment diff` shows the lines",
            weight=_CODE if is_used else _OTHER_CODE,
        )
        for is_used, path, how in changes
    ]
    details = tuple(f"{path} {how}" for _, path, how in changes)
    if any(is_used for is_used, _, _ in changes):
        return Row(
            name="code",
            state=State.CHANGED,
            summary=details[0] + _more(details),
            details=details,
        ), causes
    summary = f"the script and what it imports, {len(used & before.keys())} files"
    if details:
        summary += f"; {len(details)} other files changed"
    return Row(name="code", state=State.SAME, summary=summary, details=details), causes


def _how(path: str, before: dict[str, str], after: dict[str, str]) -> str:
    if path not in after:
        return "is not there any more"
    return "has changed" if path in before else "is new"


def _sources(side: Evidence) -> dict[str, str]:
    return {
        str(each["path"]): str(each.get("sha256"))
        for each in side.part("source").get("files") or []
    }


def used_files(side: Evidence) -> set[str]:
    """Return the files, below the root, of the script and of imported modules."""
    part = side.part("source")
    root = PurePath(str(part.get("root", "")))
    found = {str(part["script"])} if part.get("script") else set()
    for name in side.modules.values():
        path = PurePath(name)
        if path.is_relative_to(root):
            found.add(path.relative_to(root).as_posix())
    return found


def compare_data(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare the data files that two runs read."""
    before, after = _files(old), _files(new)
    recorded = bool(old.part("data")) and bool(new.part("data"))
    if not recorded:
        row = Row(
            name="data set", state=State.UNKNOWN, summary="not recorded of both runs"
        )
        return row, []
    details, causes = [], []
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            which = "first" if name in before else "second"
            details.append(f"{name}: read by the {which} run only")
            causes.append(
                Cause(aspect="data set", sentence=details[-1], weight=_SPLIT - 1)
            )
        elif before[name] != after[name] and None not in {before[name], after[name]}:
            details.append(f"{name} has changed")
            causes.append(
                Cause(
                    aspect="data set",
                    sentence=f"the data file {name} has changed",
                    hint="the record holds the SHA-256 of both",
                    weight=_DATA,
                )
            )
    if any(cause.weight == _DATA for cause in causes):
        details.sort(key=lambda text: not text.endswith("has changed"))
        state, summary = State.CHANGED, details[0] + _more(details)
    else:
        count = len(before)
        state = State.CHANGED if details else State.SAME
        summary = details[0] + _more(details) if details else _count(count)
    return (
        Row(name="data set", state=state, summary=summary, details=tuple(details)),
        causes,
    )


def _count(count: int) -> str:
    return f"{count} file{'s' if count != 1 else ''}, the same" if count else "no files"


def _files(side: Evidence) -> dict[str, str | None]:
    """Return digests by a name that does not depend on where the project lies."""
    found: dict[str, str | None] = {}
    for each in side.part("data").get("files") or []:
        path = PurePath(str(each["path"]))
        if each.get("package"):
            name = f"{each['package']}: {path.name}"
        else:
            name = str(each.get("relative") or path.name)
        found[name] = each.get("sha256")
    return found


def compare_splits(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare how data were split, and what ``load_data`` gave."""
    details, causes = [], []
    pairs = (
        ("split", old.splits, new.splits, _SPLIT),
        ("loaded", old.loaded, new.loaded, _LOADED),
    )
    for kind, before, after, weight in pairs:
        for one, other in zip(before, after, strict=False):
            if _digests(one) != _digests(other):
                details.append(_difference(kind, one))
                causes.append(
                    Cause(aspect="split", sentence=details[-1], weight=float(weight))
                )
                break  # those after it follow from it
        if len(before) != len(after):
            details.append(f"{len(before)} and {len(after)} calls that {kind}")
    count = len(old.splits)
    if details:
        state, summary = State.CHANGED, details[0] + _more(details)
    elif count or old.loaded:
        state, summary = (
            State.SAME,
            f"{count} split{'s' if count != 1 else ''}, the same",
        )
    else:
        state, summary = State.SAME, "none seen"
    row = Row(name="split", state=state, summary=summary, details=tuple(details))
    return row, causes


def _digests(event: dict[str, Any]) -> Any:
    if "parts" in event:
        parts = event.get("parts") or []
        return event.get("call"), [part.get("digest") for part in parts]
    return event.get("path"), event.get("shape"), event.get("digest")


def _difference(kind: str, event: dict[str, Any]) -> str:
    if kind == "split":
        return f"{event.get('call')} at {event.get('where')} gave other parts"
    return (
        f"load_data gave another {event.get('kind')} {event.get('path') or ''}".strip()
    )


def _more(details: Any) -> str:
    return f" (and {len(details) - 1} more)" if len(details) > 1 else ""
