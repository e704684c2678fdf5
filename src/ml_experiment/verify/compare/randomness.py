"""Random numbers: seeds, the state in which each library ended, and what escapes control."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ml_experiment.record.wording import counted
from ml_experiment.verify.compare.answer import Cause, Row, State, as_unseen
from ml_experiment.verify.compare.code import UNSEEN, is_code_changed, used_files
from ml_experiment.verify.compare.sources import uses_sets


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.verify.compare.evidence import Evidence

NAME = "stochasticity"
_PARTED_TEXT = (
    "the random numbers of {} parted: they began alike and ended in another state"
)
_SEED, _USER_SEED, _FOLLOWING_SEED, _PARTED = 95.0, 94.0, 48.0, 40.0
_UNUSED_SEED = 87.0  # below code, parameters and data
_UNSEEN_FILE = 58.7  # above what was not controlled in either run
_SETS_IN_CODE, _ESCAPED, _OTHER_PROGRAM, _ORDER_OF_SETS = 58.5, 58.0, 56.5, 52.0
_INTERPRETER = 57.0
_HARMLESS = 20.0  # edited comments, packages that were not imported

_QUIET_PROGRAM = 30.0
_PROGRAM = re.compile(r"another program \((?P<name>[^)]*)\)")
_INTERPRETERS = re.compile(
    r"(?:python|pypy|R|Rscript|julia|sh|bash|zsh|dash|fish|perl|ruby|node|java|lua|matlab|"
    r"octave|make|uv|conda)[\d.]*(?:\.exe)?"
)
# Programs that tell of the machine or the project, and those that go through files: none
# of them draws random numbers.
_TELLING = frozenset(
    {
        *(
            "git",
            "lscpu",
            "nproc",
            "uname",
            "hostname",
            "nvidia-smi",
            "rocm-smi",
            "free",
        ),
        *("which", "whoami", "date", "df", "du", "ps", "ldconfig", "sysctl"),
    }
)
_FILING = frozenset(
    {
        *(
            "wc",
            "sort",
            "ls",
            "cat",
            "head",
            "tail",
            "grep",
            "cut",
            "tr",
            "uniq",
            "find",
        ),
        *("mkdir", "rmdir", "cp", "mv", "rm", "ln", "touch", "chmod", "tar", "gzip"),
        *("gunzip", "zip", "unzip", "diff", "md5sum", "sha256sum", "echo", "true"),
    }
)
_SETS, _SEEDED_BEFORE = "the order of sets", "may have been seeded before"


def compare_randomness(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare what was random in two runs."""
    before, after = old.part(NAME), new.part(NAME)
    causes = [*_seeds(old, new), *_escaped(old, new)]
    if not before or not after:
        return (
            Row(
                name=NAME,
                state=State.CHANGED if causes else State.UNKNOWN,
                summary=causes[0].sentence if causes else "not recorded of both runs",
                is_result=False,
            ),
            causes,
        )
    parted = _parted(before, after)
    details = [cause.sentence for cause in causes]
    details += [text for _, text in parted]
    causes += [
        Cause(aspect=NAME, sentence=text, hint=_where(library, after), weight=_PARTED)
        for library, text in parted
    ]
    count = len(_states(before))
    if parted or any(cause.weight >= _USER_SEED for cause in causes):
        state, summary = State.CHANGED, details[0]
    else:
        ends = counted(count, "generator")
        state = State.SAME
        summary = f"seed {old.manifest.seed}; {ends} ended in the same state"
    return Row(name=NAME, state=state, summary=summary, details=tuple(details)), causes


def _seeds(old: Evidence, new: Evidence) -> list[Cause]:
    found = []
    if old.manifest.seed != new.manifest.seed:
        how = " (drawn, as none was given)" if new.manifest.seed_drawn else ""
        found.append(
            Cause(
                aspect=NAME,
                sentence=f"the seed was {old.manifest.seed} and is "
                f"{new.manifest.seed}{how}",
                hint=f"--seed {old.manifest.seed} gives the first run's",
                weight=_SEED if _draws(old) or _draws(new) else _UNUSED_SEED,
            )
        )
    before, after = _user_seeds(old), _user_seeds(new)
    if before != after:
        found.append(
            Cause(
                aspect=NAME,
                sentence="the script seeded with other values: "
                f"{_shown(before - after)} before, {_shown(after - before)} now",
                hint="a seed that comes from the clock or the system is another each time",
                weight=_FOLLOWING_SEED if is_code_changed(old, new) else _USER_SEED,
            )
        )
    return found


def _draws(side: Evidence) -> bool:
    """Return whether a run's results may depend on its seed, as far as that was seen.

    They hardly do if nobody drew from the generators that it seeded, and no order of sets
    follows from it; what child processes and libraries drew by themselves is not seen.
    """
    part = side.part(NAME)
    untouched = set(part.get("untouched") or [])
    if not untouched or untouched != set(part.get("libraries") or {}):
        return True
    return bool(part.get("generators")) or uses_sets(side, used_files(side))


