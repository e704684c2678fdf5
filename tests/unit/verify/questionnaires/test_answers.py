"""A checklist is answered from the record, and never beyond it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from tests.crates import RUN_ID, experiment, group

from ml_experiment.errors import ConfigError, CrateError
from ml_experiment.record.directory import RunDirectory, write_json
from ml_experiment.record.manifest import read_manifest, write_manifest
from ml_experiment.record.model import build_record, write_record
from ml_experiment.record.outcome import Outcome, write_outcome
from ml_experiment.verify.questionnaires import CHECKLISTS, answer_checklist


if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=sorted(CHECKLISTS))
def checklist(request: pytest.FixtureRequest) -> str:
    """Each checklist."""
    name: str = request.param
    return name


def answers(text: str) -> dict[str, list[str]]:
    """Return the answers by question."""
    found = {}
    for block in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        topic, _, rest = block.partition("\n")
        found[topic] = [line for line in rest.splitlines() if line.startswith("- ")]
    return found


def test_every_question_is_answered_or_left_to_the_author(
    checklist: str, tmp_path: Path
) -> None:
    """No question is passed over, whatever the run."""
    text = answer_checklist(experiment(tmp_path), checklist)

    assert all(answers(text).values())
    assert RUN_ID in text


def test_numbers_are_those_of_the_record(checklist: str, tmp_path: Path) -> None:
    """Parameters, metrics and seed are there in full."""
    text = answer_checklist(experiment(tmp_path), checklist)

    assert "`acc` at the end: 0.30000000000000004" in text
    assert "`C=0.1`, `kernel=rbf`" in text
    assert "Seed 7 (given)" in text


def test_nothing_is_claimed_of_a_run_without_evidence(
    checklist: str, tmp_path: Path
) -> None:
    """Where the record is empty, the answer says so, and gives no number."""
    rich = experiment(tmp_path / "rich")
    run = RunDirectory.create(tmp_path / "poor", RUN_ID)
    write_manifest(run, read_manifest(rich))
    write_json(run.config, {})
    outcome = Outcome(status="KILLED", reason="killed", ended=1.9e9)
    write_outcome(run, outcome)
    write_record(run, build_record(run, outcome))

    text = answer_checklist(run, checklist)

    assert "records nothing about this" in text
    claims = "\n".join(
        line
        for lines in answers(text).values()
        for line in lines
        if not line.startswith("- [author: ")
    )
    for word in ("CPU", "packages", "Commit", "SHA-256", "Split", "acc", "GPUs"):
        assert word not in claims


def test_a_group_tells_its_ranges_trials_and_spread(
    checklist: str, tmp_path: Path
) -> None:
    """What was searched, how often, and how the values lie; no error bars are claimed."""
    run = group(tmp_path, 6)
    config = json.loads(run.config.read_text())
    write_json(run.config, config | {"param_space": {"C": "loguniform(0.001, 100)"}})

    text = answer_checklist(run, checklist)

    assert "Range of `C`: `loguniform(0.001, 100)`" in text
    assert "7 trials: 4 complete, 1 failed, 1 not ended, 1 pruned" in text
    assert "over 4 complete trials: minimum" in text
    assert "these are no error bars" in text


def test_what_looks_like_markup_stays_in_its_line(tmp_path: Path) -> None:
    """A parameter cannot add an answer of its own."""
    run = experiment(tmp_path, command=["ml-experiment", "a.py\n- CPU: forged `x`"])

    text = answer_checklist(run, "neurips")

    assert not any(line.startswith("- CPU") for line in text.splitlines())


def test_the_same_run_gives_the_same_answers(checklist: str, tmp_path: Path) -> None:
    """Nothing of the moment is in them."""
    run = experiment(tmp_path)

    assert answer_checklist(run, checklist) == answer_checklist(run, checklist)


def test_an_unknown_checklist_lists_the_known_ones(tmp_path: Path) -> None:
    """A slip is answered with what was meant."""
    with pytest.raises(ConfigError, match=r"did you mean 'neurips'\? .*pineau"):
        answer_checklist(experiment(tmp_path), "neurip")


def test_a_run_that_was_never_closed_answers_nothing(tmp_path: Path) -> None:
    """Half a record would be half an answer."""
    run = experiment(tmp_path)
    run.outcome.unlink()

    with pytest.raises(CrateError, match="sync"):
        answer_checklist(run, "pineau")
