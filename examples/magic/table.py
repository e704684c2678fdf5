"""Write ``results/table.md``: the models of the latest group beside published figures."""

import json
import sys
from pathlib import Path


HERE = Path(__file__).resolve().parent
POINTS = (0.01, 0.02, 0.05, 0.1, 0.2)
TITLES = {
    "majority": "always the more frequent class",
    "linear": "linear support vector machine",
    "nystroem": "support vector machine on 500 Nystroem components",
    "forest": "random forest, 200 trees",
    "xgboost": "XGBoost, 400 trees of depth 6",
}

# Read off figure 5 of Bock et al., NIM A 516 (2004) 511, and own results, both by
# G. Foreman, github.com/garyForeman/MAGIC-Gamma; and a student's report, github.com/gabeLin300.
PUBLISHED = """\
| source | accuracy | AUC | 0.01 | 0.02 | 0.05 | 0.1 | 0.2 |
| --- | --- | --- | --- | --- | --- | --- | --- |
| Bock et al. 2004, best of figure 5 | | | 0.27 | under 0.4 | 0.6 | over 0.7 | under 0.9 |
| Foreman, gradient boosting | | 0.94 | 0.27 | 0.45 | 0.64 | 0.78 | 0.92 |
| Foreman, nearest neighbours | | 0.90 | | | | | |
| Foreman, logistic regression | | 0.84 | | | | | |
| a student's report, polynomial support vector machine | 0.86 | | | | | | |
| the same, linear models | 0.77 to 0.82 | | | | | | |
"""


def trials():
    """Return parameters and metrics of each trial of the latest finished group here."""
    for group in sorted((HERE / ".ml_experiment" / "runs").glob("*"), reverse=True):
        outcome = group / "outcome.json"
        folders = sorted((group / "trials").glob("[0-9]*"))
        if folders and outcome.exists():
            return group.name, [_params_and_metrics(each) for each in folders]
    sys.exit(
        "no group has finished here; type: ml-experiment --config_file models.yaml"
    )


def _params_and_metrics(folder):
    lines = (folder / "journal.jsonl").read_text().splitlines()
    params, metrics = {}, {}
    for event in map(json.loads, lines):
        params |= event.get("params", {})
        metrics |= event.get("metrics", {})
    return params, metrics


def row(params, metrics):
    """Return a line of the table."""
    low, high = metrics["accuracy_low"], metrics["accuracy_high"]
    points = [f"{metrics[f'gammas_at_{point:g}']:.2f}" for point in POINTS]
    if params["model"] == "majority":
        points = [""] * len(points)  # it has no cut to move
    cells = [
        TITLES[params["model"]],
        f"{metrics['accuracy']:.3f} ({low:.3f} to {high:.3f})",
        f"{metrics['auc']:.3f}",
        *points,
    ]
    return "| " + " | ".join(cells) + " |"


def main():
    name, found = trials()
    found.sort(key=lambda trial: trial[1]["accuracy"])
    rows = int(found[0][1]["rows"])
    head = "| model | accuracy | AUC | 0.01 | 0.02 | 0.05 | 0.1 | 0.2 |"
    lines = [
        f"{rows:,} events, each judged by a model of ten that has not seen it. Accuracy with",
        "Wilson's 99 % interval; then the share of gamma rays that is kept when 0.01, 0.02, ... of",
        "the hadrons are.",
        "",
        head,
        "| --- " * 8 + "|",
        *(row(*each) for each in found),
        "",
        "What others have published:",
        "",
        PUBLISHED,
        f"Made by the group `{name}`, seed 1234: `ml-experiment --config_file models.yaml`.",
    ]
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
