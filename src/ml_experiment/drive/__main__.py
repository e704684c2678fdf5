"""The driver: ``python -m ml_experiment.drive RUN_DIR`` runs a script as one run.

With ``--wait=PIPE [SCRIPT]`` instead it gets ready, and is told its run later.

The script is executed as Python itself would execute it: as ``__main__``, with its own
folder first on ``sys.path``, and with nothing of this package in its way.
"""

from __future__ import annotations

import os
import sys

from ml_experiment.drive.context import process_context
from ml_experiment.drive.lifeline import end_with_parent
from ml_experiment.drive.script import run_script
from ml_experiment.drive.waiting import get_ready, wait_for_run
from ml_experiment.drive.whereabouts import stay_silent, tell_at_end
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.manifest import read_manifest
from ml_experiment.record.prepare import take_order


_WAIT = "--wait="


def main(word: str, script: str | None = None) -> None:
    """Run the script of the order that lies in the run directory.

    Args:
        word: The run directory, or the pipe that will tell it.
        script: The script that is likely to be run.
    """
    tell_at_end()
    # A pool ends its forked workers by SIGTERM, and nobody wants to hear where they were.
    os.register_at_fork(after_in_child=stay_silent)
    end_with_parent()
    if word.startswith(_WAIT):
        told = wait_for_run(int(word.removeprefix(_WAIT)), script)
        if told is None:
            return
        run = told
    else:
        get_ready()
        run = RunDirectory(word)
    order = take_order(run)
    manifest = read_manifest(run)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    context = process_context()
    context.prepared = (run, order)
    if order.reproduction is None:
        context.install(observed_from_start=True, seed=manifest.seed)
        run_script(order.script)
    else:
        launch = order.reproduction.launch
        main = None if launch is None else launch.main
        context.install_again(order.reproduction, seed=manifest.seed)
        run_script(main or order.script, launch)


if __name__ == "__main__":
    main(*sys.argv[1:])
