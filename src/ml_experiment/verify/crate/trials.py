"""A group: the configuration as a workflow, its trials as actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_experiment.record.journal import read_journal
from ml_experiment.verify.crate.action import (
    COMPLETED,
    FAILED,
    add_agent,
    add_values,
    artifact_references,
)
from ml_experiment.verify.crate.entities import identifier_of, reference
from ml_experiment.verify.crate.facts import moment
from ml_experiment.verify.crate.layout import as_identifier, joined


if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_experiment.verify.crate.contents import Contents
    from ml_experiment.verify.crate.entities import Graph, Reference
    from ml_experiment.verify.crate.facts import Facts, TrialFacts

_BIOSCHEMAS = "https://bioschemas.org/profiles/"
_WORKFLOW_PROFILE = _BIOSCHEMAS + "ComputationalWorkflow/1.0-RELEASE"
_PARAMETER_PROFILE = _BIOSCHEMAS + "FormalParameter/1.0-RELEASE"
_TYPES: dict[type, str] = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}


def workflow_name(contents: Contents) -> str:
    """Return the name of the file that is the workflow: the resolved configuration."""
    return joined(contents.run_folder, "config.json")


def workflow_properties(
    graph: Graph, facts: Facts, script: Reference, version: str
) -> dict[str, Any]:
    """Return what is said of the configuration of a group as a workflow.

    Args:
        graph: What its language and parameters are added to.
        facts: The group.
        script: The script, which is a part of the workflow.
        version: Version of the code.
    """
    inputs, outputs = _parameters(graph, facts)
    return {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": f"Search '{facts.manifest.name}'",
        "conformsTo": graph.add(
            _WORKFLOW_PROFILE,
            "CreativeWork",
            name="ComputationalWorkflow",
            version="1.0",
        ),
        "version": version,
        "programmingLanguage": graph.add(
            "#configuration",
            "ComputerLanguage",
            name="Configuration of ml-experiment",
            description="Which script is called, with parameters drawn from which "
            "distributions, how often, and what is optimised",
        ),
        "hasPart": script,
        "input": inputs,
        "output": outputs,
    }


def _parameters(graph: Graph, facts: Facts) -> tuple[list[Reference], list[Reference]]:
    """Add the parameters and metrics of a search; return references to them."""
    trials = facts.trials()
    shown = _shown_trial(facts, trials)
    drawn: dict[str, Any] = {}
    for trial in [*reversed(trials), *([shown] if shown else [])]:
        drawn |= trial.params
    inputs = [
        _add_parameter(graph, "in", name, value, _first_with(name, trials, shown))
        for name, value in drawn.items()
    ]
    metrics = dict(zip(facts.metric_names, shown.values if shown else [], strict=False))
    outputs = [
        _add_parameter(graph, "out", name, value, shown)
        for name, value in metrics.items()
    ]
    return inputs, outputs


def _shown_trial(facts: Facts, trials: list[TrialFacts]) -> TrialFacts | None:
    """Return the trial that stands as the example: the best, or the first with values."""
    best = facts.best
    complete = [trial for trial in trials if trial.values]
    for trial in complete:
        if best is not None and trial.number == best["number"]:
            return trial
    return complete[0] if complete else (trials[0] if trials else None)


def _first_with(
    name: str, trials: list[TrialFacts], shown: TrialFacts | None
) -> TrialFacts | None:
    if shown is not None and name in shown.params:
        return shown
    return next((trial for trial in trials if name in trial.params), None)


def _add_parameter(
    graph: Graph, kind: str, name: str, value: object, example: TrialFacts | None
) -> Reference:
    values = "param" if kind == "in" else "metric"
    work = None
    if example is not None:
        work = reference(identifier_of("trial", example.number, values, name))
    return graph.add(
        identifier_of("parameter", kind, name),
        "FormalParameter",
        name=name,
        additionalType=_TYPES.get(type(value), "Text"),
        conformsTo=graph.add(
            _PARAMETER_PROFILE, "CreativeWork", name="FormalParameter", version="1.0"
        ),
        workExample=work,
    )


def add_trials(
    graph: Graph, facts: Facts, contents: Contents, script: Reference
) -> list[Reference]:
    """Add each trial as an action of the script; return references to them."""
    return [
        _add_trial(graph, facts, contents, script, trial) for trial in facts.trials()
    ]


def _add_trial(
    graph: Graph, facts: Facts, contents: Contents, script: Reference, trial: TrialFacts
) -> Reference:
    metrics = dict(zip(facts.metric_names, trial.values, strict=False))
    place = f"trials/{trial.run.path.name}"
    manifest = as_identifier(joined(contents.run_folder, place, "manifest.json"))
    events = read_journal(trial.run.journal)
    artifacts = [event for event in events if event["event"] == "artifact"]
    started = trial.started
    ended = None
    if started is not None and trial.seconds is not None:
        ended = started + trial.seconds
    return graph.add(
        identifier_of("trial", trial.number),
        "CreateAction",
        name=f"Trial {trial.number} of {facts.manifest.name}",
        description=f"Trial {trial.number}: {_state(trial)}",
        startTime=None if started is None else moment(started),
        endTime=moment(facts.outcome.ended if ended is None else ended),
        instrument=script,
        agent=add_agent(graph, facts),
        object=[
            *add_values(
                graph,
                f"trial/{trial.number}/param",
                trial.params,
                _references("in", trial.params),
            ),
            reference(manifest),
        ],
        result=[
            *add_values(
                graph,
                f"trial/{trial.number}/metric",
                metrics,
                _references("out", metrics),
            ),
            *artifact_references(graph, contents, artifacts, place),
            *_result_file(graph, contents, place),
        ],
        **_status(trial),
    )


def _references(kind: str, values: Mapping[str, Any]) -> dict[str, Reference]:
    return {name: reference(identifier_of("parameter", kind, name)) for name in values}


def _result_file(graph: Graph, contents: Contents, place: str) -> list[Reference]:
    """Return what tells how the trial went, at least how far it came."""
    for name in ("result.json", "journal.jsonl"):
        identifier = as_identifier(joined(contents.run_folder, place, name))
        if graph.knows(identifier):
            return [reference(identifier)]
    return []


def _state(trial: TrialFacts) -> str:
    if trial.state is None:
        return "never ended, as the group was stopped"
    return f"{trial.state}: {trial.reason}" if trial.reason else trial.state


def _status(trial: TrialFacts) -> dict[str, str]:
    if trial.state in {"complete", "pruned"}:
        return {"actionStatus": COMPLETED}
    return {"actionStatus": FAILED, "error": _state(trial)}
