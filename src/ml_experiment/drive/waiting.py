"""A driver that is started before there is a run for it.

It imports what every run needs and touches nothing, then is told its run over a pipe. That
it waited must not be seen: streams and environment are as if it had been started now.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from pathlib import Path

from ml_experiment.drive.preload import preload
from ml_experiment.record.directory import RunDirectory


# All but `jobs`: to import that one is to begin controlling what is random, and before that
# the seed must be known.
_NEEDED = ("ml_experiment.drive.experiment", "ml_experiment.autolog")
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


def get_ready() -> None:
    """Import what every run needs, and keep it out of every search for garbage.

    There is a search when the interpreter ends, and it took longer with this package than
    the end of a script takes without.
    """
    for name in _NEEDED:
        importlib.import_module(name)
    gc.freeze()


def wait_for_run(descriptor: int, script: str | None) -> RunDirectory | None:
    """Get ready, and return the run when it is there; ``None`` if none comes.

    Ctrl-C ends the process at once until then: nothing is lost, and an exception could be
    swallowed, or printed, by what is just being imported.

    Args:
        descriptor: Of the pipe that tells of the run in one line of JSON; it is closed.
        script: The script that is likely to be run, and if it is told of a run, is;
            ``None``: not known yet.
    """
    on_interrupt = signal.getsignal(signal.SIGINT)
    if on_interrupt is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    said = None
    if script is not None:
        try:
            said = preload(Path(script))
        except Exception:  # noqa: BLE001 - the script meets it, in a fresh interpreter
            os.execv(sys.executable, sys.orig_argv[:-1])  # noqa: S606 - as it was started
    get_ready()
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - the function's own form
    with os.fdopen(descriptor, "rb") as channel:
        line = channel.readline()
    if not line.endswith(b"\n"):
        return None
    order = json.loads(line)
    run = RunDirectory(order["run"])
    for name, value in order["environment"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    for stream, path in ((sys.stdout, run.stdout), (sys.stderr, run.stderr)):
        file = os.open(path, _APPEND, 0o644)
        os.dup2(file, stream.fileno())
        os.close(file)
    if said is not None:
        with said:
            os.write(sys.stderr.fileno(), said.read())
    signal.signal(signal.SIGINT, on_interrupt)
    return run
