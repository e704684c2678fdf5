"""The record: what is known of a run, aspect by aspect.

The eight aspects are the critical ones of computational reproducibility: data set,
preprocessing, split, fitting, evaluation, stochasticity, software, hardware. Each is
either ``recorded`` or ``missing``, and a missing one says why. A record is made from the
files of a run directory, by ``build_record``; it holds nothing that is not in them.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json, write_json
from ml_experiment.record.journal import Event, read_journal
from ml_experiment.record.manifest import Manifest, read_manifest
from ml_experiment.record.outcome import Outcome
from ml_experiment.record.reading import from_document
from ml_experiment.record.wording import counted


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.record.directory import RunDirectory

_COMMON = frozenset({"event", "time"})

SCHEMA = "ml-experiment/record/1"

ASPECTS = (
    "data_set",
    "preprocessing",
    "split",
    "fitting",
    "evaluation",
    "stochasticity",
    "software",
    "hardware",
)


class Aspect(BaseModel):
    """One aspect: ``recorded`` with its details, or ``missing`` with the reason."""

    model_config = ConfigDict(frozen=True)

    status: Literal["recorded", "missing"]
    summary: str
    details: dict[str, Any] = {}


class Record(BaseModel):
    """The whole record of one run, as written to ``record.json``."""

    model_config = ConfigDict(frozen=True)

    schema_version: str = SCHEMA
    run: dict[str, Any]
    outcome: dict[str, Any]
    code: dict[str, Any]
    aspects: dict[str, Aspect]
    notes: list[str] = []

    @property
    def missing(self) -> dict[str, str]:
        """Reason for each aspect that is missing."""
        return {
            name: aspect.summary
            for name, aspect in self.aspects.items()
            if aspect.status == "missing"
        }


def _recorded(summary: str, details: dict[str, Any]) -> Aspect:
    return Aspect(status="recorded", summary=summary, details=details)


def _missing(reason: str, details: dict[str, Any] | None = None) -> Aspect:
    return Aspect(status="missing", summary=reason, details=details or {})


class _Evidence:
    """The files of a run, read once."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.manifest: Manifest = read_manifest(run)
        self.events: list[Event] = read_journal(run.journal)

    def of_kind(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["event"] == kind]

    def part(self, name: str) -> tuple[dict[str, Any], str | None]:
        """Return a captured part, and the reason if it is missing."""
        try:
            value = read_json(self.run.part(name))
        except RecordError as error:
            return {}, str(error)
        if value is None:
            return {}, "the run ended before it was captured"
        reason = value.get("missing")
        return value, None if reason is None else str(reason)

    @property
    def started(self) -> bool:
        return any(event["event"] == "started" for event in self.events)


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":  # noqa: PLR2004 - decimal units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def _data_set(evidence: _Evidence) -> Aspect:
    part, reason = evidence.part("data")
    if reason is not None:
        return _missing(reason, part)
    files = part.get("files", [])
    if not files:
        return _missing(
            "no data file was seen being read; name what native readers read under `data:`",
            part,
        )
    unread = [item for item in files if item.get("sha256") is None]
    if len(unread) == len(files):
        return _missing("the data files were gone before they could be digested", part)
    count = int(part.get("count", len(files)))
    summary = f"{counted(count, 'file')}, {_bytes(int(part.get('bytes', 0)))}"
    return _recorded(summary, part)


def _code(evidence: _Evidence) -> tuple[dict[str, Any], str | None]:
    part, reason = evidence.part("source")
    loaded: dict[str, str] = {}
    for event in evidence.of_kind("modules"):
        loaded |= event["modules"]
    return part | {"modules": loaded}, reason


def _preprocessing(evidence: _Evidence) -> Aspect:
    code, reason = _code(evidence)
    if reason is not None:
        return _missing(reason)
    details: dict[str, Any] = {
        "script": code.get("script"),
        "modules": sorted(code["modules"]),
        "archive_sha256": code.get("archive_sha256"),
        "loaded": [
            {key: value for key, value in event.items() if key != "event"}
            for event in evidence.of_kind("loaded")
        ],
    }
    modules = len(code["modules"].keys() - {"__main__"})
    beside = f" and {counted(modules, 'local module')}" if modules else ""
    return _recorded(f"the script{beside}", details)


def _split(evidence: _Evidence) -> Aspect:
    splits = [
        {key: value for key, value in event.items() if key != "event"}
        for event in evidence.of_kind("split")
    ]
    if not splits:
        return _missing("no call that splits data was seen")
    calls = ", ".join(dict.fromkeys(str(split.get("call")) for split in splits))
    return _recorded(calls, {"splits": splits})


def _fitting(evidence: _Evidence) -> Aspect:
    started = evidence.of_kind("started")
    if not started:
        return _missing("the run ended before the job's function was called")
    params = started[0]["params"]
    details = {"params": params}
    groups = evidence.of_kind("group")
    if not groups:
        return _recorded(counted(len(params), "parameter"), details)
    search = {name: item for name, item in groups[-1].items() if name not in _COMMON}
    config = read_json(evidence.run.config) or {}
    details |= {"search": search, "param_space": config.get("param_space")}
    sampler, trials = search["sampler"]["name"], search["num_trials"]
    return _recorded(f"{counted(trials, 'trial')} drawn by {sampler}", details)


