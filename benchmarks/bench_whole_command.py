"""How long a trivial experiment takes as a whole, recorded and published.

Theirs is a script that logs by hand, with MLflow's own functions, what a careful person
logs: parameters, metrics, tags, the configuration, the script, the installed packages
and the console output. It records neither data, seeds, hardware nor restorable source;
ours does. Both must have published every run when the clock stops: that is checked.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from side_by_side import Side, clean_environment, compare, program, seconds, workshop


if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 1.1

_FUNCTION = """\
def main(rate=0.1, depth=3, width=16, momentum=0.9, kernel="rbf"):
    print("training")
    return {
        "loss": rate * depth,
        "accuracy": 0.5 + rate,
        "precision": 0.4 + rate,
        "recall": 0.3 + rate,
        "f1": 0.2 + rate,
    }
"""
_OURS = f"""\
from ml_experiment import job


@job
{_FUNCTION}

if __name__ == "__main__":
    main()
"""
_CONFIG = """\
name: bench
params: {rate: 0.2, depth: 4, width: 32, momentum: 0.8, kernel: poly}
tags: {team: blue, stage: trial}
run: script.py
"""
_THEIRS = f"""\
import contextlib
import importlib.metadata
import io
import platform
import sys

import mlflow


{_FUNCTION}

def installed():
    found = importlib.metadata.distributions()
    return "\\n".join(sorted({{f"{{each.name}}=={{each.version}}" for each in found}}))


if __name__ == "__main__":
    params = {{"rate": 0.2, "depth": 4, "width": 32, "momentum": 0.8, "kernel": "poly"}}
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("bench")
    with mlflow.start_run():
        mlflow.log_params(params)
        console = io.StringIO()
        with contextlib.redirect_stdout(console):
            metrics = main(**params)
        mlflow.log_metrics(metrics)
        mlflow.set_tags(
            {{
                "team": "blue",
                "stage": "trial",
                "kind": "experiment",
                "python": platform.python_version(),
                "platform": platform.platform(),
                "host": platform.node(),
                "machine": platform.machine(),
                "command": " ".join(sys.argv),
            }}
        )
        mlflow.log_artifact("job.yaml")
        mlflow.log_artifact("script.py", "code")
        mlflow.log_text(installed(), "requirements.txt")
        mlflow.log_text(console.getvalue(), "console.txt")
"""


def finished(folder: Path) -> int:
    """Return how many finished runs the MLflow database in ``folder`` holds."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        query = "SELECT count(*) FROM runs WHERE status = 'FINISHED'"
        (count,) = database.execute(query).fetchone()
    return int(count)


def published(command: list[str], folder: Path) -> float:
    """Run ``command`` and return its wall time; it must leave one more finished run."""
    database = folder / "mlflow.db"
    before = finished(folder) if database.exists() else 0
    took = seconds(command, folder, clean_environment())
    after = finished(folder)
    if after != before + 1:
        raise SystemExit(f"{' '.join(command)}: {after - before} runs published, not 1")
    return took


def main() -> int:
    """Run the comparison and return the exit status."""
    with workshop() as folder:
        ours, theirs = folder / "ours", folder / "theirs"
        (ours / "script.py").write_text(_OURS)
        (theirs / "script.py").write_text(_THEIRS)
        for place in (ours, theirs):
            (place / "job.yaml").write_text(_CONFIG)
        command = [program("ml-experiment"), "--config_file", "job.yaml"]
        by_hand = [sys.executable, "script.py"]
        return compare(
            "whole command: a trivial experiment, recorded and published",
            Side("ml-experiment", lambda: published(command, ours)),
            Side("MLflow by hand", lambda: published(by_hand, theirs)),
            limit=LIMIT,
        )


if __name__ == "__main__":
    sys.exit(main())
