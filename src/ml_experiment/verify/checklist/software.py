"""Code and packages: can somebody else have exactly these?"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ml_experiment.record.masking import mask_uri
from ml_experiment.verify.checklist.decorators import is_job
from ml_experiment.verify.checklist.installed import is_importable, package_of
from ml_experiment.verify.checklist.places import at
from ml_experiment.verify.checklist.rules import Severity, finding


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ml_experiment.verify.checklist.installed import Package
    from ml_experiment.verify.checklist.module import Module
    from ml_experiment.verify.checklist.pins import Pin, Requirements
    from ml_experiment.verify.checklist.project import Project
    from ml_experiment.verify.checklist.rules import Finding

_OWN = frozenset({"ml_experiment"})
_TOOLS = frozenset({"ml-experiment", "pip", "setuptools", "wheel", "python"})
_SHOWN = 3


def scripts(project: Project) -> Iterator[Finding]:
    """Find what is no Python, and scripts that define no job."""
    for path, problem in project.unreadable:
        yield finding(
            "syntax-error",
            f"this is no Python {sys.version_info.major}.{sys.version_info.minor}: "
            f"{problem.problem}",
            f"python -m py_compile {path.name}",
            file=path,
            line=problem.line,
        )
    for module in project.modules:
        if module.path in project.scripts and not _may_define_a_job(module):
            yield finding(
                "no-job",
                "the script defines no job",
                "from ml_experiment import job, and @job in front of main",
                file=module.path,
                line=1,
            )


def _may_define_a_job(module: Module) -> bool:
    if module.stars or any(is_job(name) for _, name in module.references):
        return True
    # A job may come from another module, or from a name that only running would tell.
    return any(
        isinstance(node, ast.ImportFrom)
        and any((each.asname or each.name) == "main" for each in node.names)
        for node in module.imports
    )


def version_control(project: Project) -> Iterator[Finding]:
    """Find code that no commit holds."""
    repository = project.repository
    if repository.problem is not None:
        yield finding("no-git", repository.problem, repository.remedy)
        return
    if not repository.has_commit:
        yield finding(
            "no-commit",
            "the repository has no commit yet",
            'git add . && git commit -m "Begin"',
        )
        return
    yield from _untracked(project)
    changed = list(repository.changed)
    if changed:
        used = {path.resolve() for path in project.files}
        matters = [path for path in changed if path.resolve() in used]
        first = [_shown(path, project) for path in (matters or changed)[:_SHOWN]]
        more = (
            f" and {len(changed) - len(first)} more"
            if len(changed) > len(first)
            else ""
        )
        yield finding(
            "dirty-tree",
            f"uncommitted changes: {', '.join(first)}{more}",
            "git commit -a",
            severity=Severity.WARNING if matters else Severity.NOTE,
        )


def _untracked(project: Project) -> Iterator[Finding]:
    paths = project.repository.untracked
    more = len(paths) - _SHOWN
    for path in paths[:_SHOWN]:
        yield finding(
            "untracked-code",
            "git does not track this file, which a run depends on",
            f"git add {_shown(path, project)} && git commit",
            file=path,
            line=1,
        )
    if more > 0:
        yield finding(
            "untracked-code",
            f"git does not track {more} more files, which a run depends on",
            "git add . && git commit",
        )


def _shown(path: Path, project: Project) -> str:
    if path.is_relative_to(project.root):
        return str(path.relative_to(project.root))
    return str(path)


def packages(project: Project) -> Iterator[Finding]:
    """Find packages that are imported, and not there, not declared or not pinned."""
    imported = _imported(project)
    declared = project.requirements
    yield from _unreadable(declared)
    pathless = not any(module.has_own_path for module in project.modules)
    third_party = [top for top in imported if top not in _OWN]
    if not declared.files and third_party:
        yield finding(
            "no-requirements",
            f"nothing declares the packages: {', '.join(sorted(third_party)[:_SHOWN])}, ...",
            "pip freeze > requirements.txt, or uv lock",
        )
    for top, (module, node) in imported.items():
        package = package_of(top)
        if not is_importable(top):
            if pathless:
                yield _not_installed(module, node, top, package)
            continue
        yield from _local(project, module, node, top, package)
        if declared.files and top not in _OWN:
            yield from _pins(project, module, node, package)
    yield from _other_pins(project, imported)


def _unreadable(declared: Requirements) -> Iterator[Finding]:
    for path, problem in declared.unreadable:
        yield finding(
            "unreadable-requirements",
            f"what this file declares cannot be read: {problem.problem}",
            f"correct {path.name}",
            file=path,
            line=problem.line,
        )


def _other_pins(project: Project, imported: Mapping[str, object]) -> Iterator[Finding]:
    """Find open requirements of packages that are not imported, but may be used."""
    declared = project.requirements
    looked_at = {
        name for top in imported for name in map(_plain, package_of(top).names)
    }
    for name, pins in declared.pins.items():
        listed = [pin for pin in pins if pin.is_listed]
        known = name in looked_at or name in _TOOLS or declared.is_in_text_lock(name)
        if listed and not known and not any(pin.is_exact for pin in pins):
            yield finding(
                "unpinned-package",
                f"{listed[0].text} allows several versions",
                f"{name}==VERSION",
                file=listed[0].file,
                line=listed[0].line,
                severity=Severity.NOTE,
            )


def _plain(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _imported(project: Project) -> dict[str, tuple[Module, ast.stmt]]:
    """Return the top-level modules of others, each with its first import."""
    found: dict[str, tuple[Module, ast.stmt]] = {}
    for module in project.modules:
        for node in module.imports:
            if isinstance(node, ast.ImportFrom) and node.level:
                continue
            if _is_optional(module, node):
                continue
            names = (
                [each.name for each in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            for name in names:
                top = name.partition(".")[0]
                known = (
                    top in found or top in sys.stdlib_module_names or top == "__main__"
                )
                if top and not known and not project.is_local(top):
                    found[top] = (module, node)
    return found


def _is_optional(module: Module, node: ast.AST) -> bool:
    """Return whether an import may fail, or is only there for a type checker."""
    child = node
    while child in module.parents:
        parent = module.parents[child]
        if isinstance(parent, ast.Try) and child in parent.body + parent.orelse:
            return True
        if isinstance(parent, ast.ExceptHandler):
            return True
        if isinstance(parent, ast.If):
            tested = module.resolve(parent.test) or ""
            if tested.endswith("TYPE_CHECKING"):
                return True
        child = parent
    return False


def _not_installed(
    module: Module, node: ast.stmt, top: str, package: Package
) -> Finding:
    inside = not isinstance(module.scope(node), ast.Module)
    return at(
        module,
        node,
        "not-installed",
        f"{top} is not installed",
        f"pip install {package.names[0]}",
        severity=Severity.WARNING if inside else None,
    )


def _local(
    project: Project, module: Module, node: ast.stmt, top: str, package: Package
) -> Iterator[Finding]:
    origin = package.origin
    if origin is None or top in _OWN:
        return
    url = str(origin.get("url", ""))
    if url.startswith("file:") and project.inside(unquote(urlsplit(url).path)):
        return  # the project itself
    vcs = origin.get("vcs_info")
    if isinstance(vcs, dict) and vcs.get("commit_id"):
        return
    archive = origin.get("archive_info")
    if isinstance(archive, dict) and not url.startswith("file:"):
        return  # an index of its own, with a digest
    yield at(
        module,
        node,
        "local-package",
        f"{package.names[0]} is installed from {mask_uri(url)}, which others do not have",
        f"pip install a release of it, or {package.names[0]} @ git+URL@COMMIT",
    )


def _pins(
    project: Project, module: Module, node: ast.stmt, package: Package
) -> Iterator[Finding]:
    declared = project.requirements
    pins = [pin for name in package.names for pin in declared.of(name)]
    name, version = package.names[0], package.version or "VERSION"
    if any(declared.is_in_text_lock(each) for each in package.names):
        return
    if not pins and declared.unreadable:
        return  # the package may be there
    if not pins:
        lists = [each.name for each in declared.files if "constraints" not in each.name]
        file = (lists or [declared.files[0].name])[0]
        yield at(
            module,
            node,
            "undeclared-package",
            f"{name} is imported, and {file} does not name it",
            f"{name}=={version}, in {file}",
        )
        return
    exact = [pin for pin in pins if pin.is_exact]
    if not exact:
        pin = pins[0]
        yield finding(
            "unpinned-package",
            f"{pin.text} allows several versions",
            f"{name}=={version}",
            file=pin.file,
            line=pin.line,
        )
    elif not _agrees(exact, package.version):
        yield finding(
            "wrong-version",
            f"{exact[0].text} is declared, and {package.version} is installed",
            f"pip install '{name}=={exact[0].version}'",
            file=exact[0].file,
            line=exact[0].line,
        )


def _agrees(pins: list[Pin], installed: str | None) -> bool:
    from packaging.version import InvalidVersion, Version

    wanted = [pin.version for pin in pins]
    if installed is None or None in wanted:
        return True
    try:
        here = Version(installed)
        for each in wanted:
            version = Version(str(each))
            # 2.13.0 is what a build labelled 2.13.0+cpu was asked for.
            if version == here or (
                version.local is None and version.public == here.public
            ):
                return True
    except InvalidVersion:
        return installed in wanted
    return False


CHECKS = (scripts, version_control, packages)
