"""The recorded packages are chosen, found, and installed as they were."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ml_experiment.errors import EnvironmentBuildError
from ml_experiment.verify.reproduce import installer, interpreters, venv
from ml_experiment.verify.reproduce.installer import Installation, install
from ml_experiment.verify.reproduce.interpreters import find_python
from ml_experiment.verify.reproduce.own_wheel import digest_of, own_wheel, write_wheel


def fake_wheel(folder: Path, name: str, version: str) -> Path:
    """Write a wheel of one module that says its version."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n")
    return path


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "pip"])
def test_an_environment_has_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: bool
) -> None:
    """With uv and with pip alike, from wherever pip is told to look."""
    if uv and interpreters.find_uv() is None:
        pytest.skip("uv is not installed")
    if not uv:
        monkeypatch.setattr(installer, "find_uv", lambda: None)
    index = tmp_path / "index"
    index.mkdir()
    for version in ("1.0", "2.0"):
        fake_wheel(index, "alpha_of_test", version)
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "environment"

    installer.make_environment(folder, Path(sys.executable))
    install(folder, Installation(["alpha-of-test==1.0"], [], []), tmp_path)

    done = subprocess.run(
        [
            installer.python_in(folder),
            "-c",
            "import alpha_of_test as a; print(a.VERSION)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1.0\n"
    assert (installer.site_packages(folder)[0] / "alpha_of_test.py").is_file()


def test_what_cannot_be_installed_is_said_in_the_installers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the package is in the message."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "environment"
    installer.make_environment(folder, Path(sys.executable))

    with pytest.raises(
        EnvironmentBuildError, match=r"pip install failed:\n(?s:.)*never-heard-of-it"
    ):
        install(folder, Installation(["never-heard-of-it==1"], [], []), tmp_path)


def test_an_environment_that_was_not_completed_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was interrupted leaves a folder that nobody takes for an environment."""
    made: list[Path] = []

    def make(folder: Path, _: Path) -> None:
        made.append(folder)
        assert not folder.exists()
        folder.mkdir(parents=True)

    monkeypatch.setattr(venv, "make_environment", make)
    monkeypatch.setattr(venv, "install", lambda *_: None)
    folder = tmp_path / "environment"
    (folder / "half").mkdir(parents=True)

    notes = venv._build(folder, Path(sys.executable), ["a==1"], ["a==1"])

    assert made == [folder]
    assert notes == []
    assert not (folder / "half").exists()


def test_the_label_of_a_build_is_left_out_if_no_index_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried with the label first, and said when it is without."""
    tried: list[list[str]] = []

    def refuse_labels(_: Path, what: Installation, __: Path) -> None:
        tried.append(list(what.requirements))
        if any("+" in line for line in what.requirements):
            raise EnvironmentBuildError("no such version")

    monkeypatch.setattr(venv, "make_environment", lambda *_: None)
    monkeypatch.setattr(venv, "install", refuse_labels)

    notes = venv._build(
        tmp_path / "e", Path(sys.executable), ["torch==2.1.0+cpu"], ["torch==2.1.0+cpu"]
    )

    assert tried == [["torch==2.1.0+cpu"], ["torch==2.1.0"]]
    assert notes == ["installed without the label of their build: torch==2.1.0+cpu"]


def test_this_minor_version_of_python_is_this_one() -> None:
    """A virtual environment of a virtual environment is one of the base."""
    found = find_python(".".join(map(str, sys.version_info[:3])))

    done = subprocess.run(
        [found, "-c", "import sys; print(sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(sys.version_info[:2])


@pytest.mark.parametrize(
    ("version", "text"), [("3.8.1", "needs 3.11"), ("3.99.0", "uv python install 3.99")]
)
def test_a_python_that_cannot_be_had_is_named(version: str, text: str) -> None:
    """With what to type, where something can be typed."""
    with pytest.raises(EnvironmentBuildError, match=text):
        find_python(version)


def test_the_wheel_of_this_package_is_whole_and_always_the_same(tmp_path: Path) -> None:
    """It can be installed where this release is on no index."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = write_wheel(tmp_path / "a"), write_wheel(tmp_path / "b")

    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as archive:
        names = archive.namelist()
        points = next(name for name in names if name.endswith("/entry_points.txt"))
        parser = configparser.ConfigParser()
        parser.read_string(archive.read(points).decode())
    assert "ml_experiment/drive/__main__.py" in names
    assert parser["console_scripts"]["ml-experiment"]
    assert not any("__pycache__" in name for name in names)


def test_another_file_makes_another_wheel() -> None:
    """An environment that has an older checkout of this package is not used."""
    members = own_wheel()[1]
    before = digest_of(members)
    record = next(name for name in members if name.endswith("/RECORD"))

    assert digest_of(members | {record: b"other"}) != before
