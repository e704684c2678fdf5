"""Runs to be exported, written by hand, and crates that were tampered with."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.group_directories import BEGAN, GroupWriter

from ml_experiment.record.directory import RunDirectory, write_json
from ml_experiment.record.manifest import Manifest, write_manifest
from ml_experiment.record.model import build_record, write_record
from ml_experiment.record.outcome import Outcome, write_outcome
from ml_experiment.verify.crate.layout import (
    DIGESTS,
    METADATA,
    as_identifier,
    digest_line,
    read_digest_line,
)


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCRIPT = "print('hello')\n"
RUN_ID = "20260131-235959-41a2b3c"


def sha256(content: bytes) -> str:
    """Return the digest of these bytes."""
    return hashlib.sha256(content).hexdigest()


def source_archive(files: Mapping[str, str]) -> bytes:
    """Return a source archive with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(text.encode())
            tar.addfile(header, io.BytesIO(text.encode()))
    return buffer.getvalue()


def write_source(run: RunDirectory, files: Mapping[str, str]) -> None:
    """Write the source of a run; the first file is its script."""
    run.source.mkdir(exist_ok=True)
    run.parts.mkdir(exist_ok=True)
    content = source_archive(files)
    run.source_archive.write_bytes(content)
    write_json(
        run.part("source"),
        {
            "root": "/home/me/project",
            "script": next(iter(files)),
            "cwd": ".",
            "git": None,
            "archive_sha256": sha256(content),
            "file_count": len(files),
        },
    )


def write_data(run: RunDirectory, paths: list[Path]) -> None:
    """Write that these files were read as data."""
    files = [
        {
            "path": str(path),
            "relative": path.name,
            "size": path.stat().st_size,
            "sha256": sha256(path.read_bytes()),
            "package": None,
        }
        for path in paths
    ]
    run.parts.mkdir(exist_ok=True)
    write_json(run.part("data"), {"files": files, "count": len(files), "bytes": 1})


def close(run: RunDirectory, outcome: Outcome | None = None) -> RunDirectory:
    """Close a run."""
    end = outcome or Outcome(status="FINISHED", reason="", ended=BEGAN + 60)
    write_outcome(run, end)
    write_record(run, build_record(run, end))
    return run


def experiment(
    home: Path,
    *,
    artifacts: Mapping[str, bytes] | None = None,
    outcome: Outcome | None = None,
    data: list[Path] | None = None,
    **changes: Any,
) -> RunDirectory:
    """Write the run directory of an experiment that has ended.

    Args:
        home: Where the runs are.
        artifacts: Content by name below ``artifacts/``.
        outcome: How it ended; successfully if ``None``.
        data: Files that it read.
        changes: Fields of the manifest.
    """
    run = RunDirectory.create(home, RUN_ID)
    manifest: dict[str, Any] = {
        "run_id": run.run_id,
        "kind": "experiment",
        "name": "iris",
        "script": "/home/me/project/train.py",
        "cwd": "/home/me/project",
        "command": ["ml-experiment", "train.py"],
        "started_by": "cli",
        "created": BEGAN,
        "seed": 7,
        "seed_drawn": False,
        "user": "me",
    }
    write_manifest(run, Manifest(**(manifest | changes)))
    write_json(run.config, {"name": "iris", "kind": "experiment"})
    events: list[dict[str, Any]] = [
        {"event": "started", "params": {"C": 0.1, "kernel": "rbf", "sizes": [1, 2]}},
        {"event": "metrics", "step": None, "metrics": {"acc": 0.1 + 0.2}},
    ]
    for name, content in (artifacts or {"model/model.txt": b"weights"}).items():
        path = run.artifacts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        events.append(
            {
                "event": "artifact",
                "name": name.partition("/")[0],
                "path": f"artifacts/{name}",
                "files": 1,
                "bytes": len(content),
                "sha256": sha256(content),
            }
        )
    with run.journal.open("w") as file:
        for event in events:
            file.write(json.dumps({"time": BEGAN} | event) + "\n")
    run.stdout.write_text("hello\n")
    (run.submitted / "train.py").write_text(SCRIPT)
    write_source(run, {"train.py": SCRIPT, "local/tool.py": "x = 1\n"})
    write_data(run, data or [])
    write_json(
        run.part("software"),
        {
            "python": {"version": "3.11.7"},
            "packages": [
                {"name": "numpy", "version": "2.0.1", "origin": "index"},
                {"name": "mine", "version": "0.1+local", "origin": "local"},
            ],
        },
    )
    return close(run, outcome)


def group(home: Path, count: int = 6) -> RunDirectory:
    """Write the run directory of a group that has ended, with mixed trials."""
    writer = GroupWriter(home / "runs" / RUN_ID)
    writer.begin()
    states = ["complete", "complete", "pruned", "failed"]
    for number in range(count):
        writer.drawn_trial(number, state=states[number % len(states)])
    writer.trial(count, None)
    run = writer.run
    write_source(run, {"train.py": SCRIPT})
    write_data(run, [])
    return close(run)


@dataclass
class Forged:
    """The members of a crate, to be changed; written as a new zip file.

    Attributes:
        members: Content by name.
        order: Further members, written last as they are.
    """

    members: dict[str, bytes]
    extra: list[tuple[zipfile.ZipInfo, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, crate: Path) -> Forged:
        """Read a crate."""
        with zipfile.ZipFile(crate) as archive:
            return cls({name: archive.read(name) for name in archive.namelist()})

    def find(self, end: str) -> str:
        """Return the name of the member that ends so."""
        return next(name for name in self.members if name.endswith(end))

    def add(self, name: str, content: bytes = b"evil", **attributes: int) -> None:
        """Add a member that stands in the zip file as it is given here."""
        header = zipfile.ZipInfo("placeholder")
        header.filename = name
        header.orig_filename = name
        for attribute, value in attributes.items():
            setattr(header, attribute, value)
        self.extra.append((header, content))

    def fix_digests(self) -> None:
        """Make every digest right again, as somebody who means harm would."""
        document = json.loads(self.members[METADATA])
        entities = {entity["@id"]: entity for entity in document["@graph"]}
        for name, content in self.members.items():
            if name in {METADATA, DIGESTS}:
                continue
            entity = entities.setdefault(
                as_identifier(name), {"@id": as_identifier(name), "@type": "File"}
            )
            entity["sha256"] = sha256(content)
            entity["contentSize"] = str(len(content))
        present = {as_identifier(name) for name in self.members}
        document["@graph"] = [
            entity
            for entity in entities.values()
            if "sha256" not in entity
            or entity["@id"] in present
            or "#" in entity["@id"]
        ]
        self.members[METADATA] = json.dumps(document).encode()
        self.members[DIGESTS] = "".join(
            digest_line(name, sha256(content))
            for name, content in self.members.items()
            if name != DIGESTS
        ).encode()

    def write(self, path: Path) -> Path:
        """Write the zip file."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.members.items():
                archive.writestr(name, content)
            for header, content in self.extra:
                header.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(header, content)
        return path


def listed_digests(crate: Path) -> dict[str, str]:
    """Return the digests that a crate lists."""
    with zipfile.ZipFile(crate) as archive:
        text = archive.read(DIGESTS).decode()
    return dict(read_digest_line(line) for line in text.splitlines())


def everything_below(folder: Path) -> dict[str, bytes]:
    """Return name and content of each file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
