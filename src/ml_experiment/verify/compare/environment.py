"""What two runs ran on: Python, packages, threads and switches, the machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ml_experiment.config.determinism import OPENMP, SWITCHES, THREAD_VARIABLES
from ml_experiment.config.seeding import derive_seed
from ml_experiment.verify.compare.answer import Cause, Row, State


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.compare.evidence import Evidence

_PYTHON_MINOR, _PYTHON_PATCH = 80.0, 50.0
_IMPORTED, _INSTALLED = 75.0, 20.0
_HASH_SEED, _THREADS, _SWITCH = 72.0, 70.0, 74.0
_GPU, _BLAS, _CPU, _SYSTEM = 65.0, 62.0, 60.0, 30.0
_OWN = "ml-experiment"
_HASH = "PYTHONHASHSEED"
_SHOWN = 12
_VARIABLE = 68.0
# Variables that say where something is, or how Python prints.
_PLACES = re.compile(
    r".*_(HOME|DIR|PATH|ROOT|PREFIX|FILE|CACHE|ENV|URL|ID|NODELIST)|VIRTUAL_ENV|PYTHONPATH|"
    r"PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|PYTHONNOUSERSITE|PYTHONIOENCODING|SLURM_.*|"
    r"CUDA_VISIBLE_DEVICES|NVIDIA_VISIBLE_DEVICES"
)


def compare_software(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare Python and the installed packages, those that were imported first."""
    before, after = old.part("software"), new.part("software")
    if not before or not after:
        row = Row(
            name="software", state=State.UNKNOWN, summary="not recorded of both runs"
        )
        return row, []
    causes = [*_python(before, after), *_packages(old, new)]
    system = [each.get("platform") or {} for each in (before, after)]
    for key in ("system", "distribution", "libc"):
        if system[0].get(key) != system[1].get(key):
            text = f"{key} was {system[0].get(key)} and is {system[1].get(key)}"
            causes.append(Cause(aspect="software", sentence=text, weight=_SYSTEM))
    causes.sort(key=lambda cause: -cause.weight)
    details = [cause.sentence for cause in causes]
    important = [cause for cause in causes if cause.weight > _INSTALLED]
    if important:
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        state, summary = State.CHANGED, details[0] + more
    else:
        version = (before.get("python") or {}).get("version")
        state, summary = State.SAME, f"Python {version} and the imported packages"
        if details:
            summary += f"; {len(details)} packages that were not imported differ"
    row = Row(
        name="software", state=state, summary=summary, details=tuple(details[:_SHOWN])
    )
    return row, causes


def _python(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Cause]:
    one, other = (
        str((each.get("python") or {}).get("version") or "") for each in (before, after)
    )
    if one == other:
        return
    minor = one.split(".")[:2] != other.split(".")[:2]
    yield Cause(
        aspect="software",
        sentence=f"Python was {one} and is {other}",
        hint="`--env venv` uses the recorded Python if it is installed",
        weight=_PYTHON_MINOR if minor else _PYTHON_PATCH,
    )


def is_of_package(cause: Cause) -> bool:
    """Return whether a cause is an imported package, or Python, of another version."""
    return cause.aspect == "software" and cause.weight >= _PYTHON_PATCH


def _packages(old: Evidence, new: Evidence) -> Iterator[Cause]:
    before, after = _versions(old), _versions(new)
    loaded = _loaded(old) | _loaded(new)
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one == other or name == _OWN:
            continue
        imported = name in loaded
        if not imported and (one is None or other is None):
            continue  # installed beside, and never looked at
        if one is None or other is None:
            was = (
                "was not installed and is"
                if one is None
                else "was installed and is not"
            )
            text = f"{name} {was} ({one or other})"
        else:
            text = f"{name} was {one} and is {other}"
        yield Cause(
            aspect="software",
            sentence=text if imported else f"{text} (not imported)",
            hint="`--env venv` installs what was recorded" if imported else "",
            weight=_IMPORTED + _distance(one, other) if imported else _INSTALLED,
        )


def _versions(side: Evidence) -> dict[str, str]:
    return {
        str(each["name"]).lower().replace("_", "-"): str(each.get("version"))
        + (f" @ {each['commit']}" if each.get("commit") else "")
        for each in side.part("software").get("packages") or []
    }


def _loaded(side: Evidence) -> set[str]:
    """Return the distributions that the run has imported."""
    modules = set(side.part("libraries").get("imported") or [])
    # From a folder on the path, where a package may be installed, too.
    modules |= {name.partition(".")[0] for name in side.modules}
    found = set()
    for each in side.part("software").get("packages") or []:
        name = str(each["name"])
        imports = each.get("imports") or [name.replace("-", "_")]
        if modules.intersection(imports):
            found.add(name.lower().replace("_", "-"))
    return found


def _distance(one: str | None, other: str | None) -> float:
    """Return a number below 1 that is larger for versions that are further apart."""
    if one is None or other is None:
        return 0.5
    parts = zip(one.split("."), other.split("."), strict=False)
    for place, (left, right) in enumerate(parts):
        if left != right:
            return 0.9 / (place + 1)
    return 0.1


