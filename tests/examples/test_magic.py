"""The example with the MAGIC telescope's data."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest


if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("xgboost")
pytest.importorskip("sklearn")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "magic"
COMMAND = Path(sys.executable).with_name("ml-experiment")


@pytest.fixture(scope="module")
def magic() -> Iterator[Any]:
    """Import the example as its script does, and forget it afterwards."""
    sys.path.insert(0, str(EXAMPLE))
    yield SimpleNamespace(
        gamma=importlib.import_module("gamma"), train=importlib.import_module("train")
    )
    sys.path.remove(str(EXAMPLE))
    del sys.modules["gamma"], sys.modules["train"]


def test_each_event_is_used_once(magic: Any) -> None:
    """19,020 rows, of which 115 repeat another."""
    x, y = magic.gamma.read()

    once, labels = magic.gamma.distinct(x, y)

    assert len(x) - len(once) == 115
    assert len(np.unique(np.column_stack([once, labels]), axis=0)) == len(once)
    assert (once[0] == x[0]).all()
    assert (y.sum(), len(y) - y.sum()) == (12_332, 6_688)


def test_a_changed_file_is_refused(magic: Any, tmp_path: Path) -> None:
    """With the hash that was found and the one that was expected."""
    path = tmp_path / "magic04.data"
    content = (EXAMPLE / "data" / "magic04.data").read_bytes()
    path.write_bytes(content.replace(b"28.7967", b"28.7968", 1))

    with pytest.raises(ValueError, match=r"magic04\.data: got SHA-256 .*; expected e9"):
        magic.gamma.read(path)


def test_the_environment_may_name_another_copy(
    magic: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same bytes."""
    copy = tmp_path / "other.data"
    shutil.copy(EXAMPLE / "data" / "magic04.data", copy)
    monkeypatch.setenv("MAGIC_DATA", str(copy))

    x, _ = magic.gamma.read()

    assert x.shape == (19_020, 10)
    copy.unlink()
    with pytest.raises(FileNotFoundError):
        magic.gamma.read()


def test_what_openml_gives_is_read_as_the_file_is(
    magic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There names end in colons, and a number of the row may come first."""
    x, y = magic.gamma.read()

    def fetch_openml(**options: Any) -> Any:
        assert options["data_id"] == 1120
        return SimpleNamespace(
            data=np.column_stack([np.arange(len(x)), x]),
            feature_names=["ID", *(f"{name}:" for name in magic.gamma.FEATURES)],
            target=np.where(y == 1, "g", "h"),
        )

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    monkeypatch.setenv("MAGIC_DATA", "openml")

    fetched, labels = magic.gamma.read()

    assert (fetched == x).all()
    assert (labels == y).all()


def test_the_gamma_acceptance_of_known_scores_is_what_one_counts(magic: Any) -> None:
    """Ten hadrons with scores 0 to 9; one in ten may pass the cut, the one with 9."""
    scores = np.array([*range(10), 8.5, 8.6, 5.0, 9.5], dtype=float)
    y = np.array([0] * 10 + [1] * 4)

    assert magic.train.gamma_acceptance(scores, y, 0.1) == 0.25
    assert magic.train.gamma_acceptance(scores, y, 0.2) == 0.75


def test_an_unknown_model_is_refused_with_those_that_are_known(magic: Any) -> None:
    """A typing error must not become another model."""
    with pytest.raises(ValueError, match="'svm'; allowed: majority, linear"):
        magic.train.build("svm", 1)


def test_the_job_finds_what_others_have_found(tmp_path: Path) -> None:
    """A linear model: accuracy 0.77 to 0.82, area under the curve 0.84."""
    for path in EXAMPLE.glob("*.py"):
        shutil.copy(path, tmp_path)
    shutil.copytree(EXAMPLE / "data", tmp_path / "data")

    subprocess.run(
        [COMMAND, "train.py", "--params", "{'model': 'linear', 'folds': 3}"],
        cwd=tmp_path,
        check=True,
    )

    (journal,) = tmp_path.glob(".ml_experiment/runs/*/journal.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    (metrics,) = [event["metrics"] for event in events if event["event"] == "metrics"]
    assert 0.77 < metrics["accuracy_low"] < metrics["accuracy_high"] < 0.82
    assert metrics["auc"] == pytest.approx(0.84, abs=0.005)
    assert metrics["rows"] == 18_905