def _best_trial(evidence: _Evidence) -> dict[str, Any] | None:
    """Return number, params and metrics of a group's best trial."""
    groups, bests = evidence.of_kind("group"), evidence.of_kind("best")
    if not groups or not bests:
        return None
    best = {name: value for name, value in bests[-1].items() if name not in _COMMON}
    values = best.pop("values")
    return best | {"metrics": dict(zip(groups[-1]["metrics"], values, strict=False))}


def _evaluation(evidence: _Evidence) -> Aspect:
    last: dict[str, Any] = {}
    steps = 0
    for event in evidence.of_kind("metrics"):
        last |= event["metrics"]
        steps += 1
    artifacts = [
        {key: value for key, value in event.items() if key not in {"event", "time"}}
        for event in evidence.of_kind("artifact")
    ]
    details = {"metrics": last, "steps": steps, "artifacts": artifacts}
    best = _best_trial(evidence)
    if best is not None:
        last |= best["metrics"]
        details["best_trial"] = best
    if not last:
        return _missing("no metric was returned", details)
    shown = ", ".join(f"{name}={value}" for name, value in list(last.items())[:4])
    return _recorded(shown, details)


def _stochasticity(evidence: _Evidence) -> Aspect:
    manifest = evidence.manifest
    seeds = [
        {key: value for key, value in event.items() if key not in {"event", "time"}}
        for event in evidence.of_kind("seeded")
    ]
    details: dict[str, Any] = {
        "seed": manifest.seed,
        "seed_drawn": manifest.seed_drawn,
        "deterministic": manifest.deterministic,
        "user_seeds": seeds,
    }
    if not evidence.started:
        return _missing("the run ended before it was seeded", details)
    part, reason = evidence.part("stochasticity")
    details |= {key: value for key, value in part.items() if key not in details}
    origin = "drawn" if manifest.seed_drawn else "given"
    summary = f"seed {manifest.seed} ({origin})"
    if seeds:
        summary += f", {counted(len(seeds), 'seed')} of the script's own"
    if reason is not None:
        details["end_states_missing"] = reason
    return _recorded(summary, details)


def _software(evidence: _Evidence) -> Aspect:
    if not evidence.manifest.log_system_info:
        return _missing("switched off by @job(log_system_info=False)")
    part, reason = evidence.part("software")
    if reason is not None:
        return _missing(reason)
    libraries, _ = evidence.part("libraries")
    packages = part.get("packages", [])
    python = part.get("python", {}).get("version", "?")
    summary = f"Python {python}, {counted(len(packages), 'package')}"
    return _recorded(summary, part | {"native_libraries": libraries})


def _hardware(evidence: _Evidence) -> Aspect:
    if not evidence.manifest.log_system_info:
        return _missing("switched off by @job(log_system_info=False)")
    part, reason = evidence.part("hardware")
    if reason is not None:
        return _missing(reason)
    cpu = part.get("cpu", {})
    model, cores = cpu.get("model", "?"), cpu.get("logical_cores", 0)
    summary = f"{model}, {counted(int(cores or 0), 'core')}"
    gpus = part.get("gpus") or []
    if gpus:
        summary += f", {counted(len(gpus), 'GPU')}"
    return _recorded(summary, part)


_JUDGES: dict[str, Callable[[_Evidence], Aspect]] = {
    "data_set": _data_set,
    "preprocessing": _preprocessing,
    "split": _split,
    "fitting": _fitting,
    "evaluation": _evaluation,
    "stochasticity": _stochasticity,
    "software": _software,
    "hardware": _hardware,
}


def build_record(run: RunDirectory, outcome: Outcome) -> Record:
    """Make the record of a run from what lies in its directory.

    Args:
        run: The run directory; only ``manifest.json`` must be there.
        outcome: How the run ended.
    """
    evidence = _Evidence(run)
    code, reason = _code(evidence)
    aspects = {name: _JUDGES[name](evidence) for name in ASPECTS}
    return Record(
        run=asdict(evidence.manifest),
        outcome=asdict(outcome),
        code=code if reason is None else {"missing": reason},
        aspects=aspects,
        notes=[str(event["text"]) for event in evidence.of_kind("note")],
    )


def write_record(run: RunDirectory, record: Record) -> None:
    """Write ``record.json``."""
    write_json(run.record, record.model_dump(mode="json"))


def read_record(run: RunDirectory) -> Record:
    """Read ``record.json``.

    Raises:
        RecordError: There is none yet, or it is of another schema.
    """
    document = read_json(run.record)
    if document is None:
        raise RecordError(f"{run.path}: no record yet; `ml-experiment sync` closes it")
    return parse_record(document, str(run.record))


def parse_record(document: dict[str, object], origin: str) -> Record:
    """Read a record from its JSON form.

    Raises:
        RecordError: It is of another schema, or not a record at all.
    """
    if document.get("schema_version") != SCHEMA:
        got = document.get("schema_version")
        raise RecordError(f"{origin}: schema is {got!r}, this release reads {SCHEMA!r}")
    try:
        record = Record.model_validate(document)
    except ValueError as error:
        raise RecordError(f"{origin}: not a record: {error}") from error
    from_document(Manifest, record.run, f"{origin}: run")
    from_document(Outcome, record.outcome, f"{origin}: outcome")
    lacking = [name for name in ASPECTS if name not in record.aspects]
    if lacking:
        raise RecordError(f"{origin}: it lacks the aspects {', '.join(lacking)}")
    return record
