"""The journal survives kills and gives every event once."""

from __future__ import annotations

import math
import os
import threading
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ml_experiment.record.journal import (
    Journal,
    JournalReader,
    decode_number,
    encode_number,
    read_journal,
)


if TYPE_CHECKING:
    from pathlib import Path


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_numbers_come_back_bit_for_bit(value: float) -> None:
    """Every float, also those that JSON has no word for, round trips exactly."""
    actual = decode_number(encode_number(value))

    assert math.isnan(actual) if math.isnan(value) else actual == value


def test_reader_gives_each_event_once(tmp_path: Path) -> None:
    """Reading again gives only what came since."""
    journal = Journal(tmp_path / "journal.jsonl")
    reader = JournalReader(tmp_path / "journal.jsonl")
    journal.write("note", text="one")
    first = [event["text"] for event in reader.read()]
    journal.write("note", text="two")

    second = [event["text"] for event in reader.read()]

    assert (first, second) == (["one"], ["two"])
    journal.close()


def test_reader_goes_on_from_a_saved_offset(tmp_path: Path) -> None:
    """A new process continues where the old one stopped."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("note", text="one")
    reader = JournalReader(path)
    list(reader.read())
    journal.write("note", text="two")

    texts = [event["text"] for event in JournalReader(path, reader.offset).read()]

    assert texts == ["two"]
    journal.close()


def test_torn_last_line_waits_for_its_end(tmp_path: Path) -> None:
    """A line that is half written is not an event yet."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event": "note", "te')
    reader = JournalReader(path)
    before = list(reader.read())
    with path.open("a") as file:
        file.write('xt": "whole"}\n')

    after = [event["text"] for event in reader.read()]

    assert before == []
    assert after == ["whole"]


def test_broken_line_does_not_hide_the_next(tmp_path: Path) -> None:
    """A line damaged by a full disk costs that line alone."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event": "no\n{"event": "note", "text": "kept"}\n')

    assert [event["text"] for event in read_journal(path)] == ["kept"]


def test_lines_of_threads_and_forks_stay_whole(tmp_path: Path) -> None:
    """Writers at the same time never mix their lines."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)

    def write() -> None:
        for number in range(200):
            journal.write("note", text="x" * (number % 50) * 40)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pid = os.fork()
    if pid == 0:
        write()
        os._exit(0)
    write()
    os.waitpid(pid, 0)

    assert len(read_journal(path)) == 1200
    journal.close()


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    """A run that never started has no events."""
    assert read_journal(tmp_path / "none.jsonl") == []
