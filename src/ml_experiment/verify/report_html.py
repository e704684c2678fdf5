"""The report as one HTML page. Everything that comes from the user is escaped here."""

from __future__ import annotations

import json
import math
import shlex
import time
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.report_trials import shown_value, trials_table


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ml_experiment.verify.report_data import GroupData, TrialData
    from ml_experiment.verify.report_figures import Figure

_MOST_BEST = 5
_MINUTE_S = 60
_HOUR_S = 3600


def render(group: GroupData, figures: list[Figure]) -> str:
    """Return the page.

    Args:
        group: The group.
        figures: Its figures, in the order in which they are shown.
    """
    specs = [figure.spec for figure in figures if figure.spec is not None]
    return _template("page.html").substitute(
        title=escape(group.manifest.name),
        style=_asset("style.css"),
        subtitle=_subtitle(group),
        notices="".join(_notices(group)),
        cards="".join(_cards(group)),
        best=_best(group),
        again=_again(group),
        config=escape(json.dumps(group.config, indent=2, ensure_ascii=False)),
        figures="".join(_sections(figures)),
        trials=trials_table(group),
        made=escape(time.strftime("%Y-%m-%d %H:%M:%S")),
        plotly=_plotly() if specs else "",
        specs=_json_for_script(specs),
        script=_asset("page.js"),
    )


def _asset(name: str) -> str:
    folder = resources.files("ml_experiment.verify") / "report_page"
    return (folder / name).read_text(encoding="utf-8")


