"""Send this process' streams through the run directory, for a run started directly.

Started by the command line, a job has the stream files as its standard output and error
from its first instruction. Started as ``python script.py`` they are put in place when the
run begins and taken away when it ends; the supervisor copies them to the terminal.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO, TYPE_CHECKING, Any


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory


class _Tee:
    """A text stream that also writes to a file; everything else is the stream's own."""

    def __init__(self, stream: Any, path: Path) -> None:
        self._stream = stream
        self._file = path.open("a", encoding="utf-8", errors="replace", buffering=1)

    def write(self, text: str) -> int:
        self._file.write(text)
        return int(self._stream.write(text) or 0)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def close_file(self) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def streams_are_descriptors() -> bool:
    """Return whether Python's streams are descriptors 1 and 2, as in a plain script.

    They are not in a notebook, nor where a test runner has replaced them.
    """
    try:
        return (sys.stdout.fileno(), sys.stderr.fileno()) == (1, 2)
    except (AttributeError, OSError, ValueError):
        return False


class DescriptorCapture:
    """Puts the stream files in place of descriptors 1 and 2: native output included."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self.terminal: tuple[int, int] = (os.dup(1), os.dup(2))

    def start(self) -> None:
        """Divert both streams."""
        _flush()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        for path, number in ((self._run.stdout, 1), (self._run.stderr, 2)):
            descriptor = os.open(path, flags, 0o644)
            os.dup2(descriptor, number)
            os.close(descriptor)
        # Not if the user's code has closed it, or put something else in its place.
        with contextlib.suppress(AttributeError, ValueError):
            sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]

    def stop(self) -> None:
        """Give both streams back."""
        _flush()
        for saved, number in zip(self.terminal, (1, 2), strict=True):
            os.dup2(saved, number)
            os.close(saved)


class OwnStreams:
    """Python's two streams as they are now, for whoever finds them closed or replaced."""

    def __init__(self) -> None:
        self._streams: list[Any] = [sys.stdout, sys.stderr]

    def put_back(self) -> None:
        """Have Python write to them again; one that was closed is opened anew."""
        for index, stream in enumerate(self._streams):
            if getattr(stream, "closed", False):
                self._streams[index] = _opened(index + 1)
        sys.stdout, sys.stderr = self._streams


def _opened(descriptor: int) -> IO[str]:
    return open(
        descriptor,
        "w",
        buffering=1,
        encoding="utf-8",
        errors="backslashreplace",
        closefd=False,
    )


class TeeCapture:
    """Copies what Python writes; native output stays where it went."""

    def __init__(self, run: RunDirectory) -> None:
        self._tees: tuple[Any, Any] = (
            _Tee(sys.stdout, run.stdout),
            _Tee(sys.stderr, run.stderr),
        )
        self._before: tuple[IO[str], IO[str]] = (sys.stdout, sys.stderr)

    def start(self) -> None:
        """Put the copying streams in place."""
        sys.stdout, sys.stderr = self._tees

    def stop(self) -> None:
        """Give both streams back, unless somebody else has replaced them meanwhile."""
        if sys.stdout is self._tees[0]:
            sys.stdout = self._before[0]
        if sys.stderr is self._tees[1]:
            sys.stderr = self._before[1]
        for tee in self._tees:
            tee.close_file()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
