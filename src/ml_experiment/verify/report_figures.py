"""The figures of a group's report: Optuna's, of a study made from what is recorded."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import MissingExtraError
from ml_experiment.verify.report_study import make_study, safe


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml_experiment.verify.report_data import GroupData

_MOST_SLICES = 24
_MOST_AXES = 12
_MOST_LINES = 200
_MOST_HOVER_TEXTS = 500
_FEWEST_FOR_IMPORTANCES = 2
_MOST_METRICS_OF_FRONTS = 4


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of the report.

    Attributes:
        title: What it shows.
        section: The heading that it stands under.
        spec: Plotly's ``data`` and ``layout``; ``None`` if it could not be drawn.
        reason: Why it could not be drawn.
        width: How much of the page it takes: ``wide``, ``broad``, or ``""`` for a third.
    """

    title: str
    section: str
    spec: dict[str, Any] | None
    reason: str = ""
    width: str = ""


@dataclass(frozen=True)
class _Wanted:
    """A figure that is to be drawn: what it needs of the trials, and how it is made.

    Attributes:
        place: The metric that it draws, by its place; ``None`` for none, or several.
    """

    title: str
    section: str
    draw: Callable[[], Any]
    fewest: int = 1
    place: int | None = None
    width: str = ""


def draw_figures(group: GroupData) -> list[Figure]:
    """Draw all figures of a group; one that cannot be drawn says why.

    Raises:
        MissingExtraError: Optuna or Plotly is not installed.
    """
    _check_installed()
    with _quiet():
        study, faults = make_study(group)
        figures = [_figure(wanted, group) for wanted in _wanted(group, study)]
    if faults:
        text = f"left out of the figures: {'; '.join(faults[:5])}"
        figures.append(Figure(title="Trials", section="", spec=None, reason=text))
    return figures


def _check_installed() -> None:
    import importlib.util

    for package in ("optuna", "plotly"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "report")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's remarks on its own experiments out of the user's terminal."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _figure(wanted: _Wanted, group: GroupData) -> Figure:
    spec, reason = None, ""
    complete = len(group.complete)
    if complete < wanted.fewest:
        have = "no trial is" if complete == 0 else f"only {complete} is"
        reason = f"needs {_trials(wanted.fewest)}; {have} complete"
    elif wanted.place is not None and not _is_finite(group, wanted.place):
        reason = f"needs finite values; {group.metrics[wanted.place].name} has none"
    else:
        try:
            spec = _spec(wanted.draw())
        except Exception as error:  # noqa: BLE001 - one figure must not cost the report
            reason = f"{type(error).__name__}: {error}"
        if spec is not None and not spec["data"]:
            spec, reason = None, "there is nothing to show"
    return Figure(
        title=wanted.title,
        section=wanted.section,
        spec=spec,
        reason=reason,
        width=wanted.width,
    )


def _is_finite(group: GroupData, place: int) -> bool:
    return any(
        math.isfinite(value)
        for trial in group.complete
        for value in trial.values[place : place + 1]
    )


def _trials(count: int) -> str:
    return "a complete trial" if count == 1 else f"{count} complete trials"


def _wanted(group: GroupData, study: Any) -> Iterator[_Wanted]:
    yield from _histories(group, study)
    yield from _parameter_figures(group, study)
    yield from _course(group, study)


def _histories(group: GroupData, study: Any) -> Iterator[_Wanted]:
    from optuna import visualization as plots

    for place, metric in enumerate(group.metrics):
        section = "Optimisation history"
        title = f"{metric.name} ({metric.direction})"
        target = _target(group, place)
        yield _Wanted(
            title,
            section,
            lambda target=target, name=metric.name: plots.plot_optimization_history(  # type: ignore[misc]
                study, target=target, target_name=safe(name)
            ),
            place=place,
            width="wide",
        )
    if len(group.metrics) <= _MOST_METRICS_OF_FRONTS:
        for one, other in itertools.combinations(range(len(group.metrics)), 2):
            names = [group.metrics[place].name for place in (one, other)]
            yield _Wanted(
                f"Best compromises: {names[0]} and {names[1]}",
                "Optimisation history",
                lambda one=one, other=other, names=names: _front(  # type: ignore[misc]
                    plots.plot_pareto_front(
                        study,
                        targets=lambda trial: (trial.values[one], trial.values[other]),
                        target_names=[safe(name) for name in names],
                    )
                ),
                width="wide",
            )


