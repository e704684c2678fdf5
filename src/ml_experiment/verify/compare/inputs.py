"""What went into two runs: parameters and data."""

from __future__ import annotations

import json
import math
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ml_experiment.record.wording import counted
from ml_experiment.verify.compare.answer import Cause, Row, State, first_of
from ml_experiment.verify.compare.code import are_only_defaults_changed


if TYPE_CHECKING:
    from ml_experiment.verify.compare.evidence import Evidence

# What a run is called, where it is kept, and how it is spread over the machine.
_HARMLESS = frozenset(
    {
        "name", "description", "tags", "storage", "ray_config", "resources_per_worker",
        "executor", "run", "params", "seed",
    }
)  # fmt: skip
_PARAM, _CONFIG, _DATA, _LOADED, _SPLIT, _DEFAULT = 91, 90, 92, 46, 45, 47
_ONLY_DEFAULT = 88.5  # above the file that it is in
_PACKAGED = 74
_ARGUMENTS, _READ_BY_ONE, _FOLLOWING = 89, 87, 44
_SITES = ("/site-packages/", "/dist-packages/")
_LONGEST = 60


def compare_params(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare parameters and config."""
    # One that ended before its function was called has not lost its parameters.
    both = old.started and new.started
    changes = list(_changes(old.params, new.params)) if both else []
    given = [side.config.get("params") or {} for side in (old, new)]
    # One that nobody gave is a default, and moves when the code does.
    weight = _default_weight(old, new) if _equal(*given) else _PARAM
    causes = [
        Cause(
            aspect="parameters",
            sentence=f"parameter {text}",
            hint="`--params` sets it for one run",
            weight=weight,
        )
        for text in changes
    ]
    settings = list(_changes(_settings(old), _settings(new)))
    causes += [
        Cause(aspect="parameters", sentence=f"config: {text}", weight=_CONFIG)
        for text in settings
    ]
    details = [*changes, *(f"config: {text}" for text in settings)]
    words, others = _words(old), _words(new)
    if words != others:
        details.append(
            f"the script's arguments were {_shown(words)} and are {_shown(others)}"
        )
        causes.append(
            Cause(aspect="parameters", sentence=details[-1], weight=_ARGUMENTS)
        )
    if not details:
        count = len(old.params)
        summary = f"{counted(count, 'parameter')}, the same" if count else "none"
        return Row(name="parameters", state=State.SAME, summary=summary), causes
    return (
        Row(
            name="parameters",
            state=State.CHANGED,
            summary=first_of(details),
            details=tuple(details),
        ),
        causes,
    )


def _default_weight(old: Evidence, new: Evidence) -> float:
    """Return how likely a default is the cause: most, if it is all that was edited."""
    names = {
        name
        for name in old.params.keys() & new.params.keys()
        if not _equal(old.params[name], new.params[name])
    }
    only = bool(names) and are_only_defaults_changed(old, new, names)
    return _ONLY_DEFAULT if only else _DEFAULT


def _words(side: Evidence) -> list[str]:
    """Return the words after the script, where it was started directly."""
    return [str(word) for word in (side.manifest.launch or {}).get("argv") or ()]


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
                Cause(
                    aspect="data set",
                    sentence=details[-1],
                    weight=_weight_of_unpaired(name, old, new),
                )
            )
        elif _is_other(before[name], after[name]):
            details.append(f"{name} has changed")
            causes.append(
                Cause(
                    aspect="data set",
                    sentence=f"the data file {name} has changed",
                    hint="the record holds the SHA-256 of both",
                    weight=_data_weight(name, old, new),
                )
            )
    if any(text.endswith("has changed") for text in details):
        details.sort(key=lambda text: not text.endswith("has changed"))
        state, summary = State.CHANGED, first_of(details)
    else:
        count = len(before)
        state = State.CHANGED if details else State.SAME
        summary = first_of(details) if details else _count(count)
    return (
        Row(name="data set", state=state, summary=summary, details=tuple(details)),
        causes,
    )


def _weight_of_unpaired(name: str, old: Evidence, new: Evidence) -> float:
    """Return how likely a file that one run read is the cause: it was added, or is gone.

    Of a run that failed it follows that it read less, and of a package that moved that it
    brings other files.
    """
    item = _files(old).get(name) or _files(new)[name]
    ended = [side.outcome is not None and side.outcome.succeeded for side in (old, new)]
    return _READ_BY_ONE if all(ended) and not item.get("package") else _FOLLOWING


def _data_weight(name: str, old: Evidence, new: Evidence) -> float:
    """Return how likely a data file is the cause: less if it follows from something."""
    package = _files(new)[name].get("package")
    if package and old.version_of(package) != new.version_of(package):
        return _PACKAGED
    return _DATA


def _count(count: int) -> str:
    return f"{counted(count, 'file')}, the same" if count else "no files"


def _files(side: Evidence) -> dict[str, dict[str, Any]]:
    """Return data files by a name that does not depend on where the project lies."""
    found: dict[str, dict[str, Any]] = {}
    for each in side.part("data").get("files") or []:
        wanted = name = _name(each)
        number = 1
        while name in found:  # of another folder
            number += 1
            name = f"{wanted} ({number})"
        found[name] = each
    return found


def _name(item: dict[str, Any]) -> str:
    if item.get("relative"):
        return str(item["relative"])
    path = str(item["path"])
    for site in _SITES:
        if site in path:
            return path.rpartition(site)[2]
    return PurePath(path).name


def _is_other(old: dict[str, Any], new: dict[str, Any]) -> bool:
    digests = {old.get("sha256"), new.get("sha256")}
    if None in digests:
        return old.get("size") != new.get("size")
    return len(digests) > 1


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
        state, summary = State.CHANGED, first_of(details)
    else:
        state = State.SAME
        summary = f"{counted(count, 'split')}, the same" if count else "none seen"
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
