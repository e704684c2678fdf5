"""A question of a checklist, and how its answer is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_experiment.verify.crate.facts import moment


if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_experiment.verify.questionnaires.evidence import Evidence

    Look = Callable[[Evidence], list[str]]


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        topic: What it is about, in a few words, with its number where it has one.
        text: The question in our own words.
        looks: Where the record may hold an answer, each giving sentences.
        author: What is left for the author to say; empty if nothing is.
    """

    topic: str
    text: str
    looks: tuple[Look, ...] = ()
    author: str = ""


@dataclass(frozen=True)
class Checklist:
    """A checklist.

    Attributes:
        title: Its name and version.
        origin: Where the authoritative wording is found.
        sections: Questions by section.
    """

    title: str
    origin: str
    sections: dict[str, tuple[Question, ...]]


def write_answers(checklist: Checklist, evidence: Evidence) -> str:
    """Return the answers in Markdown.

    Args:
        checklist: What is asked.
        evidence: What is recorded.
    """
    manifest, outcome = evidence.facts.manifest, evidence.facts.outcome
    about = (
        f"Answers that the record holds of {manifest.kind} `{manifest.run_id}` "
        f"(`{manifest.name}`), started {moment(manifest.created)}, "
        f"{outcome.status}. Questions are in short words; the wording that counts is "
        f"{checklist.origin}. What only the author knows is left as `[author: ...]`."
    )
    lines = [f"# {checklist.title}", "", about, ""]
    for title, questions in checklist.sections.items():
        lines += [f"## {title}", ""]
        for question in questions:
            lines += _answer(question, evidence)
    return "\n".join(lines).rstrip() + "\n"


def _answer(question: Question, evidence: Evidence) -> list[str]:
    lines = [f"### {question.topic}", "", question.text, ""]
    found = [sentence for look in question.looks for sentence in look(evidence)]
    run_id = evidence.facts.manifest.run_id
    if found:
        lines += [f"- {sentence}" for sentence in found]
        lines.append(f"- Evidence: run `{run_id}`.")
    elif question.looks:
        lines.append(f"- Run `{run_id}` records nothing about this.")
    if question.author:
        lines.append(f"- [author: {question.author}]")
    return [*lines, ""]
