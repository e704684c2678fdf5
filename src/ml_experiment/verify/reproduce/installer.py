"""Make a virtual environment and install into it: with uv if it is there, else with pip."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import EnvironmentBuildError
from ml_experiment.verify.reproduce.interpreters import find_uv


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LAST_LINES = 15
# What uv calls otherwise than pip does.
_SAME_IN_UV = {
    "PIP_INDEX_URL": "UV_INDEX_URL",
    "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_NO_INDEX": "UV_NO_INDEX",
}
_CONFIG = {
    "index-url": "PIP_INDEX_URL",
    "extra-index-url": "PIP_EXTRA_INDEX_URL",
    "find-links": "PIP_FIND_LINKS",
    "cert": "PIP_CERT",
}
_PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")


@dataclass(frozen=True)
class Installation:
    """What to install.

    Attributes:
        requirements: Lines as in a requirements file.
        constraints: Versions that whatever else is needed must have.
        wheels: Files to install.
        exact: Install these alone, and nothing that they ask for.
    """

    requirements: Sequence[str]
    constraints: Sequence[str]
    wheels: Sequence[Path]
    exact: bool = False


def python_in(folder: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages(folder: Path) -> list[Path]:
    """Return the folders in which a virtual environment has its packages."""
    return sorted(folder.glob("lib*/python*/site-packages"))


def make_environment(folder: Path, python: Path) -> None:
    """Make an empty virtual environment.

    Args:
        folder: Where; it must not be there yet.
        python: The interpreter that it is for.

    Raises:
        EnvironmentBuildError: It cannot be made.
    """
    uv = find_uv()
    if uv is not None:
        command = [uv, "venv", "--quiet", "--no-project", "--python", str(python)]
        _run([*command, str(folder)], _uv_environment(os.environ))
    else:
        _run([str(python), "-m", "venv", str(folder)], dict(os.environ))


def install(folder: Path, what: Installation, work: Path) -> None:
    """Install into a virtual environment.

    Args:
        folder: The virtual environment.
        what: What to install.
        work: Folder for the lists that the installer is given.

    Raises:
        EnvironmentBuildError: The installer fails; its last words are in the message.
    """
    requirements, constraints = work / "requirements.txt", work / "constraints.txt"
    requirements.write_text("\n".join([*what.requirements, ""]), encoding="utf-8")
    constraints.write_text("\n".join([*what.constraints, ""]), encoding="utf-8")
    python = str(python_in(folder))
    uv = find_uv()
    if uv is not None:
        command = [uv, "pip", "install", "--quiet", "--python", python]
        # As pip does it: the version that is asked for may be on any of the indexes.
        command += ["--index-strategy", "unsafe-best-match", "--prerelease", "allow"]
        environment = _uv_environment(os.environ)
    else:
        command = [python, "-m", "pip", "install", "--quiet", "--no-input"]
        environment = dict(os.environ)
    command += ["-r", str(requirements)]
    command += ["--no-deps"] if what.exact else ["-c", str(constraints)]
    command += [str(wheel) for wheel in what.wheels]
    environment.pop("VIRTUAL_ENV", None)
    environment.pop("PYTHONPATH", None)
    _run(command, environment)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise EnvironmentBuildError(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        words = [word for word in command[:4] if not word.startswith("-")]
        said = "\n".join(_last_words(done.stdout))
        raise EnvironmentBuildError(
            f"{' '.join([Path(words[0]).name, *words[1:]])} failed:\n{said}"
        )


def _last_words(output: str) -> list[str]:
    """Return the end of what an installer said, without warnings if it named errors."""
    lines = output.strip().splitlines()
    if any(line.startswith("ERROR:") for line in lines):
        lines = [line for line in lines if not line.startswith("WARNING:")]
    return lines[-_LAST_LINES:]


def _uv_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which uv installs from where pip would."""
    environment = dict(base)
    told = _pip_configuration(base)
    for pip, uv in _SAME_IN_UV.items():
        if told.get(pip) and not environment.get(uv) and not _knows_an_index(base, pip):
            environment[uv] = " ".join(told[pip].split())
    return environment


def _knows_an_index(base: Mapping[str, str], pip: str) -> bool:
    own = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL")
    return pip == "PIP_INDEX_URL" and any(base.get(name) for name in own)


def _pip_configuration(base: Mapping[str, str]) -> dict[str, str]:
    """Return what pip is told by its files, and by its variables, which win."""
    found: dict[str, str] = {}
    chosen = base.get("PIP_CONFIG_FILE")
    files = [*_PIP_FILES, str(Path(sys.prefix) / "pip.conf")]
    for name in [*files, *([chosen] if chosen else [])]:
        parser = configparser.RawConfigParser()
        try:
            parser.read(Path(name).expanduser(), encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            for option, variable in _CONFIG.items():
                if parser.has_option(section, option):
                    found[variable] = parser.get(section, option)
    return found | {name: base[name] for name in _SAME_IN_UV if base.get(name)}
