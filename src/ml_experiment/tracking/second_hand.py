"""A second process that publishes trials beside the publisher.

MLflow's client needs its milliseconds for every trial, and Python one core to spend them on.
Where many short trials end at once, half of the queue is published by a fork of the
publisher: made when MLflow is imported and its store is set up, so that it costs
next to nothing and shares no connection. It does what it is told, says what it has done,
and ends with the publisher; whatever it leaves undone, the publisher does.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

from ml_experiment.config.determinism import available_cpus
from ml_experiment.errors import MlExperimentError, TrackingError


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # Given the identifiers of the parent, returns what publishes one trial by its number.
    Worker = Callable[[str, str], Callable[[int], TrackingError | None]]

_CHUNK = 65536


class SecondHand:
    """The other process, as the publisher sees it.

    Attributes:
        lent: Numbers of the trials that it is at.
    """

    def __init__(self, channel: socket.socket, pid: int) -> None:
        self._channel = channel
        self._pid = pid
        self._unread = b""
        self.lent: list[int] = []

    @classmethod
    def start(cls, worker: Worker) -> SecondHand | None:
        """Fork it; ``None`` where a second process is of no use.

        Call this before there are threads, and while no connection is open.

        Args:
            worker: Publishes trials over there.
        """
        if sys.platform != "linux" or available_cpus() < 2:  # noqa: PLR2004 - a pair
            return None
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            ours.close()
            _serve(theirs, worker)
        theirs.close()
        return cls(ours, pid)

    def lend(
        self, mlflow_run_id: str, experiment_id: str, numbers: Sequence[int]
    ) -> bool:
        """Have trials published over there.

        Args:
            mlflow_run_id: MLflow's identifier of the group.
            experiment_id: MLflow's identifier of its experiment.
            numbers: The trials; all of them have ended.

        Returns:
            Whether it is still there to take them.
        """
        order = {"parent": [mlflow_run_id, experiment_id], "numbers": list(numbers)}
        try:
            self._channel.sendall(json.dumps(order).encode() + b"\n")
        except OSError:
            return False
        self.lent.extend(numbers)
        return True

    def done(self, *, wait: bool = False) -> list[tuple[int, str | None]]:
        """Return the trials that were published since the last call.

        Args:
            wait: Wait for one, if any are lent.

        Returns:
            Numbers, each with what could not be uploaded, if anything.

        Raises:
            TrackingError: It is gone, or could not publish one.
        """
        found: list[tuple[int, str | None]] = []
        while self.lent:
            pause = None if wait and not found else 0.0
            if not select.select([self._channel], [], [], pause)[0]:
                break
            data = self._channel.recv(_CHUNK)
            if not data:
                raise TrackingError("the second publisher is gone")
            *lines, self._unread = (self._unread + data).split(b"\n")
            for line in lines:
                answer: dict[str, Any] = json.loads(line)
                if "broken" in answer:
                    raise TrackingError(str(answer["broken"]))
                self.lent.remove(answer["number"])
                found.append((answer["number"], answer["failure"]))
        return found

    def stop(self) -> None:
        """End it; what it was at is left as it is."""
        self._channel.close()
        with contextlib.suppress(OSError):
            if self.lent:
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _serve(channel: socket.socket, worker: Worker) -> NoReturn:
    """Publish what is asked for until nobody asks any more."""
    try:
        publish: Callable[[int], TrackingError | None] | None = None
        # For reading only: a text file that is written to forgets what it has read ahead.
        with channel.makefile("r", encoding="utf-8", newline="\n") as lines:
            for line in lines:
                order: dict[str, Any] = json.loads(line)
                publish = publish or worker(*order["parent"])
                for number in order["numbers"]:
                    channel.sendall(_answer(publish, number).encode() + b"\n")
    except BrokenPipeError:
        pass  # the publisher is gone
    except BaseException as error:  # noqa: BLE001 - nothing of the publisher's is to run here
        traceback.print_exc()
        reason = str(error) if isinstance(error, MlExperimentError) else repr(error)
        with contextlib.suppress(OSError):
            channel.sendall(json.dumps({"broken": reason}).encode() + b"\n")
    finally:
        sys.stderr.flush()
        os._exit(0)


def _answer(publish: Callable[[int], TrackingError | None], number: int) -> str:
    failure = publish(number)
    return json.dumps(
        {"number": number, "failure": None if failure is None else str(failure)}
    )
