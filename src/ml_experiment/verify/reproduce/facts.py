"""What the record of a run says that is needed to run it again."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_experiment.config.determinism import THREAD_VARIABLES, available_cpus
from ml_experiment.config.models import JobTypes, from_document
from ml_experiment.errors import ConfigError, NotReproducibleError, RecordError
from ml_experiment.record.directory import read_json
from ml_experiment.record.journal import read_journal
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.masking import MASK
from ml_experiment.record.outcome import read_outcome
from ml_experiment.record.reproduction import launch_from
from ml_experiment.verify.reproduce.variables import decisive


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.config.models import JobConfig
    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.manifest import Manifest
    from ml_experiment.record.outcome import Outcome
    from ml_experiment.record.reproduction import Launch

_POOLS = {
    "openblas": "OPENBLAS_NUM_THREADS",
    "mkl": "MKL_NUM_THREADS",
    "openmp": "OMP_NUM_THREADS",
    "blis": "BLIS_NUM_THREADS",
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a run began with.

    Attributes:
        run: Its run directory.
        manifest: What was asked.
        config: Its config; what was masked is taken from the environment if it is there.
        outcome: How it ended; ``None`` if nobody knows.
        launch: How its script was started directly; ``None`` if it was not.
        source: The part ``source``.
        software: The part ``software``; empty if it is missing.
        imported: Names of the installed packages that it imported; ``None`` if unknown.
        switches: Variables of its environment; ``None`` for one that was not set.
        worker_switches: Thread counts of a group's workers.
        import_seed: What seeded the script before its job was called.
        start_states: States of generators that no seed tells.
        doubts: What cannot be had back, a sentence each.
    """

    run: RunDirectory
    manifest: Manifest
    config: JobConfig
    outcome: Outcome | None
    launch: Launch | None
    source: dict[str, Any]
    software: dict[str, Any]
    imported: frozenset[str] | None
    switches: dict[str, str | None]
    worker_switches: dict[str, str]
    import_seed: int | None
    start_states: dict[str, Any]
    doubts: list[str] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether it is a search of several trials."""
        return self.config.kind is JobTypes.GROUP


def read_facts(run: RunDirectory) -> Facts:
    """Return what the record of a run says.

    Raises:
        NotReproducibleError: It says too little.
        RecordError: It is no run directory.
    """
    manifest = read_manifest(run)
    doubts: list[str] = []
    config = _config(run, doubts)
    stochasticity, libraries = _part(run, "stochasticity"), _part(run, "libraries")
    software = _part(run, "software")
    trials = run.trials() if config.kind is JobTypes.GROUP else []
    imported = _imported([run, *trials])
    if not stochasticity:
        doubts.append(
            "the states of its random generators were not recorded, as it had no end of "
            "its own: its seed alone is used"
        )
    return Facts(
        run=run,
        manifest=manifest,
        config=config,
        outcome=read_outcome(run),
        launch=launch_from(manifest.launch),
        source=_source(run, manifest),
        software=software,
        imported=imported,
        switches=_switches(stochasticity, libraries, software, doubts),
        worker_switches=_worker_switches(trials),
        import_seed=stochasticity.get("seed_before"),
        start_states=_start_states(stochasticity),
        doubts=doubts,
    )


def _config(run: RunDirectory, doubts: list[str]) -> JobConfig:
    document = read_json(run.config)
    if document is None:
        raise NotReproducibleError(f"{run.path}: its config was not recorded")
    filled = {
        name: _unmasked(name, value, doubts)
        for name, value in document.items()
        if name not in {"docker_config", "storage"}
    }
    try:
        return from_document(filled)
    except ConfigError as error:
        raise NotReproducibleError(
            f"{run.config}: this release cannot read the recorded config\n  {error}"
        ) from error


def _unmasked(name: str, value: object, doubts: list[str]) -> object:
    """Return a value with its masked parts taken from the environment, if they are there."""
    if isinstance(value, dict):
        return {key: _unmasked(str(key), each, doubts) for key, each in value.items()}
    if isinstance(value, list):
        return [_unmasked(name, each, doubts) for each in value]
    if not isinstance(value, str) or MASK not in value:
        return value
    given = os.environ.get(name) or os.environ.get(name.upper())
    if value == MASK and given:
        return given
    doubts.append(
        f"'{name}' is a secret, and was not recorded; it is '{value}' now\n"
        f"  if the result depends on it: set the variable {name.upper()}"
    )
    return value


def _source(run: RunDirectory, manifest: Manifest) -> dict[str, Any]:
    part = _part(run, "source")
    if not part or not run.source_archive.is_file():
        raise NotReproducibleError(
            f"{run.run_id}: its source was not recorded, so it cannot be run again"
        )
    if part.get("script") is None or not _has_script(part, manifest):
        raise NotReproducibleError(
            f"{run.run_id} was started in a session that was typed in (a notebook, a "
            "shell): there is no script to run again"
        )
    return part


def _has_script(part: dict[str, Any], manifest: Manifest) -> bool:
    launch = launch_from(manifest.launch)
    if launch is not None and launch.main is None:
        return False
    return any(item.get("path") == part["script"] for item in part.get("files", []))


def _part(run: RunDirectory, name: str) -> dict[str, Any]:
    try:
        part: dict[str, Any] = read_json(run.part(name)) or {}
    except RecordError:
        return {}
    return {} if "missing" in part else part


def _imported(runs: list[RunDirectory]) -> frozenset[str] | None:
    found: set[str] = set()
    known = False
    for run in runs:
        names = _part(run, "libraries").get("imported")
        if names is not None:
            known = True
            found |= set(names)
    return frozenset(found) if known else None


def _switches(
    stochasticity: dict[str, Any],
    libraries: dict[str, Any],
    software: dict[str, Any],
    doubts: list[str],
) -> dict[str, str | None]:
    recorded: dict[str, str] = software.get("environment") or {}
    found: dict[str, str | None] = decisive(recorded, os.environ) if recorded else {}
    told: dict[str, str | None] = stochasticity.get("switches") or {}
    found |= told
    if told and told.get("PYTHONHASHSEED") is None:
        doubts.append(
            "its hash seed is not known, as Python was started directly: what depends on "
            "the order of a set may differ"
        )
    if told:
        _take_thread_counts(found, libraries)
    return found


def _take_thread_counts(
    found: dict[str, str | None], libraries: dict[str, Any]
) -> None:
    """Fix the thread counts that were left to the libraries, if they differ here."""
    here = available_cpus()
    for pool in libraries.get("thread_pools") or []:
        name = _POOLS.get(str(pool.get("internal_api")))
        count = pool.get("num_threads")
        if name and count and found.get(name) is None and int(count) != here:
            found[name] = str(count)


def _worker_switches(trials: list[RunDirectory]) -> dict[str, str]:
    for trial in trials:
        told: dict[str, str | None] = (
            _part(trial, "stochasticity").get("switches") or {}
        )
        found = {name: told.get(name) for name in THREAD_VARIABLES}
        if told:
            return {name: value for name, value in found.items() if value}
    return {}


def _start_states(stochasticity: dict[str, Any]) -> dict[str, Any]:
    origins: dict[str, str] = stochasticity.get("libraries") or {}
    states: dict[str, Any] = stochasticity.get("start_states") or {}
    return {
        name: state
        for name, state in states.items()
        if origins.get(name) in {"unseen", "restored"}
    }


def exception_of(run: RunDirectory) -> tuple[str, str] | None:
    """Return type and message of the exception that ended a run; ``None`` if none did."""
    for event in reversed(read_journal(run.journal)):
        if event["event"] == "ended":
            told = event.get("exception")
            return None if told is None else (str(told["type"]), str(told["message"]))
    return None


def script_in(facts: Facts, root: Path) -> Path | None:
    """Return the script that Python was given, in a restored tree; ``None``: the usual one.

    Args:
        facts: Of the run.
        root: Top folder of the restored tree.
    """
    main = None if facts.launch is None else facts.launch.main
    if main is None or main == facts.manifest.script:
        return None
    recorded = os.path.realpath(str(facts.source["root"]))
    for place in (os.path.realpath(main), main):
        relative = os.path.relpath(place, recorded)
        if not relative.startswith("..") and (root / relative).is_file():
            return root / relative
    raise NotReproducibleError(
        f"{facts.run.run_id} was started as `python {main}`, and that script is not in "
        "the recorded source"
    )
