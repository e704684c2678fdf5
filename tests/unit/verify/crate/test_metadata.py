"""The description keeps what the profiles demand, for every kind of run."""

from __future__ import annotations

import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from rocrate.rocrate import ROCrate
from tests.crates import close, experiment, group

from ml_experiment.record.directory import RunDirectory, write_json
from ml_experiment.record.manifest import Manifest, write_manifest
from ml_experiment.record.outcome import Outcome
from ml_experiment.verify.crate import export_run
from ml_experiment.verify.crate.layout import (
    DIGESTS,
    METADATA,
    PROCESS_RUN,
    WORKFLOW,
    WORKFLOW_RUN,
    from_identifier,
)


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Entities = dict[str, dict[str, Any]]


def _failed(home: Path) -> RunDirectory:
    reason = "ValueError: no data"
    return experiment(home, outcome=Outcome(status="FAILED", reason=reason, ended=2e9))


def _poor(home: Path) -> RunDirectory:
    """A run of which next to nothing was recorded."""
    run = RunDirectory.create(home, "20260131-235959-0000000")
    manifest = Manifest(
        run_id=run.run_id,
        kind="experiment",
        name="<x> & 'y' / \u00e9\u4e2d",
        script="/home/me/a b.py",
        cwd="/home/me",
        command=[],
        started_by="script",
        created=1.8e9,
        seed=0,
        seed_drawn=True,
    )
    write_manifest(run, manifest)
    write_json(run.config, {})
    return close(run, Outcome(status="KILLED", reason="killed", ended=1.9e9))


def _odd_names(home: Path) -> RunDirectory:
    names = {"a b#c?d%e/\u00fc&[1].txt": b"1", "x:y@z.txt": b"2", "-n": b"3"}
    return experiment(home, artifacts=names)


def _empty_group(home: Path) -> RunDirectory:
    return group(home, 0)


KINDS: dict[str, Callable[[Path], RunDirectory]] = {
    "experiment": experiment,
    "failed": _failed,
    "poor": _poor,
    "odd names": _odd_names,
    "group": group,
    "empty group": _empty_group,
}


def _is(entity: dict[str, Any], kind: str) -> bool:
    kinds = entity["@type"]
    return kind in (kinds if isinstance(kinds, list) else [kinds])


def _references(value: object) -> list[str]:
    """Return the identifiers that a property leads to."""
    values = value if isinstance(value, list) else [value]
    return [each["@id"] for each in values if isinstance(each, dict)]


def _all(entities: Entities, kind: str) -> list[dict[str, Any]]:
    return [entity for entity in entities.values() if _is(entity, kind)]


