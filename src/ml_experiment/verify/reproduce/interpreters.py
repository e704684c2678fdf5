"""Find a Python of the minor version that a run had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from ml_experiment.errors import EnvironmentBuildError


_LIMIT_S = 30
OLDEST = (3, 11)
_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"


@cache
def find_uv() -> str | None:
    """Return the path of ``uv``: the command, or that of the package; ``None``: neither."""
    found = shutil.which("uv")
    if found is not None:
        return found
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        return None


def find_python(version: str | None) -> Path:
    """Return an interpreter of the same minor version.

    Args:
        version: Of the run, such as ``3.11.7``; ``None``: this one will do.

    Raises:
        EnvironmentBuildError: There is none.
    """
    if version is None:
        return Path(sys.executable)
    minor = ".".join(version.split(".")[:2])
    major, _, rest = minor.partition(".")
    if (int(major), int(rest or 0)) < OLDEST:
        raise EnvironmentBuildError(
            f"the run had Python {version}, and ml-experiment needs 3.11 or newer"
        )
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(getattr(sys, "_base_executable", sys.executable))
    for candidate in _candidates(minor):
        found = _answer(candidate)
        if found is not None and found[0] == minor:
            return Path(found[1])
    raise EnvironmentBuildError(
        f"the run had Python {version}, and no python{minor} is on the PATH\n"
        f"  install it (`uv python install {minor}`), or use --env here"
    )


def _candidates(minor: str) -> list[list[str]]:
    found = []
    for name in (f"python{minor}", "python3", "python"):
        path = shutil.which(name)
        if path is not None:
            found.append([path])
    # pyenv's command refuses a version that is installed, but not chosen for the folder.
    versions = (
        Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    )
    found += [[str(path)] for path in sorted(versions.glob(f"{minor}.*/bin/python"))]
    uv = find_uv()
    if uv is not None:
        path = _output([uv, "python", "find", "--no-python-downloads", minor])
        if path:
            found.append([path.strip()])
    return found


def _answer(command: list[str]) -> tuple[str, str] | None:
    text = _output([*command, "-c", _ASK])
    if text is None:
        return None
    version, _, path = text.strip().partition(" ")
    return (version, path) if path else None


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
