"""The validator of RO-Crate finds nothing that the profiles demand and a crate lacks.

It is ``roc-validator``, which wants another release of Rich than we do: `make test` gives
it an environment of its own, beside that of the tests.
"""

from __future__ import annotations

import importlib.resources
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.crates import experiment, group

from ml_experiment.record.outcome import Outcome
from ml_experiment.verify.crate import export_run


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory

VALIDATOR = Path(sys.prefix) / "validator" / "bin" / "python"
SCRIPT = Path(__file__).with_name("validate_crate.py")
pytestmark = pytest.mark.skipif(
    not VALIDATOR.exists(), reason="`make install-test` has not installed the validator"
)


def _failed(home: Path) -> RunDirectory:
    return experiment(home, outcome=Outcome(status="FAILED", reason="no", ended=2e9))


def _odd_names(home: Path) -> RunDirectory:
    return experiment(home, artifacts={"a b#c?d%e/\u00fc&[1].txt": b"1"})


def _with_data(home: Path) -> RunDirectory:
    data = home / "rows.csv"
    home.mkdir(exist_ok=True)
    data.write_text("1")
    return experiment(home, data=[data])


def _said(crate: Path, profile: str, folder: Path) -> list[str]:
    terms = importlib.resources.files("rocrate") / "data" / "ro-crate.jsonld"
    words = [str(VALIDATOR), str(SCRIPT), str(crate), profile, str(terms), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("make", "profile"),
    [
        (experiment, "process-run-crate-0.5"),
        (_failed, "process-run-crate-0.5"),
        (_odd_names, "process-run-crate-0.5"),
        (_with_data, "process-run-crate-0.5"),
        (group, "process-run-crate-0.5"),
        (group, "workflow-ro-crate-1.0"),
        (group, "workflow-run-crate-0.5"),
    ],
)
def test_the_validator_finds_nothing_that_is_demanded(
    make: Any, profile: str, tmp_path: Path
) -> None:
    """Every requirement of the profile, and of those that it is built on, is kept."""
    crate = export_run(make(tmp_path / "home"), tmp_path / "c.zip", with_data=True)

    assert _said(crate, profile, tmp_path) == ["passed"]


def test_the_validator_finds_what_is_missing(tmp_path: Path) -> None:
    """It does look: a crate whose run has lost its tool does not pass."""
    crate = export_run(experiment(tmp_path / "home"), tmp_path / "c.zip")
    spoilt = tmp_path / "spoilt"
    with zipfile.ZipFile(crate) as archive:
        archive.extractall(spoilt)
    metadata = spoilt / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"instrument"', '"tool"'))

    *issues, verdict = _said(spoilt, "process-run-crate-0.5", tmp_path)

    assert verdict == "failed"
    assert any("instrument" in issue for issue in issues)
