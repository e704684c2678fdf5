"""Supervise a run that was started directly: ``python script.py``.

Started by the driver as ``python -m ml_experiment.supervise RUN_DIR PID``, with the
terminal's streams as its own and a pipe as standard input whose end means that the run is
over. When the console is copied to its last byte, one byte is written to standard output's
sibling, the descriptor ``ML_EXPERIMENT_ACK``, so that the script's own later output comes
after it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from ml_experiment.config.environment import load_environment
from ml_experiment.record.directory import RunDirectory
from ml_experiment.record.manifest import read_manifest
from ml_experiment.supervise.companions import Companions
from ml_experiment.supervise.processes import Stranger
from ml_experiment.supervise.session import Closed, Signals, Supervisor
from ml_experiment.supervise.start import PUBLISHED_KINDS
from ml_experiment.supervise.waiting import companion_environment


def main(arguments: list[str]) -> int:
    """Supervise the run in ``arguments[0]``, driven by the process ``arguments[1]``."""
    run, pid = RunDirectory(arguments[0]), int(arguments[1])
    show = "--quiet" not in arguments
    manifest = read_manifest(run)
    cwd = Path(manifest.cwd)
    environment = dict(os.environ) | load_environment(cwd).dotenv
    companions = Companions(
        run,
        cwd=cwd,
        environment=companion_environment(environment),
        publish=manifest.kind in PUBLISHED_KINDS,
    )
    supervisor = Supervisor(
        run, companions, stdout=1 if show else None, stderr=2 if show else None
    )
    with Signals():
        supervisor.watch(Stranger(pid), until_end_event=True)
        _acknowledge()
        closed = supervisor.close(None)
    _finish(run, closed, delete=manifest.delete_if_failed)
    return 0


def _acknowledge() -> None:
    descriptor = os.environ.get("ML_EXPERIMENT_ACK")
    if descriptor is not None:
        with contextlib.suppress(OSError):
            os.write(int(descriptor), b".")
            os.close(int(descriptor))


def _finish(run: RunDirectory, closed: Closed, *, delete: bool) -> None:
    if closed.pending is not None:
        sys.stderr.write(
            f"ml-experiment: run {run.run_id} is not published yet: {closed.pending}\n"
            "  it is safe on disk; `ml-experiment sync` publishes it\n"
        )
    elif delete and not closed.outcome.succeeded:
        run.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
