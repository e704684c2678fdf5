"""What an array of 800 MB costs four workers that share it.

One process writes it as the driver of a group does, and keeps no copy; four others map it
and read all of it. Measured: the memory of all five (PSS: what is shared counts once),
against the array and five interpreters that hold nothing, and the time from asking for
the data to having the first number. joblib's dump and memory map go the same way beside.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path


ARRAY_BYTES = 800_000_000
WORKERS = 4
MOST_MEMORY = 1.15  # times the array, above what idle processes need
MOST_SECONDS = 0.1

_COMMON = """
import json, os, sys, time
from pathlib import Path
import numpy as np
from ml_experiment.sharing import load_and_share, load_shared
folder = Path(sys.argv[1])
def pss():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
def say(**facts):
    print(json.dumps(facts), flush=True)
def wait():
    return sys.stdin.readline()
"""
_DRIVER = f"""
def load_data():
    generator = np.random.default_rng(0)
    return {{"X": generator.random({ARRAY_BYTES} // 8).reshape(-1, 100), "y": list("ab")}}
if sys.argv[2] == "joblib":
    import joblib
    joblib.dump(load_data(), folder / "value.joblib")
    say(digest=0.0)
else:
    say(digest=load_and_share(load_data, folder).seconds)
wait()
say(pss=pss())
wait()
"""
_WORKER = """
if sys.argv[2] == "joblib":
    import joblib
    load = lambda: joblib.load(folder / "value.joblib", mmap_mode="r")
else:
    load = lambda: load_shared(folder)
say(pss=pss())
wait()
begun = time.perf_counter()
value = load()
first = float(value["X"][0, 0])
seconds = time.perf_counter() - begun
total = float(value["X"].sum())
say(seconds=seconds, total=total)
wait()
say(pss=pss())
wait()
"""


class _Process:
    """A Python process that is told to go on by a line, and answers by one."""

    def __init__(self, code: str, folder: Path, way: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _COMMON + code, str(folder), way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def go_on(self) -> None:
        """Let it take its next step."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, float]:
        """Wait for what it has to say."""
        assert self._process.stdout is not None
        facts: dict[str, float] = json.loads(self._process.stdout.readline())
        return facts

    def end(self) -> None:
        """Wait for its end."""
        self._process.communicate()


def measure(way: str, folder: Path) -> dict[str, float]:
    """Return what sharing costs.

    Args:
        way: ``ours`` or ``joblib``.
        folder: An empty folder on the disk that is to be measured.
    """
    driver = _Process(_DRIVER, folder, way)
    written = driver.answer()
    workers = [_Process(_WORKER, folder, way) for _ in range(WORKERS)]
    idle = sum(worker.answer()["pss"] for worker in workers)
    for worker in workers:
        worker.go_on()
    loaded = [worker.answer() for worker in workers]
    assert len({each["total"] for each in loaded}) == 1
    everybody = [driver, *workers]
    for process in everybody:
        process.go_on()
    pss = [process.answer()["pss"] for process in everybody]
    for process in everybody:
        process.end()
    return {
        "first access s": max(each["seconds"] for each in loaded),
        "memory MB": sum(pss) / 1e6,
        "of which the driver MB": pss[0] / 1e6,
        "idle workers MB": idle / 1e6,
        "memory / array, idle workers apart": (sum(pss) - idle) / ARRAY_BYTES,
        "digest s": written["digest"],
    }


def main() -> int:
    """Print the measurements; the exit status is 1 when a limit is exceeded."""
    if not Path("/proc/self/smaps_rollup").exists():
        print("needs /proc (Linux)")
        return 0
    found = {}
    for way in ("ours", "joblib"):
        with tempfile.TemporaryDirectory() as place:
            begun = time.perf_counter()
            found[way] = measure(way, Path(place))
            found[way]["in all s"] = time.perf_counter() - begun
    for name in found["ours"]:
        values = "  ".join(f"{way} {facts[name]:9.3f}" for way, facts in found.items())
        print(f"{name:36} {values}")
    ours = found["ours"]
    good = (
        ours["memory / array, idle workers apart"] < MOST_MEMORY
        and ours["first access s"] < MOST_SECONDS
    )
    print("within the limits" if good else "LIMIT EXCEEDED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
