"""Messages over pipes."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from ml_experiment.executors.channel import BlockingChannel, BufferedChannel, encode


if TYPE_CHECKING:
    from collections.abc import Iterator

Ends = tuple[BufferedChannel, BlockingChannel]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Return both ends of a connection."""
    its_reading, writing = os.pipe()
    reading, its_writing = os.pipe()
    driver = BufferedChannel(reading, writing)
    worker = BlockingChannel(its_reading, its_writing)
    yield driver, worker
    driver.close()
    worker.close()


def test_a_message_larger_than_the_pipe_does_not_block_the_driver(ends: Ends) -> None:
    """It is sent piece by piece while the other end reads."""
    driver, worker = ends
    message = os.urandom(3_000_000)
    driver.send(message)
    found: list[bytes] = []
    left = driver.pending

    reader = threading.Thread(target=lambda: found.append(worker.receive()))
    reader.start()
    while driver.pending:
        driver.flush()
    reader.join()

    assert left
    assert found == [message]


def test_messages_keep_their_order_and_borders(ends: Ends) -> None:
    """Several that arrive together are several."""
    driver, worker = ends
    for number in range(5):
        worker.send({"number": number})

    assert driver.receive() == [{"number": number} for number in range(5)]


def test_half_a_message_is_waited_for() -> None:
    """A worker that dies while it sends has sent nothing."""
    reading, writing = os.pipe()
    spare, unused = os.pipe()
    driver = BufferedChannel(reading, unused)
    whole = encode("message")

    os.write(writing, whole[:-1])
    before = driver.receive()
    os.close(writing)
    after = driver.receive()
    os.close(spare)
    driver.close()

    assert before == after == []
    assert driver.ended


def test_what_cannot_be_unpickled_is_told_as_its_error(ends: Ends) -> None:
    """The other messages are not lost with it."""
    driver, worker = ends
    os.write(worker._writing, b"\0\0\0\0\0\0\0\3abc")
    worker.send("next")

    bad, good = driver.receive()

    assert isinstance(bad, Exception)
    assert good == "next"


def test_a_reader_that_is_gone_is_no_error_for_the_sender() -> None:
    """It is noticed when the process is seen to have ended."""
    its_reading, writing = os.pipe()
    reading, its_writing = os.pipe()
    driver = BufferedChannel(reading, writing)
    os.close(its_reading)
    os.close(its_writing)

    driver.send("anything")
    found = driver.receive()
    driver.close()

    assert found == []
    assert not driver.pending
    assert driver.ended


def test_the_end_of_the_driver_is_an_end_of_file() -> None:
    """The worker then leaves."""
    its_reading, writing = os.pipe()
    reading, its_writing = os.pipe()
    worker = BlockingChannel(its_reading, its_writing)
    os.close(writing)
    os.close(reading)

    with pytest.raises(EOFError):
        worker.receive()
    worker.close()
    worker.close()
