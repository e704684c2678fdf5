"""What it costs to know the data: a file of 1 GB hashed once, and never again.

Against ``sha256sum``, whole command against whole command, on a file that is in memory; then
two runs of a job that opens the file, of which the second finds the digest in the cache.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from side_by_side import (
    Side,
    clean_environment,
    compare,
    program,
    seconds,
    workshop,
)


if TYPE_CHECKING:
    from pathlib import Path

SIZE = 1_000_000_000
LIMIT = 1.2
_MEGABYTE = 1_000_000

_DIGEST = """\
import pathlib
from ml_experiment.capture.digests import DigestCache
DigestCache(None).digest(pathlib.Path("data.bin"))
"""
_JOB = """\
from ml_experiment import job


@job
def main():
    with open("data.bin", "rb") as file:
        return {"first": float(file.read(1)[0])}


if __name__ == "__main__":
    main()
"""


def make_data(path: Path) -> None:
    """Write a file of 1 GB that does not look young, as data that was there before."""
    block = os.urandom(_MEGABYTE)
    with path.open("wb") as file:
        for _ in range(SIZE // _MEGABYTE):
            file.write(block)
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))


def main() -> int:
    """Run the comparison and return the exit status."""
    with workshop() as folder:
        make_data(folder / "data.bin")
        environment = clean_environment() | {"XDG_CACHE_HOME": str(folder / "cache")}
        digest = [sys.executable, "-c", _DIGEST]
        status = compare(
            "the digest of 1 GB of data",
            Side("ml-experiment", lambda: seconds(digest, folder, environment)),
            Side(
                "sha256sum",
                lambda: seconds(["sha256sum", "data.bin"], folder, environment),
            ),
            limit=LIMIT,
            repetitions=3,
        )
        (folder / "script.py").write_text(_JOB)
        job = [program("ml-experiment"), "script.py"]
        first, second = (seconds(job, folder, environment) for _ in range(2))
        (folder / "data.bin").unlink()
        (folder / "data.bin").write_bytes(b"1")
        small = seconds(job, folder, environment)
    known = second - small < (first - small) / 4
    print(f"a run that reads it: {first:.2f} s at first, then {second:.2f} s")
    print(
        f"  with a file of one byte {small:.2f} s; not hashed again: "
        f"{'ok' if known else 'MISSED'}"
    )
    return status or (0 if known else 1)


if __name__ == "__main__":
    sys.exit(main())
