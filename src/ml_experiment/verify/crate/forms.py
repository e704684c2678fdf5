"""The forms of what is recorded of a run, as far as it is read to run it again.

What a crate holds may have been written by anybody. Everything but text, numbers and lists
where they belong would end in an error somewhere later, and say nothing of its cause. Names
that are not known are passed over, as a later release may have added them.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError, PydanticKnownError

from ml_experiment.record.journal import decode_number


_LARGEST_SEED = 2**32 - 1
_LONGEST_NAME, _LONGEST_PATH = 255, 4096  # of any system that runs are recorded on


def _text(value: object) -> str:
    # Not pydantic's: names of files need not be valid Unicode.
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    return value


def _word(value: object) -> str:
    """Check what is going to be given to the operating system."""
    text = _text(value)
    try:
        broken = b"\0" in os.fsencode(text)
    except UnicodeEncodeError:
        broken = True
    if broken:
        raise _unfit(value, "text that the operating system takes, without zero bytes")
    return text


def _place(value: object) -> str:
    text = _word(value)
    longest = max(len(os.fsencode(name)) for name in text.split("/"))
    if longest > _LONGEST_NAME or len(text) > _LONGEST_PATH:
        raise _unfit(value, "a path that the operating system takes")
    return text


def _inner_place(value: object) -> str:
    text = _place(value)
    if text.startswith("/") or ".." in text.split("/"):
        raise _unfit(value, "a path below the run directory")
    return text


def _list_beside(value: object) -> str:
    text = _place(value)
    if "/" in text or not text.endswith(".jsonl"):
        raise _unfit(value, "the name of a .jsonl file beside this one")
    return text


def _variable(value: object) -> str:
    text = _word(value)
    if not text or "=" in text:
        raise _unfit(value, "the name of an environment variable")
    return text


def _number(value: object) -> float | str:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            decode_number(value)
        except (KeyError, OverflowError):
            pass
        else:
            return value
    raise _unfit(value, "a number, or 'NaN', 'Infinity' or '-Infinity'")


def _unfit(value: object, allowed: str) -> PydanticCustomError:
    problem = f"got {ascii(value)[:80]}; allowed: {allowed}"
    return PydanticCustomError("ours", "{problem}", {"problem": problem, "hint": None})


Text = Annotated[str, PlainValidator(_text)]
Word = Annotated[str, PlainValidator(_word)]
Place = Annotated[str, PlainValidator(_place)]
InnerPlace = Annotated[str, PlainValidator(_inner_place)]
ListBeside = Annotated[str, PlainValidator(_list_beside)]
Variable = Annotated[str, PlainValidator(_variable)]
Number = Annotated[float | str, PlainValidator(_number)]
Seed = Annotated[int, Field(ge=0, le=_LARGEST_SEED)]
Count = Annotated[int, Field(ge=0)]
Named = dict[Text, Any]
Switches = dict[Variable, Word | None]


class Form(BaseModel):
    """What all forms have in common."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class LaunchForm(Form):
    """``launch`` of a manifest."""

    argv: list[Word] | None = None
    main: Place | None = None
    module: Word | None = None
    call: Count = 0
    session_seed: int | None = None


class EarlierForm(Form):
    """``reproduces`` of a manifest."""

    run_id: Place


class ManifestForm(Form):
    """``manifest.json``."""

    run_id: Place = ""
    kind: Text = ""
    name: Text = ""
    script: Place = ""
    cwd: Place = ""
    command: list[Text] = []
    created: float = 0
    seed: Seed = 0
    seed_drawn: bool = False
    deterministic: Text = ""
    description: Text | None = None
    launch: LaunchForm | None = None
    reproduces: EarlierForm | None = None


class OutcomeForm(Form):
    """``outcome.json``."""

    status: Literal["FINISHED", "FAILED", "KILLED"]
    reason: Text
    ended: float
    signal: Text | None = None
    traceback: Text | None = None


class ResultForm(Form):
    """``result.json`` of a trial."""

    number: Count
    state: Literal["complete", "pruned", "failed"]
    reason: Text | None = None
    params: Named | None = None
    values: list[Any] | None = None


class DrawnForm(Form):
    """``drawn.json`` of a trial."""

    params: Named = {}


