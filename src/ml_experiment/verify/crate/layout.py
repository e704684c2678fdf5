"""Names inside of a crate, and what this release reads.

ro-crate-metadata.json   the description, in the terms of RO-Crate
ro-crate-preview.html    the same for people
README.md                what this is, and how to run it again
LICENSE                  the project's, if it has one
crate.json               where the run and its data are in here
manifest-sha256.txt      digest of every other file, as in BagIt
run/<run id>/            the run directory
code/                    the code of the run, to be read
data/<sha256>/<name>     data files, if they were asked for
"""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict


METADATA = "ro-crate-metadata.json"
PREVIEW = "ro-crate-preview.html"
README = "README.md"
INDEX = "crate.json"
DIGESTS = "manifest-sha256.txt"
LICENCE = "LICENSE"
RUN_FOLDER = "run"
CODE_FOLDER = "code"
DATA_FOLDER = "data"

SCHEMA = "ml-experiment/crate/1"

RO_CRATE = "https://w3id.org/ro/crate/1.1"
PROCESS_RUN = "https://w3id.org/ro/wfrun/process/0.5"
WORKFLOW_RUN = "https://w3id.org/ro/wfrun/workflow/0.5"
WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"

SUFFIX = ".crate.zip"


class DataEntry(BaseModel):
    """A data file of the run.

    Attributes:
        path: Where it lay when the run read it.
        file: Where it is in the crate.
        sha256: Its digest.
        size: Bytes.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    file: str
    sha256: str
    size: int


class Index(BaseModel):
    """Content of ``crate.json``."""

    model_config = ConfigDict(frozen=True)

    schema_version: str = SCHEMA
    run: str
    data: list[DataEntry] = []


def digest_line(name: str, sha256: str) -> str:
    """Return a line of the list of digests, as BagIt spells it."""
    spelled = name.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")
    return f"{sha256}  {spelled}\n"


def read_digest_line(line: str) -> tuple[str, str]:
    """Return name and digest of a line of the list of digests.

    Raises:
        ValueError: The line is not one.
    """
    sha256, gap, spelled = line.partition("  ")
    if not gap or not spelled or len(sha256) != 64:  # noqa: PLR2004 - of SHA-256
        raise ValueError(line)
    name = spelled.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    return name, sha256


def as_identifier(name: str) -> str:
    """Return the identifier of a file of the crate, a relative URI."""
    return quote(name)


def from_identifier(identifier: str) -> str:
    """Return the name of the file that an identifier stands for."""
    return unquote(identifier).removeprefix("./")


def joined(*parts: str) -> str:
    """Return a name in the crate from its parts."""
    return str(PurePosixPath(*parts))