def _parameter_figures(group: GroupData, study: Any) -> Iterator[_Wanted]:
    from optuna import visualization as plots

    names = _drawn_names(group)
    complete = len(group.complete)
    for place, metric in enumerate(group.metrics):
        options = {"target": _target(group, place), "target_name": safe(metric.name)}
        of = f" of {metric.name}" if len(group.metrics) > 1 else ""
        yield _Wanted(
            f"Importances{of}",
            "Parameters",
            lambda options=options: _bare_axes(  # type: ignore[misc]
                plots.plot_param_importances(study, **options)
            ),
            fewest=_FEWEST_FOR_IMPORTANCES,
            place=place,
        )
        axes = [safe(name) for name in names[:_MOST_AXES]]
        yield _Wanted(
            f"Parallel coordinates{of}"
            + _some(len(axes), names)
            + (f" (the best {_MOST_LINES} trials)" if complete > _MOST_LINES else ""),
            "Parameters",
            lambda place=place, options=options, axes=axes: _parallel(  # type: ignore[misc]
                plots.plot_parallel_coordinate(
                    _best_of(study, place), params=axes, **options
                ),
                reverse=study.directions[place].name == "MINIMIZE",
            ),
            place=place,
            width="broad",
        )
        for name in names[:_MOST_SLICES]:
            yield _Wanted(
                f"{metric.name} against {name}",
                f"{metric.name} against each parameter"
                + _some(min(_MOST_SLICES, len(names)), names),
                lambda options=options, name=name: plots.plot_slice(  # type: ignore[misc]
                    study, params=[safe(name)], **options
                ),
                place=place,
            )


def _some(shown: int, names: tuple[str, ...]) -> str:
    return f" (the first {shown} of {len(names)})" if shown < len(names) else ""


def _course(group: GroupData, study: Any) -> Iterator[_Wanted]:
    from optuna import visualization as plots

    section = "Course of the trials"
    many = sum(bool(trial.intermediate_values) for trial in group.trials)
    if len(group.metrics) == 1 and many > 0:
        yield _Wanted(
            "Intermediate values"
            + (f" (the last {_MOST_LINES})" if many > _MOST_LINES else ""),
            section,
            lambda: _last_lines(plots.plot_intermediate_values(study)),
            fewest=0,
            width="wide",
        )
    yield _Wanted(
        "Timeline", section, lambda: plots.plot_timeline(study), fewest=0, width="wide"
    )


def _bare_axes(figure: Any) -> Any:
    """Drop the names of axes that say what the heading says."""
    return figure.update_layout(xaxis_title=None, yaxis_title=None)


def _best_of(study: Any, place: int) -> Any:
    """Return the study with its best trials only, if there are too many to be seen."""
    import optuna

    complete = [trial for trial in study.get_trials(deepcopy=False) if _values(trial)]
    if len(complete) <= _MOST_LINES:
        return study
    highest_first = study.directions[place].name == "MAXIMIZE"
    complete.sort(key=lambda trial: trial.values[place], reverse=highest_first)
    few = optuna.create_study(directions=study.directions)
    few.add_trials(complete[:_MOST_LINES])
    return few


def _values(trial: Any) -> Any:
    return trial.values if trial.state.name == "COMPLETE" else None


def _parallel(figure: Any, *, reverse: bool) -> Any:
    """Say of each line how good its trial is, 0 to 1, for the page to colour it."""
    axes = 0
    for trace in figure.data:
        if trace.mode == "lines" and trace.y is not None and len(trace.y) > 1:
            # The first axis is the metric, from its least to its greatest value.
            share = float(trace.y[0])
            share = share if math.isfinite(share) else 1.0
            trace.meta = 1 - share if reverse else share
            axes = max(axes, len(trace.y))
    return figure.update_layout(meta={"axes": axes})


def _front(figure: Any) -> Any:
    """Tell the best from the others by colour, and no trial's age by a second one."""
    for trace in figure.data:
        # Optuna names no trace, but its scale of colours and what hovers over it.
        best = "best" in f"{trace.marker.colorbar.title.text} {trace.name}".lower()
        trace.name = "best" if best else "others"
        trace.marker = {"size": 8 if best else 6}
        trace.showlegend = True
    return figure


def _last_lines(figure: Any) -> Any:
    """Keep the last lines: thousands of them would show nothing and take minutes."""
    figure.data = figure.data[-_MOST_LINES:]
    return figure


def _target(group: GroupData, place: int) -> Callable[[Any], float] | None:
    """Return what Optuna is to plot; it wants nothing said where there is one metric."""
    if len(group.metrics) == 1:
        return None
    return lambda trial: float(trial.values[place])


def _drawn_names(group: GroupData) -> tuple[str, ...]:
    """Parameters of complete trials: what can be drawn against a value."""
    return tuple(
        dict.fromkeys(name for trial in group.complete for name in trial.distributions)
    )


def _spec(figure: Any) -> dict[str, Any]:
    """Return a figure as plain values, without the look that the page gives it itself."""
    whole = json.loads(figure.to_json())
    layout = whole.get("layout") or {}
    for name in ("template", "title", "width", "height"):
        layout.pop(name, None)
    for trace in whole["data"]:
        texts = trace.get("hovertext") or trace.get("text") or ()
        if len(texts) > _MOST_HOVER_TEXTS and isinstance(texts, list):
            # A megabyte of JSON in every bubble helps nobody: the table has it.
            trace.pop("hovertext", None)
            trace.pop("text", None)
            trace.pop("hovertemplate", None)
    return {"data": whole["data"], "layout": layout}
