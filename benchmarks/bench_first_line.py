"""How long one waits for the first line of ``main``.

Ours: from the command ``ml-experiment --config_file`` on. Theirs: from ``python`` on,
with the same function in a script that does ``import mlflow; mlflow.start_run()``.
Both have a store (SQLite) that is there already.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from side_by_side import Side, clean_environment, compare, program, seconds, workshop


if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 0.5

# The clock is that of the machine, so it can be read in one process and compared in
# another. It is the first thing that `main` does.
_FUNCTION = """\
def main(rate=0.1, depth=3):
    with open("first-line.txt", "w") as file:
        file.write(str(time.monotonic_ns()))
    return {"loss": rate * depth}
"""
_OURS = f"""\
import time

from ml_experiment import job


@job
{_FUNCTION}

if __name__ == "__main__":
    main()
"""
_CONFIG = """\
name: bench
params: {rate: 0.2, depth: 4}
run: script.py
"""
_THEIRS = f"""\
import time

import mlflow


{_FUNCTION}

if __name__ == "__main__":
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("bench")
    with mlflow.start_run():
        mlflow.log_metrics(main(rate=0.2, depth=4))
"""


def to_first_line(command: list[str], folder: Path) -> float:
    """Run ``command`` and return the seconds until ``main`` began."""
    start = time.monotonic_ns()
    seconds(command, folder, clean_environment())
    began = int((folder / "first-line.txt").read_text())
    return (began - start) / 1e9


def main() -> int:
    """Run the comparison and return the exit status."""
    with workshop() as folder:
        ours, theirs = folder / "ours", folder / "theirs"
        (ours / "script.py").write_text(_OURS)
        (ours / "job.yaml").write_text(_CONFIG)
        (theirs / "script.py").write_text(_THEIRS)
        command = [program("ml-experiment"), "--config_file", "job.yaml"]
        return compare(
            "first line: from the command to the first line of main",
            Side("ml-experiment --config_file", lambda: to_first_line(command, ours)),
            Side(
                "python, import mlflow, start_run",
                lambda: to_first_line([sys.executable, "script.py"], theirs),
            ),
            limit=LIMIT,
        )


if __name__ == "__main__":
    sys.exit(main())
