"""``ui``: MLflow's web pages over the runs of this folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ml_experiment.config.environment import load_environment


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
    print(
        f"MLflow at http://{host}:{port}  (Ctrl-C ends it)", file=sys.stderr, flush=True
    )
    settings = Settings(environment.tracking_uri, environment.artifact_root)
    return serve_ui(settings, host, port)
