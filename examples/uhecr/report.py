"""Write the table, the figures and the list of runs of the study.

    python report.py --size middle

Everything comes from run directories below this folder. What is not finished yet is left
out, and the table says so.
"""

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path

import figures
from intervals import bootstrap_over_showers, wilson
from records import group, runs, tagged
from run import HERE, config, config_file
from study import ALL, MODELS, SIZES, SPLITS, THESIS_ROWS, Cell, cells


MISSING = "not run"


def main():
    options = _options()
    os.chdir(HERE)
    out = HERE / (
        options.out
        or ("results" if options.size == "middle" else f"results-{options.size}")
    )
    (out / "figures").mkdir(parents=True, exist_ok=True)
    judged = {cell: Judged.of(cell, options.size) for cell in cells()}
    table = write_table(out, judged, options.size)
    if options.size == "middle" and options.out is None:
        put_into_readme(table)
    count = draw(out, judged, options.size)
    if options.html:
        html(out, options.size)
    print(f"{out.relative_to(HERE)}: table.md, table.csv, runs.csv, {count} figures")


class Judged:
    """What came of a cell: its run, and which of the test rows it got right."""

    def __init__(self, run, predictions):
        self.run = run
        self.shower, self.label, self.predicted = predictions
        self.right = self.label == self.predicted

    @classmethod
    def of(cls, cell, size):
        """Return the result of a cell, or ``None`` if it has not been run."""
        run = tagged(cell.tags | {"size": size})
        if run is None:
            return None
        (path,) = sorted(
            (run.path / "artifacts").glob("predictions/**/predictions.csv")
        )
        return cls(run, figures.read_predictions(path))

    def random(self):
        """Accuracy with Wilson's interval, for rows that are split at random."""
        low, high = wilson(int(self.right.sum()), len(self.right))
        return f"{self.right.mean():.3f} ({low:.3f} to {high:.3f})"

    def by_shower(self):
        """The interval that respects that rows of a shower are alike."""
        low, high = bootstrap_over_showers(self.right, self.shower)
        return f"{low:.3f} to {high:.3f}"


