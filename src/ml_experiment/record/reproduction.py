"""What a run that repeats an earlier one is to do as that one did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ml_experiment.errors import RecordError


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a script was started that ran its job itself: ``python script.py --words``.

    Attributes:
        argv: The words after the script, secrets masked.
        main: Absolute path of the script that Python was given; the job may be defined
            elsewhere. ``None`` for a session that was typed in.
        module: Name of the module, for ``python -m``; else ``None``.
        call: Which call of a job it was in that process, from 0.
        session_seed: What seeded the process before its first run.
    """

    argv: tuple[str, ...] = ()
    main: str | None = None
    module: str | None = None
    call: int = 0
    session_seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A run as the repetition of an earlier one.

    Attributes:
        run_id: Of the earlier run.
        mlflow_run_id: MLflow's identifier of it; ``None`` if it is not known.
        recorded: The run directory of the earlier run, where it can be read now.
        home: Folder that the command was given in: where MLflow is looked for.
        source_root: Top folder of the restored project.
        switches: Hash seed, thread counts and the like; ``None`` for not set.
        import_seed: What seeded the script before its job was called; ``None`` for the
            usual one.
        start_states: States of global generators that no seed tells.
        launch: How the script was started, if it ran its job itself.
        trial: The only trial of a group to be run; ``None`` for all.
        workers: How many workers a group is to have; ``None`` as for a new one.
        worker_switches: Thread counts of the workers of a group.
        storage: Where Optuna is shown the search.
    """

    run_id: str
    recorded: str
    home: str
    source_root: str
    mlflow_run_id: str | None = None
    switches: dict[str, str | None] = field(default_factory=dict)
    import_seed: int | None = None
    start_states: dict[str, Any] = field(default_factory=dict)
    launch: Launch | None = None
    trial: int | None = None
    workers: int | None = None
    worker_switches: dict[str, str] = field(default_factory=dict)
    storage: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @property
    def link(self) -> dict[str, Any]:
        """What the manifest of the new run says of the earlier one."""
        link = {"run_id": self.run_id, "mlflow_run_id": self.mlflow_run_id}
        return link if self.trial is None else link | {"trial": self.trial}


def launch_from(document: dict[str, Any] | None) -> Launch | None:
    """Return the launch of which ``dataclasses.asdict`` made ``document``.

    Raises:
        RecordError: It is of something else.
    """
    if document is None:
        return None
    try:
        return Launch(**document | {"argv": tuple(document.get("argv") or ())})
    except (AttributeError, TypeError) as error:
        raise RecordError(
            f"the manifest does not say how the script was started: launch: {error}"
        ) from error


def reproduction_from(document: dict[str, Any] | None) -> Reproduction | None:
    """Return the reproduction of which ``to_document`` made ``document``."""
    if document is None:
        return None
    launch = launch_from(document.get("launch"))
    return Reproduction(**document | {"launch": launch})
