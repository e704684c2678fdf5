"""The small files of a run in one archive: what MLflow shows nowhere, and a repetition needs.

Of a group the trials are in it, but for their artifacts: one upload for all of them.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ml_experiment.errors import RecordError
from ml_experiment.record.masking import mask_text


if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from ml_experiment.record.directory import RunDirectory

ARCHIVE = "run.tar.gz"

_OF_A_RUN = (
    "manifest.json",
    "config.json",
    "journal.jsonl",
    "outcome.json",
    "stdout.log",
    "stderr.log",
)
_OF_A_TRIAL = (*_OF_A_RUN, "drawn.json", "result.json")
_LARGEST_STREAM = 10_000_000
_LARGEST = 2_000_000_000
_MOST_MEMBERS = 1_000_000


def pack(run: RunDirectory, target: Path, secrets: AbstractSet[str]) -> None:
    """Write the archive of a closed run.

    Args:
        run: The run directory.
        target: The file to write.
        secrets: Texts that are masked in what is packed.
    """
    with tarfile.open(target, "w:gz", compresslevel=6) as archive:
        for path in _members(run):
            try:
                content = path.read_bytes()
            except OSError:
                continue
            if secrets:
                text = content.decode("utf-8", "surrogateescape")
                content = mask_text(text, secrets).encode("utf-8", "surrogateescape")
            header = tarfile.TarInfo(path.relative_to(run.path).as_posix())
            header.size = len(content)
            header.mtime = int(path.stat().st_mtime)  # a fraction takes a header more
            archive.addfile(header, io.BytesIO(content))


def _members(run: RunDirectory) -> Iterator[Path]:
    for name in _OF_A_RUN:
        yield from _small(run.path / name)
    for trial in run.trials():
        for name in _OF_A_TRIAL:
            yield from _small(trial.path / name)
        yield from sorted(trial.parts.glob("*.json*"))


def _small(path: Path) -> Iterator[Path]:
    """Yield a file if it is there, and no stream of many megabytes."""
    if not path.is_file():
        return
    if path.suffix == ".log" and path.stat().st_size > _LARGEST_STREAM:
        return
    yield path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack what ``pack`` has written, if it is harmless.

    Args:
        archive: The file.
        folder: Where to; nothing is written outside of it.

    Raises:
        RecordError: It is broken, or would write elsewhere, or is far too large.
    """
    total = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for count, header in enumerate(tar):
                total += header.size
                if total > _LARGEST or count > _MOST_MEMBERS:
                    raise RecordError(
                        f"{archive.name} is too large to be a run's record"
                    )
                name = PurePosixPath(header.name)
                if name.is_absolute() or ".." in name.parts or not header.isreg():
                    raise RecordError(f"{archive.name}: {header.name!r} is unsafe")
                content = tar.extractfile(header)
                if content is None:
                    continue
                path = folder.joinpath(*name.parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise RecordError(f"{archive.name} cannot be unpacked: {error}") from error
