"""This very package as a wheel, made from the files that are installed.

A run is repeated with the release that repeats it, which may be on no index: a checkout, a
commit. What is installed is all that a wheel needs.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import EnvironmentBuildError


if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "ml_experiment"
_WHEEL = """\
Wheel-Version: 1.0
Generator: ml-experiment
Root-Is-Purelib: true
Tag: py3-none-any
"""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # so that the same files make the same wheel
_METADATA = ("METADATA", "PKG-INFO")


def own_wheel() -> tuple[str, dict[str, bytes]]:
    """Return the wheel's file name, and its members.

    Raises:
        EnvironmentBuildError: The package has no metadata here.
    """
    try:
        distribution = importlib.metadata.distribution("ml-experiment")
    except importlib.metadata.PackageNotFoundError as error:
        raise EnvironmentBuildError(
            "ml-experiment runs without being installed, so it cannot be installed "
            "elsewhere\n  pip install it, or use --env here"
        ) from error
    version = distribution.version
    members = dict(_package_files())
    info = f"{_NAME}-{version}.dist-info"
    texts = (distribution.read_text(name) for name in _METADATA)
    members[f"{info}/METADATA"] = next(filter(None, texts), "").encode()
    members[f"{info}/WHEEL"] = _WHEEL.encode()
    points = distribution.read_text("entry_points.txt")
    if points:
        members[f"{info}/entry_points.txt"] = points.encode()
    members[f"{info}/RECORD"] = _record(members, f"{info}/RECORD")
    return f"{_NAME}-{version}-py3-none-any.whl", members


def _package_files() -> Iterator[tuple[str, bytes]]:
    package = Path(__file__).parents[2]
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{_NAME}/{path.relative_to(package).as_posix()}", path.read_bytes()


def _record(members: dict[str, bytes], own: str) -> bytes:
    lines = []
    for name, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
        lines.append(f"{name},sha256={digest.rstrip(b'=').decode()},{len(content)}")
    return ("\n".join([*lines, f"{own},,"]) + "\n").encode()


def digest_of(members: dict[str, bytes]) -> str:
    """Return a digest of the members of a wheel."""
    record = next(name for name in members if name.endswith("/RECORD"))
    return hashlib.sha256(members[record]).hexdigest()


def write_wheel(folder: Path) -> Path:
    """Write the wheel into a folder and return its path."""
    name, members = own_wheel()
    target = folder / name
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            header = zipfile.ZipInfo(member, _EPOCH)
            header.external_attr = 0o644 << 16
            header.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(header, content)
    return target