class SourceFileForm(Form):
    """A file of the source."""

    path: Place
    sha256: Text | None = None


class LeftOutForm(Form):
    """A file that is not in the source."""

    path: Text


class ExtraRootForm(Form):
    """A folder beside the project."""

    path: Place | None = None
    prefix: Place = ""
    relative: Place | None = None


class SourceForm(Form):
    """``parts/source.json``."""

    root: Place
    script: Place | None = None
    cwd: Place | None = None
    files: list[SourceFileForm] = []
    left_out: list[LeftOutForm] | None = None
    folders: list[Place] | None = None
    import_roots: list[Place] | None = None
    extra_roots: list[ExtraRootForm] | None = None
    archive_sha256: Text | None = None


class DataFileForm(Form):
    """A data file, in ``parts/data.json`` or in the full list beside it."""

    path: Place
    relative: Text | None = None
    size: Count | None = None
    sha256: Text | None = None
    package: Text | None = None


class DataForm(Form):
    """``parts/data.json``."""

    files: list[DataFileForm] = []
    all_files: ListBeside | None = None


class PythonForm(Form):
    """``python`` of the software."""

    version: Text | None = None


class PackageForm(Form):
    """An installed package."""

    name: Text
    version: Text | None
    url: Text | None = None
    imports: list[Text] | None = None


class SoftwareForm(Form):
    """``parts/software.json``."""

    python: PythonForm | None = None
    platform: Named | None = None
    environment: Switches | None = None
    packages: list[PackageForm] | None = None


class ThreadPoolForm(Form):
    """A library that computes with several threads."""

    num_threads: Count | None = None


class LibrariesForm(Form):
    """``parts/libraries.json``."""

    imported: list[Text] | None = None
    thread_pools: list[ThreadPoolForm] | None = None
    switches: Switches | None = None


class StochasticityForm(Form):
    """``parts/stochasticity.json``."""

    seed_before: int | None = None
    libraries: dict[Text, Text] | None = None
    start_states: Named | None = None
    end_states: Named | None = None
    generators: dict[Text, list[Named]] | None = None
    untouched: list[Text] | None = None
    uncontrolled: list[Named] | None = None
    switches: Switches | None = None


class CpuForm(Form):
    """``cpu`` of the hardware."""

    flags: list[Text] | None = None


class HardwareForm(Form):
    """``parts/hardware.json``."""

    cpu: CpuForm | None = None
    gpus: list[Any] | None = None


class EventForm(Form):
    """A line of ``journal.jsonl``; one of a kind that has no form of its own below."""

    event: Text
    time: float = 0


class StartedForm(EventForm):
    """The job's function was called."""

    params: Named | None = None


class OpenedForm(EventForm):
    """A data file was opened."""

    path: Text
    mtime_ns: int | None = None


class ModulesForm(EventForm):
    """Local modules were imported."""

    modules: dict[Text, Place]


class SplitForm(EventForm):
    """Data were split."""

    parts: list[Named] | None = None


class MetricsForm(EventForm):
    """A result was given."""

    step: int | None = None
    metrics: dict[Text, Number]


class ArtifactForm(EventForm):
    """An artifact was given."""

    name: Text
    path: InnerPlace
    sha256: Text | None = None


class GroupForm(EventForm):
    """A search began, or went on."""

    num_trials: Count
    metrics: list[Text]
    sampler: Named


class BestForm(EventForm):
    """A trial was the best so far."""

    number: Count
    values: list[Number]
    params: Named = {}


class ExceptionForm(Form):
    """``exception`` of the end."""

    type: Text
    message: Text


class EndedForm(EventForm):
    """The job's function came to its end."""

    exception: ExceptionForm | None = None


EVENTS: dict[str, type[EventForm]] = {
    "started": StartedForm,
    "opened": OpenedForm,
    "modules": ModulesForm,
    "split": SplitForm,
    "metrics": MetricsForm,
    "artifact": ArtifactForm,
    "group": GroupForm,
    "best": BestForm,
    "ended": EndedForm,
}

PARTS: dict[str, type[Form]] = {
    "source": SourceForm,
    "data": DataForm,
    "software": SoftwareForm,
    "libraries": LibrariesForm,
    "stochasticity": StochasticityForm,
    "hardware": HardwareForm,
}
