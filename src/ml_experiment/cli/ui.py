"""``ui``: MLflow's web pages over the runs of this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ml_experiment.config.environment import load_environment


# MLflow's pages begin with those for chats otherwise.
_TRAINING_PAGES = "#/experiments?workflowType=machine_learning"


def open_ui(host: str, port: int) -> int:
    """Serve until interrupted; return the server's exit status.

    Args:
        host: Address to listen on.
        port: Port to listen on.
    """
    from ml_experiment.tracking.publisher import Settings
    from ml_experiment.tracking.ui import serve_ui

    environment = load_environment(Path.cwd())
    os.environ.update(environment.dotenv)
    page = f"http://{host}:{port}/{_TRAINING_PAGES}"
    print(f"MLflow at {page}  (Ctrl-C ends it)", file=sys.stderr, flush=True)
    settings = Settings(environment.tracking_uri, environment.artifact_root)
    return serve_ui(settings, host, port)
