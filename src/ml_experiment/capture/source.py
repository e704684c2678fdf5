"""The part ``source``: where the code comes from, and an archive that brings it back.

The archive holds the project's files by their path from the project's root, as they are
in the working tree, and below ``OUTSIDE`` what was imported from elsewhere.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.capture.archive import read_archive, write_archive
from ml_experiment.capture.collection import Collector, import_root, located
from ml_experiment.capture.folders import folders_of
from ml_experiment.capture.git import (
    GitMissingError,
    GitTree,
    find_top,
    read_changes,
    read_tree,
)
from ml_experiment.capture.selection import (
    MOST_FILES,
    is_debris,
    is_in_skipped_folder,
    is_secret,
    is_wide,
    walk,
)
from ml_experiment.record.masking import MASK, known_secrets


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.record.directory import RunDirectory

OUTSIDE = ".ml_experiment_outside"
_LISTED = 200
_NEAR = 3  # levels up to which a place outside the root keeps its place on restoring
_SITE_MARKS = ("/site-packages/", "/dist-packages/")


@dataclass(frozen=True)
class Project:
    """What the source of a run is to be found from.

    Attributes:
        script: Absolute path of the script.
        cwd: Absolute working directory of the run.
        config_file: The config file, which may hold secrets.
        run_home: The folder of all run directories; never a part of the source.
        root: Top folder of the project, where that is known; to be found if ``None``.
        began: When the run began, in seconds since the epoch.
        resumed: It goes on after an interruption, and its files may have been edited since.
    """

    script: Path
    cwd: Path
    config_file: Path | None
    run_home: Path
    root: Path | None = None
    began: float = math.inf
    resumed: bool = False


@dataclass
class _OutsideRoot:
    path: Path
    prefix: str
    files: list[str] = field(default_factory=list)


class SourceRecorder:
    """Records the source of a run, and adds to it what turns out to be imported.

    Args:
        run: Where to write.
        project: What to look at.
        environ: Environment, whose secrets are kept out of the archive.
    """

    def __init__(
        self, run: RunDirectory, project: Project, environ: Mapping[str, str]
    ) -> None:
        self._run = run
        self._project = project
        self._script = located(project.script)
        self._cwd = Path(os.path.realpath(project.cwd))
        self._run_home = os.path.realpath(project.run_home)
        self._collector = Collector(
            secrets=known_secrets(environ),
            replacements=self._masked_config(),
            began=math.inf if project.resumed else project.began,
        )
        self._root = self._script.parent
        self._tree: GitTree | None = None
        self._git_missing: str | None = None
        self._changes: dict[str, object] = {}
        self._outside: list[_OutsideRoot] = []
        self._import_roots: list[str] = []
        self._known_modules: set[str] = set()
        self._archive_sha256: str | None = None
        self._folders: list[str] = []

    @property
    def root(self) -> Path:
        """Top folder of the project, links resolved."""
        return self._root

    def capture(self) -> dict[str, object]:
        """Write archive and patch as the tree is now, and return the part."""
        try:
            self._tree = self._read_tree()
        except GitMissingError as error:
            self._git_missing = str(error)
        self._root = self._choose_root()
        self._folders = folders_of(
            self._root, before=self._project.began, ignore={self._run_home}
        )
        self._collect()
        if self._tree is not None:
            self._write_changes(self._tree)
        self._archive_sha256 = write_archive(
            self._run.source_archive, self._collector.take()
        )
        return self.part()

    def add_modules(self, modules: Mapping[str, str]) -> bool:
        """Make sure that imported local modules are in the archive.

        Args:
            modules: Names and files of the modules.

        Returns:
            Whether the archive and the part have changed.
        """
        changed = False
        for name, file in modules.items():
            if file in self._known_modules:
                continue
            self._known_modules.add(file)
            changed |= self._add_module(name, located(Path(file)))
        entries = self._collector.take()
        if entries:
            before = read_archive(self._run.source_archive)
            self._archive_sha256 = write_archive(
                self._run.source_archive, before | entries
            )
        return changed or bool(entries)

    def part(self) -> dict[str, object]:
        """Return the JSON object of the part."""
        files = self._collector.files
        left_out = self._collector.left_out
        document: dict[str, object] = {
            "root": str(self._root),
            "script": self._inside(self._script),
            "cwd": self._relative(self._cwd),
            "git": self._git_document(),
            "git_missing": self._git_missing,
            "files": [files[name] for name in sorted(files)],
            "file_count": len(files),
            "bytes": sum(int(str(file["size"])) for file in files.values()),
            "left_out": left_out[:_LISTED],
            "left_out_count": len(left_out),
            "folders": self._folders,
            "import_roots": self._import_roots,
            "extra_roots": [self._outside_document(root) for root in self._outside],
            "archive": self._run.source_archive.name,
            "archive_sha256": self._archive_sha256,
        }
        return document

    @property
    def folders(self) -> list[Path]:
        """Where files about the project as a whole may lie."""
        return list(dict.fromkeys([self._script.parent, self._cwd, self._root]))

    def _masked_config(self) -> dict[Path, bytes]:
        """Return the masked copy of the config file, if it had something to mask."""
        config = self._project.config_file
        if config is None:
            return {}
        copy = self._run.submitted / config.name
        try:
            masked, raw = copy.read_bytes(), config.read_bytes()
        except OSError:
            return {}
        hidden = MASK.encode() in masked and masked != raw
        return {located(config): masked} if hidden else {}

    def _read_tree(self) -> GitTree:
        if self._project.root is not None:
            raise GitMissingError("restored from the record of an earlier run")
        top = find_top(self._script.parent)
        return read_tree(top, list_untracked=not is_wide(top))

    def _choose_root(self) -> Path:
        if self._project.root is not None:
            return Path(os.path.realpath(self._project.root))
        folder = self._script.parent
        if self._tree is not None:
            return self._tree.top
        inside = self._cwd == folder or self._cwd in folder.parents
        return self._cwd if inside else folder

    def _collect(self) -> None:
        if self._script.is_file():
            self._collector.add(self._name(self._script), self._script, wanted=True)
        config = self._project.config_file
        if config is not None and self._is_inside(located(config)):
            self._collector.add(self._name(located(config)), located(config))
        if self._tree is not None:
            self._collect_tracked(self._tree)
        else:
            self._collect_folder()

    def _collect_tracked(self, tree: GitTree) -> None:
        tracked = [path for path in tree.tracked if self._is_of_project(path)]
        if is_wide(tree.top):
            # A home folder under version control: this project is a small part of it.
            here = self._inside(self._script.parent) or "."
            tracked = [
                path for path in tracked if here == "." or path.startswith(f"{here}/")
            ]
            tree.untracked = self._scripts_beside()
        self._collector.add_all(tree.top, tracked, tracked=True)
        untracked = [path for path in tree.untracked if self._is_of_project(path)]
        self._collector.add_all(tree.top, untracked)

    def _collect_folder(self) -> None:
        """Collect the files of a project without git."""
        ignore = {self._run_home}
        for base in dict.fromkeys([self._root, self._script.parent]):
            if is_wide(base):
                continue
            names: list[str] = []
            for name in walk(base, ignore):
                names.append(self._name(base / name))
                if len(names) > MOST_FILES:
                    break
            else:
                self._collector.add_all(self._root, filter(self._is_of_project, names))
                return
        self._collector.leave_out(
            ".", "the folder is too large to be one project; the scripts in it are here"
        )
        self._collector.add_all(self._root, self._scripts_beside())

    def _scripts_beside(self) -> list[str]:
        folder = self._script.parent
        return sorted(self._name(path) for path in folder.glob("*.py"))

    def _is_of_project(self, name: str) -> bool:
        path = f"{self._root}/{name}"
        if path.startswith(f"{self._run_home}/") or is_debris(name):
            return False
        return not is_in_skipped_folder(name)

    def _forget_own_changes(self, tree: GitTree) -> list[str]:
        """Let what the run has written count as unchanged; return its paths."""
        own = self._collector.written_of(tree.top, tree.changed)
        written = {*self._collector.from_commit, *own}
        tree.set_changed([path for path in tree.changed if path not in written])
        if written:
            tree.document["overwritten"] = sorted(written)[:_LISTED]
        return sorted(written)

    def _write_changes(self, tree: GitTree) -> None:
        own = self._forget_own_changes(tree)
        if not tree.changed:
            return
        replaced = {self._name(path) for path in self._collector.replacements}
        hidden = [path for path in tree.changed if is_secret(path) or path in replaced]
        for path in hidden:
            self._collector.leave_out(path, "its changes may hold secrets", once=True)
        try:
            patch, reason = read_changes(tree, [*hidden, *own])
        except GitMissingError as error:
            self._changes = {"missing": str(error)}
            return
        patch = self._collector.mask(patch)
        temporary = self._run.source / ".changes.diff"
        temporary.write_bytes(patch)
        temporary.replace(self._run.source_changes)
        digest = hashlib.sha256(patch).hexdigest()
        self._changes = {"bytes": len(patch), "sha256": digest}
        if reason is not None:
            self._changes["missing"] = reason

    def _git_document(self) -> dict[str, object] | None:
        tree = self._tree
        if tree is None:
            return None
        known = set(tree.tracked)
        imported = {self._inside(located(Path(file))) for file in self._known_modules}
        untracked = sorted(name for name in imported - known if name is not None)
        document = tree.document | {"untracked_imported": untracked}
        if self._changes:
            document["changes"] = self._changes
        return document

    def _add_module(self, name: str, path: Path) -> bool:
        text = str(path)
        if any(mark in text for mark in _SITE_MARKS) or not path.is_file():
            return False
        if text.startswith(f"{self._run_home}/"):
            return False
        top = import_root(name, path)
        if self._is_inside(path):
            self._collector.add(self._name(path), path, wanted=True)
            return self._note_import_root(top)
        return self._add_outside(top, path)

    def _note_import_root(self, top: Path) -> bool:
        """Remember a folder of the project from which modules are imported."""
        relative = self._inside(top)
        if top == self._script.parent or relative is None:
            return False
        if relative in self._import_roots:
            return False
        self._import_roots.append(relative)
        return True

    def _add_outside(self, top: Path, path: Path) -> bool:
        for root in self._outside:
            if root.path == top:
                break
        else:
            root = _OutsideRoot(top, f"{OUTSIDE}/{len(self._outside)}")
            self._outside.append(root)
        relative = path.relative_to(top).as_posix()
        if relative in root.files:
            return False
        root.files.append(relative)
        self._collector.add(f"{root.prefix}/{relative}", path, wanted=True)
        return True

    def _outside_document(self, root: _OutsideRoot) -> dict[str, object]:
        return {
            "path": str(root.path),
            "relative": self._relative(root.path),
            "prefix": root.prefix,
            "files": sorted(root.files),
        }

    def _is_inside(self, path: Path) -> bool:
        return self._root == path or self._root in path.parents

    def _inside(self, path: Path) -> str | None:
        """Return the path from the root, or ``None`` if it is outside."""
        return (
            path.relative_to(self._root).as_posix() if self._is_inside(path) else None
        )

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self._root)

    def _relative(self, path: Path) -> str | None:
        """Return the path from the root, a few levels up at most; else ``None``."""
        relative = os.path.relpath(path, self._root)
        levels = relative.split("/").count("..")
        if levels == 0:
            return relative
        near = levels <= _NEAR and levels < len(self._root.parents)
        return relative if near else None
