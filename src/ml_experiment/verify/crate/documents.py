"""Whether the documents of a run in a crate are such as a run writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ml_experiment.config.explain import explained
from ml_experiment.errors import CrateError, RecordError
from ml_experiment.record.directory import read_json
from ml_experiment.verify.crate.forms import (
    EVENTS,
    PARTS,
    DataFileForm,
    DrawnForm,
    EventForm,
    ManifestForm,
    OutcomeForm,
    ResultForm,
)


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.verify.crate.forms import Form


def check_documents(run: RunDirectory) -> None:
    """Check what is read of a run, and of the trials of a group, to run it again.

    Args:
        run: The run directory, unpacked.

    Raises:
        CrateError: One is no JSON object, or has something else where text or a number
            belongs.
    """
    home = run.path.parents[1]
    _check_run(home, run)
    for trial in run.trials():
        if not (trial.path.is_dir() and trial.path.name.isdecimal()):
            raise CrateError(
                f"{_name(home, trial.path)} of the crate is no trial: the folder of a "
                "trial has its number as a name"
            )
        _check_run(home, trial)


def _check_run(home: Path, run: RunDirectory) -> None:
    documents: dict[Path, type[Form]] = {
        run.manifest: ManifestForm,
        run.outcome: OutcomeForm,
        run.result: ResultForm,
        run.path / "drawn.json": DrawnForm,
    }
    documents |= {run.part(name): form for name, form in PARTS.items()}
    for path, form in documents.items():
        document = _read(home, path)
        # A part that is missing says so, and nothing else of it is read.
        if document is not None and not (
            path.parent == run.parts and "missing" in document
        ):
            _check(_name(home, path), document, form)
    _check_journal(home, run.journal)
    # The full list of data files lies beside the part if they are many.
    for path in sorted(run.parts.glob("*.jsonl")):
        _check_data_files(home, path)


def _read(home: Path, path: Path) -> dict[str, object] | None:
    try:
        return read_json(path)
    except RecordError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise CrateError(f"{_name(home, path)} of the crate: {reason}") from error


def _check_journal(home: Path, journal: Path) -> None:
    for where, line in _lines(home, journal):
        try:
            event = json.loads(line)
        except ValueError:
            continue  # torn, as whoever reads the journal takes it
        except RecursionError as error:
            raise CrateError(f"{where} of the crate cannot be read: {error}") from error
        if isinstance(event, dict):
            _check(where, event, EVENTS.get(str(event.get("event")), EventForm))


def _check_data_files(home: Path, path: Path) -> None:
    for where, line in _lines(home, path):
        try:
            document = json.loads(line.decode("utf-8", errors="surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise CrateError(f"{where} of the crate is not JSON: {error}") from error
        _check(where, document, DataFileForm)


def _lines(home: Path, path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of a file, and what to call them, one by one: they may be many."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield f"line {number} of {_name(home, path)}", line


def _check(where: str, document: Any, form: type[Form]) -> None:
    try:
        form.model_validate(document)
    except ValidationError as error:
        [problem, *_] = explained(error, document, form)
        raise CrateError(f"{where} of the crate cannot be used: {problem}") from error


def _name(home: Path, path: Path) -> str:
    return path.relative_to(home).as_posix()
