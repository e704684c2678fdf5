"""``python -m ml_experiment.capture RUN_DIRECTORY``: describe a run, beside it.

The end of standard input says that the run is over, or that its supervisor has died.
"""

from __future__ import annotations

import os
import sys
import threading

from ml_experiment.capture.describe import Description
from ml_experiment.errors import RecordError
from ml_experiment.record.directory import RunDirectory


_WRONG_USE = 2


def _wait_for_end(over: threading.Event) -> None:
    try:
        while os.read(sys.stdin.fileno(), 4096):
            pass
    except (OSError, ValueError):
        pass  # no standard input at all: there is nothing to wait for
    finally:
        over.set()


def main(arguments: list[str]) -> int:
    """Describe the run whose directory is given; return the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ml_experiment.capture RUN_DIRECTORY\n")
        return _WRONG_USE
    over = threading.Event()
    threading.Thread(target=_wait_for_end, args=(over,), daemon=True).start()
    try:
        description = Description(RunDirectory(arguments[0]))
    except RecordError as error:
        sys.stderr.write(f"{error}\n")
        return _WRONG_USE
    description.watch(over)
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # All is written and closed, and the command waits: no last search for garbage.
    sys.stderr.flush()
    os._exit(status)
