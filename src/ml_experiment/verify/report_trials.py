"""The table of all trials, as HTML; it can be read and sorted, and filtered by state."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_experiment.verify.report_data import GroupData, TrialData

_MOST_COLUMNS = 16


def shown_value(value: Any) -> str:
    """Return a number or another value at a length that fits into a cell."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def trials_table(group: GroupData) -> str:
    """Return the filter and the table."""
    if not group.trials:
        return '<p class="quiet">There is none yet.</p>'
    names = group.param_names
    columns = names if len(names) <= _MOST_COLUMNS else ()
    head = "".join(
        _heading(title, numeric) for title, numeric in _titles(group, columns)
    )
    best = {trial.number for trial in group.best}
    reasons = _has_reasons(group)
    rows = "".join(
        _row(group, trial, columns, reasons=reasons, is_best=trial.number in best)
        for trial in group.trials
    )
    return (
        f'{_filter(group)}<div class="scroll" tabindex="0" role="region" '
        f'aria-label="Trials"><table id="trials"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _filter(group: GroupData) -> str:
    states = dict.fromkeys(trial.state for trial in group.trials)
    options = "".join(f'<option value="{state}">{state}</option>' for state in states)
    return (
        '<p class="controls"><label>Show <select id="state"><option value="">all states'
        f'</option>{options}</select></label> <span class="quiet" id="shown">'
        f"{len(group.trials)} trials</span></p>"
    )


def _titles(group: GroupData, columns: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    yield "Trial", True
    yield "State", False
    for metric in group.metrics:
        yield metric.name, True
    if _has_reasons(group):
        yield "Reason", False
    for name in columns or ("Parameters",):
        yield name, bool(columns) and _is_numeric(group, name)
    yield "Seed", True
    yield "Seconds", True
    yield "Run", False


def _has_reasons(group: GroupData) -> bool:
    return any(trial.reason for trial in group.trials)


def _is_numeric(group: GroupData, name: str) -> bool:
    values = [trial.params[name] for trial in group.trials if name in trial.params]
    return all(isinstance(value, (int, float)) for value in values)


def _heading(title: str, numeric: bool) -> str:  # noqa: FBT001 - a column's own nature
    kind = "number" if numeric else "text"
    return (
        f'<th scope="col" class="{kind}" aria-sort="none"><button type="button">'
        f"{escape(title)}</button></th>"
    )


def _row(
    group: GroupData,
    trial: TrialData,
    columns: tuple[str, ...],
    *,
    reasons: bool,
    is_best: bool,
) -> str:
    cells = [_cell(trial.number), _state(trial)]
    values: list[Any] = [*trial.values, *([None] * len(group.metrics))]
    cells += [_cell(value) for value in values[: len(group.metrics)]]
    if reasons:
        cells.append(f'<td class="reason">{escape(trial.reason)}</td>')
    if columns:
        cells += [_cell(trial.params.get(name, _ABSENT)) for name in columns]
    else:
        text = ", ".join(
            f"{name}={shown_value(value)}" for name, value in trial.params.items()
        )
        cells.append(_cell(text))
    seconds = None if trial.seconds is None else round(trial.seconds, 3)
    cells += [_cell(trial.seed), _cell(seconds), _run(trial)]
    kind = ' class="best"' if is_best else ""
    return f'<tr data-state="{escape(trial.state)}"{kind}>{"".join(cells)}</tr>'


_ABSENT = object()


def _cell(value: Any) -> str:
    if value is None or value is _ABSENT:
        return "<td></td>"
    shown = shown_value(value)
    exact = repr(value) if isinstance(value, float) else shown
    # What is cut is there in full when pointed at, and sorted by.
    full = (
        f' data-v="{escape(exact)}" title="{escape(exact)}"' if exact != shown else ""
    )
    kind = ' class="number"' if isinstance(value, (int, float)) else ""
    return f"<td{kind}{full}>{escape(shown)}</td>"


def _state(trial: TrialData) -> str:
    state = escape(trial.state)
    return f'<td><span class="state {state}">{state}</span></td>'


def _run(trial: TrialData) -> str:
    return f"<td><code>{escape(trial.run_id)}</code></td>"
