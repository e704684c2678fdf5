"""``published.json``: how far MLflow has been told."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json, write_json


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory

EVIDENCE = "record.json"  # the first of the files that are uploaded together

State = Literal["connecting", "open", "closed", "pending"]


@dataclass(kw_only=True)
class Published:
    """How far MLflow has been told of a run.

    Attributes:
        mlflow_run_id: MLflow's identifier of the run, as soon as it has one.
        experiment_id: MLflow's identifier of its experiment.
        tracking_uri: Where it is published, without credentials.
        artifact_uri: Where its artifacts are, without credentials.
        offset: Bytes of the journal whose metrics have been sent.
        artifacts: What has been uploaded: ``record.json``, with which all other evidence comes,
            and the folders of the user's artifacts.
        digests: SHA-256 of each uploaded artifact of the user's, by its name.
        closed: All of it is published and the status is final.
        error: Why something is pending, for people.
        state: ``open`` once the run exists in MLflow; ``pending`` when the publisher gave up.
        in_doubt: A request to create the run was cut off; the server may have made one.
        outcome_ended: When the run ended that was closed, in milliseconds since the epoch: a
            group may go on after its end, and so may a trial.
    """

    mlflow_run_id: str | None = None
    experiment_id: str | None = None
    tracking_uri: str | None = None
    artifact_uri: str | None = None
    offset: int = 0
    artifacts: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    closed: bool = False
    error: str | None = None
    state: State = "connecting"
    in_doubt: bool = False
    outcome_ended: int | None = None


class StateFile:
    """The state of one run, kept on disk.

    Args:
        run: The run.
        tracking_uri: Where it is to be published, without credentials. What was published
            elsewhere does not count.
    """

    def __init__(self, run: RunDirectory, tracking_uri: str) -> None:
        self._path = run.published
        self.value = _read(run)
        if self.value.tracking_uri != tracking_uri:
            self.value = Published(tracking_uri=tracking_uri)
        self._written = ""

    def forget(self) -> None:
        """Start again: what was published is not there any more."""
        self.value = Published(tracking_uri=self.value.tracking_uri)

    def save(self, **changes: Any) -> None:
        """Change the state, and write it if that changed anything."""
        for name, value in changes.items():
            setattr(self.value, name, value)
        document = asdict(self.value)
        text = json.dumps(document)
        if text != self._written:
            write_json(self._path, document)
            self._written = text


def _read(run: RunDirectory) -> Published:
    try:
        document: dict[str, Any] = read_json(run.published) or {}
    except RecordError:
        return Published()  # whoever spoilt it: MLflow itself is asked what it has
    known = {item.name for item in fields(Published)}
    return Published(**{key: document[key] for key in document.keys() & known})
