"""Compare two searches trial by trial."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ml_experiment.errors import RecordError
from ml_experiment.verify.compare.answer import (
    Cause,
    Comparison,
    Row,
    State,
    TrialRow,
    Verdict,
)
from ml_experiment.verify.compare.evidence import GROUP, Evidence, read_evidence
from ml_experiment.verify.compare.inputs import compare_params
from ml_experiment.verify.compare.randomness import compare_randomness
from ml_experiment.verify.compare.runs import (
    compare_inputs,
    compare_results,
    have_same_inputs,
    judge,
    ranked,
)


if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMED = 57.0
_MOST_CAUSES = 3
_SHOWN = 8
_WORST = (
    Verdict.IDENTICAL,
    Verdict.WITHIN_TOLERANCE,
    Verdict.NOT_COMPARABLE,
    Verdict.DIFFERENT,
)


def compare_groups(
    old: Evidence,
    new: Evidence,
    *,
    rtol: float = 0.0,
    findings: Sequence[Cause] = (),
) -> Comparison:
    """Compare two groups.

    Args:
        old: The first group.
        new: The second group.
        rtol: Relative difference of numbers that is tolerated.
        findings: Causes that the caller has found before.
    """
    first, second = old.manifest.run_id, new.manifest.run_id
    if old.manifest.kind != new.manifest.kind:
        kinds = f"{old.manifest.kind} and {new.manifest.kind}"
        return Comparison(
            verdict=Verdict.NOT_COMPARABLE,
            reason=f"other kinds of run: {kinds}",
            old=first,
            new=second,
        )
    assert old.manifest.kind == GROUP  # noqa: S101 - one of them is, so both are
    inputs, own = compare_inputs(old, new)
    same_inputs = have_same_inputs(old, new, inputs, own)
    trials, causes = _trials(old, new, rtol, same_inputs=same_inputs)
    row = _row(trials)
    verdict = max((each.verdict for each in trials), key=_WORST.index, default=None)
    if verdict is None:
        verdict, reason = Verdict.NOT_COMPARABLE, "the first group has no trials"
    else:
        reason = row.summary
        if not old.is_whole and verdict is Verdict.IDENTICAL:
            reason += ", as far as the first group got"
    return Comparison(
        verdict=verdict,
        reason=reason,
        rows=(row, *inputs),
        causes=ranked(verdict, [*findings, *own, *causes]),
        trials=tuple(trials),
        old=first,
        new=second,
    )


def _trials(
    old: Evidence, new: Evidence, rtol: float, *, same_inputs: bool
) -> tuple[list[TrialRow], list[Cause]]:
    before = {int(run.path.name): run for run in old.run.trials()}
    after = {int(run.path.name): run for run in new.run.trials()}
    rows: list[TrialRow] = []
    causes: list[Cause] = []
    for number in sorted(before.keys() | after.keys()):
        if number not in before or number not in after:
            which = "first" if number in before else "second"
            if which == "second" and not old.is_whole:
                continue
            rows.append(
                TrialRow(
                    number=number,
                    verdict=Verdict.DIFFERENT,
                    summary=f"only in the {which} group",
                )
            )
            continue
        try:
            one, other = read_evidence(before[number]), read_evidence(after[number])
        except RecordError as error:
            rows.append(
                TrialRow(
                    number=number, verdict=Verdict.NOT_COMPARABLE, summary=str(error)
                )
            )
            continue
        if one.result is None and not old.is_whole:
            continue  # it was running when the group was ended
        row, found = _trial(number, one, other, rtol, same_inputs=same_inputs)
        rows.append(row)
        if row.verdict is Verdict.DIFFERENT and not causes:
            causes = found  # those after it follow from the first
    return rows, causes[:_MOST_CAUSES]


def _trial(
    number: int, old: Evidence, new: Evidence, rtol: float, *, same_inputs: bool
) -> tuple[TrialRow, list[Cause]]:
    params, found = compare_params(old, new)
    random, more = compare_randomness(old, new)
    same_inputs &= have_same_inputs(old, new, [params, random], more)
    results, _ = compare_results(old, new, rtol=rtol, same_inputs=same_inputs)
    if params.state is State.CHANGED:
        return (
            TrialRow(
                number=number,
                verdict=Verdict.DIFFERENT,
                summary=f"other parameters: {params.summary}",
            ),
            [_prefixed(number, cause) for cause in found],
        )
    verdict, reason = judge(old, [*results, random])
    causes = [_prefixed(number, cause) for cause in [*found, *more]]
    for side in (old, new):
        if (side.result or {}).get("depends_on_time"):
            causes.append(
                Cause(
                    aspect="trials",
                    sentence=f"trial {number} was ended from outside, at a moment that "
                    "may differ another time",
                    hint="a longer timeout_per_trial lets it end by itself",
                    weight=_TIMED,
                )
            )
            break
    same = verdict is Verdict.IDENTICAL
    return (
        TrialRow(number=number, verdict=verdict, summary="" if same else reason),
        causes,
    )


def _prefixed(number: int, cause: Cause) -> Cause:
    # The search drew other parameters: a consequence, and hardly ever the cause.
    weight = min(cause.weight, 44.0) if cause.aspect == "parameters" else cause.weight
    return Cause(
        aspect=cause.aspect,
        sentence=f"trial {number}: {cause.sentence}",
        hint=cause.hint,
        weight=min(weight, 59.0),
    )


def _row(trials: list[TrialRow]) -> Row:
    counts = Counter(each.verdict for each in trials)
    same = counts[Verdict.IDENTICAL]
    summary = f"{same} of {len(trials)} trials identical"
    others = [each for each in trials if each.verdict is not Verdict.IDENTICAL]
    if others:
        summary += f"; the first other one is trial {others[0].number}"
    if counts[Verdict.DIFFERENT]:
        state = State.CHANGED
    elif counts[Verdict.NOT_COMPARABLE]:
        state = State.UNKNOWN
    else:
        state = State.CLOSE if others else State.SAME
    details = [
        f"trial {each.number}: {each.verdict.value}: {each.summary}"
        for each in others[:_SHOWN]
    ]
    if len(others) > _SHOWN:
        details.append(f"and {len(others) - _SHOWN} more trials")
    return Row(
        name="trials",
        state=state,
        summary=summary,
        details=tuple(details),
        is_result=True,
    )
