"""``restore``: the code of a run, as it was, in a folder of its own."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from ml_experiment.cli.lookup import find_run
from ml_experiment.verify.crate.documents import check_part
from ml_experiment.verify.restore import restore_source


def restore_run(name: str, directory: str) -> None:
    """Restore the code of the run and say how to run it."""
    run = find_run(name)
    check_part(run, "source")
    tree = restore_source(run, Path(directory))
    print(f"restored {run.run_id} into {tree.root}")
    print(f"  cd {shlex.quote(str(tree.cwd))}")
    if tree.python_path:
        path = os.pathsep.join(str(entry) for entry in tree.python_path)
        print(f"  export PYTHONPATH={shlex.quote(path)}")
    print(f"  python {shlex.quote(str(tree.script))}")
