"""Run a recorded run again: restore, check, run."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ml_experiment.errors import NotReproducibleError
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.prepare import Request
from ml_experiment.record.reproduction import Reproduction
from ml_experiment.record.wording import counted
from ml_experiment.supervise.start import run_job
from ml_experiment.verify.reproduce.data import (
    Places,
    find_data,
    lay_out,
    read_inputs,
)
from ml_experiment.verify.reproduce.facts import script_in
from ml_experiment.verify.reproduce.packages import differences_here
from ml_experiment.verify.reproduce.scratch import restore
from ml_experiment.verify.reproduce.venv import Environment, built_environment


if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_experiment.record.reproduction import Launch
    from ml_experiment.supervise.session import Closed
    from ml_experiment.verify.reproduce.data import Found
    from ml_experiment.verify.reproduce.facts import Facts
    from ml_experiment.verify.reproduce.scratch import Scratch
    from ml_experiment.verify.reproduce.wish import Subject, Wish

_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """All that is needed to run a run again, once or several times.

    Attributes:
        subject: What is run again.
        wish: How.
        facts: What its record says.
        environment: The interpreter to use, if it is not this one.
        places: Where its data were looked for.
        data: What was found of them.
    """

    subject: Subject
    wish: Wish
    facts: Facts
    environment: Environment | None
    places: Places
    data: Sequence[Found]

    @property
    def changed_data(self) -> list[Found]:
        """The data files that are not what they were."""
        return [each for each in self.data if each.state == "changed"]


def prepare(subject: Subject, facts: Facts, wish: Wish, top: Path) -> Workplace:
    """Check all that can be checked before anything runs.

    Args:
        subject: What is to be run again.
        facts: What its record says.
        wish: How.
        top: An empty folder for looking at the restored project.

    Raises:
        NotReproducibleError: Its data are gone, or its code cannot be restored.
        EnvironmentBuildError: Its packages cannot be installed.
    """
    for doubt in facts.doubts:
        wish.say(f"note: {doubt}")
    scratch = restore(facts, top)
    places = _places(subject, facts, wish, None)
    found = find_data(read_inputs(facts.run), places, scratch)
    _refuse_without(found, packages=False)
    environment = None
    if wish.where == "venv":
        environment = built_environment(facts, wish.say)
        for note in environment.notes:
            wish.say(f"note: {note}")
    else:
        for line in differences_here(facts):
            wish.say(f"note: {line}")
    places = _places(subject, facts, wish, environment)
    found = find_data(read_inputs(facts.run), places, scratch)
    _say_of_data(found, wish)
    return Workplace(
        subject=subject,
        wish=wish,
        facts=facts,
        environment=environment,
        places=places,
        data=found,
    )


def _places(
    subject: Subject, facts: Facts, wish: Wish, environment: Environment | None
) -> Places:
    packages = (
        tuple(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib"))
        if environment is None
        else environment.packages
    )
    here = [wish.home, *wish.home.parents]
    checkouts = [folder for folder in here if (folder / ".git").exists()][:1]
    return Places(
        cwd=facts.manifest.cwd,
        root=str(facts.source["root"]),
        given=wish.data,
        crate=subject.data,
        here=[*_first_home(facts), wish.home, *checkouts],
        packages=packages,
    )


def _first_home(facts: Facts) -> list[Path]:
    """Return where the data were of a run that was itself a repetition.

    It worked in a restored project, which is gone.
    """
    earlier = facts.manifest.reproduces
    if earlier is None:
        return []
    first = RunDirectory(facts.run.path.parent / str(earlier["run_id"]))
    if not first.manifest.is_file():
        return []
    return [Path(read_manifest(first).cwd)]


def _refuse_without(found: Sequence[Found], *, packages: bool) -> None:
    gone = [
        each.input.path
        for each in found
        if each.state == "gone" and (packages or each.input.packaged is None)
    ]
    if not gone:
        return
    listed = "\n  ".join(gone[:_SHOWN])
    more = f"\n  and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
    raise NotReproducibleError(
        f"data that the run read are gone:\n  {listed}{more}\n"
        "put them back, or name a folder that has them as the project had: --data DIR"
    )


def _say_of_data(found: Sequence[Found], wish: Wish) -> None:
    counts = {"same": 0}
    for remark in remarks(found):
        wish.say(f"note: {remark}")
    for each in found:
        counts[each.state] = counts.get(each.state, 0) + 1
        path = each.input.path
        if each.state == "changed":
            wish.say(f"note: data have changed: {path}, as {each.source} has them")
        elif each.state == "gone":
            wish.say(f"note: not in the packages of this environment: {path}")
        elif each.state == "to be downloaded":
            wish.say(f"note: not here, and left to its library to download: {path}")
    if found:
        wish.say(
            f"data: {counts['same']} of {counted(len(found), 'file')} here, unchanged"
        )


def remarks(found: Sequence[Found]) -> list[str]:
    """Return what is the matter with data that the recorded source has a copy of."""
    what = {"changed": "has changed", "gone": "is gone"}
    return [
        f"{each.input.path} {what[each.elsewhere]} since; the copy in the recorded source "
        "was used"
        for each in found
        if each.elsewhere
    ]


def run_once(work: Workplace, top: Path) -> tuple[RunDirectory, Closed]:
    """Run it again, in a project restored for this time alone.

    Args:
        work: What was prepared.
        top: An empty folder.
    """
    scratch = restore(work.facts, top)
    lay_out(work.data, work.places, scratch)
    request = _request(work, scratch)
    variables = dict(work.wish.variables) | _places_of_the_caller(work.wish)
    return run_job(request, variables, work.wish.terminal(work.facts.is_group))


def _request(work: Workplace, scratch: Scratch) -> Request:
    facts, wish = work.facts, work.wish
    launch = _launch(facts, scratch)
    return Request(
        config=facts.config,
        script=scratch.tree.script,
        cwd=scratch.tree.cwd,
        command=wish.command,
        started_by="cli",
        environment=wish.environment,
        drawn_seed=facts.manifest.seed,
        launch=launch,
        python=None if work.environment is None else work.environment.python,
        reproduction=Reproduction(
            run_id=facts.manifest.run_id,
            mlflow_run_id=work.subject.mlflow_run_id,
            recorded=str(facts.run.path),
            home=str(wish.home),
            source_root=str(scratch.tree.root),
            switches=facts.switches | _interpreter_variables(work, scratch),
            import_seed=facts.import_seed,
            start_states=facts.start_states,
            launch=launch,
            trial=work.subject.trial,
            workers=wish.workers,
            worker_switches=facts.worker_switches,
            storage=wish.environment.optuna_storage if facts.is_group else None,
        ),
    )


def _launch(facts: Facts, scratch: Scratch) -> Launch | None:
    if facts.launch is None:
        return None
    main = script_in(facts, scratch.tree.root) or scratch.tree.script
    return replace(facts.launch, main=str(main))


def _interpreter_variables(work: Workplace, scratch: Scratch) -> dict[str, str | None]:
    """Return what the job's interpreter must be told: its modules, its environment."""
    path = [str(folder) for folder in scratch.tree.python_path]
    here = work.wish.variables
    if work.environment is None:
        path += [item for item in here.get("PYTHONPATH", "").split(os.pathsep) if item]
        return {"PYTHONPATH": os.pathsep.join(path) or None}
    folder = work.environment.python.parent
    programs = [str(folder), *here.get("PATH", "").split(os.pathsep)]
    return {
        "PYTHONPATH": os.pathsep.join(path) or None,
        "PYTHONHOME": None,
        "PYTHONNOUSERSITE": "1",
        "VIRTUAL_ENV": str(folder.parent),
        "PATH": os.pathsep.join(programs),
    }


def _places_of_the_caller(wish: Wish) -> dict[str, str]:
    """Return the variables that keep runs and MLflow where the caller has them."""
    environment = wish.environment
    found = {
        "MLFLOW_TRACKING_URI": environment.tracking_uri,
        "ML_EXPERIMENT_HOME": str(environment.runs_root),
        "OPTUNA_STORAGE_URI": environment.optuna_storage,
    }
    root = environment.artifact_root
    if root is not None:
        local = "://" not in root
        found["ML_EXPERIMENT_ARTIFACT_ROOT"] = (
            str(wish.home / Path(root).expanduser()) if local else root
        )
    return found
