"""``python -m showers --out data``: simulate stations and write the thesis' files."""

import argparse
import time
from pathlib import Path

from showers.files import ROWS, SIZES, write
from showers.primaries import MODELS


def main():
    """Read the options, and write the files."""
    parser = argparse.ArgumentParser(prog="python -m showers", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder")
    parser.add_argument("--showers", type=int, default=2000, help="of each primary")
    parser.add_argument("--seed", type=int, default=1234)
    parser.add_argument("--model", choices=MODELS, default="qgsjet")
    parser.add_argument(
        "--size", choices=SIZES, default="full", help="small: a tenth of all"
    )
    options = parser.parse_args()
    if options.showers < 50:
        parser.error(f"--showers: got {options.showers}; allowed: 50 and more")
    if options.seed < 0:
        parser.error(f"--seed: got {options.seed}; allowed: 0 and more")
    began = time.perf_counter()
    write(
        options.out,
        showers=options.showers,
        seed=options.seed,
        model=options.model,
        size=options.size,
    )
    rows = sum(map(sum, ROWS.values())) // SIZES[options.size]
    print(f"{rows} rows in {options.out}, {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
