"""A ``DataLoader`` loads once: for an experiment, and for a group of any number of workers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from conftest import Folder

LOADER = """
import pathlib
import numpy as np
from ml_experiment import DataLoader, job

class Data(DataLoader):
    @classmethod
    def load_data(cls):
        with pathlib.Path("loads.txt").open("a") as file:
            file.write("once\\n")
        rows = np.arange(2000.0).reshape(1000, 2)
        return rows[:800], rows[800:], {"names": ["a", "b"]}

"""
GROUP = """
name: shared
kind: group
run: train.py
num_trials: 6
seed: 1
metric: {name: total, direction: maximize}
param_space: {scale: "uniform(0, 1)"}
ray_config: {num_cpus: 2}
"""


def loads(folder: Folder) -> int:
    """Return how often the data were loaded."""
    return len((folder.path / "loads.txt").read_text().splitlines())


def loaded_events(folder: Folder) -> list[dict[str, Any]]:
    """Return what the latest run's journal says of the data."""
    journal = folder.run_directories()[-1] / "journal.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return [event for event in events if event["event"] == "loaded"]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("Data", "Data"),
        ("Data()", "DataLoader"),
        ("Data()", "Data"),
        ("Data", "Data()"),
    ],
)
def test_an_experiment_loads_once_in_every_form(
    folder: Folder, given: str, asked: str
) -> None:
    """The manual gives the class and asks it; the thesis gives an instance."""
    folder.write(
        "train.py",
        LOADER
        + f"@job(data_loader={given})\n"
        + "def main():\n"
        + f"    train, test, more = {asked}.load_data()\n"
        + f"    assert {asked}.load_data()[0] is train\n"
        + "    return {'total': float(train.sum() + test.sum())}\n",
    )

    done = folder.command("train.py")

    assert done.returncode == 0, done.stderr
    assert loads(folder) == 1


def test_the_trials_of_a_group_share_what_is_loaded_once(folder: Folder) -> None:
    """Six trials, two workers, one load; and the record has the digests."""
    folder.write("group.yaml", GROUP)
    folder.write(
        "train.py",
        LOADER
        + "@job(data_loader=Data)\n"
        + "def main(scale):\n"
        + "    train, test, more = Data.load_data()\n"
        + "    more['names'].append('mine')\n"
        + "    assert more['names'] == ['a', 'b', 'mine'], 'seen from another trial'\n"
        + "    assert not train.flags.writeable\n"
        + "    return {'total': scale * float(train.sum() + test.sum())}\n",
    )

    done = folder.command("--config_file", "group.yaml")

    assert done.returncode == 0, done.stderr
    assert loads(folder) == 1
    entries = {event["path"]: event for event in loaded_events(folder)}
    assert entries["[0]"]["shape"] == [800, 2]
    assert entries["[1]"]["dtype"] == "float64"
    assert all(len(entry["digest"]) == 64 for entry in entries.values())
    group = folder.run_directories()[-1]
    results = [
        json.loads(path.read_text()) for path in group.glob("trials/*/result.json")
    ]
    assert [result["state"] for result in results] == ["complete"] * 6
    assert not (group / "data").exists()  # what was shared is gone with the workers


def test_writing_into_shared_data_fails_that_trial_with_numpys_words(
    folder: Folder,
) -> None:
    """The trial says what happened; a copy may be written."""
    folder.write("group.yaml", GROUP)
    folder.write(
        "train.py",
        LOADER
        + "@job(data_loader=Data)\n"
        + "def main(scale):\n"
        + "    train = Data.load_data()[0]\n"
        + "    if scale > 0.5:\n"
        + "        train = train.copy()\n"
        + "    train *= scale\n"
        + "    return {'total': float(train.sum())}\n",
    )

    folder.command("--config_file", "group.yaml")

    group = folder.run_directories()[-1]
    results = [
        json.loads(path.read_text()) for path in group.glob("trials/*/result.json")
    ]
    assert len(results) == 6
    for result in results:
        if result["params"]["scale"] > 0.5:
            assert result["state"] == "complete", result["reason"]
        else:
            assert "read-only" in result["reason"]


def test_data_that_cannot_be_shared_are_named(folder: Folder) -> None:
    """The group fails at once, saying which part of the data it is."""
    folder.write("group.yaml", GROUP)
    folder.write(
        "train.py",
        "from ml_experiment import DataLoader, job\n"
        "class Data(DataLoader):\n"
        "    @classmethod\n"
        "    def load_data(cls):\n"
        "        return {'rows': [1], 'open': open('train.py')}\n"
        "@job(data_loader=Data)\n"
        "def main(scale):\n"
        "    return {'total': scale}\n",
    )

    done = folder.command("--config_file", "group.yaml")

    assert done.returncode == 1
    assert "the value['open'] is of type _io.TextIOWrapper" in done.stderr
    # No line of the user's has raised it, and where Python's library was is no help.
    assert 'File "' not in done.stderr