def _template(name: str) -> Template:
    return Template(_asset(name))


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _json_for_script(value: object) -> str:
    """Return JSON that no browser takes for the end of the script that it is in."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _subtitle(group: GroupData) -> str:
    manifest = group.manifest
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest.created))
    parts = [f"Group {manifest.run_id}", f"begun {began}", manifest.script_name]
    if group.mlflow_run_id:
        parts.append(f"MLflow run {group.mlflow_run_id}")
    text = " · ".join(parts)
    tags = "".join(
        f'<span class="tag">{escape(f"{name}: {value}")}</span>'
        for name, value in manifest.tags.items()
    )
    described = f"<p>{escape(manifest.description)}</p>" if manifest.description else ""
    return f'<p class="quiet">{escape(text)}</p>{described}{tags}'


def _notices(group: GroupData) -> Iterator[str]:
    if group.running:
        yield _notice("The group is still running; this is how far it is.", "info")
    elif group.outcome is None:
        yield _notice("The group was interrupted; `--resume` goes on with it.", "bad")
    elif not group.outcome.succeeded:
        text = f"The group ended as {group.outcome.status}: {group.outcome.reason}"
        yield _notice(text, "bad")
    if not group.trials:
        yield _notice("No trial has begun.", "info")
    elif not group.complete and not group.running:
        yield _notice("No trial is complete; the table says why.", "bad")
    timed = [trial.number for trial in group.trials if trial.depends_on_time]
    if timed:
        yield _notice(
            f"Trial {timed[0]} was ended from outside. That depends on time: from there "
            "on, the same search may go another way another time.",
            "info",
        )
    if group.search.get("lookahead", 0) is None:
        yield _notice(
            "lookahead is none: results were looked at as they came, so this search "
            "cannot be reproduced.",
            "info",
        )


def _notice(text: str, kind: str) -> str:
    return f'<p class="notice {kind}" role="note">{escape(text)}</p>'


def _cards(group: GroupData) -> Iterator[str]:
    best = group.best
    if len(group.metrics) == 1:
        metric = group.metrics[0]
        value = shown_value(best[0].values[0]) if best else "none"
        where = f"trial {best[0].number}" if best else "no trial is complete"
        yield _card(f"Best {metric.name}", value, f"{metric.direction}, {where}")
    else:
        names = ", ".join(f"{each.name} ({each.direction})" for each in group.metrics)
        yield _card("Best compromises", str(len(best)), names)
    yield _card("Trials", _counted(group), _counts(group.trials))
    spent = sum(trial.seconds or 0 for trial in group.trials)
    yield _card("Duration", *_duration_facts(group, spent))
    drawn = "drawn" if group.manifest.seed_drawn else "given"
    yield _card("Seed", str(group.manifest.seed), drawn)
    sampler, pruner = (_named(group.search.get(key)) for key in ("sampler", "pruner"))
    yield _card("Search", sampler or "tpe", f"pruner: {pruner or 'none'}")


def _card(label: str, value: str, more: str) -> str:
    return (
        f'<div class="card"><div class="label">{escape(label)}</div>'
        f'<div class="value">{escape(value)}</div>'
        f'<div class="quiet">{escape(more)}</div></div>'
    )


def _counted(group: GroupData) -> str:
    asked = group.search.get("num_trials")
    done = len(group.trials)
    return (
        f"{done} of {asked}" if isinstance(asked, int) and asked != done else str(done)
    )


def _counts(trials: Iterable[TrialData]) -> str:
    counts: dict[str, int] = {}
    for trial in trials:
        counts[trial.state] = counts.get(trial.state, 0) + 1
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "none"


def _named(value: Any) -> str:
    """Return a sampler's or pruner's name; nothing where there is none."""
    name = value.get("name", "") if isinstance(value, dict) else value or ""
    return "" if name == "nop" else str(name)


def _duration_facts(group: GroupData, spent: float) -> tuple[str, str]:
    moments = [trial.ended for trial in group.trials if trial.ended is not None]
    if group.outcome is not None:
        moments.append(group.outcome.ended)
    more = f"{_duration(spent)} of trials"
    if not moments:
        return "none", more
    return _duration(max(0.0, max(moments) - group.manifest.created)), more


def _duration(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{int(seconds // _MINUTE_S)} min {int(seconds % _MINUTE_S)} s"
    return f"{int(seconds // _HOUR_S)} h {int(seconds % _HOUR_S // _MINUTE_S)} min"


def _best(group: GroupData) -> str:
    best = group.best
    if not best:
        return '<p class="quiet">No trial is complete.</p>'
    return "".join(_one_best(group, trial) for trial in best[:_MOST_BEST]) + (
        f'<p class="quiet">and {len(best) - _MOST_BEST} more, marked in the '
        "table of trials</p>"
        if len(best) > _MOST_BEST
        else ""
    )


def _one_best(group: GroupData, trial: TrialData) -> str:
    pairs: Mapping[str, Any] = {
        metric.name: value
        for metric, value in zip(group.metrics, trial.values, strict=True)
    }
    rows = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(_exact(value))}</dd>"
        for name, value in [*pairs.items(), *trial.params.items()]
    )
    where = f"seed {trial.seed}, run {trial.run_id}"
    if len(group.metrics) == 1:
        head = f"Trial {trial.number}, {where}"
        return f'<p class="quiet">{escape(head)}</p><dl>{rows}</dl>'
    values = ", ".join(f"{name} {shown_value(value)}" for name, value in pairs.items())
    return (
        f"<details><summary>{escape(f'Trial {trial.number}: {values}')}</summary>"
        f'<p class="quiet">{escape(where)}</p><dl>{rows}</dl></details>'
    )


def _exact(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _again(group: GroupData) -> str:
    manifest = group.manifest
    lines = [f"cd {shlex.quote(manifest.cwd)}", shlex.join(manifest.command)]
    if manifest.seed_drawn and manifest.started_by == "cli":
        lines[-1] += f" --seed {manifest.seed}"
    return escape("\n".join(lines))


def _sections(figures: list[Figure]) -> Iterator[str]:
    """Yield the figures, those of one section under its heading."""
    drawn = 0
    section = ""
    for figure in figures:
        if figure.section and figure.section != section:
            if section:
                yield "</div></section>"
            section = figure.section
            yield f'<section><h2>{escape(section)}</h2><div class="figures">'
        yield _figure(figure, drawn)
        drawn += figure.spec is not None
    if section:
        yield "</div></section>"


def _figure(figure: Figure, place: int) -> str:
    kind = f"figure {figure.width}".strip()
    if figure.spec is None:
        body = f'<p class="undrawn">Not drawn: {escape(figure.reason)}.</p>'
    else:
        label = escape(figure.title, quote=True)
        body = f'<div class="plot" data-figure="{place}" role="img" aria-label="{label}"></div>'
    return f'<div class="{kind}"><h3>{escape(figure.title)}</h3>{body}</div>'
