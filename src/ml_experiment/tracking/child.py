"""The run of one trial in MLflow: what is sent, in few requests."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow.entities import Metric, Param, RunTag

from ml_experiment.errors import TrackingError
from ml_experiment.record.masking import mask_text
from ml_experiment.tracking.evidence import artifact_place, link, size_of
from ml_experiment.tracking.faults import explain, is_refusal
from ml_experiment.tracking.names import (
    LONGEST_PARAM,
    LONGEST_TAG,
    MOST_METRICS,
    name_tags,
    shortened,
)
from ml_experiment.tracking.sending import Sender
from ml_experiment.tracking.store import patiently, waiting
from ml_experiment.tracking.told import JournalAccount, seed_tags
from ml_experiment.tracking.trial_facts import console_files, trial_params


if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.tracking.group_journal import TrialTale
    from ml_experiment.tracking.settings import Settings
    from ml_experiment.tracking.told import Point
    from ml_experiment.tracking.trial_facts import Ending

# https://mlflow.org/docs/latest/rest-api.html#log-batch
_MOST_TEXTS = 100
_MOST_TOGETHER = 1000
_MOST_CHARACTERS = 100_000

_CONSOLE = "console.txt"


class Child:
    """The run of one trial, being told.

    Args:
        client: An open store.
        settings: Where it is.
        run: The trial's run directory.
        trial: What the group's journal tells of it.

    Attributes:
        trial: As it is told by now.
        mlflow_run_id: MLflow's identifier, as soon as it is known.
        tags: Those that it is to have.
        in_doubt: Metrics may have been sent by an earlier publisher.
        journal: What the trial's own journal tells.
    """

    def __init__(
        self,
        client: MlflowClient,
        settings: Settings,
        run: RunDirectory,
        trial: TrialTale,
    ) -> None:
        self._client = client
        self._settings = settings
        self._run = run
        self.trial = trial
        self.mlflow_run_id = ""
        self.tags: dict[str, str] = {}
        self.in_doubt = False
        self.journal = JournalAccount(run, 0)
        self._sent_tags: dict[str, str] = {}
        self._sent_params: dict[str, str] = {}
        self._closed = False

    def initial_tags(self) -> dict[str, str]:
        """Return the tags to create the run with; they need not be sent again."""
        self._sent_tags = self._masked(self.tags, LONGEST_TAG)
        return dict(self._sent_tags)

    def take_up(self, found: Run, tags: dict[str, str]) -> None:
        """Let a run that was told to have ended go on.

        Args:
            found: The run.
            tags: How the trial stands.
        """
        self.mlflow_run_id = found.info.run_id
        self.in_doubt = not self._settings.is_database
        self.tags |= tags
        if found.info.status != "RUNNING":
            self._client.update_run(self.mlflow_run_id, status="RUNNING")
        self._send()

    def send_live(self) -> None:
        """Send what a running trial has told since the last call."""
        if self.journal.has_grown:
            self.journal.read()
            self._send()

    def tell(self) -> None:
        """Send all that there is but files."""
        self.journal.read()
        self._send()

    @property
    def has_files(self) -> bool:
        """Whether there is something to upload."""
        return bool(self.journal.account.artifacts) or any(
            True for _ in console_files(self._run)
        )

    def close(self, ending: Ending) -> TrackingError | None:
        """Send all that is left, and the final status, if that was not done yet.

        Returns:
            Why files could not be uploaded; ``None`` if they were.
        """
        if self._closed:
            return None
        self.journal.read()
        failure = self._try_upload()
        self._send()
        ended = int(ending.ended * 1000)
        self._client.set_terminated(self.mlflow_run_id, ending.status, ended)
        self._closed = True
        return failure

    def _send(self) -> None:
        account = self.journal.account
        params = trial_params(
            self.trial, self._run, account.param_names, account.params
        )
        names = account.tag_names
        tags = self.tags | {
            names[key]: text for key, text in seed_tags(account).items()
        }
        tags |= name_tags("metric", account.metric_names)
        tags |= name_tags("param", account.param_names)
        tags |= name_tags("tag", names)
        new_tags = _changed(self._masked(tags, LONGEST_TAG), self._sent_tags)
        new_params = _changed(self._masked(params, LONGEST_PARAM), self._sent_params)
        points = [point for _, batch in account.points for point in batch]
        if self.in_doubt and points:
            points = Sender(self._client, self.mlflow_run_id).missing(points)
            self.in_doubt = False
        self._send_together(points, new_params, new_tags)
        account.points.clear()
        self._sent_tags |= new_tags
        self._sent_params |= new_params

    def _send_together(
        self, points: list[Point], params: dict[str, str], tags: dict[str, str]
    ) -> None:
        """Send everything by one request if it can be, else by as many as it takes."""
        if not (points or params or tags):
            return
        if _fits(points, params, tags):
            try:
                self._client.log_batch(
                    self.mlflow_run_id,
                    metrics=[Metric(*point) for point in points],
                    params=[Param(key, text) for key, text in params.items()],
                    tags=[RunTag(key, text) for key, text in tags.items()],
                    synchronous=True,
                )
                return
            except Exception as error:
                if not is_refusal(error):
                    raise
        sender = Sender(self._client, self.mlflow_run_id)
        sender.send_params(params)
        sender.send_points(points)
        sender.send_tags(tags)

    def _masked(self, texts: dict[str, str], limit: int) -> dict[str, str]:
        secret = self._settings.mask_all(texts)
        return {
            key: shortened(text, limit, "the trial's run directory")
            for key, text in secret.items()
        }

    def _try_upload(self) -> TrackingError | None:
        try:
            self._upload()
        except Exception as error:  # noqa: BLE001 - told when the status is set
            failure = TrackingError(
                explain(error, self._settings, "the artifact store")
            )
            failure.__cause__ = error
            return failure
        return None

    def _upload(self) -> None:
        """Upload the console and the newest version of each artifact, by one call."""
        consoles = list(console_files(self._run))
        artifacts = list(self.journal.account.artifacts.values())
        if not consoles and not artifacts:
            return
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if consoles:
                self._join(consoles, folder / _CONSOLE)
            for artifact in artifacts:
                path = self._run.path / artifact.path
                place = folder / artifact_place(self._run, artifact.path)
                _lay_out(path, place / path.name)
            with waiting(patiently(size_of(folder))):
                self._client.log_artifacts(self.mlflow_run_id, name)

    def _join(self, consoles: list[Path], target: Path) -> None:
        """Write one file of both streams, the errors last, without credentials."""
        secrets = self._settings.secrets
        if not secrets:
            with target.open("wb") as write:
                for path in consoles:
                    with path.open("rb") as read:
                        shutil.copyfileobj(read, write)
            return
        options: dict[str, Any] = {
            "encoding": "utf-8",
            "errors": "surrogateescape",
            "newline": "",
        }
        with target.open("w", **options) as write:
            for path in consoles:
                with path.open(**options) as read:
                    write.writelines(mask_text(line, secrets) for line in read)


def _lay_out(source: Path, target: Path) -> None:
    """Lay a file, or the files of a folder, out for the upload."""
    files = [source] if source.is_file() else source.rglob("*")
    for path in files:
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            link(path, place)


def _changed(new: dict[str, str], old: dict[str, str]) -> dict[str, str]:
    return {key: text for key, text in new.items() if old.get(key) != text}


def _fits(points: list[Point], params: dict[str, str], tags: dict[str, str]) -> bool:
    texts = (*params.values(), *tags.values())
    return (
        len(points) <= MOST_METRICS
        and len(params) <= _MOST_TEXTS
        and len(tags) <= _MOST_TEXTS
        and len(points) + len(texts) <= _MOST_TOGETHER
        and sum(map(len, texts)) <= _MOST_CHARACTERS
    )
