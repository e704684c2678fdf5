"""Copy the job's two streams to the terminal and to one readable file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory

_CHUNK = 1 << 20


class _Stream:
    """One stream file, read from where the last look ended."""

    def __init__(self, path: Path, terminal: int | None) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._terminal = terminal

    def read(self) -> bytes:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY)
            except FileNotFoundError:
                return b""
        return os.read(self._descriptor, _CHUNK)

    def skip(self) -> None:
        """Leave out what is there already."""
        while self.read():
            pass

    def show(self, data: bytes) -> None:
        """Write to the terminal; a terminal that is gone is not written to again."""
        view = memoryview(data)
        while view and self._terminal is not None:
            try:
                view = view[os.write(self._terminal, view) :]
            except OSError:
                self._terminal = None

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


class ConsoleCopy:
    """Copies what the job writes, in the order in which it is seen.

    Args:
        run: The run whose streams are copied into ``console.txt``.
        stdout: File descriptor that standard output is shown on; ``None`` for nowhere.
        stderr: The same for standard error.
        goes_on: The run was begun before; what it said then is not copied again.
    """

    def __init__(
        self,
        run: RunDirectory,
        *,
        stdout: int | None,
        stderr: int | None,
        goes_on: bool = False,
    ) -> None:
        self._streams = (_Stream(run.stdout, stdout), _Stream(run.stderr, stderr))
        self._console = run.console.open("ab" if goes_on else "wb", buffering=0)
        if goes_on:
            for stream in self._streams:
                stream.skip()
        self._last: _Stream | None = None
        self._at_line_start = True

    def copy(self) -> bool:
        """Copy what has come since the last call; return whether there was anything."""
        seen = False
        for stream in self._streams:
            data = stream.read()
            if data:
                seen = True
                stream.show(data)
                self._keep(stream, data)
        return seen

    def _keep(self, stream: _Stream, data: bytes) -> None:
        if self._last is not stream and not self._at_line_start:
            self._console.write(b"\n")
        self._console.write(data)
        self._last = stream
        self._at_line_start = data.endswith(b"\n")

    def finish(self) -> None:
        """Copy what is left and close the files."""
        while self.copy():
            pass
        for stream in self._streams:
            stream.close()
        self._console.close()


def rebuild_console(run: RunDirectory) -> None:
    """Make ``console.txt`` again from the streams, for a run whose supervisor died."""
    ConsoleCopy(run, stdout=None, stderr=None).finish()
