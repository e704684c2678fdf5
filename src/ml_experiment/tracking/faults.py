"""What went wrong with MLflow, in plain words and without credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ml_experiment.errors import MlExperimentError


if TYPE_CHECKING:
    from ml_experiment.tracking.settings import Settings

_LONGEST = 300

_TIMED_OUT = re.compile(r"timed? ?out|timeout", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"connection refused|name or service not known|nodename nor servname|no route to host"
    r"|network is unreachable|failed to resolve|temporary failure in name resolution"
    r"|max retries exceeded|connection aborted|connection reset|remote end closed"
    r"|could not connect|could not translate|could not connect to the endpoint",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"error code 40[13]\b|\b40[13] (client error|unauthorized|forbidden)"
    r"|permission_denied|unauthenticated|not authenticated"
    r"|password authentication failed",
    re.IGNORECASE,
)
_BUSY = re.compile(r"database (table )?is locked", re.IGNORECASE)
_SCHEMA = re.compile(
    r"out-of-date database schema|can't locate revision", re.IGNORECASE
)
_FULL = re.compile(r"no space left|disk is full|database or disk", re.IGNORECASE)
_UNWRITABLE = re.compile(
    r"readonly database|permission denied|unable to open database", re.IGNORECASE
)
_NO_DATABASE = re.compile(r"file is not a database|malformed", re.IGNORECASE)

_NO_DRIVER = re.compile(r"No module named '(\w+)'")
_PACKAGES = {"boto3": "'ml-experiment[s3]'", "psycopg": "'psycopg[binary]'"}

# Codes by which MLflow says that the request itself is wrong: sending it again is no use.
_REFUSALS = frozenset({"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE"})


def is_refusal(error: Exception) -> bool:
    """Return whether MLflow was reached, and refused what was sent."""
    return error_code(error) in _REFUSALS and not _BUSY.search(str(error))


def error_code(error: Exception) -> str:
    """Return MLflow's name for the error; empty where it is not MLflow's."""
    return str(getattr(error, "error_code", ""))


def explain(error: Exception, settings: Settings, artifacts: str | None = None) -> str:
    """Return one or two lines that say what is wrong and what to do.

    Args:
        error: What MLflow, or a library below it, raised.
        settings: Where runs are published; its credentials are masked.
        artifacts: Where artifacts were being stored when it happened; ``None`` if the
            trouble is with the tracking server or database itself.
    """
    if isinstance(error, MlExperimentError):
        return settings.mask(str(error))
    text = f"{type(error).__name__}: {error}"
    if artifacts is not None:
        uri, what = settings.mask(artifacts), "artifact store"
    else:
        uri = settings.masked_uri
        what = "tracking server" if settings.is_server else "tracking database"
    return _known(text, uri, what) or _unknown(text, uri, settings)


def _known(text: str, uri: str, what: str) -> str | None:
    schema = (
        f"the {what} {uri} is of another release of MLflow than the one installed here\n"
        f"  make a copy of it, then: mlflow db upgrade '{uri}'  "
        "(or install the newer MLflow)"
    )
    credentials = (
        f"the {what} {uri} does not let this user in\n  set MLFLOW_TRACKING_USERNAME "
        "and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    )
    answers = (
        (_SCHEMA, schema),
        (_BUSY, f"the {what} {uri} is locked by another program"),
        (_CREDENTIALS, credentials),
        (_FULL, f"no space is left for {uri} or its artifacts"),
        (_NO_DATABASE, f"{uri} is not a database, or it is damaged"),
        (_TIMED_OUT, f"the {what} {uri} does not answer"),
        (_UNREACHABLE, f"the {what} {uri} cannot be reached"),
    )
    return next((answer for known, answer in answers if known.search(text)), None)


def _unknown(text: str, uri: str, settings: Settings) -> str:
    driver = _NO_DRIVER.search(text)
    if driver:
        package = _PACKAGES.get(driver[1], driver[1])
        return f"{uri} needs the module '{driver[1]}'\n  pip install {package}"
    said = settings.mask(text).strip().splitlines()[0]
    shown = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}\u2026"
    if _UNWRITABLE.search(text):
        return f"{uri} cannot be written: {shown}"
    return f"{uri}: {shown}"
