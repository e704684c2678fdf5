"""The recorded packages in a virtual environment, built once and kept.

An environment is called after what is in it. One that is complete says so in a file that is
written last; whatever else lies there was left by somebody who was interrupted, and is built
anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from ml_experiment.errors import EnvironmentBuildError
from ml_experiment.record.directory import write_atomically
from ml_experiment.verify.reproduce.installer import (
    Installation,
    install,
    make_environment,
    python_in,
    site_packages,
)
from ml_experiment.verify.reproduce.interpreters import find_python
from ml_experiment.verify.reproduce.own_wheel import digest_of, own_wheel, write_wheel
from ml_experiment.verify.reproduce.packages import python_of, recorded_packages


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ml_experiment.verify.reproduce.facts import Facts
    from ml_experiment.verify.reproduce.packages import Recorded

_COMPLETE = "complete.json"
_LOCAL_LABEL = re.compile(r"(==[^+\s;]+)\+[^\s;]+")


@dataclass(frozen=True)
class Environment:
    """An interpreter with the packages that a run had.

    Attributes:
        python: The interpreter.
        packages: Folders of its packages.
        notes: What is not as it was, a sentence each.
    """

    python: Path
    packages: tuple[Path, ...] = ()
    notes: list[str] = field(default_factory=list)


def environments_folder() -> Path:
    """Return the folder that holds the environments."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "ml-experiment" / "environments"


def built_environment(facts: Facts, say: Callable[[str], None]) -> Environment:
    """Return a virtual environment with the packages of a run, built if need be.

    Args:
        facts: Of the run.
        say: Told what takes long.

    Raises:
        EnvironmentBuildError: It cannot be built.
    """
    if not facts.software:
        raise EnvironmentBuildError(
            f"the packages of {facts.run.run_id} were not recorded\n  use --env here"
        )
    python = find_python(python_of(facts))
    packages = recorded_packages(facts)
    notes = _what_cannot_be_had(packages)
    wanted = [
        item.requirement for item in packages if item.imported and item.requirement
    ]
    pinned = [
        item.requirement
        for item in packages
        if item.requirement and "==" in item.requirement
    ]
    plan = {
        "python": str(python),
        "machine": f"{sys.platform} {platform.machine()}",
        "requirements": wanted,
        "constraints": pinned,
        "own": digest_of(own_wheel()[1]),
    }
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:24]
    folder = environments_folder() / digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / _COMPLETE).is_file():
            say(f"building an environment of {len(wanted)} packages in {folder}")
            built = _build(folder, python, wanted, pinned)
            document = json.dumps(plan | {"notes": built}, indent=2)
            write_atomically(folder / _COMPLETE, document)
        complete = json.loads((folder / _COMPLETE).read_text(encoding="utf-8"))
    return Environment(
        python=python_in(folder),
        packages=tuple(site_packages(folder)),
        notes=[*notes, *complete["notes"]],
    )


def _build(
    folder: Path, python: Path, wanted: Sequence[str], pinned: Sequence[str]
) -> list[str]:
    """Build an environment; return what is not exactly as it was."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        wheel = write_wheel(work)
        attempts = _attempts(wanted, pinned, wheel)
        failures: list[EnvironmentBuildError] = []
        for note, steps in attempts:
            try:
                make_environment(folder, python)
                for step in steps:
                    install(folder, step, work)
            except EnvironmentBuildError as error:
                failures.append(error)
                shutil.rmtree(folder, ignore_errors=True)
                continue
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            return [] if note is None else [note]
    raise EnvironmentBuildError(
        f"the recorded packages cannot be installed: {failures[0]}\n"
        "  `--env here` runs with the packages of this environment"
    )


def _attempts(
    wanted: Sequence[str], pinned: Sequence[str], wheel: Path
) -> list[tuple[str | None, list[Installation]]]:
    """Return the ways to install, the most faithful first, each with what to say of it."""
    plain_wanted = [_LOCAL_LABEL.sub(r"\1", line) for line in wanted]
    plain_pinned = [_LOCAL_LABEL.sub(r"\1", line) for line in pinned]
    attempts: list[tuple[str | None, list[Installation]]] = [
        (None, [Installation(wanted, pinned, [wheel])])
    ]
    if (plain_wanted, plain_pinned) != (list(wanted), list(pinned)):
        labels = sorted(set(wanted) - set(plain_wanted))
        note = "installed without the label of their build: " + ", ".join(labels)
        attempts.append((note, [Installation(plain_wanted, plain_pinned, [wheel])]))
    # Recorded versions that contradict each other were installed by force once; and this
    # release may need newer ones than the run had.
    together = dict.fromkeys([*plain_wanted, *plain_pinned])
    note = (
        "the recorded versions contradict each other, or this release: they are "
        "installed as they are"
    )
    attempts.append((note, [Installation(list(together), [], [wheel], exact=True)]))
    return attempts


def _what_cannot_be_had(packages: Sequence[Recorded]) -> list[str]:
    return [
        f"{item.name} {item.version} was installed from {item.url or item.origin}, and "
        "cannot be installed elsewhere"
        + ("; modules of it that were imported are in the source" if local else "")
        for item in packages
        if item.imported and item.requirement is None
        for local in [item.origin == "editable"]
    ]
