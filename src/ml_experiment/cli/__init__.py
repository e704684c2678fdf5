"""The command line: options to calls. The only room that prints."""

from __future__ import annotations


def main() -> int:
    """Run the command ``ml-experiment`` and return its exit status."""
    import gc

    from ml_experiment.cli.app import run_command

    status = run_command()
    # Python looks for garbage once more when it ends, which takes tens of milliseconds.
    gc.freeze()
    return status


__all__ = ["main"]
