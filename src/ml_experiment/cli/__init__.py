"""The command line: options to calls. The only room that prints."""

from __future__ import annotations


def main() -> int:
    """Run the command ``ml-experiment`` and return its exit status."""
    from ml_experiment.cli.app import run_command

    return run_command()


__all__ = ["main"]
