"""What the environment says: the only place that reads its variables.

| variable | meaning |
| --- | --- |
| ``MLFLOW_TRACKING_URI`` | the knowledge centre; ``mlflow.db`` in the folder if not set |
| ``ML_EXPERIMENT_ARTIFACT_ROOT`` | where new MLflow experiments keep their artifacts |
| ``OPTUNA_STORAGE_URI`` | where searches are shown to Optuna's own tools; ``optuna.journal`` |
| ``ML_EXPERIMENT_HOME`` | where run directories are; ``.ml_experiment`` if not set |

A file ``.env`` in the folder may set these and others; the real environment wins.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from ml_experiment.errors import ConfigError


_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]*)(\?.*)?", re.IGNORECASE | re.DOTALL)
_IN_MEMORY = re.compile(r"sqlite(\+\w+)?:(//|///|///:memory:)(\?.*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Environment:
    """Where things are.

    Attributes:
        tracking_uri: MLflow's tracking URI; it may hold a password.
        artifact_root: Path or URI below which new MLflow experiments keep artifacts;
            ``None`` for MLflow's own choice.
        runs_root: Folder of the run directories; it may not exist yet.
        optuna_storage: URL or file of the Optuna storage; it may hold a password.
        dotenv: What the file ``.env`` adds to the environment of the job.
    """

    tracking_uri: str
    artifact_root: str | None
    runs_root: Path
    optuna_storage: str = ""
    dotenv: dict[str, str] = field(default_factory=dict)


def load_environment(cwd: Path) -> Environment:
    """Return what the environment says to a command that works in ``cwd``.

    Raises:
        ConfigError: A variable, or the file ``.env``, is wrong.
    """
    folder = Path(cwd).absolute()
    dotenv = _read_dotenv(folder / ".env")
    variables = dotenv | dict(os.environ)

    def get(name: str) -> str | None:
        # A variable that is set to nothing is how many people unset it.
        return variables.get(name, "").strip() or None

    home = get("ML_EXPERIMENT_HOME")
    return Environment(
        tracking_uri=_tracking_uri(get("MLFLOW_TRACKING_URI"), folder),
        artifact_root=get("ML_EXPERIMENT_ARTIFACT_ROOT"),
        runs_root=folder / (_expanded(home) if home else ".ml_experiment"),
        optuna_storage=get("OPTUNA_STORAGE_URI") or str(folder / "optuna.journal"),
        dotenv=dotenv,
    )


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"got {path}, but the home folder is not known",
            source="environment",
            field="ML_EXPERIMENT_HOME",
        ) from None


def _tracking_uri(uri: str | None, folder: Path) -> str:
    if uri is None:
        return f"sqlite:///{folder / 'mlflow.db'}"
    if _IN_MEMORY.fullmatch(uri):
        raise ConfigError(
            f"got {uri}, a database in memory, which would be lost; a file is needed",
            source="environment",
            field="MLFLOW_TRACKING_URI",
            hint="sqlite:///mlflow.db",
        )
    relative = _SQLITE.fullmatch(uri)
    if relative is None:
        return uri
    scheme, path, query = relative.groups(default="")
    return f"{scheme}{folder / path}{query}"


def _read_dotenv(path: Path) -> dict[str, str]:
    """Return what ``.env`` sets and the environment does not."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        values = dotenv_values(path, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not in UTF-8"
        raise ConfigError(f"cannot be read: {reason}", source=path) from None
    return {
        name: value
        for name, value in values.items()
        if value is not None and name not in os.environ
    }
