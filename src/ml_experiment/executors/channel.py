"""Messages over pipes: each a pickle with its length before it.

Both ends are this package's own processes, and the pipes are theirs alone, so unpickling
is as safe as running the user's script is.
"""

from __future__ import annotations

import os
import pickle
import struct
from typing import Any


_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 20


def encode(message: object) -> bytes:
    """Return the bytes to send.

    Raises:
        Exception: Whatever pickling ``message`` raises.
    """
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


class BlockingChannel:
    """The worker's end: waits for each message, and for each to be sent.

    Args:
        reading: Descriptor to read from.
        writing: Descriptor to write to.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing

    def receive(self) -> Any:
        """Return the next message.

        Raises:
            EOFError: The other end is gone.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return pickle.loads(self._read(length))  # noqa: S301 - see above

    def send(self, message: object) -> None:
        """Send a message.

        Raises:
            OSError: The other end is gone.
        """
        left = memoryview(encode(message))
        while left:
            left = left[os.write(self._writing, left) :]

    def close(self) -> None:
        """Close both descriptors; again is no harm."""
        descriptors, self._reading, self._writing = (
            (self._reading, self._writing),
            -1,
            -1,
        )
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)

    def _read(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            part = os.read(self._reading, min(count - len(found), _CHUNK))
            if not part:
                raise EOFError
            found += part
        return bytes(found)


class BufferedChannel:
    """The driver's end: never waits. What cannot be sent yet is kept.

    Attributes:
        reading: Descriptor to wait on for messages.
        writing: Descriptor to wait on while ``pending``.
        ended: The other end will send no more.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self.reading = reading
        self.writing = writing
        self.ended = False
        self._incoming = bytearray()
        self._outgoing = bytearray()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)

    @property
    def pending(self) -> bool:
        """Whether there is something left to send."""
        return bool(self._outgoing)

    def send(self, message: object) -> None:
        """Send a message, now or by later calls of ``flush``."""
        self._outgoing += encode(message)
        self.flush()

    def flush(self) -> None:
        """Send as much as the pipe takes; a reader that is gone is told by ``receive``."""
        while self._outgoing:
            try:
                sent = os.write(self.writing, memoryview(self._outgoing)[:_CHUNK])
            except BlockingIOError:
                return
            except OSError:
                self._outgoing.clear()
                return
            del self._outgoing[:sent]

    def receive(self) -> list[Any]:
        """Return the messages that have arrived whole.

        One that cannot be unpickled is returned as the exception that says why.
        """
        while not self.ended:
            try:
                part = os.read(self.reading, _CHUNK)
            except BlockingIOError:
                break
            except OSError:
                part = b""
            self.ended = not part
            self._incoming += part
        return self._whole_messages()

    def close(self) -> None:
        """Close both descriptors."""
        for descriptor in (self.reading, self.writing):
            os.close(descriptor)

    def _whole_messages(self) -> list[Any]:
        messages: list[Any] = []
        while len(self._incoming) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._incoming)
            end = _LENGTH.size + length
            if len(self._incoming) < end:
                break
            body = bytes(self._incoming[_LENGTH.size : end])
            del self._incoming[:end]
            try:
                messages.append(pickle.loads(body))  # noqa: S301 - see above
            except Exception as error:  # noqa: BLE001 - a class that only the worker has
                messages.append(error)
        return messages
