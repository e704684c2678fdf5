"""The command line: options to calls. The only room that prints."""

from __future__ import annotations


def main() -> int:
    """Run the command ``ml-experiment`` and return its exit status."""
    import gc
    import sys

    gc.disable()  # what is imported stays, and is looked through in vain
    from ml_experiment.cli.first_look import expect_run

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


__all__ = ["main"]
