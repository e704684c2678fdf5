"""Figures of the study, as PNG: a value against each parameter, all at once, confusion."""

import csv
import json
import math

import matplotlib


matplotlib.use("Agg")  # no display is needed

import matplotlib.pyplot as plt
import numpy as np


PRIMARIES = ("helium", "iron", "oxygen", "proton")
METRIC = "accuracy on validation rows"
# Okabe and Ito's colours can be told apart by the colour-blind; so can the markers.
DONE, PRUNED, BEST = "#0072B2", "#999999", "#D55E00"
DPI = 110


def read_predictions(path):
    """Return shower, label and prediction of each row."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    return np.array(rows, dtype=np.int64).T


def scatter(path, title, name, trials):
    """Draw the metric of each trial against one of its parameters."""
    trials = [trial for trial in trials if trial.value is not None]
    best = max(trials, key=lambda trial: (trial.state == "complete", trial.value))
    values = [trial.drawn.get(name) for trial in trials]
    axis, figure = _axis(title)
    places, ticks = _places(values)
    if ticks is None and _logarithmic(values):
        axis.set_xscale("log")
    for state, marker, colour in (("pruned", "x", PRUNED), ("complete", "o", DONE)):
        at = [index for index, trial in enumerate(trials) if trial.state == state]
        if at:
            axis.scatter(
                [places[index] for index in at],
                [trials[index].value for index in at],
                s=26, marker=marker, c=colour, alpha=0.8, label=f"{state} ({len(at)})",
            )  # fmt: skip
    axis.scatter(
        [places[trials.index(best)]], [best.value],
        s=120, facecolors="none", edgecolors=BEST, linewidths=2, label=f"best: trial {best.number}",
    )  # fmt: skip
    if ticks is not None:
        axis.set_xticks(range(len(ticks)), ticks)
        axis.set_xlim(-0.6, len(ticks) - 0.4)
    axis.set_xlabel(_label(name, values))
    axis.set_ylabel(METRIC)
    axis.legend(fontsize=8)
    _save(figure, path)


def parallel(path, title, trials):
    """Draw each trial as a line through all of its parameters, to the metric."""
    trials = [trial for trial in trials if trial.value is not None]
    trials.sort(key=lambda trial: trial.value)
    names = list(dict.fromkeys(name for trial in trials for name in trial.drawn))
    axis, figure = _axis(title, width=1.6 * len(names) + 3)
    columns = [_column([trial.drawn.get(name) for trial in trials]) for name in names]
    metric = np.array([trial.value for trial in trials])
    columns.append(_column(list(metric), logarithmic=False))
    shade = plt.get_cmap("viridis")
    spread = np.ptp(metric) or 1.0
    heights = np.array([column[0] for column in columns])
    for index in range(len(trials)):
        axis.plot(
            heights[:, index], color=shade((metric[index] - metric.min()) / spread),
            lw=1.0 if index < len(trials) - 1 else 3.0, alpha=0.8,
        )  # fmt: skip
    for place, (_, marks) in enumerate(columns):
        axis.axvline(place, color="black", lw=0.6)
        for height, text in marks:
            axis.text(place + 0.03, height, text, fontsize=7, va="center",
                      bbox={"facecolor": "white", "alpha": 0.7, "lw": 0, "pad": 0.6})  # fmt: skip
    axis.set_xticks(range(len(columns)), [*names, METRIC], rotation=15, ha="right")
    axis.set_yticks([])
    axis.set_ylabel("smallest to largest")
    bar = plt.cm.ScalarMappable(plt.Normalize(metric.min(), metric.max()), "viridis")
    figure.colorbar(bar, ax=axis, label=METRIC)
    _save(figure, path)


def confusion(path, title, label, predicted):
    """Draw which share of the rows of each primary was taken for which."""
    size = len(PRIMARIES)
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (label, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis, figure = _axis(f"{title}: test rows, split by shower", width=5.5)
    shown = axis.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    for row, column in np.ndindex(size, size):
        axis.text(
            column, row, f"{shares[row, column]:.2f}\n{counts[row, column]:,}",
            ha="center", va="center", fontsize=8,
            color="white" if shares[row, column] < 0.5 else "black",
        )  # fmt: skip
    axis.set_xticks(range(size), PRIMARIES)
    axis.set_yticks(range(size), PRIMARIES)
    axis.set_xlabel("taken for")
    axis.set_ylabel("really")
    axis.grid(visible=False)
    figure.colorbar(shown, ax=axis, label="share of the row")
    _save(figure, path)


def _axis(title, width=6.4):
    figure, axis = plt.subplots(figsize=(width, 4.2), layout="constrained")
    axis.set_title(title, fontsize=10)
    axis.grid(alpha=0.3)
    return axis, figure


def _save(figure, path):
    # Without the date and version that a PNG otherwise holds: same data, same bytes.
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    plt.close(figure)


def _places(values):
    """Return where each value is on the axis, and the names of categories, if any."""
    if all(
        isinstance(value, list) for value in values
    ):  # a network: its number of layers
        sizes = sorted({len(value) for value in values})
        # Beside each other by the size of the code, the last layer.
        places = [sizes.index(len(value)) + (value[-1] - 10.5) / 30 for value in values]
        return places, [f"{size} layers" for size in sizes]
    if not _numeric(values):
        names = sorted({json.dumps(value) for value in values})
        seen = dict.fromkeys(names, 0)
        places = []
        for value in values:
            name = json.dumps(value)
            # Beside each other, by the golden ratio: spread, and the same each time.
            places.append(names.index(name) + (seen[name] * 0.618 % 1 - 0.5) * 0.5)
            seen[name] += 1
        return places, [name.strip('"') for name in names]
    return values, None


def _numeric(values):
    return all(
        isinstance(value, (int, float)) and not isinstance(value, bool)
        for value in values
    )


def _logarithmic(values):
    return min(values) > 0 and max(values) / min(values) > 50


def _label(name, values):
    if all(isinstance(value, list) for value in values):
        return f"{name}: layers to the code; left to right by its neurons (2 to 19)"
    return (
        f"{name} (logarithmic)" if _numeric(values) and _logarithmic(values) else name
    )


def _column(values, logarithmic=True):
    """Return heights from 0 to 1, and ``(height, text)`` of the marks."""
    if all(isinstance(value, list) for value in values):
        values = [len(value) for value in values]
    if not _numeric(values):
        names = sorted({json.dumps(value) for value in values})
        last = max(len(names) - 1, 1)
        heights = [names.index(json.dumps(value)) / last for value in values]
        return heights, [(i / last, name.strip('"')) for i, name in enumerate(names)]
    low, high = min(values), max(values)
    if logarithmic and _logarithmic(values):
        scale = (math.log(high) - math.log(low)) or 1.0
        heights = [(math.log(value) - math.log(low)) / scale for value in values]
    else:
        heights = [(value - low) / ((high - low) or 1.0) for value in values]
    return heights, [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")]
