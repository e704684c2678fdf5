"""A run as an action: who did what, when, with what, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_experiment.verify.crate.entities import (
    identifier_of,
    literal,
    reference,
)
from ml_experiment.verify.crate.facts import moment
from ml_experiment.verify.crate.layout import as_identifier, joined


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.verify.crate.contents import Contents
    from ml_experiment.verify.crate.entities import Graph, Reference
    from ml_experiment.verify.crate.facts import Facts

COMPLETED = "http://schema.org/CompletedActionStatus"
FAILED = "http://schema.org/FailedActionStatus"


def add_action(
    graph: Graph, facts: Facts, contents: Contents, instrument: Reference
) -> Reference:
    """Add the run as an action.

    Args:
        graph: What it is added to.
        facts: The run.
        contents: Where things are in the crate.
        instrument: What was run.
    """
    manifest, outcome = facts.manifest, facts.outcome
    status = {"actionStatus": COMPLETED}
    if not outcome.succeeded:
        error = outcome.reason or outcome.status
        status = {"actionStatus": FAILED, "error": error}
    inputs = [
        *add_values(graph, "param", facts.params),
        *_add_seed(graph, facts),
        *_add_data(graph, facts, contents),
    ]
    results = [
        *add_values(graph, "metric", facts.metrics),
        *artifact_references(graph, contents, facts.artifacts),
        reference(as_identifier(joined(contents.run_folder, "record.json"))),
    ]
    return graph.add(
        identifier_of("run", manifest.run_id),
        "CreateAction",
        name=f"Run {manifest.run_id} of {manifest.name}",
        description=manifest.description
        or f"{manifest.kind} '{manifest.name}', started with: "
        + " ".join(manifest.command),
        startTime=moment(manifest.created),
        endTime=moment(outcome.ended),
        instrument=instrument,
        agent=add_agent(graph, facts),
        object=inputs,
        result=results,
        environment=add_values(graph, "environment", _environment(facts)) or None,
        **status,
    )


def add_agent(graph: Graph, facts: Facts) -> Reference:
    """Add who started the run: the name of the account, nothing else is recorded."""
    user = facts.manifest.user or "unknown"
    return graph.add(identifier_of("user", user), "Person", name=user)


def add_values(
    graph: Graph,
    kind: str,
    values: Mapping[str, Any],
    parameters: Mapping[str, Reference] | None = None,
) -> list[Reference]:
    """Add named values; return references to them.

    Args:
        graph: What they are added to.
        kind: First part of their identifiers.
        values: Value by name.
        parameters: The formal parameters that some of them are values of.
    """
    known = parameters or {}
    return [
        graph.add(
            identifier_of(*kind.split("/"), name),
            "PropertyValue",
            name=name,
            value=literal(value),
            exampleOfWork=known.get(name),
        )
        for name, value in values.items()
    ]


def artifact_references(
    graph: Graph, contents: Contents, artifacts: list[dict[str, Any]], below: str = ""
) -> list[Reference]:
    """Return references to the files of artifacts.

    Args:
        graph: Where the files are described.
        contents: Where things are in the crate.
        artifacts: Events of the journal.
        below: Where the run directory of a trial is in that of its group.
    """
    places = [joined(contents.run_folder, below, each["path"]) for each in artifacts]
    found = []
    for place in places:
        for name in contents.names_below(place):
            identifier = as_identifier(name)
            if graph.knows(identifier):
                found.append(reference(identifier))
    return found


def _add_seed(graph: Graph, facts: Facts) -> list[Reference]:
    return add_values(graph, "run", {"seed": facts.manifest.seed})


def _environment(facts: Facts) -> dict[str, Any]:
    return dict(facts.part("stochasticity").get("switches") or {})


def _add_data(graph: Graph, facts: Facts, contents: Contents) -> list[Reference]:
    within = {entry.path: entry.file for entry in contents.data}
    found = []
    for entry in facts.part("data").get("files", []):
        if entry["path"] in within:
            found.append(reference(as_identifier(within[entry["path"]])))
            continue
        place = entry.get("relative") or entry["path"]
        package = entry.get("package")
        where = f"comes with {package}" if package else "not in this crate"
        size = entry.get("size")
        found.append(
            graph.add(
                identifier_of("data", place),
                "CreativeWork",
                name=place,
                description=f"Data file that the run read; {where}",
                contentSize=None if size is None else str(size),
                sha256=entry.get("sha256"),
            )
        )
    return list({each["@id"]: each for each in found}.values())
