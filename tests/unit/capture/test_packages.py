"""Installed distributions, and a requirements file that pip takes."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ml_experiment.capture.packages import (
    Installed,
    Package,
    installed_packages,
    normalized,
    owner_of,
    requirements,
)


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _install(
    site: Path, name: str, version: str, files: Mapping[str, str] | None = None
) -> Path:
    """Lay out the metadata of a distribution as an installer would."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    text = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nWords: no header\n"
    )
    (folder / "METADATA").write_text(text)
    for path, content in (files or {}).items():
        (folder / path).write_text(content)
    return folder


def _direct(**fields: object) -> dict[str, str]:
    return {"direct_url.json": json.dumps(fields)}


def _only(site: Path) -> Package:
    [package] = installed_packages([str(site)]).packages
    return package


def _lines(site: Path) -> list[str]:
    text = requirements(installed_packages([str(site)]), "3.11.0")
    return text.splitlines()[1:]


def test_every_distribution_of_this_environment_is_there() -> None:
    """The list agrees with the standard library's."""
    expected = {
        normalized(item.metadata["Name"]): item.version
        for item in reversed(list(importlib.metadata.distributions()))
    }

    found = {normalized(p.name): p.version for p in installed_packages().packages}

    assert found == expected


def test_pip_takes_the_requirements_of_this_environment(tmp_path: Path) -> None:
    """Checked by pip itself: everything in the file is satisfied here and now."""
    path = tmp_path / "requirements.txt"
    path.write_text(requirements(installed_packages(), "3.11"))

    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps"),
            *("--no-index", "--disable-pip-version-check", "-r", str(path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    ("direct", "line"),
    [
        (
            {"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "pkg @ git+https://h/r.git@abc",
        ),
        (
            {
                "url": "https://u:p@h/r.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
            },
            "pkg @ git+https://h/r.git@abc",
        ),
        (
            {"url": "ssh://git@h/r", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "pkg @ git+ssh://git@h/r@abc",
        ),
        (
            {"url": "git@h:o/r.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "pkg @ git+ssh://git@h/o/r.git@abc",
        ),
        (
            {
                "url": "https://h/r",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
                "subdirectory": "python",
            },
            "pkg @ git+https://h/r@abc#subdirectory=python",
        ),
        (
            {
                "url": "https://h/pkg-1.0-py3-none-any.whl",
                "archive_info": {"hashes": {"sha256": "00ff"}},
            },
            "pkg @ https://h/pkg-1.0-py3-none-any.whl#sha256=00ff",
        ),
        (
            {"url": "https://h/pkg-1.0.zip?token=abc", "archive_info": {}},
            "# pkg==1.0  (installed from the file https://h/pkg-1.0.zip?token=***)",
        ),
        (
            {"url": "file:///home/u/pkg.whl", "archive_info": {}},
            "# pkg==1.0  (installed from the file file:///home/u/pkg.whl)",
        ),
        (
            {"url": "file:///home/u/pkg", "dir_info": {"editable": True}},
            "# pkg==1.0  (editable install from file:///home/u/pkg)",
        ),
        (
            {"url": "file:///home/u/pkg", "dir_info": {}},
            "# pkg==1.0  (installed from the folder file:///home/u/pkg)",
        ),
    ],
    ids=[
        *("vcs", "vcs-password", "vcs-ssh", "vcs-scp", "vcs-subdirectory"),
        *("archive", "archive-secret", "wheel", "editable", "folder"),
    ],
)
def test_what_is_not_from_an_index_tells_its_origin(
    tmp_path: Path, direct: dict[str, object], line: str
) -> None:
    """PEP 610: what pip can fetch again is a requirement, what it cannot is a comment."""
    _install(tmp_path, "pkg", "1.0", _direct(**direct))

    assert _lines(tmp_path) == [line]


def test_a_conda_package_is_pinned_by_its_version(tmp_path: Path) -> None:
    """Conda's builds name a folder of the build machine as their origin."""
    files = _direct(url="file:///croot/numpy/work", dir_info={})
    _install(tmp_path, "numpy", "2.0.0", files | {"INSTALLER": "conda\n"})

    assert _lines(tmp_path) == ["numpy==2.0.0"]
    assert _only(tmp_path).origin == "conda"


@pytest.mark.parametrize(
    "version", ["1.0.0+cpu", "2024.1.post1", "1.0rc1", "1!2.0.dev3"]
)
def test_unusual_but_lawful_versions_are_pinned(tmp_path: Path, version: str) -> None:
    """Local labels, epochs, releases before and after."""
    _install(tmp_path, "pkg", version)

    assert _lines(tmp_path) == [f"pkg=={version}"]


def test_a_version_that_pip_refuses_is_a_comment(tmp_path: Path) -> None:
    """One such line would make pip refuse the whole file."""
    _install(tmp_path, "pkg", "1.0-custom-build")

    [line] = _lines(tmp_path)
    assert line.startswith("# pkg==1.0-custom-build")


def test_a_shadowed_distribution_is_not_listed_twice(tmp_path: Path) -> None:
    """Only the first on the path is ever imported; the other one is told apart."""
    first, second = tmp_path / "first", tmp_path / "second"
    _install(first, "My.Package", "2.0")
    _install(second, "my-package", "1.0")

    found = installed_packages([str(first), str(second), str(first)])

    assert [package.version for package in found.packages] == ["2.0"]
    assert found.shadowed == ["my-package 1.0"]


def test_broken_metadata_is_survived(tmp_path: Path) -> None:
    """Binary rubbish, empty folders, leftovers of pip, a URL file that is no JSON."""
    (_install(tmp_path, "rubbish", "1.0") / "METADATA").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty-3.0.dist-info").mkdir()
    (tmp_path / "~umpy-1.0.dist-info").mkdir()
    _install(tmp_path, "odd", "1.0", {"direct_url.json": "{not json"})
    _install(tmp_path, "list", "1.0", {"direct_url.json": "[1]"})

    found = installed_packages([str(tmp_path)])

    names = {package.name: package.version for package in found.packages}
    assert names == {"rubbish": "1.0", "empty": "3.0", "odd": "1.0", "list": "1.0"}


def test_a_project_on_the_path_is_an_editable_install(tmp_path: Path) -> None:
    """``setup.py develop`` leaves its metadata in the project's folder."""
    folder = tmp_path / "thing.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Name: thing\nVersion: 0.1\n")

    assert _only(tmp_path).origin == "editable"


def test_a_comment_stays_on_one_line() -> None:
    """Whatever a URL holds, no line of the file is anything but what it was meant to be."""
    package = Package("pkg", "1.0", "local", "file:///x\nevil==1.0")

    lines = requirements(Installed([package]), "3.11").splitlines()

    assert all(line.startswith("#") for line in lines)


def test_the_owner_of_a_file_is_found_by_folder_and_by_record() -> None:
    """``sklearn`` is the folder of scikit-learn; a user's file has no owner."""
    import sklearn

    assert owner_of(str(sklearn.__file__)) == "scikit-learn"
    assert owner_of(str(pytest.__file__)) == "pytest"
    assert owner_of("/home/u/data.csv") is None
