"""Find MLflow's run of a run directory, or create it, once."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.entities import ViewType

from ml_experiment.errors import TrackingError
from ml_experiment.tracking.faults import error_code
from ml_experiment.tracking.told import RUN_ID_TAG


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from ml_experiment.record.manifest import Manifest
    from ml_experiment.tracking.settings import Settings

_RUN_NAME = "mlflow.runName"
_UNUSUAL = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_SLUG = 60

# MLflow's pages show training runs, not chats, for experiments of this kind.
_KIND = {"mlflow.experimentKind": "custom_model_development"}


class Runs:
    """The runs and experiments of a store.

    Args:
        client: An open store.
        settings: Where it is.
    """

    def __init__(self, client: MlflowClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def find(self, mlflow_run_id: str | None, manifest: Manifest) -> Run | None:
        """Return the run, deleted or not; ``None`` if there is none.

        Args:
            mlflow_run_id: What it was found as before.
            manifest: Of the run directory.
        """
        if mlflow_run_id is not None:
            try:
                return self._client.get_run(mlflow_run_id)
            except Exception as error:
                if error_code(error) != "RESOURCE_DOES_NOT_EXIST":
                    raise
        experiment = self._client.get_experiment_by_name(manifest.name)
        if experiment is None:
            return None
        found = self._search(experiment.experiment_id, manifest.run_id)
        return found[0] if found else None

    def _search(self, experiment_id: str, run_id: str) -> list[Run]:
        found = self._client.search_runs(
            [experiment_id],
            filter_string=f"tags.`{RUN_ID_TAG}` = '{run_id}'",
            run_view_type=ViewType.ALL,
        )
        return sorted(
            found, key=lambda run: (run.info.lifecycle_stage, run.info.run_id)
        )

    def create(self, manifest: Manifest, tags: Mapping[str, str]) -> Run:
        """Create the run, in the experiment of the job's name.

        Args:
            manifest: Of the run directory.
            tags: The run has them from its first moment on.
        """
        others = {key: text for key, text in tags.items() if key != _RUN_NAME}
        return self._client.create_run(
            self._experiment(manifest.name),
            start_time=int(manifest.created * 1000),
            tags=others,
            run_name=tags.get(_RUN_NAME, manifest.run_id),
        )

    def _experiment(self, name: str) -> str:
        """Return the identifier of the experiment, which may have to be created."""
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                place = self._place(name)
                return str(self._client.create_experiment(name, place, _KIND))
            except Exception as error:
                if error_code(error) != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = self._client.get_experiment_by_name(name)  # another was faster
        if found is None or found.lifecycle_stage == "deleted":
            number = "?" if found is None else found.experiment_id
            raise TrackingError(
                f"the experiment '{name}' is deleted in MLflow\n"
                f"  MLFLOW_TRACKING_URI='{self._settings.masked_uri}' "
                f"mlflow experiments restore --experiment-id {number}"
            )
        return str(found.experiment_id)

    def _place(self, name: str) -> str | None:
        """Return where the artifacts of a new experiment go; ``None`` for the default."""
        root = self._settings.artifact_root
        if not root:
            return None
        if "://" not in root:
            root = str(Path(root).expanduser().absolute())
        slug = _UNUSUAL.sub("-", name)[:_LONGEST_SLUG].strip("-.") or "experiment"
        base, mark, query = root.partition("?")
        return f"{base.rstrip('/')}/{slug}-{secrets.token_hex(4)}{mark}{query}"

    def delete_doubles(self, mlflow_run_id: str | None, manifest: Manifest) -> None:
        """Delete runs that a server made of requests which seemed to have failed."""
        experiment = self._client.get_experiment_by_name(manifest.name)
        if experiment is None:
            return
        for run in self._search(experiment.experiment_id, manifest.run_id):
            is_other = run.info.run_id != mlflow_run_id
            if is_other and run.info.lifecycle_stage == "active":
                self._client.delete_run(run.info.run_id)
