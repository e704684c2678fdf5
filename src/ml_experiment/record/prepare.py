"""Make the directory of a run that is about to start."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.config.seeding import SEED_BITS
from ml_experiment.record.directory import RunDirectory, read_json, write_json
from ml_experiment.record.manifest import Manifest, write_manifest
from ml_experiment.record.masking import mask_mapping, mask_text, mask_uri
from ml_experiment.record.reproduction import Reproduction, reproduction_from


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.config.environment import Environment
    from ml_experiment.config.models import JobConfig
    from ml_experiment.record.reproduction import Launch


@dataclass(frozen=True, kw_only=True)
class Request:
    """A run that is asked for.

    Attributes:
        config: The resolved config.
        script: Absolute path of the script that defines the job.
        cwd: Where the run works.
        command: The command line as it was typed.
        started_by: ``cli`` or ``script``.
        environment: Where runs and MLflow are.
        config_file: The config file, if there was one.
        drawn_seed: The seed to use if the config gives none; drawn now if ``None``.
        delete_if_failed: Leave nothing behind if the run fails.
        log_seeds: Record the seeds that user code sets.
        log_system_info: Record hardware and software.
        launch: How the script was started, if it was started directly.
        python: The interpreter to run the job with; this one if ``None``.
        reproduction: The earlier run that this one repeats; ``None`` for a new one.
    """

    config: JobConfig
    script: Path
    cwd: Path
    command: Sequence[str]
    started_by: str
    environment: Environment
    config_file: Path | None = None
    drawn_seed: int | None = None
    delete_if_failed: bool = False
    log_seeds: bool = True
    log_system_info: bool = True
    launch: Launch | None = None
    python: Path | None = None
    reproduction: Reproduction | None = None

    @property
    def home(self) -> Path:
        """Where the command was given; the run may work elsewhere."""
        repeated = self.reproduction
        return self.cwd if repeated is None else Path(repeated.home)


@dataclass(frozen=True)
class Order:
    """What the driver is to do. It holds secrets, so it is read once and deleted."""

    config: dict[str, Any]
    script: str
    cwd: str
    reproduction: Reproduction | None = None


def prepare_run(request: Request) -> tuple[RunDirectory, Manifest]:
    """Create the run directory, with its manifest, config and script.

    A seed that the config does not give is drawn from the operating system.
    """
    config, repeated = request.config, request.reproduction
    run = RunDirectory.create(request.environment.runs_root)
    from ml_experiment.config.models import to_document

    document = to_document(config)
    masked = mask_mapping(document)
    hidden = _hidden_values(document, masked)
    seed = config.seed
    if seed is None:
        seed = request.drawn_seed
    if seed is None:
        seed = secrets.randbits(SEED_BITS)
    manifest = Manifest(
        run_id=run.run_id,
        kind=config.kind.value,
        name=config.name,
        script=str(request.script),
        cwd=str(request.cwd),
        command=[mask_text(mask_uri(word), hidden) for word in request.command],
        started_by=request.started_by,
        created=time.time(),
        seed=seed,
        seed_drawn=config.seed is None,
        deterministic=str(document["deterministic"]).lower(),
        user=_user_name(),
        description=config.description,
        tags={key: mask_uri(value) for key, value in config.tags.items()},
        data=list(config.data),
        config_file=None if request.config_file is None else str(request.config_file),
        tracking_uri_masked=mask_uri(request.environment.tracking_uri),
        delete_if_failed=request.delete_if_failed,
        log_seeds=request.log_seeds,
        log_system_info=request.log_system_info,
        launch=None if request.launch is None else _masked(request.launch, hidden),
        reproduces=None if repeated is None else repeated.link,
        source_root=None if repeated is None else repeated.source_root,
    )
    write_json(run.config, masked)
    if request.script.is_file():
        shutil.copyfile(request.script, run.submitted / request.script.name)
    if request.config_file is not None:
        text = request.config_file.read_text(encoding="utf-8-sig")
        copy = run.submitted / request.config_file.name
        copy.write_text(mask_text(text, hidden), encoding="utf-8")
    write_manifest(run, manifest)
    return run, manifest


def write_order(run: RunDirectory, request: Request) -> None:
    """Leave the order for the driver, readable by this user alone."""
    from ml_experiment.config.models import to_document

    document: dict[str, Any] = {
        "config": to_document(request.config),
        "script": str(request.script),
        "cwd": str(request.cwd),
    }
    if request.reproduction is not None:
        document["reproduction"] = request.reproduction.to_document()
    descriptor = os.open(run.order, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file)


def take_order(run: RunDirectory) -> Order:
    """Read the order and delete it.

    Raises:
        FileNotFoundError: It was taken before.
    """
    document: dict[str, Any] | None = read_json(run.order)
    if document is None:
        raise FileNotFoundError(run.order)
    run.order.unlink()
    repeated = reproduction_from(document.pop("reproduction", None))
    return Order(**document, reproduction=repeated)


def _masked(launch: Launch, hidden: set[str]) -> dict[str, Any]:
    document = asdict(launch)
    document["argv"] = [mask_text(mask_uri(word), hidden) for word in launch.argv]
    return document


def _hidden_values(plain: object, masked: object) -> set[str]:
    """Return the strings that masking took out of a document."""
    if isinstance(plain, dict) and isinstance(masked, dict):
        pairs = [(plain[key], masked.get(key)) for key in plain]
    elif isinstance(plain, list) and isinstance(masked, list):
        pairs = list(zip(plain, masked, strict=True))
    elif isinstance(plain, str) and plain != masked:
        return {plain}
    else:
        return set()
    return {text for pair in pairs for text in _hidden_values(*pair)}


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in /etc/passwd
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
