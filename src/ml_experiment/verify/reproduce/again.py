"""Run a recorded run again, once or several times, and compare."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_experiment.errors import NotReproducibleError
from ml_experiment.record.locks import is_held
from ml_experiment.supervise.recover import recover
from ml_experiment.verify.reproduce.attempt import prepare, remarks, run_once
from ml_experiment.verify.reproduce.facts import read_facts
from ml_experiment.verify.reproduce.findings import data_causes
from ml_experiment.verify.reproduce.noise import (
    measured_noise,
    shown_noise,
    volatile_artifacts,
)


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory
    from ml_experiment.supervise.session import Closed
    from ml_experiment.verify.compare import Comparison
    from ml_experiment.verify.reproduce.facts import Facts
    from ml_experiment.verify.reproduce.wish import Subject, Wish

_FEWEST_FOR_NOISE = 2


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of running a run again.

    Attributes:
        run: The new run; the first one, if there are several.
        closed: How each ended.
        comparison: Of the earlier run with it.
    """

    run: RunDirectory
    closed: list[Closed]
    comparison: Comparison


def reproduce(subject: Subject, wish: Wish, *, rtol: float, top: Path) -> Result:
    """Run a run again and compare.

    Args:
        subject: What is to be run again.
        wish: How.
        rtol: Relative difference of metrics that is tolerated.
        top: An empty folder, or one with a crate in it; everything is restored there.

    Raises:
        NotReproducibleError: It cannot be run again here.
        EnvironmentBuildError: Its packages cannot be installed.
    """
    from ml_experiment.verify.compare import compare_runs

    _close(subject.run)
    facts = read_facts(subject.run)
    _require_result(subject, facts)
    _announce(subject, facts, wish)
    work = prepare(subject, facts, wish, top / "look")
    runs: list[RunDirectory] = []
    closed: list[Closed] = []
    for number in range(1, wish.repeats + 1):
        if wish.repeats > 1:
            wish.say(f"run {number} of {wish.repeats}")
        run, end = run_once(work, top / str(number))
        _stop_if_ended_from_outside(run, end, facts)
        runs.append(run)
        closed.append(end)
    old, new = _pair(subject, runs[0])
    noise, volatile = None, frozenset[str]()
    if len(runs) >= _FEWEST_FOR_NOISE:
        repeated = [_pair(subject, run)[1] for run in runs]
        noise, volatile = measured_noise(repeated), volatile_artifacts(repeated)
        for line in shown_noise(repeated, old):
            wish.say(line)
    comparison = compare_runs(
        old,
        new,
        rtol=rtol,
        noise=noise,
        volatile=volatile,
        findings=data_causes(work.changed_data, facts.manifest.cwd),
    )
    warnings = (*comparison.warnings, *remarks(work.data))
    return Result(
        run=runs[0], closed=closed, comparison=replace(comparison, warnings=warnings)
    )


def _stop_if_ended_from_outside(
    run: RunDirectory, closed: Closed, facts: Facts
) -> None:
    """Judge nothing by a repetition that somebody has stopped.

    One that raised ``KeyboardInterrupt`` of its own accord has ended by itself.

    Raises:
        KeyboardInterrupt: It was interrupted from the keyboard.
        NotReproducibleError: It was told to end, and the recorded run was not, or not so.
    """
    outcome, before = closed.outcome, facts.outcome
    if outcome.status != "KILLED":
        return
    if outcome.signal in {"SIGINT", None}:
        if closed.interrupted:
            raise KeyboardInterrupt
        return
    expected = before is not None and before.status == "KILLED"
    if before is None or not expected or before.signal != outcome.signal:
        raise NotReproducibleError(
            f"the repetition, run {run.run_id}, was ended from outside "
            f"({outcome.signal}): there is nothing to compare"
        )


def _close(run: RunDirectory) -> None:
    """Close a run whose processes are gone; refuse one that is still going on.

    Raises:
        NotReproducibleError: It is going on.
    """
    if run.outcome.exists():
        return
    busy = is_held(run.owner_lock) or is_held(run.driver_lock)
    if busy or recover(run) == "running":
        raise NotReproducibleError(f"{run.run_id} is still running")


def _require_result(subject: Subject, facts: Facts) -> None:
    """Refuse what a group that was stopped gives nothing to compare with.

    Raises:
        NotReproducibleError: The trial, or each trial, was still under way.
    """
    if not facts.is_group:
        return
    group = subject.run
    trials = group.trials() if subject.trial is None else [group.trial(subject.trial)]
    if any(trial.result.exists() for trial in trials):
        return
    what = "no trial" if subject.trial is None else f"trial {subject.trial}"
    verb = "had ended" if subject.trial is None else "had not ended"
    raise NotReproducibleError(
        f"{what} of {group.run_id} {verb} when the group was stopped: there is nothing "
        "to compare with"
    )


def _announce(subject: Subject, facts: Facts, wish: Wish) -> None:
    """Say what is going to be run, and what can be expected of it."""
    manifest, outcome = facts.manifest, facts.outcome
    what = manifest.run_id
    if subject.trial is not None:
        what = f"trial {subject.trial} of {what}"
    wish.say(f"reproducing {what}: {manifest.name}, seed {manifest.seed}")
    if outcome is None or outcome.status == "KILLED":
        reason = "" if outcome is None else f" ({outcome.reason})"
        wish.say(
            f"note: that run did not come to its end{reason}: it is compared as far as "
            "it got"
        )
    elif outcome.status == "FAILED":
        wish.say(
            f"note: that run failed ({outcome.reason}): the same is expected of this one"
        )
    if facts.is_group and getattr(facts.config, "lookahead", None) == "none":
        wish.say(
            "note: with lookahead: none the search cannot be repeated: each trial runs "
            "with its recorded parameters"
        )


def _pair(subject: Subject, run: RunDirectory) -> tuple[RunDirectory, RunDirectory]:
    """Return what is compared: run with run, or trial with trial."""
    if subject.trial is None:
        return subject.run, run
    return subject.run.trial(subject.trial), run.trial(subject.trial)
