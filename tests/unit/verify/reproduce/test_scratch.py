"""A project is restored whole, or said not to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.crates import experiment

from ml_experiment.errors import NotReproducibleError
from ml_experiment.record.directory import read_json, write_json
from ml_experiment.verify.reproduce.facts import read_facts
from ml_experiment.verify.reproduce.scratch import restore


if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["train.py/below", "a" * 300])
def test_a_folder_that_cannot_be_made_is_named(name: str, tmp_path: Path) -> None:
    """The run is not comparable: where it worked cannot be had back."""
    run = experiment(tmp_path / "home")
    part = read_json(run.part("source")) or {}
    files = [{"path": "train.py"}]
    write_json(run.part("source"), part | {"files": files, "folders": [name]})
    config = {"name": "iris", "kind": "experiment", "run": ["train.py"]}
    write_json(run.config, config)
    facts = read_facts(run)

    with pytest.raises(NotReproducibleError, match=f"cannot be restored: .*{name}"):
        restore(facts, tmp_path / "top")
