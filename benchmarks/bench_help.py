"""How long ``ml-experiment --help`` takes, against ``mlflow --help``.

The start-up of the command line is paid at every call: it may not import MLflow.
"""

from __future__ import annotations

import sys

from side_by_side import Side, clean_environment, compare, program, seconds, workshop


LIMIT = 0.15


def main() -> int:
    """Run the comparison and return the exit status."""
    environment = clean_environment()
    with workshop() as folder:

        def ask(command: str, place: str) -> float:
            return seconds([program(command), "--help"], folder / place, environment)

        return compare(
            "help: the whole command",
            Side("ml-experiment --help", lambda: ask("ml-experiment", "ours")),
            Side("mlflow --help", lambda: ask("mlflow", "theirs")),
            limit=LIMIT,
        )


if __name__ == "__main__":
    sys.exit(main())