def write_table(out, judged, size):
    """Write ``table.md``, ``table.csv`` and ``runs.csv``; return the table alone."""
    head = [
        "model",
        "thesis (Wilson 99 %, n = 16,016)",
        "random split (Wilson 99 %)",
        "split by shower (Wilson 99 %)",
        "by shower, 99 % bootstrap over showers",
    ]
    rows = [
        _row(model, settings, scaler, judged) for model, settings, scaler in _lines()
    ]
    with (out / "table.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    _write_runs(out, judged, size)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    table = "\n".join(lines) + "\n"
    caption = "\n".join(_caption(judged, size)) + "\n"
    (out / "table.md").write_text(f"{table}\n{caption}")
    return table


def put_into_readme(table):
    """Put the table where the README has the place for it."""
    path = HERE / "README.md"
    begin, end = "<!-- table -->\n", "<!-- end of table -->\n"
    before, found, rest = path.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        sys.exit(f"error: {path.name}: no place for the table: {begin}{end}")
    path.write_text(f"{before}{begin}\n{table}\n{end}{after}")


def _lines():
    """The rows of the table: model, settings, scaler."""
    seen = dict.fromkeys((cell.model, cell.settings, cell.scaler) for cell in cells())
    by_key = {model.key: model for model in MODELS}
    return [(by_key[key], settings, scaler) for key, settings, scaler in seen]


def _row(model, settings, scaler, judged):
    at_random, by_shower = (
        judged[Cell(model.key, settings, split, scaler)] for split in SPLITS
    )
    name = model.title
    if settings == "thesis":
        name += ", settings of table 7.13"
    if scaler:
        leaky = scaler != "common"
        name += (
            ", own-class scaler (leaky, as in the original)"
            if leaky
            else ", common scaler"
        )
    return [
        name,
        _thesis(model),
        at_random.random() if at_random else MISSING,
        by_shower.random() if by_shower else MISSING,
        by_shower.by_shower() if by_shower else MISSING,
    ]


def _thesis(model):
    if model.thesis is None:
        return "-"
    low, high = wilson(round(model.thesis * THESIS_ROWS), THESIS_ROWS)
    return f"{model.thesis:.3f} ({low:.3f} to {high:.3f})"


def _write_runs(out, judged, size):
    """One line for each run behind the table: with it, the run can be found and repeated."""
    head = ["what", "model", "settings", "split", "scaler", "run", "mlflow_run", "seed",
            "validation_accuracy", "test_accuracy", "test_rows", "same_as_trial"]  # fmt: skip
    lines = []
    for model in MODELS:
        search = group(config(model, size)["name"])
        if search:
            lines.append(
                ["search", model.key, f"best of {len(search.trials)}: trial {search.best.number}",
                 "by shower", "common" if model.is_autoencoder else "", search.run_id,
                 search.mlflow_run_id, search.manifest["seed"], search.best.value, "", "", ""]
            )  # fmt: skip
    for cell, result in judged.items():
        if result is None:
            continue
        metrics = result.run.metrics
        lines.append(
            ["test", cell.model, cell.settings, cell.split, cell.scaler or "", result.run.run_id,
             result.run.mlflow_run_id, result.run.manifest["seed"], metrics["validation_accuracy"],
             metrics["test_accuracy"], len(result.right), _same(cell, metrics, size)]
        )  # fmt: skip
    with (out / "runs.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *lines])


def _same(cell, metrics, size):
    """Say whether the run gave the very number of the trial whose model it should be."""
    if (cell.settings, cell.split) != ("best", "by shower") or cell.scaler not in {
        None,
        "common",
    }:
        return ""
    model = next(model for model in MODELS if model.key == cell.model)
    best = group(config(model, size)["name"]).best
    return "yes" if best.value == metrics["validation_accuracy"] else "NO"


def _caption(judged, size):
    sizes = {
        split: sorted(
            {len(r.right) for c, r in judged.items() if r and c.split == split}
        )
        for split in SPLITS
    }
    first = next((result.run for result in judged.values() if result), None)
    commit = ""
    if first:
        git = first.document("parts/source.json").get("git") or {}
        commit = f" at commit {git['commit'][:12]}" if git.get("commit") else ""
    lines = [
        "Simulated data of our own, not the thesis' data: the columns cannot be compared in "
        "absolute value. What they show is the gap between the splits, and between the scalers.",
        "",
        "- The thesis' own intervals belong to n = 80,089; those shown are Wilson's for the "
        "16,016 rows of its test set.",
        "- The search looked at validation rows of the split by shower only. The best trial's "
        "settings were then trained once more for each column, with its seed, and each of these "
        "runs looked at its test rows once. On the split by shower (common scaler) that is the "
        "best trial's model: `same_as_trial` in `runs.csv` says whether the accuracy on the "
        "validation rows came out as the same number.",
        f"- Test rows, random split: {_counts(sizes['random'])}; "
        f"split by shower: {_counts(sizes['by shower'])}. Events are fewer than stations.",
        f"- Size: {size}{commit}. Command: `python run.py --size {size}`. Runs, seeds and MLflow ids: "
        "`runs.csv`.",
        "- Searches: " + "; ".join(_search(model, size) for model in MODELS) + ".",
        "- Cut, against the thesis' sizes: " + _cuts(size),
    ]
    return lines


def _counts(numbers):
    return " or ".join(f"{number:,}" for number in numbers) or MISSING


def _search(model, size):
    document = config(model, size)
    found = group(document["name"])
    if not found:
        return f"{model.title}: {MISSING}"
    states = [trial.state for trial in found.trials]
    seconds = sum(trial.result.get("seconds", 0) for trial in found.trials)
    return (
        f"{model.title}: {len(states)} trials ({states.count('pruned')} pruned, "
        f"{states.count('failed')} failed), {document['sampler']}, seed {document['seed']}, "
        f"{seconds / 60:.0f} core minutes, run `{found.run_id}`"
    )


def _cuts(size):
    """Every field in which the configs of this size differ from those of the full one."""
    if size == "full":
        return "nothing."
    found = []
    for model in MODELS:
        ours, whole = config(model, size), config(model, "full")
        different = [
            f"{name} {value}"
            + (f" for {whole['params'][name]}" if name in whole["params"] else "")
            for name, value in ours["params"].items()
            if whole["params"].get(name) != value
        ]
        if ours["num_trials"] != whole["num_trials"]:
            different.append(f"{ours['num_trials']} trials for {whole['num_trials']}")
        if ours["param_space"] != whole["param_space"]:
            different.append("another space")
        found.append(f"{model.title}: {', '.join(different) or 'nothing'}")
    return "; ".join(found) + "."


def draw(out, judged, size):
    """Draw the thesis' figures 7.5 to 7.37, and a confusion matrix for each model."""
    count = 0
    for model in MODELS:
        search = group(config(model, size)["name"])
        if search:
            shown = model.figures or dict.fromkeys([ALL], ALL)
            for number, name in shown.items():
                stem = f"figure-7.{number:02d}" if model.figures else "beyond"
                path = (
                    out / "figures" / f"{stem}-{model.key}-{name.replace(' ', '-')}.png"
                )
                title = (
                    f"{f'Figure 7.{number}: ' if model.figures else ''}{model.title}"
                )
                if name == ALL:
                    figures.parallel(path, title, search.trials)
                else:
                    figures.scatter(path, title, name, search.trials)
                count += 1
        best = judged[
            Cell(
                model.key,
                "best",
                "by shower",
                "common" if model.is_autoencoder else None,
            )
        ]
        if best:
            path = out / "figures" / f"confusion-{model.key}.png"
            figures.confusion(path, model.title, best.label, best.predicted)
            count += 1
    return count


def html(out, size):
    """Have ml-experiment write its report of each search."""
    (out / "reports").mkdir(exist_ok=True)
    command = str(Path(sys.executable).parent / "ml-experiment")
    for model in MODELS:
        search = group(config(model, size)["name"])
        if search:
            target = out / "reports" / f"{model.key}.html"
            subprocess.run(
                [command, "report", search.run_id, "--output", str(target)], check=True
            )


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="middle")
    parser.add_argument("--out", help="folder; default: results, or results-SIZE")
    parser.add_argument("--html", action="store_true", help="the HTML reports, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
