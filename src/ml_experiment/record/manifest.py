"""What was asked of a run: written when its directory is made, before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import RecordError
from ml_experiment.record.directory import read_json, write_json
from ml_experiment.record.reading import from_document, refusal


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory

_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Identity and circumstances of a run.

    Attributes:
        run_id: The run's own identifier, and the name of its directory.
        kind: ``job``, ``experiment`` or ``group``.
        name: Name of the job; the MLflow experiment is called so.
        script: Absolute path of the user's script.
        cwd: Absolute working directory of the run.
        command: The command line that started it, secrets masked.
        started_by: ``cli``, or ``script`` for ``python script.py`` and plain calls.
        created: Seconds since the epoch.
        seed: The run's seed, 0 to 2**32 - 1.
        seed_drawn: The seed was not given but drawn from the operating system.
        deterministic: The config's switch: ``"true"``, ``"warn"`` or ``"false"``.
        data: Globs declared as data by the config.
        forced: What had changed when the run was resumed by force.
        tracking_uri_masked: Where the run is to be published, without credentials.
        launch: How the script was started directly (``record.reproduction.Launch``);
            ``None`` if the command line has started it.
        reproduces: The earlier run that this one repeats: ``run_id``, ``mlflow_run_id``,
            and ``trial`` if it is one trial only; ``None`` for a new one.
        source_root: Top folder of the project where that is known beforehand.
    """

    run_id: str
    kind: str
    name: str
    script: str
    cwd: str
    command: list[str]
    started_by: str
    created: float
    seed: int
    seed_drawn: bool
    deterministic: str = "warn"
    user: str = ""
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    config_file: str | None = None
    tracking_uri_masked: str | None = None
    log_seeds: bool = True
    log_system_info: bool = True
    delete_if_failed: bool = False
    forced: list[str] = field(default_factory=list)
    launch: dict[str, Any] | None = None
    reproduces: dict[str, Any] | None = None
    source_root: str | None = None

    @property
    def script_name(self) -> str:
        """File name of the script."""
        return self.script.replace("\\", "/").rsplit("/", 1)[-1]


def write_manifest(run: RunDirectory, manifest: Manifest) -> None:
    """Write the manifest; from here on the directory is a run."""
    document = asdict(manifest) | {"script_name": manifest.script_name}
    write_json(run.manifest, document)


def read_manifest(run: RunDirectory) -> Manifest:
    """Read the manifest of a run, of this or a later release.

    Raises:
        RecordError: The directory is not a run directory, or its manifest says something
            else than one does.
    """
    document: dict[str, Any] | None = read_json(run.manifest)
    if document is None:
        raise RecordError(
            f"{run.path} is not a run directory: manifest.json is missing"
        )
    manifest = from_document(Manifest, document, run.manifest)
    if not 0 <= manifest.seed <= _LARGEST_SEED:
        raise refusal(run.manifest, "seed", manifest.seed, f"0 to {_LARGEST_SEED}")
    return manifest
