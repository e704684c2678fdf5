"""``show`` and ``list``: what is recorded, for people and for programs."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.cli.lookup import find_run, runs_here, sound
from ml_experiment.cli.text import duration, last_metrics, shown_metrics
from ml_experiment.config.environment import load_environment
from ml_experiment.errors import RecordError, RunNotFoundError
from ml_experiment.record.directory import read_json
from ml_experiment.record.locks import is_held
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.model import Record, build_record, parse_record, read_record
from ml_experiment.record.outcome import Outcome, read_outcome


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory

_MLFLOW_ID = re.compile(r"[0-9a-f]{32}")


def show_run(name: str | None, *, as_json: bool) -> None:
    """Print the record of a run.

    Args:
        name: What ``find_run`` takes.
        as_json: Print the record as JSON, all of it.
    """
    try:
        run: RunDirectory | None = find_run(name)
    except RunNotFoundError:
        if name is None or not _MLFLOW_ID.fullmatch(name):
            raise
        run, record = None, _downloaded(name)
    else:
        assert run is not None  # noqa: S101 - find_run returns one or raises
        record = _record(run)
    if as_json:
        document = record.model_dump(mode="json") | {"published": _published(run)}
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    _print_record(run, record)


def _downloaded(mlflow_run_id: str) -> Record:
    """Return the record of a run that is not in this folder, from MLflow."""
    from ml_experiment.tracking.query import download_record
    from ml_experiment.tracking.settings import Settings

    environment = load_environment(Path.cwd())
    os.environ.update(environment.dotenv)  # credentials of the server may be there
    settings = Settings(environment.tracking_uri, environment.artifact_root)
    return parse_record(download_record(mlflow_run_id, settings), mlflow_run_id)


def _record(run: RunDirectory) -> Record:
    """Return the record, or what it would be if the run ended now."""
    try:
        return read_record(run)
    except RecordError:
        if run.record.exists():
            raise
    status, reason = _open_status(run)
    # A run that is still open has no outcome; its record says so instead of guessing.
    open_outcome = Outcome(status="KILLED", reason=reason, ended=time.time())
    try:
        record = build_record(run, open_outcome)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        sound(run)  # says what is damaged
        raise RecordError(f"{run.path}: its record is damaged: {error!r}") from error
    return record.model_copy(
        update={"outcome": record.outcome | {"status": status, "ended": None}}
    )


def _open_status(run: RunDirectory) -> tuple[str, str]:
    if is_held(run.owner_lock) or is_held(run.driver_lock):
        return "RUNNING", "the run is still going on"
    return "LOST", "its processes are gone; `ml-experiment sync` closes it"


def _published(run: RunDirectory | None) -> dict[str, Any]:
    if run is None:
        return {}
    try:
        return read_json(run.published) or {}
    except RecordError:
        return {}


def _print_record(run: RunDirectory | None, record: Record) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=False)
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, value in _facts(run, record):
        facts.add_row(label, Text(value))
    console.print(facts)
    console.print()
    aspects = Table(box=None, padding=(0, 2), pad_edge=False)
    for heading in ("Aspect", "", "What"):
        aspects.add_column(heading, overflow="fold")
    for name, aspect in record.aspects.items():
        style = "green" if aspect.status == "recorded" else "yellow"
        aspects.add_row(
            name.replace("_", " "),
            Text(aspect.status, style=style),
            Text(aspect.summary),
        )
    console.print(aspects)
    traceback = record.outcome.get("traceback")
    if traceback:
        console.print()
        console.print(Text(str(traceback).rstrip()))


def _facts(run: RunDirectory | None, record: Record) -> list[tuple[str, str]]:
    manifest, outcome = record.run, record.outcome
    created = float(manifest["created"])
    ended = outcome.get("ended") or time.time()
    published = _published(run)
    status = str(outcome["status"])
    if outcome.get("reason"):
        status += f": {outcome['reason']}"
    facts = [
        ("run", str(manifest["run_id"])),
        ("name", f"{manifest['name']} ({manifest['kind']})"),
        ("status", status),
        (
            "started",
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created))
            + f", {duration(float(ended) - created)}",
        ),
        ("script", str(manifest["script"])),
        ("code", _code_line(record.code)),
        ("command", " ".join(manifest["command"])),
        (
            "seed",
            f"{manifest['seed']} ({'drawn' if manifest['seed_drawn'] else 'given'})",
        ),
        ("params", _pairs(record.aspects["fitting"].details.get("params", {}))),
        ("metrics", _pairs(record.aspects["evaluation"].details.get("metrics", {}))),
        ("MLflow", _published_line(published, str(manifest["kind"])) if run else ""),
        ("directory", str(run.path) if run else ""),
    ]
    facts += [("note", note) for note in record.notes]
    return [(label, value) for label, value in facts if value]


def _code_line(code: dict[str, Any]) -> str:
    git = code.get("git")
    if git:
        dirty = ", with uncommitted changes" if git.get("dirty") else ""
        return f"commit {str(git.get('commit'))[:12]} on {git.get('branch')}{dirty}"
    files = code.get("files")
    return f"not in git; {len(files)} files archived" if files else ""


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _published_line(published: dict[str, Any], kind: str) -> str:
    if kind == "job":
        return "a job is not published"
    where = f"run {published.get('mlflow_run_id')} at {published.get('tracking_uri')}"
    if published.get("closed"):
        return where
    reason = published.get("error") or "not published yet"
    return f"{reason}; `ml-experiment sync` publishes it"


def list_runs(*, as_json: bool) -> None:
    """Print a line for each run of this folder, and what is wrong with damaged ones."""
    rows = []
    for run in runs_here():
        try:
            rows.append(_row(run))
        except RecordError as error:
            print(f"{run.run_id} is damaged: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2), pad_edge=False)
    for heading in ("Run", "Name", "Status", "Metrics"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "Run")
    for row in rows:
        cells = (
            row["run_id"],
            row["name"],
            row["status"],
            shown_metrics(row["metrics"]),
        )
        table.add_row(*(Text(str(cell)) for cell in cells))
    Console(highlight=False).print(table)


def _row(run: RunDirectory) -> dict[str, Any]:
    manifest, outcome = read_manifest(run), read_outcome(run)
    status = outcome.status if outcome is not None else _open_status(run)[0]
    return {
        "run_id": run.run_id,
        "name": manifest.name,
        "kind": manifest.kind,
        "status": status,
        "created": manifest.created,
        "metrics": last_metrics(run),
        "published": bool(_published(run).get("closed")),
    }
