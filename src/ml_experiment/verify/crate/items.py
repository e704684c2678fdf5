"""The files that go into a crate, each with its digest."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from ml_experiment.errors import CrateError


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Item:
    """A file of a crate.

    Attributes:
        name: Where it is in the crate, with forward slashes.
        content: What is in it, or the file that it is copied from.
        sha256: Digest of the content.
        size: Bytes.
    """

    name: str
    content: bytes | Path
    sha256: str
    size: int

    @classmethod
    def of_text(cls, name: str, text: str) -> Item:
        """Return a file with this text."""
        content = text.encode("utf-8", errors="backslashreplace")
        digest = hashlib.sha256(content).hexdigest()
        return cls(name, content, digest, len(content))

    @classmethod
    def of_file(cls, name: str, path: Path) -> Item:
        """Return a copy of a file, of which the digest is taken now."""
        with path.open("rb") as file:
            sha256, size = digest_of(chunks(file))
        return cls(name, path, sha256, size)

    def read(self) -> Iterator[bytes]:
        """Yield the content.

        Raises:
            CrateError: The file has changed since its digest was taken.
        """
        if isinstance(self.content, bytes):
            yield self.content
            return
        digest, size = hashlib.sha256(), 0
        with self.content.open("rb") as file:
            for chunk in chunks(file):
                digest.update(chunk)
                size += len(chunk)
                yield chunk
        if (digest.hexdigest(), size) != (self.sha256, self.size):
            raise CrateError(
                f"{self.content} changed while it was exported; export again"
            )


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of a file, in pieces."""
    while chunk := file.read(_CHUNK):
        yield chunk


def digest_of(pieces: Iterable[bytes]) -> tuple[str, int]:
    """Return SHA-256 and number of the bytes."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of each file below a folder, sorted; links are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path


def folded(name: str) -> str:
    """Return the name as a file system sees it that knows no upper case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def refuse_awkward(items: Iterable[Item]) -> None:
    """Refuse names that another system could not unpack.

    Raises:
        CrateError: There is one.
    """
    seen: dict[str, str] = {}
    for item in items:
        name = item.name
        if not _is_carried(name):
            raise CrateError(
                f"a file called {name!r} cannot be carried to every system\n"
                "  give the artifact a name without backslashes and control characters"
            )
        other = seen.setdefault(folded(name), name)
        if other != name:
            raise CrateError(
                f"'{other}' and '{name}' are one file on systems that ignore case\n"
                "  give one of the artifacts another name"
            )


def _is_carried(name: str) -> bool:
    """Return whether a zip file brings this name to every system."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\\" not in name and not any(
        unicodedata.category(letter) == "Cc" for letter in name
    )
