"""The description of a run in the terms of Process Run Crate and Workflow Run Crate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_experiment.verify.crate.action import add_action, add_agent
from ml_experiment.verify.crate.entities import Graph, reference
from ml_experiment.verify.crate.facts import moment
from ml_experiment.verify.crate.files import describe_files
from ml_experiment.verify.crate.layout import (
    LICENCE,
    PROCESS_RUN,
    WORKFLOW,
    WORKFLOW_RUN,
    as_identifier,
)
from ml_experiment.verify.crate.software import Software, add_missing_script
from ml_experiment.verify.crate.trials import (
    add_trials,
    workflow_name,
    workflow_properties,
)


if TYPE_CHECKING:
    from collections.abc import Iterable

    from ml_experiment.verify.crate.contents import Contents
    from ml_experiment.verify.crate.entities import Reference
    from ml_experiment.verify.crate.facts import Facts
    from ml_experiment.verify.crate.items import Item

_PROFILES = {
    PROCESS_RUN: ("Process Run Crate", "0.5"),
    WORKFLOW_RUN: ("Workflow Run Crate", "0.5"),
    WORKFLOW: ("Workflow RO-Crate", "1.0"),
}


def describe(facts: Facts, contents: Contents, items: Iterable[Item]) -> str:
    """Return ``ro-crate-metadata.json`` for a run.

    Args:
        facts: The run.
        contents: Where things are in the crate.
        items: Every file of the crate but the metadata.
    """
    graph = Graph(moment(facts.outcome.ended))
    software = Software(facts)
    script = _script(graph, facts, contents, software)
    instrument = script
    files = list(items)
    if facts.is_group:
        name = workflow_name(contents)
        workflow = next(item for item in files if item.name == name)
        files.remove(workflow)
        instrument = _add_workflow(graph, facts, workflow, script, software.version)
    describe_files(graph, files, contents, software)
    actions = [add_action(graph, facts, contents, instrument)]
    if facts.is_group:
        actions += add_trials(graph, facts, contents, script)
        graph.describe(mainEntity=instrument)
        graph.conform(WORKFLOW)
    _describe_root(graph, facts, contents)
    graph.describe(mentions=actions)
    return graph.document()


def _script(
    graph: Graph, facts: Facts, contents: Contents, software: Software
) -> Reference:
    if contents.script is None:
        return add_missing_script(graph, facts.manifest.script, software)
    return reference(as_identifier(contents.script))


def _add_workflow(
    graph: Graph, facts: Facts, workflow: Item, script: Reference, version: str
) -> Reference:
    properties = workflow_properties(graph, facts, script, version)
    return graph.add_file(workflow, encodingFormat="application/json", **properties)


def _describe_root(graph: Graph, facts: Facts, contents: Contents) -> None:
    manifest = facts.manifest
    profiles = [PROCESS_RUN]
    if facts.is_group:
        profiles += [WORKFLOW_RUN, WORKFLOW]
    for profile in profiles:
        name, version = _PROFILES[profile]
        graph.add(profile, "CreativeWork", name=name, version=version)
    asked = manifest.description or f"{manifest.kind} '{manifest.name}'"
    graph.describe(
        name=f"{manifest.name}, run {manifest.run_id}",
        description=f"{asked}; recorded by ml-experiment, with what is needed to "
        f"run it again. It ended {facts.outcome.status}.",
        conformsTo=[reference(profile) for profile in profiles],
        license=_licence(graph, contents),
        identifier=manifest.run_id,
        keywords=", ".join(["ml-experiment", manifest.kind, *sorted(manifest.tags)]),
        author=add_agent(graph, facts),
    )


def _licence(graph: Graph, contents: Contents) -> Reference:
    if contents.has_licence:
        return reference(LICENCE)
    return graph.add(
        "#no-licence",
        "CreativeWork",
        name="No licence is stated",
        description="The project has no licence file. Ask its author before you use "
        "what is in this crate.",
    )
