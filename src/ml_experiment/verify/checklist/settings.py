"""What a config, and the environment, say against a repeatable run."""

from __future__ import annotations

import glob
import os
import stat
from typing import TYPE_CHECKING

from ml_experiment.config.determinism import HASH_SEED
from ml_experiment.config.models import GroupConfig
from ml_experiment.verify.checklist.paths import path_problem
from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.rules import finding
from ml_experiment.verify.checklist.values import constant, words


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding
    from ml_experiment.verify.checklist.targets import Target

_MOST_MATCHES = 100_000


def fields(project: Project) -> Iterator[Finding]:
    """Find fields that make a run, or a search, depend on time."""
    for target in project.targets:
        config = target.loaded.config
        if config.deterministic is False:
            yield _field(
                target,
                "deterministic",
                "determinism-off",
                "deterministic: false lets frameworks use what is fastest at the moment",
                "deterministic: true, or warn",
            )
        if not isinstance(config, GroupConfig):
            continue
        if config.lookahead == "none":
            yield _field(
                target,
                "lookahead",
                "lookahead-none",
                "lookahead: none makes the search depend on which trial ends first",
                "lookahead: 8",
            )
        if config.timeout_per_trial is not None:
            yield _field(
                target,
                "timeout_per_trial",
                "time-limit",
                "timeout_per_trial ends trials by the clock: a slower machine finds others",
                "bound the work instead: epochs, rounds, rows",
            )


def _field(target: Target, name: str, code: str, message: str, fix: str) -> Finding:
    place = target.loaded.find_place((name,))
    return finding(code, message, fix, file=target.config_file, line=place.line)


def hash_seed(project: Project) -> Iterator[Finding]:
    """Find an environment that asks for random hashing, which is then kept."""
    if os.environ.get(HASH_SEED) == "random":
        yield finding(
            "hash-seed",
            f"{HASH_SEED}=random is set: the order of sets is another one each time",
            f"unset {HASH_SEED}",
        )
    for module in project.modules:
        yield from _hash_seed_in(module)


def _hash_seed_in(module: Module) -> Iterator[Finding]:
    import ast

    for node in module.nodes:
        match node:
            case ast.Assign(targets=[ast.Subscript(slice=key)], value=value):
                if HASH_SEED in words(key) and constant(module, value) == "random":
                    yield at(
                        module,
                        node,
                        "hash-seed",
                        f"{HASH_SEED}=random: in processes that are started from here the "
                        "order of sets is another one each time",
                        "leave it out: `ml-experiment` fixes it",
                    )
            case _:
                pass


def declared_data(project: Project) -> Iterator[Finding]:
    """Find data globs that match nothing, or what cannot be digested."""
    for target in project.targets:
        for number, pattern in enumerate(target.loaded.config.data):
            place = target.loaded.find_place(("data", number))
            full = os.path.join(target.cwd, os.path.expanduser(pattern))  # noqa: PTH111, PTH118
            found = sorted(glob.iglob(full, recursive=True))[:_MOST_MATCHES]  # noqa: PTH207
            if not found:
                yield finding(
                    "data-glob-empty",
                    f"{pattern} matches nothing in {target.cwd}",
                    "correct the pattern, or put the data there",
                    file=target.config_file,
                    line=place.line,
                )
            yield from _outside(project, target.config_file, place.line, pattern, full)
            problem = next(filter(None, map(_why_unhashable, found)), None)
            if problem is not None:
                yield finding(
                    "data-unhashable",
                    f"{pattern} matches what cannot be digested: {problem}",
                    "let the pattern match readable files only",
                    file=target.config_file,
                    line=place.line,
                )


def _outside(
    project: Project, file: Path | None, line: int | None, pattern: str, full: str
) -> Iterator[Finding]:
    literal = full.partition("*")[0].partition("?")[0].partition("[")[0]
    if not project.inside(literal):
        yield finding(
            "data-outside-project",
            f"{pattern} is outside of the project: a copy of it will not have it",
            "keep data below the project, and write their paths from there",
            file=file,
            line=line,
        )


def _why_unhashable(path: str) -> str | None:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a path as text
    except OSError as error:
        return f"{path} ({error.strerror})"
    if stat.S_ISDIR(mode):
        return None if os.access(path, os.R_OK | os.X_OK) else f"{path} (no permission)"
    if not stat.S_ISREG(mode):
        return f"{path} (no regular file)"
    return None if os.access(path, os.R_OK) else f"{path} (no permission)"


def parameters(project: Project) -> Iterator[Finding]:
    """Find parameters that are paths which only this machine has."""
    for target in project.targets:
        for name, value in target.loaded.config.params.items():
            if isinstance(value, str) and (
                problem := path_problem(value, project, is_read=True)
            ):
                place = target.loaded.find_place(("params", name))
                yield finding(*problem, file=target.config_file, line=place.line)


CHECKS = (fields, hash_seed, declared_data, parameters)
