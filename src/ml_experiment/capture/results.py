"""What ``main`` returned: metrics and artifacts, checked, copied and journaled."""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import ResultError
from ml_experiment.record.journal import encode_number


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.record.journal import Journal

_FORMS = (
    "allowed: nothing, a dict of metrics, (metrics, artifacts), or a generator of these"
)
_ELSE = "paths of files go into the second dict of (metrics, artifacts)"
_SAFE_NAME = re.compile(r"[^\w .()+@=,-]")


def split_result(result: object) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the metrics and the artifacts in what ``main`` returned or yielded.

    Raises:
        ResultError: It is of another form.
    """
    if result is None:
        return {}, {}
    if isinstance(result, Mapping):
        return result, {}
    if isinstance(result, tuple) and len(result) == 2:  # noqa: PLR2004 - a pair
        metrics, artifacts = result
        pair = (
            {} if metrics is None else metrics,
            {} if artifacts is None else artifacts,
        )
        if isinstance(pair[0], Mapping) and isinstance(pair[1], Mapping):
            return pair
    got = type(result).__name__
    if isinstance(result, tuple):
        got = f"a tuple of {', '.join(type(item).__name__ for item in result) or 'nothing'}"
    raise ResultError(f"the job's function returned {got}; {_FORMS}")


def to_number(name: object, value: object) -> float:
    """Return a metric's value as a float: numbers, booleans and one-element arrays.

    Raises:
        ResultError: The name is not a string, or the value is not a number.
    """
    if not isinstance(name, str) or not name:
        raise ResultError(f"metric name {name!r}: expected a non-empty string")
    item = getattr(value, "item", None)
    if callable(item) and not isinstance(value, (int, float)):
        # NumPy scalars, and one-element arrays and tensors of any library.
        try:
            value = item()
        except (TypeError, ValueError, RuntimeError) as error:
            shape = tuple(getattr(value, "shape", ()))
            raise ResultError(
                f"metric '{name}': got an array of shape {shape}, expected one number"
            ) from error
    if isinstance(value, (str, bytes)) or value is None:
        got = f"{type(value).__name__} {value!r}"
        raise ResultError(f"metric '{name}': got {got}, expected a number; {_ELSE}")
    try:
        return float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError) as error:
        got = type(value).__name__
        raise ResultError(
            f"metric '{name}': got {got}, expected a number; {_ELSE}"
        ) from error
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]  # a huge int


class Collector:
    """Writes the results of one run to its journal and its artifacts folder.

    Args:
        run: Where the artifacts go.
        journal: What is told of all.
        kept: Called with the path of each file or folder that has been copied.
    """

    def __init__(
        self,
        run: RunDirectory,
        journal: Journal,
        kept: Callable[[Path], None] | None = None,
    ) -> None:
        self._run = run
        self._journal = journal
        self._kept = kept

    def collect(
        self,
        metrics: Mapping[str, Any],
        artifacts: Mapping[str, Any],
        step: int | None,
    ) -> None:
        """Check and record one result, all of it or nothing.

        Args:
            metrics: Name to number.
            artifacts: Name to the path of a file or folder, which is copied now.
            step: Number of the step, from 0; ``None`` for a plain return.

        Raises:
            ResultError: A metric is not a number, or an artifact is not there.
        """
        numbers = {name: to_number(name, value) for name, value in metrics.items()}
        paths = {name: _existing(name, value) for name, value in artifacts.items()}
        if numbers:
            encoded = {name: encode_number(value) for name, value in numbers.items()}
            self._journal.write("metrics", step=step, metrics=encoded)
        for name, path in paths.items():
            self._keep(name, path, step)

    def _keep(self, name: str, path: Path, step: int | None) -> None:
        folder = self._run.artifacts / _safe(name)
        if step is not None and folder.exists():
            # A generator gives the same artifact again: the newest one counts.
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / path.name
        if path.is_dir():
            shutil.copytree(path, target, symlinks=False, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target)
        if self._kept is not None:
            self._kept(path)
        files, size, digest = _digest(target)
        self._journal.write(
            "artifact",
            name=name,
            path=target.relative_to(self._run.path).as_posix(),
            files=files,
            bytes=size,
            sha256=digest,
            step=step,
        )


def _safe(name: str) -> str:
    """Return the artifact's name as a relative path that stays where it is put."""
    parts = [_SAFE_NAME.sub("_", part) for part in name.split("/")]
    kept = [part for part in parts if part.strip(". ")]
    return "/".join(kept) or "artifact"


def _existing(name: object, value: object) -> Path:
    if not isinstance(name, str) or not name:
        raise ResultError(f"artifact name {name!r}: expected a non-empty string")
    if not isinstance(value, (str, os.PathLike)):
        got = type(value).__name__
        raise ResultError(
            f"artifact '{name}': got {got}, expected the path of a file or folder; "
            "save it to a file first"
        )
    path = Path(os.fspath(value)).absolute()
    if not path.exists():
        raise ResultError(
            f"artifact '{name}': no file or folder at '{path}' (in {Path.cwd()})",
            filename=str(path),
        )
    return path if path.name else path.resolve()


def _digest(path: Path) -> tuple[int, int, str]:
    """Return number of files, bytes, and a digest over names and contents."""
    if path.is_file():
        with path.open("rb") as file:
            return (
                1,
                path.stat().st_size,
                hashlib.file_digest(file, "sha256").hexdigest(),
            )
    whole = hashlib.sha256()
    files = sorted(item for item in path.rglob("*") if item.is_file())
    size = 0
    for item in files:
        with item.open("rb") as file:
            one = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{item.relative_to(path).as_posix()}\0{one}\n".encode())
        size += item.stat().st_size
    return len(files), size, whole.hexdigest()