def _described(crate: Path) -> tuple[Entities, set[str]]:
    with zipfile.ZipFile(crate) as archive:
        graph = json.loads(archive.read(METADATA))["@graph"]
        return {entity["@id"]: entity for entity in graph}, set(archive.namelist())


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def crate(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A crate of each kind of run."""
    return export_run(request.param(tmp_path), tmp_path / "run.crate.zip")


def test_the_library_of_ro_crate_reads_it(crate: Path, tmp_path: Path) -> None:
    """Another reader than ours finds the same entities and files."""
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(crate) as archive:
        archive.extractall(folder)

    read = ROCrate(folder)

    entities, _ = _described(crate)
    assert {entity.id for entity in read.get_entities()} == entities.keys()
    assert all((folder / from_identifier(e.id)).is_file() for e in read.data_entities)


def test_the_graph_is_flat_and_leads_nowhere_else(crate: Path) -> None:
    """Each entity stands once, has a type, and refers to entities that are there."""
    entities, _ = _described(crate)
    outside = {"https://w3id.org/ro/crate/1.1", "https://www.python.org/"}

    for entity in entities.values():
        assert entity["@type"]
        for name, value in entity.items():
            for reference in _references(value):
                assert reference in entities.keys() | outside, (entity["@id"], name)
            for each in value if isinstance(value, list) else [value]:
                assert isinstance(each, (str, int, float, bool)) or set(each) == {"@id"}


def test_every_file_is_a_part_of_the_crate(crate: Path) -> None:
    """RO-Crate: data entities are in the payload and linked from the root."""
    entities, names = _described(crate)

    parts = {from_identifier(part) for part in _references(entities["./"]["hasPart"])}

    files = {from_identifier(each["@id"]) for each in _all(entities, "File")}
    assert files == parts
    assert names - parts == {METADATA, DIGESTS, "ro-crate-preview.html"}


def test_the_root_has_what_ro_crate_demands(crate: Path) -> None:
    """Name, description, date, licence and profiles."""
    entities, _ = _described(crate)
    root = entities["./"]

    assert {"name", "description", "datePublished", "license"} <= root.keys()
    assert entities[METADATA]["about"] == {"@id": "./"}
    for profile in _references(root["conformsTo"]):
        assert _is(entities[profile], "CreativeWork")
        assert {"name", "version"} <= entities[profile].keys()


def test_every_action_has_what_process_run_crate_demands(crate: Path) -> None:
    """An instrument that is software, a name, an end, an agent, and being mentioned."""
    entities, _ = _described(crate)
    actions = _all(entities, "CreateAction")

    assert actions
    assert PROCESS_RUN in _references(entities["./"]["conformsTo"])
    mentioned = _references(entities["./"]["mentions"])
    for action in actions:
        (instrument,) = _references(action["instrument"])
        assert any(
            _is(entities[instrument], kind)
            for kind in ("SoftwareSourceCode", "SoftwareApplication")
        )
        assert action["@id"] in mentioned
        assert {"name", "description", "endTime"} <= action.keys()
        assert _is(entities[_references(action["agent"])[0]], "Person")
        failed = action["actionStatus"] == "http://schema.org/FailedActionStatus"
        assert ("error" in action) == failed
        assert _references(action["result"])


@pytest.mark.parametrize("make", [group, _empty_group], ids=["group", "empty group"])
def test_a_group_has_what_workflow_run_crate_demands(
    make: Callable[[Path], RunDirectory], tmp_path: Path
) -> None:
    """A main workflow with a language, formal parameters, and an action that ran it."""
    crate = export_run(make(tmp_path), tmp_path / "g.zip")

    entities, _ = _described(crate)

    root = entities["./"]
    profiles = set(_references(root["conformsTo"]))
    assert profiles == {PROCESS_RUN, WORKFLOW_RUN, WORKFLOW}
    workflow = entities[root["mainEntity"]["@id"]]
    assert set(workflow["@type"]) == {
        "File",
        "SoftwareSourceCode",
        "ComputationalWorkflow",
    }
    language = workflow["programmingLanguage"]["@id"]
    assert _is(entities[language], "ComputerLanguage")
    assert [
        action["@id"]
        for action in _all(entities, "CreateAction")
        if action["instrument"] == {"@id": workflow["@id"]}
    ] == ["#run/20260131-235959-41a2b3c"]
    for parameter in _all(entities, "FormalParameter"):
        assert {"additionalType", "name"} <= parameter.keys()
        example = entities[parameter["workExample"]["@id"]]
        assert example["exampleOfWork"] == {"@id": parameter["@id"]}


def test_the_trials_of_a_group_are_actions_with_their_parameters(
    tmp_path: Path,
) -> None:
    """Complete, pruned, failed and unfinished trials are told apart."""
    run = group(tmp_path, 4)

    entities, _ = _described(export_run(run, tmp_path / "g.zip"))

    trials = [entities[f"#trial/{number}"] for number in range(5)]
    assert [trial["actionStatus"].rpartition("/")[2] for trial in trials] == [
        *("CompletedActionStatus",) * 3,
        *("FailedActionStatus",) * 2,
    ]
    values = {
        entities[each]["name"]: entities[each].get("value")
        for each in _references(trials[0]["object"])
    }
    assert values["C"] == pytest.approx(values["C"])
    assert values["kernel"] in {"rbf", "poly", "</script><script>alert(1)</script>"}
    assert entities["#trial/0/metric/accuracy"]["value"] < 1
    assert "never ended" in trials[4]["description"]


def test_parameters_and_metrics_are_exact(tmp_path: Path) -> None:
    """Numbers keep all their digits; what JSON-LD has no form for becomes JSON."""
    crate = export_run(experiment(tmp_path), tmp_path / "r.zip")

    entities, _ = _described(crate)

    assert entities["#metric/acc"]["value"] == 0.1 + 0.2
    assert entities["#param/C"]["value"] == 0.1
    assert entities["#param/kernel"]["value"] == "rbf"
    assert entities["#param/sizes"]["value"] == "[1, 2]"


def test_packages_are_requirements_of_the_script(tmp_path: Path) -> None:
    """Public ones by their page, others without one."""
    crate = export_run(experiment(tmp_path), tmp_path / "r.zip")

    entities, _ = _described(crate)

    needed = _references(entities["code/train.py"]["softwareRequirements"])
    assert "https://pypi.org/project/numpy/2.0.1/" in needed
    assert entities["#package/mine/0.1%2Blocal"]["softwareVersion"] == "0.1+local"


def test_data_that_is_not_in_the_crate_is_named_with_its_digest(
    tmp_path: Path,
) -> None:
    """A reader knows which file to look for, and when it is the right one."""
    data = tmp_path / "rows.csv"
    data.write_text("1")
    run = experiment(tmp_path, data=[data])

    without, _ = _described(export_run(run, tmp_path / "r.zip"))
    within, _ = _described(export_run(run, tmp_path / "d.zip", with_data=True))

    assert _is(without["#data/rows.csv"], "CreativeWork")
    assert len(without["#data/rows.csv"]["sha256"]) == 64
    (place,) = [name for name in within if name.startswith("data/")]
    action = next(iter(_all(within, "CreateAction")))
    assert {"@id": place} in action["object"]


def test_the_preview_shows_texts_as_texts(tmp_path: Path) -> None:
    """A name is no markup, in the page for people."""
    run = experiment(tmp_path, name="<script>alert(1)</script>", description="a < b")
    crate = export_run(run, tmp_path / "r.zip")

    with zipfile.ZipFile(crate) as archive:
        page = archive.read("ro-crate-preview.html").decode()
        readme = archive.read("README.md").decode()

    assert "<script>" not in page
    assert "a &lt; b" in page
    assert "# \\<script\\>alert(1)" in readme


def test_a_large_group_is_exported_in_seconds(tmp_path: Path) -> None:
    """The time grows with the number of trials, not with its square."""
    run = group(tmp_path, 400)

    started = time.process_time()
    export_run(run, tmp_path / "g.zip")

    assert time.process_time() - started < 20
