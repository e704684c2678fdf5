"""Whether the documents of a run, in a crate or here, are such as a run writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ml_experiment.config.explain import explained
from ml_experiment.errors import CrateError, RecordError
from ml_experiment.record.directory import RunDirectory, read_json
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
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ml_experiment.errors import MlExperimentError
    from ml_experiment.verify.crate.forms import Form


@dataclass(frozen=True)
class _Origin:
    """Where documents come from: what they are called, and what it is if one is none.

    Attributes:
        name: What a file is called.
        error: What is raised.
    """

    name: Callable[[Path], str]
    error: type[MlExperimentError]


def check_documents(run: RunDirectory) -> None:
    """Check what is read of a run in a crate, and of the trials of a group.

    Args:
        run: The run directory, unpacked.

    Raises:
        CrateError: One is no JSON object, or has something else where text or a number
            belongs.
    """
    home = run.path.parents[1]
    origin = _Origin(
        lambda path: f"{path.relative_to(home).as_posix()} of the crate", CrateError
    )
    for trial in run.trials():
        if not (trial.path.is_dir() and trial.path.name.isdecimal()):
            raise CrateError(
                f"{origin.name(trial.path)} is no trial: the folder of a trial has its "
                "number as a name"
            )
    _check_all(origin, run)


def check_directory(run: RunDirectory) -> None:
    """Check what is read of a run that lies here, and of the trials of a group.

    A power failure or a hand may have damaged it. A document that is missing is no damage:
    the run may have ended before.

    Args:
        run: The run directory; of a trial, what its group has recorded is checked, too.

    Raises:
        RecordError: One is no JSON object, or has something else where text or a number
            belongs.
    """
    origin = _Origin(str, RecordError)
    if run.path.parent.name == "trials":
        _check_run(origin, RunDirectory(run.path.parents[1]))
    _check_all(origin, run)


def check_part(run: RunDirectory, name: str) -> None:
    """Check a part of the record of a run that lies here.

    Args:
        run: The run directory.
        name: Name of the part.

    Raises:
        RecordError: It is no such part.
    """
    origin, path = _Origin(str, RecordError), run.part(name)
    document = _read(origin, path)
    if document is not None and "missing" not in document:
        _check(origin, str(path), document, PARTS[name])


def _check_all(origin: _Origin, run: RunDirectory) -> None:
    _check_run(origin, run)
    for trial in run.trials():
        _check_run(origin, trial)


def _check_run(origin: _Origin, run: RunDirectory) -> None:
    documents: dict[Path, type[Form]] = {
        run.manifest: ManifestForm,
        run.outcome: OutcomeForm,
        run.result: ResultForm,
        run.path / "drawn.json": DrawnForm,
    }
    documents |= {run.part(name): form for name, form in PARTS.items()}
    for path, form in documents.items():
        document = _read(origin, path)
        # A part that is missing says so, and nothing else of it is read.
        if document is not None and not (
            path.parent == run.parts and "missing" in document
        ):
            _check(origin, origin.name(path), document, form)
    _check_journal(origin, run.journal)
    # The full list of data files lies beside the part if they are many.
    for path in sorted(run.parts.glob("*.jsonl")):
        _check_data_files(origin, path)


def _read(origin: _Origin, path: Path) -> dict[str, object] | None:
    try:
        return read_json(path)
    except RecordError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise origin.error(f"{origin.name(path)}: {reason}") from error


def _check_journal(origin: _Origin, journal: Path) -> None:
    for where, line in _lines(origin, journal):
        try:
            event = json.loads(line)
        except ValueError:
            continue  # torn, as whoever reads the journal takes it
        except RecursionError as error:
            raise origin.error(f"{where} cannot be read: {error}") from error
        if isinstance(event, dict):
            form = EVENTS.get(str(event.get("event")), EventForm)
            _check(origin, where, event, form)


def _check_data_files(origin: _Origin, path: Path) -> None:
    for where, line in _lines(origin, path):
        try:
            document = json.loads(line.decode("utf-8", errors="surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise origin.error(f"{where} is not JSON: {error}") from error
        _check(origin, where, document, DataFileForm)


def _lines(origin: _Origin, path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of a file, and what to call them, one by one: they may be many."""
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"line {number} of {origin.name(path)}", line
    except OSError as error:
        reason = error.strerror or error
        raise origin.error(f"{origin.name(path)}: cannot be read: {reason}") from error


def _check(origin: _Origin, where: str, document: Any, form: type[Form]) -> None:
    try:
        form.model_validate(document)
    except ValidationError as error:
        [problem, *_] = explained(error, document, form)
        raise origin.error(f"{where} cannot be used: {problem}") from error
