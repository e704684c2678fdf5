"""How a run ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ml_experiment.record.directory import read_json, write_json
from ml_experiment.record.reading import from_document, refusal


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory

Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended, in MLflow's words.

    Attributes:
        status: ``FINISHED``, ``FAILED`` (its own fault) or ``KILLED`` (from outside).
        reason: One sentence for people; empty when finished.
        ended: Seconds since the epoch.
        exit_code: Exit status of the job's process; ``None`` where nobody saw it.
        signal: Name of the signal that ended it, such as ``SIGKILL``.
        traceback: Where it failed, when Python could still say so.
    """

    status: Status
    reason: str
    ended: float
    exit_code: int | None = None
    signal: str | None = None
    traceback: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the job did what was asked."""
        return self.status == "FINISHED"


def write_outcome(run: RunDirectory, outcome: Outcome) -> None:
    """Close the run: nothing is added to it after this, but ``published.json``."""
    write_json(run.outcome, asdict(outcome))


def read_outcome(run: RunDirectory) -> Outcome | None:
    """Return the outcome, or ``None`` while the run is open.

    Raises:
        RecordError: What is there is no outcome.
    """
    document: dict[str, Any] | None = read_json(run.outcome)
    if document is None:
        return None
    outcome = from_document(Outcome, document, run.outcome)
    allowed = get_args(Status)
    if outcome.status not in allowed:
        raise refusal(run.outcome, "status", outcome.status, ", ".join(allowed))
    return outcome
