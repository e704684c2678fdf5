"""Every exception that ml-experiment raises on purpose.

MlExperimentError
 ├── ConfigError              a config file, an option or a decorator argument is wrong
 │    └── ParameterError      the parameters do not fit the signature of ``main`` (also a TypeError)
 ├── ScriptError              the script cannot be run as a job (gone, or it defines no job)
 ├── ResultError              ``main`` returned something that cannot be recorded (also a TypeError)
 ├── NoCurrentTrialError      ``Trial.get_current()`` outside a group
 ├── RunNotFoundError         no run answers to the name that was given
 ├── RecordError              a run directory cannot be read, or its source cannot be restored
 ├── CrateError               a run cannot be exported, or a file is no crate that can be opened
 │    ├── UnsafeCrateError    the crate would write outside of its folder, or never end
 │    └── ChangedCrateError   the crate is not as it was when it was exported
 ├── NotReproducibleError     a run cannot be run again here: its code or data are not to be had
 ├── EnvironmentBuildError    the packages of a run cannot be installed
 ├── TrackingError            MLflow cannot be reached, or refuses what is sent
 ├── RetiredFrameworkError    a callback was asked for whose framework is no more
 └── MissingExtraError        an optional dependency is not installed (also an ImportError)

Each message is built here, from values, so that all of them read alike:
what was got, what is allowed, what to do next.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class MlExperimentError(Exception):
    """Base of all errors that ml-experiment raises on purpose."""


class ConfigError(MlExperimentError):
    """A config file, a command-line option or a decorator argument is wrong.

    Args:
        problem: What was got and what is allowed, as one sentence.
        source: The file, or the option (``--params``), that the value came from.
        line: Line in ``source``, from 1; ``None`` where lines mean nothing.
        field: Dotted path of the field, such as ``metric.direction``.
        hint: What to type or change next.
    """

    def __init__(
        self,
        problem: str,
        *,
        source: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.source = None if source is None else str(source)
        self.line = line
        self.field = field
        self.hint = hint
        super().__init__(self._message())

    def _message(self) -> str:
        place = self.source or ""
        if place and self.line is not None:
            place = f"{place}:{self.line}"
        head = ": ".join(part for part in (place, self.field, self.problem) if part)
        return f"{head}\n  {self.hint}" if self.hint else head


class ParameterError(ConfigError, TypeError):
    """The parameters do not fit the signature of the job's function."""


class ScriptError(MlExperimentError):
    """The script cannot be run as a job."""


class ResultError(MlExperimentError, TypeError):
    """The job's function returned something that cannot be recorded.

    Attributes:
        filename: The file that it is about, if there is one.
    """

    def __init__(self, *args: object, filename: str | None = None) -> None:
        super().__init__(*args)
        self.filename = filename


class MissingMetricError(ResultError):
    """What a trial returned has not the metric that its group optimises."""


class NoCurrentTrialError(MlExperimentError):
    """``Trial.get_current()`` was called where no trial is running."""


class RunNotFoundError(MlExperimentError):
    """No run answers to the name that was given."""


class RecordError(MlExperimentError):
    """A run directory cannot be read, or its source cannot be restored."""


class CrateError(MlExperimentError):
    """A run cannot be exported, or a file is not a crate that can be opened."""


class UnsafeCrateError(CrateError):
    """A crate holds what would be written elsewhere, links, or far more than it says."""


class ChangedCrateError(CrateError):
    """A file of a crate was changed, removed or added since it was exported."""


class NotReproducibleError(MlExperimentError):
    """A run cannot be run again here, so that there is nothing to compare."""


class EnvironmentBuildError(MlExperimentError):
    """The packages that a run had cannot be installed."""


class TrackingError(MlExperimentError):
    """MLflow cannot be reached, or refuses what is sent."""


class RetiredFrameworkError(MlExperimentError):
    """A callback was asked for whose framework is not developed any more.

    Args:
        name: Of the callback.
        framework: That it was for.
        end: When and how it ended, as the rest of a sentence.
        instead: Callbacks to use.
    """

    def __init__(self, name: str, *, framework: str, end: str, instead: str) -> None:
        super().__init__(
            f"{name}: {framework} {end}\n"
            f"  use {instead} of ml_experiment.integrations, or in a loop of your own\n"
            "  Trial.get_current().report(value, step) and .should_prune()"
        )


class MissingExtraError(MlExperimentError, ImportError):
    """An optional dependency is not installed.

    Args:
        package: The distribution that is missing.
        extra: The extra of ml-experiment that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed\n  pip install 'ml-experiment[{extra}]'"
        )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or ``None`` if none is near."""
    choices = list(known)
    folded = {choice.lower(): choice for choice in reversed(choices)}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Return the half-sentence that suggests a known name and lists them all."""
    choices = list(known)
    suggestion = nearest(name, choices)
    listed = ", ".join(choices) if choices else "none"
    ask = f"did you mean '{suggestion}'? " if suggestion else ""
    return f"{ask}allowed: {listed}"
