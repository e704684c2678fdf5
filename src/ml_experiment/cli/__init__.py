"""The command line: options to calls. The only room that prints."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper


_EXIT_USAGE = 2


def main() -> int:
    """Run the command ``ml-experiment`` and return its exit status."""
    import gc

    gc.disable()  # what is imported stays, and is looked through in vain
    from ml_experiment.cli.first_look import OWN_OPTIONS, expect_run

    _print_anything()
    if OWN_OPTIONS.isdisjoint(sys.argv[1:]) and not _has_folder():
        sys.stderr.write("error: the current folder is not there any more\n")
        sys.stderr.write("  change to one that is\n")
        return _EXIT_USAGE
    waiting = None
    try:
        # Before anything else is imported: what waits gets ready beside.
        waiting = expect_run(sys.argv[1:])
        from ml_experiment.cli.app import run_command

        gc.freeze()
        gc.enable()
        status = run_command(waiting=waiting)
    except KeyboardInterrupt:  # while it was still importing
        sys.stderr.write("interrupted\n")
        status = 130
    finally:
        if waiting is not None:
            waiting.dismiss()
    # Python looks for garbage once more when it ends, which takes tens of milliseconds.
    gc.freeze()
    return status


def _print_anything() -> None:
    """Let what cannot be encoded be shown by its number, and be no error.

    Messages of exceptions and names of files may hold half a surrogate pair.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _has_folder() -> bool:
    """Return whether the current folder exists: somebody may have removed it meanwhile."""
    try:
        os.getcwd()  # noqa: PTH109 - before anything is imported
    except OSError:
        return False
    return True


__all__ = ["main"]
