"""Checklists of conferences, answered as far as the record of a run goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.errors import ConfigError, unknown_name
from ml_experiment.verify.crate.facts import Facts
from ml_experiment.verify.questionnaires.evidence import Evidence
from ml_experiment.verify.questionnaires.neurips import NEURIPS
from ml_experiment.verify.questionnaires.pineau import PINEAU
from ml_experiment.verify.questionnaires.question import write_answers


if TYPE_CHECKING:
    from ml_experiment.record.directory import RunDirectory

CHECKLISTS = {"neurips": NEURIPS, "pineau": PINEAU}


def answer_checklist(run: RunDirectory, name: str) -> str:
    """Return the answers that the record of a run holds, in Markdown.

    What only the author can know is left blank, as ``[author: ...]``.

    Args:
        run: A run that has ended.
        name: ``neurips`` or ``pineau``.

    Raises:
        ConfigError: There is no such checklist.
        CrateError: The run goes on, or was never closed.
    """
    if name not in CHECKLISTS:
        raise ConfigError(
            f"unknown checklist '{name}'; {unknown_name(name, CHECKLISTS)}",
            source="--checklist",
        )
    return write_answers(CHECKLISTS[name], Evidence(Facts(run)))