def compare_switches(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare thread counts and the switches of determinism."""
    causes = [*_environment(old, new), *_threads(old, new), *_variables(old, new)]
    if old.manifest.deterministic != new.manifest.deterministic:
        causes.append(
            Cause(
                aspect="threads and switches",
                sentence=f"deterministic was {old.manifest.deterministic} and is "
                f"{new.manifest.deterministic}",
                weight=_SWITCH,
            )
        )
    causes.sort(key=lambda cause: -cause.weight)
    details = tuple(dict.fromkeys(cause.sentence for cause in causes))
    known = old.part("libraries") or old.part("stochasticity")
    state = State.CHANGED if details else State.SAME if known else State.UNKNOWN
    summary = details[0] if details else "the same" if known else "not recorded"
    if len(details) > 1:
        summary += f" (and {len(details) - 1} more)"
    row = Row(
        name="threads and switches", state=state, summary=summary, details=details
    )
    return row, causes


def _environment(old: Evidence, new: Evidence) -> Iterator[Cause]:
    sides = [_switches(side) for side in (old, new)]
    if not all(sides):
        return
    before, after = sides
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        if name == _HASH and all(_is_derived(side) for side in (old, new)):
            continue  # it is made from the seed
        if name in THREAD_VARIABLES and name != OPENMP and _follow(name, sides):
            continue  # one number was given, and was given on to all of them
        weight = _THREADS if "THREADS" in name else _SWITCH
        if name == _HASH:
            weight = _HASH_SEED
        yield Cause(
            aspect="threads and switches",
            sentence=f"{name} was {_said(one)} and is {_said(other)}",
            hint="the order of sets of text follows it" if name == _HASH else "",
            weight=weight,
        )


def _follow(name: str, sides: list[dict[str, Any]]) -> bool:
    """Return whether a number of threads is OpenMP's in both runs."""
    return all(side.get(name) == side.get(OPENMP) for side in sides)


def _is_derived(side: Evidence) -> bool:
    """Return whether the hash seed was made from the seed, and not given."""
    derived = str(derive_seed(side.manifest.seed, _HASH))
    return _switches(side).get(_HASH) == derived


def _variables(old: Evidence, new: Evidence) -> Iterator[Cause]:
    """Yield the other variables of the environment that decide on results."""
    sides = [side.part("software").get("environment") for side in (old, new)]
    if None in sides:
        return
    before, after = (dict(side or {}) for side in sides)
    for name in sorted((before.keys() | after.keys()) - set(SWITCHES)):
        one, other = before.get(name), after.get(name)
        if one != other and not _PLACES.fullmatch(name):
            yield Cause(
                aspect="threads and switches",
                sentence=f"{name} was {_said(one)} and is {_said(other)}",
                hint=f"export {name}={one}" if one else f"unset {name}",
                weight=_VARIABLE,
            )


def _switches(side: Evidence) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("libraries", "stochasticity"):
        found |= side.part(name).get("switches") or {}
    return found


def _said(value: Any) -> str:
    return "not set" if value is None else str(value)


def _threads(old: Evidence, new: Evidence) -> Iterator[Cause]:
    before, after = _pools(old), _pools(new)
    for name in sorted(before.keys() & after.keys()):
        one, other = before[name], after[name]
        if one.get("num_threads") != other.get("num_threads"):
            yield Cause(
                aspect="threads and switches",
                sentence=f"{name} had {one.get('num_threads')} threads and has "
                f"{other.get('num_threads')}",
                hint="sums in another order end in other last digits",
                weight=_THREADS - 1,
            )


def _pools(side: Evidence) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in side.part("libraries").get("thread_pools") or []:
        name = str(each.get("internal_api"))
        if name in found:
            name = f"{name} {str(each.get('file')).partition('-')[0]}"
        found.setdefault(name, each)
    return found


def compare_hardware(old: Evidence, new: Evidence) -> tuple[Row, list[Cause]]:
    """Compare the machines."""
    before, after = old.part("hardware"), new.part("hardware")
    causes = list(_blas(old, new))
    if before and after:
        causes += _machine(before, after)
    causes.sort(key=lambda cause: -cause.weight)
    details = tuple(cause.sentence for cause in causes)
    if not before or not after:
        state, summary = State.UNKNOWN, "not recorded of both runs"
    elif details:
        state, summary = State.CHANGED, details[0]
    else:
        model = (before.get("cpu") or {}).get("model")
        state, summary = State.SAME, f"the same kind of machine: {model}"
    return Row(name="hardware", state=state, summary=summary, details=details), causes


def _machine(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Cause]:
    one, other = (_gpus(each) for each in (before, after))
    if one != other:
        yield Cause(
            aspect="hardware",
            sentence=f"GPU was {', '.join(one) or 'none'} and is "
            f"{', '.join(other) or 'none'}",
            hint="--repeats N measures how much runs of this machine differ",
            weight=_GPU,
        )
    for key, weight in (("model", _CPU), ("flags", _CPU - 1)):
        left, right = ((each.get("cpu") or {}).get(key) for each in (before, after))
        if left == right:
            continue
        if key == "flags":
            lost = sorted(set(left or []) ^ set(right or []))
            text = f"the instructions of the CPU differ: {', '.join(lost[:6])}"
        else:
            text = f"CPU was {left} and is {right}"
        yield Cause(
            aspect="hardware",
            sentence=text,
            hint="libraries choose their code by it, and round differently",
            weight=weight,
        )
        break


def _gpus(part: dict[str, Any]) -> list[str]:
    found = part.get("gpus")
    gpus = found.get("devices", []) if isinstance(found, dict) else found or []
    return [str(each.get("name") if isinstance(each, dict) else each) for each in gpus]


def _blas(old: Evidence, new: Evidence) -> Iterator[Cause]:
    before, after = _pools(old), _pools(new)
    for name in sorted(before.keys() & after.keys()):
        one, other = (
            (each.get("version"), each.get("architecture"))
            for each in (before[name], after[name])
        )
        if one != other:
            yield Cause(
                aspect="hardware",
                sentence=f"{name} was {_joined(one)} and is {_joined(other)}",
                hint="it rounds differently",
                weight=_BLAS,
            )


def _joined(values: tuple[Any, ...]) -> str:
    return " ".join(str(value) for value in values if value is not None) or "unknown"
