"""Compare two runs: the verdict by what came out, the causes by what went in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ml_experiment.verify.compare.answer import (
    Cause,
    Comparison,
    Noise,
    Row,
    State,
    Verdict,
    as_unseen,
)
from ml_experiment.verify.compare.artifacts import compare_artifacts
from ml_experiment.verify.compare.code import compare_code
from ml_experiment.verify.compare.console import compare_console
from ml_experiment.verify.compare.environment import (
    compare_hardware,
    compare_software,
    compare_switches,
    is_of_package,
)
from ml_experiment.verify.compare.evidence import GROUP, Evidence, read_evidence
from ml_experiment.verify.compare.inputs import (
    compare_data,
    compare_params,
    compare_splits,
)
from ml_experiment.verify.compare.metrics import compare_metrics
from ml_experiment.verify.compare.outcomes import compare_outcomes
from ml_experiment.verify.compare.randomness import (
    compare_randomness,
    is_escaped,
    with_unseen_files,
)


if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ml_experiment.record.directory import RunDirectory

_INPUTS = frozenset({"stochasticity", "parameters", "code", "data set"})
_LEAST = 16.0  # lighter causes are no more than coincidences, if there are others


def compare_runs(
    old: RunDirectory,
    new: RunDirectory,
    *,
    rtol: float = 0.0,
    noise: Noise | None = None,
    volatile: Collection[str] = (),
    findings: Sequence[Cause] = (),
) -> Comparison:
    """Compare two runs, two groups, or two trials.

    Args:
        old: The first run; in a reproduction, the recorded one.
        new: The second run.
        rtol: Relative difference of numbers that is tolerated, of the larger of the two.
        noise: Between which values runs of this machine lie, by name and step.
        volatile: Artifacts that differ whenever the run is repeated.
        findings: Causes that the caller has found before.

    Raises:
        RecordError: One of them is no run directory.
    """
    before, after = read_evidence(old), read_evidence(new)
    if GROUP in {before.manifest.kind, after.manifest.kind}:
        from ml_experiment.verify.compare.groups import compare_groups

        return compare_groups(before, after, rtol=rtol, findings=findings)
    if not before.is_whole and not after.is_whole:
        before = before.as_far_as(after)
    inputs, causes = compare_inputs(before, after)
    results, warnings = compare_results(
        before,
        after,
        rtol=rtol,
        noise=noise,
        volatile=volatile,
        same_inputs=have_same_inputs(before, after, inputs, causes),
    )
    rows = (*results, *inputs, compare_console(before, after))
    verdict, reason = judge(before, rows)
    if noise is not None and verdict is Verdict.WITHIN_TOLERANCE:
        reason += (
            "; it differs no more than runs of this machine differ from each other"
        )
    return Comparison(
        verdict=verdict,
        reason=reason,
        old=before.manifest.run_id,
        new=after.manifest.run_id,
        rows=rows,
        causes=ranked(verdict, [*findings, *causes]),
        warnings=(*warnings, *_parted(verdict, rows)),
    )


def compare_results(
    old: Evidence,
    new: Evidence,
    *,
    rtol: float = 0.0,
    noise: Noise | None = None,
    volatile: Collection[str] = (),
    same_inputs: bool,
) -> tuple[list[Row], list[str]]:
    """Compare what came out of two runs; return rows, and warnings."""
    partial = not old.is_whole
    metrics, warnings = compare_metrics(
        old.metrics,
        new.metrics,
        rtol=rtol,
        noise=noise,
        partial=partial,
        alone=not old.artifacts,
        same_inputs=same_inputs,
    )
    artifacts = compare_artifacts(
        old,
        new,
        rtol=rtol,
        volatile=volatile,
        partial=partial,
        same_inputs=same_inputs,
    )
    return [compare_outcomes(old, new), metrics, artifacts], warnings


def compare_inputs(old: Evidence, new: Evidence) -> tuple[list[Row], list[Cause]]:
    """Compare what went into two runs; return rows, and what may be causes."""
    rows: list[Row] = []
    causes: list[Cause] = []
    for compare in (
        compare_randomness,
        compare_params,
        compare_code,
        compare_data,
        compare_splits,
        compare_software,
        compare_switches,
        compare_hardware,
    ):
        row, found = compare(old, new)
        rows.append(row)
        causes.extend(found)
    return rows, with_unseen_files(old, new, causes)


def have_same_inputs(
    old: Evidence, new: Evidence, rows: Sequence[Row], causes: Sequence[Cause]
) -> bool:
    """Return whether nothing that is recorded but the clock can make a difference.

    Only then is a column ``time`` or ``date`` that differs the time of the run; otherwise
    it may as well be data. Another machine is no other input.

    Args:
        old: The first run.
        new: The second run.
        rows: What was found of their inputs.
        causes: What may be causes, found likewise.
    """
    return (
        old.manifest.seed == new.manifest.seed
        and all(row.state is State.SAME for row in rows if row.name in _INPUTS)
        and not is_escaped(old)
        and not is_escaped(new)
        and not any(is_of_package(cause) for cause in causes)
    )


def judge(old: Evidence, rows: Sequence[Row]) -> tuple[Verdict, str]:
    """Return the verdict of the rows that are results, and why."""
    results = [row for row in rows if row.is_result]
    changed = [row for row in results if row.state is State.CHANGED]
    unknown = [row for row in results if row.state is State.UNKNOWN]
    close = [row for row in results if row.state is State.CLOSE]
    if changed:
        said = "; ".join(f"{row.name}: {row.summary}" for row in changed)
        return Verdict.DIFFERENT, said
    if not old.metrics and not old.artifacts and not _said_enough(old, rows):
        return (
            Verdict.NOT_COMPARABLE,
            "the first run left no metrics, no artifacts and no state of a generator",
        )
    if unknown:
        said = "; ".join(f"{row.name}: {row.summary}" for row in unknown)
        return Verdict.NOT_COMPARABLE, said
    so_far = "" if old.is_whole else ", as far as the first run got"
    if close:
        said = "; ".join(f"{row.name}: {row.summary}" for row in close)
        return Verdict.WITHIN_TOLERANCE, f"{said}{so_far}"
    if not old.metrics and not old.artifacts:
        return _by_the_rest(rows, so_far)
    if not old.artifacts:
        said = f"every metric is the same{so_far}; no artifacts were given"
    elif not old.metrics:
        said = f"every artifact is the same{so_far}; no metrics were given"
    else:
        said = f"every metric and every artifact is the same{so_far}"
    return Verdict.IDENTICAL, said


def _said_enough(old: Evidence, rows: Sequence[Row]) -> bool:
    """Return whether a run without results can be compared by how it ended."""
    if old.outcome is not None and old.outcome.status == "FAILED":
        return True
    if old.result is not None:  # of a trial: the search saw it
        return True
    random = next((row for row in rows if row.name == "stochasticity"), None)
    return random is not None and random.state is not State.UNKNOWN


def _by_the_rest(rows: Sequence[Row], so_far: str) -> tuple[Verdict, str]:
    """Judge a run that gave nothing by its random numbers and by what it said."""
    for row in rows:
        if row.name in {"stochasticity", "console"} and row.state is State.CHANGED:
            return Verdict.DIFFERENT, f"{row.name}: {row.summary}"
    said = f"how it ended, what it drew and what it printed are the same{so_far}"
    return Verdict.IDENTICAL, f"{said}; there are no metrics or artifacts"


def _parted(verdict: Verdict, rows: Sequence[Row]) -> list[str]:
    """Warn of what is the same although not everything before it was."""
    if verdict is not Verdict.IDENTICAL:
        return []
    return [
        f"the results are the same although {row.name} is not: {row.summary}"
        for row in rows
        if not row.is_result and row.state is State.CHANGED and row.name != "console"
    ]


def ranked(verdict: Verdict, causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """Return the causes of a difference, the likeliest first; none if there is none."""
    if verdict is Verdict.IDENTICAL:
        return ()
    found = [cause for cause in causes if cause.weight >= _LEAST]
    if not found:
        unseen = [as_unseen(cause) for cause in causes]
        found = [*unseen, _uncontrolled(alone=not unseen)]
    unique = {cause.sentence: cause for cause in reversed(found)}
    ordered = sorted(unique.values(), key=lambda cause: -cause.weight)
    return tuple(
        dataclasses.replace(cause, rank=rank)
        for rank, cause in enumerate(ordered, start=1)
    )


def _uncontrolled(*, alone: bool) -> Cause:
    what = "nothing that is recorded has changed, so something is"
    return Cause(
        aspect="stochasticity",
        sentence=f"{what if alone else 'or something is'} not controlled: "
        "threads that race, a clock, a network, a device, standard input, or a variable "
        "of the environment that is not recorded",
        hint="`ml-experiment check` looks for it; --repeats N measures it",
        weight=0.0,
    )
