"""End with the supervisor: a job that nobody looks after would run on unseen."""

from __future__ import annotations

import ctypes
import os
import signal
import sys


_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its supervisor is killed.

    Linux only; elsewhere the job runs to its end and ``ml-experiment sync`` publishes it.
    """
    if sys.platform != "linux":
        return
    supervisor = int(os.environ.pop("ML_EXPERIMENT_SUPERVISOR", "0"))
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if supervisor and os.getppid() != supervisor:  # it died before the line above
        os.kill(os.getpid(), signal.SIGTERM)