def _user_seeds(side: Evidence) -> set[str]:
    return {f"{each.get('call')}({each.get('value')})" for each in side.user_seeds}


def _shown(calls: set[str]) -> str:
    return ", ".join(sorted(calls)[:3]) or "none"


def _escaped(old: Evidence, new: Evidence) -> list[Cause]:
    """Return what either run drew from beyond our control."""
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for part in (old.part(NAME), new.part(NAME)):
        for each in part.get("uncontrolled") or []:
            seen.setdefault((str(each.get("what")), str(each.get("where"))), each)
    return [_escape(what, where, each, new) for (what, where), each in seen.items()]


def is_escaped(side: Evidence) -> bool:
    """Return whether a run's results may depend on what no seed controls, as it was seen.

    The order of sets counts if the code has any. A library whose state was set before it
    could be seen does not: in which state it ended is recorded. Nor does a program that
    tells of the machine.
    """
    return any(
        _may_matter(str(each.get("what")), side)
        for each in side.part(NAME).get("uncontrolled") or []
    )


def _may_matter(what: str, side: Evidence) -> bool:
    if what.startswith(_SETS):
        return uses_sets(side, used_files(side))
    if program := _PROGRAM.match(what):
        return program["name"] not in _TELLING
    return _SEEDED_BEFORE not in what


def _escape(what: str, where: str, item: dict[str, Any], side: Evidence) -> Cause:
    weight = _ESCAPED
    if what.startswith(_SETS):
        in_code = uses_sets(side, used_files(side))
        weight = _SETS_IN_CODE if in_code else _ORDER_OF_SETS
    elif program := _PROGRAM.match(what):
        weight = _program_weight(program["name"])
    elif _SEEDED_BEFORE in what:
        weight = _PARTED
    return Cause(
        aspect=NAME,
        sentence=_sentence(what, where),
        hint=str(item.get("fix") or "`ml-experiment check` says what to use instead"),
        weight=weight,
    )


def _program_weight(name: str) -> float:
    """Return how likely a program is to have made a difference: most, if it runs code."""
    if _INTERPRETERS.fullmatch(name):
        return _INTERPRETER
    return _QUIET_PROGRAM if name in _TELLING | _FILING else _OTHER_PROGRAM


def _sentence(what: str, where: str) -> str:
    at = f", at {where}" if where not in {"", "?", "None"} else ""
    return f"not controlled by any seed: {what}{at}"


def with_unseen_files(
    old: Evidence, new: Evidence, causes: Sequence[Cause]
) -> list[Cause]:
    """Return causes, files that were changed before what escaped in both runs alike.

    Such a file was not seen being read; but another program may have, and what was
    the same before is less likely a cause than what somebody has changed.
    """
    notes = [
        {
            _sentence(str(each.get("what")), str(each.get("where")))
            for each in side.part(NAME).get("uncontrolled") or []
        }
        for side in (old, new)
    ]
    heavy = {cause.sentence for cause in causes if cause.weight > _HARMLESS}
    if not heavy or not heavy <= notes[0] & notes[1]:
        return list(causes)
    return [
        replace(as_unseen(cause), weight=_UNSEEN_FILE)
        if cause.weight == UNSEEN
        else cause
        for cause in causes
    ]


def _states(part: dict[str, Any]) -> dict[str, Any]:
    """Return the end states by library, and by place of each unseeded generator."""
    found: dict[str, Any] = dict(part.get("end_states") or {})
    for library, generators in (part.get("generators") or {}).items():
        for number, each in enumerate(generators):
            found[f"{library} generator {number} of {each.get('where')}"] = each.get(
                "state"
            )
    return found


def _parted(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the libraries whose streams were consumed differently.

    A library that only one of the runs has loaded says nothing: it may never have drawn.
    """
    if before.get("seed") != after.get("seed"):
        return []  # other streams altogether
    one, other = _states(before), _states(after)
    found = [
        (name.partition(" ")[0], _PARTED_TEXT.format(name))
        for name in one
        if name in other and one[name] != other[name]
    ]
    counts = [
        {name: len(each) for name, each in (part.get("generators") or {}).items()}
        for part in (before, after)
    ]
    if counts[0] != counts[1]:
        found.append(
            ("numpy", f"other unseeded generators: {counts[0]} and {counts[1]}")
        )
    return found


def _where(library: str, part: dict[str, Any]) -> str:
    places = [
        str(each.get("where"))
        for each in (part.get("generators") or {}).get(library, [])
        if each.get("where")
    ]
    place = f" (created at {', '.join(places[:3])})" if places else ""
    return f"look where the script draws with {library}{place}, and how often"
