"""SQLite databases: their tables, row by row, and not how often they were written to."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from ml_experiment.verify.compare.finding import Comparer, Finding, same_but


if TYPE_CHECKING:
    from collections.abc import Iterator

SQLITE = b"SQLite format 3\0"
_LARGEST = 100_000_000  # bytes: the rows take many times that
_VERSIONS = slice(
    18, 20
)  # of the file format: 2 is for a log beside it, which is not here
_ROLLBACK = b"\x01\x01"


def compare_sqlite(
    name: str, old: bytes, new: bytes, rtol: float, compare: Comparer
) -> Finding | None:
    """Compare the schemas and the rows of two databases.

    The header counts the changes that were ever made
    (https://www.sqlite.org/fileformat.html), and the pages lie as these came.

    Args:
        name: Of the file.
        old: Content of the first.
        new: Content of the second.
        rtol: Relative difference that is tolerated of numbers.
        compare: Compares the rows.

    Returns:
        What differs; ``None`` if they are too large.

    Raises:
        sqlite3.Error: One of them is broken, or needs an extension.
    """
    if max(len(old), len(new)) > _LARGEST:
        return None
    before, after = (
        json.dumps(dict(_tables(each)), indent=0, default=bytes.hex).encode()
        for each in (old, new)
    )
    if before == after:
        return same_but("how its pages are stored")
    return compare(f"{name}.json", before, after, rtol)


def _tables(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name, definition and rows of each table, in the order of their names."""
    image = bytearray(data)
    image[_VERSIONS] = _ROLLBACK
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(bytes(image))
        database.execute("PRAGMA trusted_schema = OFF")  # whoever wrote it
        found = database.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        ).fetchall()
        for name, definition in found:
            quoted = str(name).replace('"', '""')
            rows = database.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - quoted
            columns = [column[0] for column in rows.description]
            yield (
                str(name),
                {
                    "definition": definition,
                    "rows": [dict(zip(columns, row, strict=True)) for row in rows],
                },
            )
